"""Whoever changes the log in the database is found out, whichever column it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.events import Breakage, Subject
from reseal.kernel.events.chain import event, event_head, payload_hash
from reseal.kernel.ids import TenantKey
from tests.support.events import sealed

TENANT = TenantKey(1)
SUBJECT = Subject("registration", UUID(int=1))

Change = Callable[[sa.Row[Any]], dict[str, Any]]


@pytest.fixture
def reactors() -> tuple[()]:
    """Events need none."""
    return ()


def _record(tx: Tx) -> None:
    for number in range(5):
        events.record(tx, TENANT, "registration.changed", SUBJECT, {"number": number}, "user:anna")


@pytest.fixture
async def log(database: Database) -> Database:
    """A sealed log of five events."""
    await database.write(_record)
    await sealed(database)
    assert (await database.read(events.verify, TENANT)).intact
    return database


def _tamper(tx: Tx, position: int, change: Change) -> None:
    row = tx.row(sa.select(event).where(event.c.position == position))
    assert row is not None
    tx.execute(event.update().where(event.c.id == row.id).values(**change(row)))


def _other_payload(row: sa.Row[Any]) -> dict[str, Any]:
    """A forger who knows how the hash is made."""
    payload, salt = b'{"number":99}', bytes(16)
    return {"payload": payload, "salt": salt, "payload_hash": payload_hash(salt, payload)}


CHANGES: list[tuple[str, Change, Breakage]] = [
    ("id", lambda row: {"id": row.id + 1000}, Breakage.DIGEST_WRONG),
    ("tenant_id", lambda row: {"tenant_id": 2}, Breakage.ROW_MISSING),
    ("kind", lambda row: {"kind": "registration.created"}, Breakage.DIGEST_WRONG),
    ("kind", lambda row: {"kind": events.ERASED}, Breakage.DIGEST_WRONG),
    ("subject_kind", lambda row: {"subject_kind": "device"}, Breakage.DIGEST_WRONG),
    ("subject_id", lambda row: {"subject_id": UUID(int=2)}, Breakage.DIGEST_WRONG),
    ("actor", lambda row: {"actor": "user:eve"}, Breakage.DIGEST_WRONG),
    ("at", lambda row: {"at": row.at + 1}, Breakage.DIGEST_WRONG),
    ("payload", lambda row: {"payload": b'{"number":99}'}, Breakage.PAYLOAD_CHANGED),
    ("payload", lambda row: {"payload": row.payload + b" "}, Breakage.PAYLOAD_CHANGED),
    ("payload", lambda row: {"payload": None}, Breakage.PAYLOAD_CHANGED),
    ("payload", _other_payload, Breakage.DIGEST_WRONG),
    ("salt", lambda row: {"salt": bytes(16)}, Breakage.PAYLOAD_CHANGED),
    ("salt", lambda row: {"salt": None}, Breakage.PAYLOAD_CHANGED),
    ("salt", lambda row: {"payload": None, "salt": None}, Breakage.ERASED_UNRECORDED),
    ("payload_hash", lambda row: {"payload_hash": bytes(32)}, Breakage.PAYLOAD_CHANGED),
    ("position", lambda row: {"position": None}, Breakage.ROW_MISSING),
    ("position", lambda row: {"position": 99}, Breakage.ROW_MISSING),
    ("digest", lambda row: {"digest": bytes(32)}, Breakage.DIGEST_WRONG),
    ("digest", lambda row: {"digest": None}, Breakage.DIGEST_WRONG),
]


@pytest.mark.parametrize("position", [1, 5])
@pytest.mark.parametrize("column, change, reason", CHANGES)
async def test_a_changed_column_is_found_at_its_row(
    log: Database, column: str, change: Change, reason: Breakage, position: int
) -> None:
    await log.write(_tamper, position, change)

    found = await log.read(events.verify, TENANT)

    assert (found.broken_at, found.reason) == (position, reason)


def test_every_column_that_is_evidence_was_tampered_with() -> None:
    """`xid` is the sealer's note on PostgreSQL; a sealed row has none."""
    assert {column for column, _, _ in CHANGES} == {column.name for column in event.columns} - {"xid"}


async def test_a_sealed_row_keeps_no_transaction_number(log: Database) -> None:
    rows = await log.read(lambda tx: tx.rows(sa.select(event.c.xid).order_by(event.c.id)))

    assert [row.xid for row in rows] == [None] * 5


async def test_two_rows_that_changed_places_are_found(log: Database) -> None:
    def swap(tx: Tx) -> None:
        _tamper(tx, 2, lambda row: {"position": -1})
        _tamper(tx, 3, lambda row: {"position": 2})
        _tamper(tx, -1, lambda row: {"position": 3})

    await log.write(swap)

    found = await log.read(events.verify, TENANT)
    assert (found.broken_at, found.reason) == (2, Breakage.DIGEST_WRONG)


@pytest.mark.parametrize("position", [1, 3, 5])
async def test_a_row_taken_out_is_found(log: Database, position: int) -> None:
    await log.write(lambda tx: tx.execute(event.delete().where(event.c.position == position)))

    found = await log.read(events.verify, TENANT)
    assert (found.count, found.broken_at, found.reason) == (position - 1, position, Breakage.ROW_MISSING)


async def test_the_whole_log_taken_out_is_found(log: Database) -> None:
    await log.write(lambda tx: tx.execute(event.delete()))

    found = await log.read(events.verify, TENANT)
    assert (found.broken_at, found.reason) == (1, Breakage.ROW_MISSING)


async def test_a_row_put_in_after_the_end_is_found(log: Database) -> None:
    def append(tx: Tx) -> None:
        row = tx.row(sa.select(event).where(event.c.position == 5))
        assert row is not None
        tx.execute(event.insert(), {**row._mapping, "id": row.id + 1, "position": 6})

    await log.write(append)

    found = await log.read(events.verify, TENANT)
    assert (found.broken_at, found.reason) == (6, Breakage.DIGEST_WRONG)


@pytest.mark.parametrize(
    "change",
    [
        event_head.update().values(position=4),
        event_head.update().values(digest=bytes(32)),
        event_head.delete(),
    ],
)
async def test_a_changed_head_is_found(log: Database, change: sa.Executable) -> None:
    await log.write(lambda tx: tx.execute(change))

    found = await log.read(events.verify, TENANT)
    assert found.reason is Breakage.HEAD_DIFFERS
    assert found.broken_at is not None


async def test_a_record_of_an_erasure_cannot_be_erased_by_hand(log: Database) -> None:
    await log.write(events.erase, TENANT, 2)
    await sealed(log)
    await log.write(_tamper, 6, lambda row: {"payload": None, "salt": None})

    found = await log.read(events.verify, TENANT)
    assert (found.broken_at, found.reason) == (6, Breakage.PAYLOAD_CHANGED)
