"""The event log: what happened to whom, in one order per tenant, and nobody can change it unnoticed.

A unit of work calls `record`, or `record_all` for many subjects; the row has no position yet. Sealing gives
it the next `position` of its tenant and a `digest` over the digest before it, so the rows form a chain
(`chain` has the theory). SQLite seals inside the commit, PostgreSQL a moment later by the one `Sealer` that
holds the lock; everybody reads by position alone (`read`, `follow`). `verify` recomputes the chain and names
the first row that does not fit; a `Checkpoint` that is signed and kept elsewhere also shows that nobody cut
the end off. `erase` takes a payload out; the chain stays whole, and the erasure is itself an event.

Events are the log for people: timeline, report, audit. The state tables stay the truth of the present. A
payload holds no secret and no float, and nothing here knows what the kinds mean.
"""

from __future__ import annotations

from reseal.kernel.events.canonical import JsonValue, canonical_json
from reseal.kernel.events.chain import Subject
from reseal.kernel.events.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from reseal.kernel.events.log import (
    ERASED,
    RECORDED,
    SEALED,
    SealedEvent,
    erase,
    read,
    read_back,
    record,
    record_all,
    seal,
)
from reseal.kernel.events.proof import Breakage, Verification, verify
from reseal.kernel.events.sealer import Sealer, follow, watch

__all__ = [
    "ERASED",
    "RECORDED",
    "SEALED",
    "Breakage",
    "Checkpoint",
    "JsonValue",
    "SealedEvent",
    "Sealer",
    "SignedCheckpoint",
    "Subject",
    "Verification",
    "canonical_json",
    "checkpoint",
    "erase",
    "follow",
    "read",
    "read_back",
    "record",
    "record_all",
    "seal",
    "sign_checkpoint",
    "verify",
    "verify_checkpoint",
    "watch",
]
