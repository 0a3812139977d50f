"""Joining the directory: the device registration service (spec/identity.md 2), and joins by ticket.

A user joins with a token of the directory; a device whose TPM was proven joins with a one-use ticket. Both
end in the same `joining.join_device`: the registration's directory device is used again, it gets a device
certificate, and the deployment is told. Deleting takes the device's own certificate.

It must never take the tenant from anything but the proof, nor count a join without a user against anybody.
"""
