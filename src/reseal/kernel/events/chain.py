"""The chain of events: tables and digests.

    payload_hash = SHA-256(salt || canonical payload)
    digest       = SHA-256("reseal event 1\\0" || previous digest || position, 8 bytes
                           || payload_hash || canonical header)

The header holds what is not erasable: the row's id, tenant, kind, subject, actor and time in microseconds.
The first event of a tenant stands on a previous digest of 32 zero bytes. Every part before the header has a
fixed length, so no two events share an input. Because the digest covers the payload through its salted hash
only, payload and salt can be taken out later: the chain still verifies, and the hash without its salt gives
no short payload away.

`xid` is not evidence: it tells the sealer on PostgreSQL which transaction a row came from, and is cleared
when the row is sealed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.kernel.db import metadata
from reseal.kernel.events.canonical import trusted_json

GENESIS = bytes(32)
SALT_BYTES = 16
_LABEL = b"reseal event 1\0"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about: its kind in our vocabulary (`registration`, `user`) and its public id."""

    kind: str
    id: UUID


event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Uuid, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("payload_hash", sa.LargeBinary, nullable=False),
    sa.Column("xid", sa.BigInteger),
    sa.Column("position", sa.BigInteger),
    sa.Column("digest", sa.LargeBinary),
    sa.UniqueConstraint("tenant_id", "position"),
    sa.Index(None, "tenant_id", "subject_id"),
)
sa.Index(
    "ix_event_unsealed",
    event.c.id,
    sqlite_where=event.c.position.is_(None),
    postgresql_where=event.c.position.is_(None),
)

event_head = sa.Table(
    "event_head",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)
"""Per tenant: the last position given and its digest."""

HEADER_COLUMNS = (
    event.c.id,
    event.c.tenant_id,
    event.c.kind,
    event.c.subject_kind,
    event.c.subject_id,
    event.c.actor,
    event.c.at,
    event.c.payload_hash,
)


def payload_hash(salt: bytes, payload: bytes) -> bytes:
    """The salted hash that stands for the payload in the chain."""
    return hashlib.sha256(salt + payload).digest()


def link(previous: bytes, position: int, row: sa.Row[Any]) -> bytes:
    """The digest of the event in `row` (which has `HEADER_COLUMNS`) at this position, after `previous`."""
    header = trusted_json(
        {
            "actor": row.actor,
            "at": row.at,
            "id": row.id,
            "kind": row.kind,
            "subject": [row.subject_kind, str(row.subject_id)],
            "tenant": row.tenant_id,
        }
    )
    parts = (_LABEL, previous, position.to_bytes(8, "big"), row.payload_hash, header)
    return hashlib.sha256(b"".join(parts)).digest()
