"""The story of one device from its first word to the desktop: one state machine over both flows.

Doors tell facts (`facts`), `service.observe` applies them by the table of `model`, and records what follows:
the state, the blocker that now stands, an event, the deadlines, the row of the report. States move on wire
facts alone; reports of our own runtime are evidence, kept beside. One deployment of a registration is open at
a time; while it is under way it has exactly one blocker, and the intervals of its blockers cover it without
gap or overlap (`invariant` checks a recorded run).

This package never calls a door and knows no protocol: what an acknowledgement looks like on the wire is the
business of those who tell of it.
"""
