"""Registering devices by their hardware hash, recognising them again, and giving each its deployment profile.

Topics, each with its own module of units of work:

- `identities`: hardware identities, one table across all tenants, so that a device is registered in one
  tenant only;
- `importing`: rows of a file or of the API become registrations, with a `Verdict` for every row;
- `registrations`: the Autopilot device (its id is the ZTDID), its group tag, assigned user, and its end;
- `profiles`: deployment profiles, who gets which, and why;
- `matching`: whose registration is the hardware that presents this hash?

The rules without storage are in `model*.py`. A registration creates its directory device in the same unit, so
its groups, profile and Enrollment Status Page are effective when the unit commits. Hashes are never compared
as blobs (a hash changes at each capture) but by the evidence in them. This package must never delete a
directory device of a registration that lives, and never treat a device as registered on the word of a client.
"""
