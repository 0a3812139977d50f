"""Proving a TPM: the numbered checks behind a technician flow (spec/device-artifacts.md 2).

`attestation` gives a challenge for the endorsement key of the registered hash and checks the answer:
activated credential, quote, event log, certified key. The result is a class (`hardware`,
`hardwareUnknownVendor`, `virtual`), and a ticket to join with exactly the certified key.

Refusals look alike from outside; the numbered reason goes to the event log.
"""
