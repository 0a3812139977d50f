"""The door of mobile device management: discovery, policy, enrolment, and OMA-DM sessions.

`enrolment` answers the SOAP messages of MS-MDE2; `sessions` carries SyncML: who speaks (`authentication`),
what was answered before (a repeated message gets its stored reply), what the device said, and what it is
sent next (`planning`). A session is a machine without I/O; handlers carry bytes.

Nothing is sent to a message that proved nobody. What a device shall have is `managed`'s to say, what holds a
page is `esp`'s, what follows for the story is `deployment`'s.
"""
