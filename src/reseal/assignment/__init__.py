"""Who gets what: which profiles, pages, policies and apps reach which device, and why.

An administrator aims an item at groups, at all devices or at all users, leaves groups out, and narrows by
filters (`Target`). What all targets together know of one device is its `Signature`; devices with equal
signatures share one effective set of entries (`Entry`), so that 100,000 devices need few sets. `model` holds
the pure rules, `effective` the reactor that keeps every device pointing at its set in the transaction of the
change, `why` the chain of reasons for one device and item, `whatif` the impact of an edit that is not saved.
`service` is the door.

It knows items by kind and key only; what they are belongs to the floors above. It must never keep a row for
each device and item, and never decide what an item does with an entry (which profile wins, what an ESP
blocks).
"""
