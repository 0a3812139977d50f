"""How a device comes under management: discovery, certificate policy, enrolment and renewal (MS-MDE2).

`routes` carries bytes and turns whatever goes wrong into a fault. `proof` finds out who asks; `admission`
decides, step by step, in the unit of work that creates the enrolment, or keeps why it was refused;
`issuing` makes the certificate and the provisioning document; `renewal` exchanges a certificate in time.

A token says who asks, never which device it is to replace: an earlier enrolment ends only if the token proves
that it is the same directory device. Sources: spec/mdm-wire.md 1.2-1.4, 1.7, 2; spec/autopilot.md 1.1, 6.6.
"""
