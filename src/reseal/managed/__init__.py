"""Managed devices: enrolments, who is on them, what they shall have and what they are seen to have.

An `Enrolment` is one device under management from its certificate to its end; a device that enrols anew gets
a new one and starts clean. `desired` works out what it shall have for the machine and for each user on it
(user key 0 is the machine); `items` keeps, for each of these deliveries, the version that is wanted, the one
that was seen, and how far it is. `delivery` says which nodes of the device's tree an item is made of.

When a cause of assignment changes, the reactor marks the enrolments that it can touch as stale in the same
unit; the next check-in works out what they shall have. An enrolment that is not stale and has nothing open
costs one read.

This package never writes to a device and knows no session: what to send, and when, is decided above.
"""
