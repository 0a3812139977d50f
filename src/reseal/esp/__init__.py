"""Enrollment Status Page profiles: what the page shows, what blocks, for how long, and which device gets
which.

`model` holds the settings under Graph's names and what makes them valid; `profiles` creates, edits and orders
profiles; `effective` says which profile a device gets in a flow, and why. Every tenant has the default
profile, *All users and all devices*, with priority 0: it applies when nothing else does, cannot be deleted or
assigned, and initially shows nothing. The others have the priorities 1 (highest) to n without gaps.

In the technician flow a profile assigned to the user is never looked at (spec/autopilot.md 5.2).

What a page does on one device is a *phase*: the device's, and one of each user. `phases` keeps its runs
(`model_phase` says how one moves on), `judging` says what a run attempts, waits for and fails on, `holding`
makes the commands that hold, release and end it.

This package must not decide what an item installs; it only says what the page waits for. It knows no session
and tells no story: whoever talks to devices asks it, and tells `deployment`.
"""
