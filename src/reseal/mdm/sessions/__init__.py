"""OMA-DM sessions: what a device says in SyncML, and what it is told (spec/mdm-wire.md 3 to 5).

`door` carries bytes: POST /ManagementServer/MDM.svc. `glance` decides with one read whether a check-in has
anything to do; most have not. `exchange` is the unit of work for all others: it loads, asks the pure modules,
and keeps what follows.

The pure modules know no storage: `states` is the state machine of a session with its theory of operation;
`reports` reads what the device says; `purposes` remembers what each command is for; `deliveries` says what an
item has to be sent and what an answer makes of it; `course` leads the phases of the status page; `planning`
puts everything in order. `handling` switches single behaviours off for tests.

Nothing is sent to a message that proved nobody (`mdm.authentication`). An effect is at-least-once and
repeatable; an Exec is not sent again before its status was read. No command in ./User goes out before the
device said that its user is logged in.
"""
