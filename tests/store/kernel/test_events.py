"""The event log on both databases: recording, sealing, reading, erasing, checkpoints."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import Breakage, JsonValue, SealedEvent, Subject
from reseal.kernel.events.chain import event
from reseal.kernel.ids import TenantKey
from tests.support.clock import START, ManualClock
from tests.support.events import sealed

CONTOSO, FABRIKAM = TenantKey(1), TenantKey(2)
LAPTOP = Subject("registration", UUID(int=1))
PHONE = Subject("registration", UUID(int=2))


@pytest.fixture
def reactors() -> tuple[()]:
    """Events need none."""
    return ()


def _record(
    tx: Tx,
    kind: str = "registration.created",
    tenant: TenantKey = CONTOSO,
    subject: Subject = LAPTOP,
    payload: dict[str, JsonValue] | None = None,
) -> None:
    events.record(tx, tenant, kind, subject, payload or {}, actor="user:anna")


def _record_many(tx: Tx, count: int, tenant: TenantKey = CONTOSO) -> None:
    for number in range(count):
        _record(tx, tenant=tenant, payload={"number": number})


async def _all(database: Database, tenant: TenantKey = CONTOSO) -> list[SealedEvent]:
    return await database.read(events.read, tenant, 0, 10_000)


async def test_what_was_recorded_is_read_back_in_its_place(database: Database) -> None:
    await database.write(_record, payload={"serial": "5CG1", "names": ["Zoë"], "attempt": 2, "gone": None})
    await sealed(database)

    (found,) = await _all(database)

    assert (found.position, found.kind, found.subject) == (1, "registration.created", LAPTOP)
    assert (found.actor, found.at) == ("user:anna", START)
    assert found.payload == {"serial": "5CG1", "names": ["Zoë"], "attempt": 2, "gone": None}


async def test_recording_is_one_statement(database: Database) -> None:
    def unit(tx: Tx) -> int:
        before = tx.statements
        _record(tx)
        return tx.statements - before

    assert await database.write(unit) == 1


async def test_recording_the_same_of_many_is_one_statement_and_keeps_their_order(database: Database) -> None:
    def unit(tx: Tx) -> int:
        before = tx.statements
        told: list[tuple[Subject, dict[str, JsonValue]]] = [
            (PHONE, {"n": 1}),
            (LAPTOP, {"n": 2}),
            (PHONE, {}),
        ]
        events.record_all(tx, CONTOSO, "registration.changed", told, actor="user:anna")
        return tx.statements - before

    assert await database.write(unit) == 1
    await sealed(database)
    found = [(one.position, one.kind, one.subject, one.payload) for one in await _all(database)]
    assert found == [
        (1, "registration.changed", PHONE, {"n": 1}),
        (2, "registration.changed", LAPTOP, {"n": 2}),
        (3, "registration.changed", PHONE, {}),
    ]


async def test_recording_of_nobody_writes_nothing(database: Database) -> None:
    def unit(tx: Tx) -> int:
        before = tx.statements
        events.record_all(tx, CONTOSO, "registration.changed", [])
        return tx.statements - before

    assert await database.write(unit) == 0
    assert await _all(database) == []


async def test_positions_have_no_gap_and_each_tenant_has_its_own(database: Database) -> None:
    for _ in range(3):
        await database.write(_record_many, 2)
        await database.write(_record_many, 1, FABRIKAM)
    await sealed(database)

    assert [each.position for each in await _all(database)] == [1, 2, 3, 4, 5, 6]
    assert [each.position for each in await _all(database, FABRIKAM)] == [1, 2, 3]


async def test_many_units_at_once_leave_no_gap(database: Database) -> None:
    await asyncio.gather(*(database.write(_record_many, 3) for _ in range(40)))
    await sealed(database)

    found = await _all(database)

    assert [each.position for each in found] == list(range(1, 121))
    assert (await database.read(events.verify, CONTOSO)).count == 120


async def test_a_unit_larger_than_a_batch_of_the_sealer_is_sealed_whole(database: Database) -> None:
    await database.write(_record_many, 2500)
    await sealed(database)

    found = await _all(database)

    assert [each.payload for each in found] == [{"number": number} for number in range(2500)]
    assert (await database.read(events.verify, CONTOSO)).intact


async def test_a_unit_that_fails_leaves_no_event(database: Database) -> None:
    def fail(tx: Tx) -> None:
        _record(tx)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fail)
    await database.write(_record, "registration.removed")
    await sealed(database)

    assert [(each.position, each.kind) for each in await _all(database)] == [(1, "registration.removed")]


async def test_a_preview_leaves_no_event(database: Database) -> None:
    def look(tx: Tx) -> None:
        with tx.preview():
            _record(tx)

    await database.write(look)
    await sealed(database)

    assert await _all(database) == []


async def test_reading_goes_by_position_and_limit(database: Database) -> None:
    await database.write(_record_many, 5)
    await sealed(database)

    page = await database.read(events.read, CONTOSO, 2, 2)

    assert [each.position for each in page] == [3, 4]
    assert await database.read(events.read, CONTOSO, 5, 2) == []


async def test_the_events_of_one_subject_can_be_read_alone(database: Database) -> None:
    await database.write(_record, subject=LAPTOP)
    await database.write(_record, subject=PHONE)
    await database.write(_record, "registration.removed", subject=LAPTOP)
    await sealed(database)

    found = await database.read(events.read, CONTOSO, 0, 10, LAPTOP.id)

    assert [(each.position, each.kind) for each in found] == [
        (1, "registration.created"),
        (3, "registration.removed"),
    ]


@pytest.mark.parametrize("payload", [{"minutes": 0.5}, {"password": "hunter2"}])
async def test_a_payload_that_may_not_be_kept_is_refused(
    database: Database, payload: dict[str, JsonValue]
) -> None:
    with pytest.raises(Invalid):
        await database.write(_record, payload=payload)


# --- erasing ------------------------------------------------------------------------------------------------


async def test_an_erased_payload_is_gone_and_the_log_still_verifies(database: Database) -> None:
    await database.write(_record, payload={"user": "Anna"})
    await database.write(_record_many, 2)
    await sealed(database)

    await database.write(events.erase, CONTOSO, 1, "user:admin")

    assert (await database.read(events.verify, CONTOSO)).intact, "before its record is sealed"
    await sealed(database)
    verification = await database.read(events.verify, CONTOSO)
    assert (verification.intact, verification.count, verification.erased) == (True, 4, 1)
    first, *_, last = await _all(database)
    assert first.payload is None
    assert (last.kind, last.payload, last.actor) == (events.ERASED, {"position": 1}, "user:admin")
    raw = await database.read(
        lambda tx: tx.rows(sa.select(event.c.payload, event.c.salt).order_by(event.c.id))
    )
    assert raw[0] == (None, None)


async def test_what_cannot_be_erased_is_refused(database: Database) -> None:
    await database.write(_record)
    await sealed(database)
    await database.write(events.erase, CONTOSO, 1)
    await sealed(database)

    with pytest.raises(NotFound):
        await database.write(events.erase, CONTOSO, 3)
    with pytest.raises(NotFound):
        await database.write(events.erase, FABRIKAM, 1)
    with pytest.raises(Conflict):
        await database.write(events.erase, CONTOSO, 1)
    with pytest.raises(Conflict):
        await database.write(events.erase, CONTOSO, 2)


# --- checkpoints --------------------------------------------------------------------------------------------


async def test_a_checkpoint_pins_the_log_up_to_its_position(database: Database, clock: ManualClock) -> None:
    await database.write(_record_many, 2)
    await sealed(database)
    clock.pass_silently(timedelta(minutes=1))

    point = await database.read(events.checkpoint, CONTOSO)
    await database.write(_record_many, 2)
    await sealed(database)

    assert (point.position, point.at) == (2, clock.now())
    assert point.digest == (await _all(database))[1].digest
    assert (await database.read(events.verify, CONTOSO, [point])).intact


async def test_a_log_that_was_written_anew_does_not_match_its_checkpoint(database: Database) -> None:
    await database.write(_record_many, 3)
    await sealed(database)
    point = await database.read(events.checkpoint, CONTOSO)

    def begin_again(tx: Tx, count: int) -> None:
        tx.execute(sa.text("DELETE FROM event"))
        tx.execute(sa.text("DELETE FROM event_head"))
        _record_many(tx, count)

    await database.write(begin_again, 3)
    await sealed(database)
    same_length = await database.read(events.verify, CONTOSO, [point])
    assert (await database.read(events.verify, CONTOSO)).intact
    await database.write(begin_again, 2)
    await sealed(database)
    shorter = await database.read(events.verify, CONTOSO, [point])

    assert (same_length.broken_at, same_length.reason) == (3, Breakage.CHECKPOINT_DIFFERS)
    assert (shorter.broken_at, shorter.reason) == (3, Breakage.ROW_MISSING)


async def test_an_empty_log_has_a_checkpoint_and_verifies(database: Database) -> None:
    point = await database.read(events.checkpoint, CONTOSO)

    assert (point.position, point.digest) == (0, bytes(32))
    assert (await database.read(events.verify, CONTOSO, [point])).intact


async def test_a_signed_checkpoint_is_accepted_unaltered_and_from_its_key_only(database: Database) -> None:
    await database.write(_record)
    await sealed(database)
    point = await database.read(events.checkpoint, CONTOSO)
    key = ec.generate_private_key(ec.SECP256R1())

    document = events.sign_checkpoint(point, key)

    assert document == events.sign_checkpoint(point, key), "the same checkpoint is the same file"
    assert events.verify_checkpoint(document, key.public_key()) == point
    with pytest.raises(Invalid, match="position 2"):
        events.verify_checkpoint(document.replace(b'"position":1', b'"position":2'), key.public_key())
    with pytest.raises(Invalid, match="signed"):
        events.verify_checkpoint(document, ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize("document", [b"", b"{}", b'{"purpose":1}', b"\xff"])
def test_what_is_no_checkpoint_is_refused(document: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        events.verify_checkpoint(document, ec.generate_private_key(ec.SECP256R1()).public_key())

    assert refused.value.code == "CheckpointUnreadable"


async def test_a_few_subjects_are_read_together_from_some_moment_on(
    database: Database, clock: ManualClock
) -> None:
    other = Subject("registration", UUID(int=3))
    for subject in (LAPTOP, PHONE, other, LAPTOP):
        await database.write(_record, subject=subject)
        clock.pass_silently(timedelta(minutes=1))
    await sealed(database)

    async def read(**narrowed: object) -> list[int]:
        found = await database.read(events.read, CONTOSO, 0, 10, **narrowed)
        return [each.position for each in found]

    assert await read(subjects={LAPTOP.id, PHONE.id}) == [1, 2, 4]
    assert await read(subjects=[]) == []
    assert await read(since=START + timedelta(minutes=1)) == [2, 3, 4]
    assert await read(subjects={LAPTOP.id}, since=START + timedelta(seconds=1)) == [4]
