"""Recording, sealing, reading and erasing events (the theory is in `chain`)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from reseal.kernel.db import Tx, from_microseconds, to_microseconds
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.events.canonical import JsonValue, canonical_json, refuse_secrets
from reseal.kernel.events.chain import (
    GENESIS,
    HEADER_COLUMNS,
    SALT_BYTES,
    Subject,
    event,
    event_head,
    link,
    payload_hash,
)
from reseal.kernel.ids import TenantKey

ERASED = "event.erased"
"""Kind of the event that says that another event's payload was taken out; its payload names the position."""
RECORDED = "events recorded"
SEALED = "events sealed"
"""Bells: rows without a position were committed (PostgreSQL); rows with a position were committed."""

SEAL_BATCH = 1000
_SEALER_LOCK = 0x52_45_53_45_41_4C  # "RESEAL": the advisory lock of the one sealer


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event in its place. `payload` is None once it was erased."""

    position: int
    kind: str
    subject: Subject
    actor: str
    at: datetime
    payload: Mapping[str, JsonValue] | None
    digest: bytes


_XID = sa.cast(sa.cast(sa.func.pg_current_xact_id(), sa.Text), sa.BigInteger)
_INSERT = event.insert().inline()
_INSERT_WITH_XID = _INSERT.values(xid=_XID)


def record(
    tx: Tx,
    tenant: TenantKey,
    kind: str,
    subject: Subject,
    payload: Mapping[str, JsonValue],
    actor: str = "system",
) -> None:
    """Write down that something happened to `subject`, now, in this unit of work. One INSERT.

    `kind` is `noun.verb` in the past tense (`registration.created`); `actor` is who did it (`user:UUID`,
    `device:UUID`, `system`). Raises `Invalid` if the payload is not canonical JSON or holds a secret.
    """
    record_all(tx, tenant, kind, [(subject, payload)], actor)


def record_all(
    tx: Tx,
    tenant: TenantKey,
    kind: str,
    told: Iterable[tuple[Subject, Mapping[str, JsonValue]]],
    actor: str = "system",
) -> None:
    """Write down that the same happened to each of these subjects, in order; see `record`. One INSERT."""
    rows = [_row(tx, tenant, kind, subject, payload, actor) for subject, payload in told]
    if not rows:
        return
    tx.execute(_INSERT_WITH_XID if tx.on_postgresql else _INSERT, rows if len(rows) > 1 else rows[0])
    tx.recorded += len(rows)
    tx.ring(RECORDED if tx.on_postgresql else SEALED)


def _row(
    tx: Tx, tenant: TenantKey, kind: str, subject: Subject, payload: Mapping[str, JsonValue], actor: str
) -> dict[str, Any]:
    refuse_secrets(payload)
    content, salt = canonical_json(payload), tx.entropy.bytes(SALT_BYTES)
    return {
        "tenant_id": tenant,
        "kind": kind,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "actor": actor,
        "at": to_microseconds(tx.now),
        "payload": content,
        "salt": salt,
        "payload_hash": payload_hash(salt, content),
    }


# --- sealing ------------------------------------------------------------------------------------------------

_UNSEALED = (
    sa.select(
        *HEADER_COLUMNS,
        event_head.c.position.label("head_position"),
        event_head.c.digest.label("head_digest"),
    )
    .select_from(event.outerjoin(event_head, event_head.c.tenant_id == event.c.tenant_id))
    .where(event.c.position.is_(None))
    .order_by(event.c.id)
    .limit(SEAL_BATCH)
)
_XMIN, _XMAX = (
    sa.cast(sa.cast(bound(sa.func.pg_current_snapshot()), sa.Text), sa.BigInteger)
    for bound in (sa.func.pg_snapshot_xmin, sa.func.pg_snapshot_xmax)
)
# A row of a future transaction can be seen only in a database restored from another server.
_UNSEALED_AND_OLD = _UNSEALED.where(sa.or_(event.c.xid < _XMIN, event.c.xid >= _XMAX))
_PLACE = (
    event.update()
    .where(event.c.id == sa.bindparam("row_id"))
    .values(position=sa.bindparam("row_position"), digest=sa.bindparam("row_digest"), xid=None)
)


def _head_upsert(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["tenant_id"], set_={"position": new.position, "digest": new.digest}
    )


_MOVE_HEAD = {
    "sqlite": _head_upsert(sqlite.insert(event_head)),
    "postgresql": _head_upsert(postgresql.insert(event_head)),
}


def seal(tx: Tx) -> None:
    """Give every row without one its position and digest; SQLite's writer calls this before it commits."""
    while _seal_rows(tx, tx.rows(_UNSEALED)) == SEAL_BATCH:
        pass


def seal_ready(tx: Tx) -> int:
    """Seal one batch, if nobody else is sealing; returns how many rows, `SEAL_BATCH` if there may be more.

    On PostgreSQL a row is ready when every transaction that began to write before its own has ended: no row
    with a smaller id can appear any more. Runs in a unit of its own.
    """
    if not tx.on_postgresql:
        return _seal_rows(tx, tx.rows(_UNSEALED))
    unsealed = sa.select(event.c.id).where(event.c.position.is_(None)).limit(1)
    if tx.value(unsealed) is None or not tx.value(sa.select(sa.func.pg_try_advisory_xact_lock(_SEALER_LOCK))):
        return 0
    return _seal_rows(tx, tx.rows(_UNSEALED_AND_OLD))


def _seal_rows(tx: Tx, rows: Sequence[sa.Row[Any]]) -> int:
    heads: dict[int, tuple[int, bytes]] = {}
    places = []
    for row in rows:
        before, previous = heads.get(row.tenant_id) or (row.head_position or 0, row.head_digest or GENESIS)
        head = before + 1, link(previous, before + 1, row)
        heads[row.tenant_id] = head
        places.append({"row_id": row.id, "row_position": head[0], "row_digest": head[1]})
    if places:
        tx.execute(_PLACE, places)
        moved = [
            {"tenant_id": tenant, "position": position, "digest": digest}
            for tenant, (position, digest) in heads.items()
        ]
        tx.execute(_MOVE_HEAD[tx.conn.dialect.name], moved)
        tx.ring(SEALED)
    return len(places)


# --- reading and erasing ------------------------------------------------------------------------------------


def read(
    tx: Tx,
    tenant: TenantKey,
    after: int,
    limit: int,
    subject: UUID | None = None,
    subjects: Collection[UUID] | None = None,
    since: datetime | None = None,
) -> list[SealedEvent]:
    """At most `limit` events of a tenant with positions above `after`, in order; of one subject, or of these
    few, and none from before `since`, if given.
    """
    statement = (
        sa.select(event)
        .where(event.c.tenant_id == tenant, event.c.position > after)
        .order_by(event.c.position)
        .limit(limit)
    )
    if subject is not None:
        statement = statement.where(event.c.subject_id == subject)
    if subjects is not None:
        statement = statement.where(event.c.subject_id.in_(sorted(subjects)))
    if since is not None:
        statement = statement.where(event.c.at >= to_microseconds(since))
    return [_sealed(row) for row in tx.rows(statement)]


def read_back(
    tx: Tx,
    tenant: TenantKey,
    limit: int,
    *,
    before: int | None = None,
    subjects: Collection[UUID] | None = None,
    topics: Collection[str] = (),
    actors: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[SealedEvent]:
    """At most `limit` events of a tenant, the newest first, with positions below `before` if given.

    Narrowed to these few subjects, to kinds of these topics (the word before the dot), to actors in whose
    name one of some texts occurs in any letter case, to those from `since` on and before `until`.
    """
    statement = (
        sa.select(event)
        .where(event.c.tenant_id == tenant, event.c.position.is_not(None))
        .order_by(event.c.position.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(event.c.position < before)
    if subjects is not None:
        statement = statement.where(event.c.subject_id.in_(sorted(subjects)))
    if topics:
        statement = statement.where(
            sa.or_(*(event.c.kind.startswith(f"{topic}.", autoescape=True) for topic in sorted(topics)))
        )
    if actors:
        name = sa.func.lower(event.c.actor)
        statement = statement.where(
            sa.or_(*(name.contains(one.lower(), autoescape=True) for one in sorted(actors)))
        )
    if since is not None:
        statement = statement.where(event.c.at >= to_microseconds(since))
    if until is not None:
        statement = statement.where(event.c.at < to_microseconds(until))
    return [_sealed(row) for row in tx.rows(statement)]


def _sealed(row: sa.Row[Any]) -> SealedEvent:
    return SealedEvent(
        position=row.position,
        kind=row.kind,
        subject=Subject(row.subject_kind, row.subject_id),
        actor=row.actor,
        at=from_microseconds(row.at),
        payload=None if row.payload is None else json.loads(row.payload),
        digest=row.digest,
    )


def erase(tx: Tx, tenant: TenantKey, position: int, actor: str = "system") -> None:
    """Take the payload of the event at `position` out of the log for good, and record that this was done.

    Raises `NotFound` if no event is sealed there, `Conflict` if its payload was erased before or is itself
    the record of an erasure.
    """
    at_position = (event.c.tenant_id == tenant, event.c.position == position)
    row = tx.row(sa.select(event).where(*at_position))
    if row is None:
        raise NotFound(
            code="EventNotFound",
            message=f"The log has no event at position {position}.",
            remedy="Take a position from the list of events.",
        )
    if row.payload is None or row.kind == ERASED:
        raise Conflict(
            code="EventNotErasable",
            message=f"The event at position {position} was erased before, or records an erasure.",
            remedy="Nothing needs to be done: such an event holds no personal data.",
        )
    tx.execute(event.update().where(*at_position).values(payload=None, salt=None))
    record(tx, tenant, ERASED, Subject(row.subject_kind, row.subject_id), {"position": position}, actor)
