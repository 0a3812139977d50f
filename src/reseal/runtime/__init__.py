"""The channel of our own devices: profile, reports, blocker (docs/engineer/runtime-protocol.md).

A device asks with its hardware hash who it is; what it is told depends on what it has proven. Reports are
numbered, may be repeated, and are evidence only: no run depends on them.
"""
