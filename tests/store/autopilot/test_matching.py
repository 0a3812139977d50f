"""Hardware presents a hash: whose registration is it, and what is written down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import pytest

from reseal.autopilot import identities
from reseal.autopilot.matching import (
    PRESENTATIONS_KEPT,
    confirm_hardware,
    match,
    presentations,
    recognise,
)
from reseal.autopilot.model import Registration, RemediationState
from reseal.autopilot.model_matching import Recognition
from reseal.autopilot.registrations import deregister, registration_by_id
from reseal.kernel import events
from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.ids import TenantKey
from reseal.kernel.storage import open_database
from reseal.wire.hwhash import EvidenceKind, HardwareHash
from tests.store.autopilot.support import import_now, make_tenant, register
from tests.support.clock import ManualClock
from tests.support.hardware import hardware, hash_text, row

OTHER_UUID = UUID("4c4c4544-0035-3510-8036-b4c04f4d3332")


def new_board(number: int) -> HardwareHash:
    """Device `number` with another mainboard: new TPM and UUID, the serial number written anew."""
    return hardware(number, ek_modulus=b"\x81" * 256, smbios_uuid=OTHER_UUID)


def _state(tx: Tx, tenant: TenantKey, made: Registration) -> RemediationState:
    return registration_by_id(tx, tenant, made.id).remediation_state


async def test_a_registered_device_is_recognised_over_all_tenants(database: Database) -> None:
    def unit(tx: Tx) -> None:
        make_tenant(tx)
        fabrikam = make_tenant(tx, "Fabrikam")
        made = register(tx, fabrikam, 1)
        found = match(tx, hardware(1, captured_at=tx.now + timedelta(days=100)))
        assert found.is_registered
        assert found.registered is not None
        assert (found.registered.tenant, found.registered.registration) == (fabrikam, made.uuid)
        assert found.differing == ()
        assert presentations(tx, fabrikam, made.id) == []

    await database.write(unit)


async def test_unknown_hardware_is_not_registered(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        found = match(tx, hardware(2))
        assert (found.recognition, found.registered) == (Recognition.NOT_REGISTERED, None)
        deregister(tx, tenant, [made.id])
        assert match(tx, hardware(1)).recognition is Recognition.NOT_REGISTERED

    await database.write(unit)


async def test_autopilot_035_a_new_disk_matches_and_a_new_board_does_not(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        new_disk = match(tx, hardware(1, disk_serials=("NEW",)))
        assert new_disk.is_registered
        assert new_disk.differing == (EvidenceKind.DISK,)
        board = match(tx, new_board(1))
        assert board.recognition is Recognition.FIX_PENDING
        assert not board.is_registered
        assert _state(tx, tenant, made) is RemediationState.AUTOMATIC

    await database.write(unit)


async def test_confirming_the_hardware_cures_fix_pending(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        match(tx, new_board(1))
        (kept,) = presentations(tx, tenant, made.id)
        assert kept.hash == new_board(1)
        assert {kind for kind, _, _ in kept.difference} == {"ek", "uuid"}
        confirm_hardware(tx, tenant, made.id, kept.id)
        assert _state(tx, tenant, made) is RemediationState.NONE
        assert presentations(tx, tenant, made.id) == []
        found = match(tx, new_board(1))
        assert found.is_registered
        assert found.differing == ()
        assert not match(tx, hardware(1)).is_registered

    await database.write(unit)


async def test_little_in_common_needs_attention(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        stranger = hardware(9, serial="SN-00001")
        assert match(tx, stranger).recognition is Recognition.ATTENTION_REQUIRED
        assert _state(tx, tenant, made) is RemediationState.MANUAL
        assert match(tx, hardware(1)).is_registered
        assert _state(tx, tenant, made) is RemediationState.NONE

    await database.write(unit)


async def test_an_equal_serial_on_another_tpm_is_told_as_a_suspected_clone_once(database: Database) -> None:
    def unit(tx: Tx) -> TenantKey:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        for _ in range(3):
            assert match(tx, new_board(1)).clone_suspected
        return tenant

    tenant = await database.write(unit)

    def kinds(tx: Tx) -> list[str]:
        events.seal(tx)
        return [event.kind for event in events.read(tx, tenant, 0, 100) if event.kind.startswith("hardware.")]

    assert await database.write(kinds) == ["hardware.remediation_changed", "hardware.clone_suspected"]


async def test_a_serial_number_on_record_that_is_not_the_hardwares_is_reported(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        register(tx, tenant, 1, serial="TYPED-WRONG")
        found = match(tx, hardware(1))
        assert found.is_registered
        assert found.serial_mismatch
        register(tx, tenant, 2)
        assert not match(tx, hardware(2)).serial_mismatch

    await database.write(unit)


async def test_two_registrations_alike_are_both_refused(database: Database) -> None:
    def unit(tx: Tx) -> None:
        contoso, fabrikam = make_tenant(tx), make_tenant(tx, "Fabrikam")
        # Two boards of one batch: the maker left the same UUID on both, and neither has a TPM.
        shared = {"ek_modulus": None, "smbios_uuid": OTHER_UUID, "serial": "Default string"}
        numbers = {contoso: 1, fabrikam: 2}
        for tenant, number in numbers.items():
            (verdict,) = import_now(tx, tenant, [row(number, hardware_hash=hash_text(number, **shared))])
            assert verdict.imported
        mixed = hardware(
            3,
            **shared,
            disk_serials=("DISK000001", "DISK000002"),
            disks=(),
            network_adapters=(*_adapters(1), *_adapters(2)),
        )
        found = match(tx, mixed)
        assert found.recognition is Recognition.AMBIGUOUS
        assert {rival.tenant for rival in found.rivals} == {contoso, fabrikam}
        assert found.registered is None

    await database.write(unit)


def _adapters(number: int) -> tuple[object, ...]:
    return hardware(number).network_adapters


async def test_presenting_the_same_hardware_again_writes_nothing(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        before = tx.recorded
        found = match(tx, hardware(1))
        assert found.is_registered
        assert tx.recorded == before

    await database.write(unit)


async def test_of_many_different_hashes_the_latest_are_kept(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        for number in range(PRESENTATIONS_KEPT + 3):
            match(tx, hardware(1, disk_serials=(f"NEW{number}",)))
        kept = presentations(tx, tenant, made.id)
        assert len(kept) == PRESENTATIONS_KEPT
        assert kept[0].hash == hardware(1, disk_serials=(f"NEW{PRESENTATIONS_KEPT + 2}",))

    await database.write(unit)


async def test_hardware_that_is_registered_otherwise_cannot_be_confirmed(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        match(tx, new_board(1))
        (kept,) = presentations(tx, tenant, made.id)
        taken = kept.hash.text()
        (verdict,) = import_now(tx, tenant, [row(1, hardware_hash=taken)])
        assert verdict.imported
        with pytest.raises(Conflict) as refused:
            confirm_hardware(tx, tenant, made.id, kept.id)
        assert refused.value.code == "HardwareRegistered"
        with pytest.raises(NotFound):
            confirm_hardware(tx, tenant, made.id, kept.id + 1)

    await database.write(unit)


async def test_recognising_reads_few_statements(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        before = tx.statements
        recognise(tx, hardware(1))
        assert tx.statements - before <= 7

    await database.write(unit)


# --- at the same time ---------------------------------------------------------------------------------------


@pytest.mark.postgresql
async def test_the_same_changed_hash_twice_at_once_is_kept_once(
    postgresql_url: str, clock: ManualClock, reactors: tuple[Reactor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(
        postgresql_url, clock=clock, entropy=SeededEntropy(1), reactors=reactors, connections=2
    )

    def prepare(tx: Tx) -> tuple[TenantKey, Registration]:
        tenant = make_tenant(tx)
        return tenant, register(tx, tenant, 1)

    tenant, made = await database.write(prepare)
    both, new_key = threading.Barrier(2), Tx.new_key
    met: set[int] = set()

    def meeting(tx: Tx) -> int:
        """Both have seen that nobody kept the hash, and are about to keep it."""
        if id(tx) not in met:
            met.add(id(tx))
            both.wait(10)
        return new_key(tx)

    monkeypatch.setattr(Tx, "new_key", meeting)
    new_disk = hardware(1, disk_serials=("NEW",))
    found = await asyncio.gather(database.write(match, new_disk), database.write(match, new_disk))
    monkeypatch.undo()

    assert [one.is_registered for one in found] == [True, True]
    assert len(await database.read(presentations, tenant, made.id)) == 1
    await database.close()


async def test_a_registration_that_ends_while_it_is_looked_for_is_not_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_of = identities.keys_of

    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)

        def too_late(tx: Tx, some: Collection[int]) -> object:
            deregister(tx, tenant, [made.id])
            return keys_of(tx, some)

        monkeypatch.setattr(identities, "keys_of", too_late)
        assert match(tx, hardware(1)).recognition is Recognition.NOT_REGISTERED

    await database.write(unit)
