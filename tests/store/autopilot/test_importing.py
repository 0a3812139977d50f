"""Importing devices: what each row becomes, and what is in the database afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from reseal.assignment.service import assigned_user
from reseal.autopilot.import_records import (
    EXPIRY,
    batch_by_uuid,
    batches,
    count_records,
    delete_record,
    on_expiry,
    record_by_uuid,
    records,
)
from reseal.autopilot.importing import HANDLERS, WORK, import_file, submit, submit_file
from reseal.autopilot.model import ImportStatus
from reseal.autopilot.model_import import ImportRow, Verdict, read_rows
from reseal.autopilot.registrations import (
    deregister,
    list_registrations,
    registration_by_uuid,
    registrations_by_uuid,
)
from reseal.directory.devices import delete_device, device_by_id, list_devices
from reseal.directory.groups import create_group
from reseal.directory.members import members
from reseal.directory.model import MemberKind, Membership
from reseal.directory.users import create_user, delete_user
from reseal.kernel import events
from reseal.kernel.changes import Reactor
from reseal.kernel.db import CommitProbe, Database, Tx
from reseal.kernel.deadlines import Ticker, due
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Conflict, NotFound, StorageFull
from reseal.kernel.ids import TenantKey
from reseal.kernel.storage import open_database
from tests.store.autopilot.support import import_now, make_tenant, register
from tests.support.clock import ManualClock
from tests.support.hardware import hash_text, row

ALL_REGISTERED = '(device.devicePhysicalIds -any (_ -startsWith "[ZTDid]"))'


async def test_autopilot_025_registering_makes_a_directory_device(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1, group_tag="Berlin", purchase_order="PO 7")
        device = device_by_id(tx, tenant, made.device_id)
        assert device.display_name == made.serial == "SN-00001"
        assert device.physical_ids == (
            f"[ZTDID]:{made.uuid}",
            "[OrderID]:Berlin",
            "[PurchaseOrderId]:PO 7",
        )
        assert device.attributes == {"deviceManufacturer": "Reseal", "deviceModel": "Laptop 7"}
        assert (made.manufacturer, made.model, made.sku, made.family) == (
            "Reseal",
            "Laptop 7",
            "L7-DE",
            "Laptops",
        )

    await database.write(unit)


async def test_a_registered_device_is_in_its_groups_when_the_import_commits(database: Database) -> None:
    def unit(tx: Tx) -> tuple[TenantKey, int]:
        tenant = make_tenant(tx)
        group = create_group(
            tx, tenant, "Autopilot", membership=Membership.DYNAMIC_DEVICE, rule=ALL_REGISTERED
        )
        import_now(tx, tenant, [row(1), row(2)])
        return tenant, group.id

    tenant, group = await database.write(unit)

    def names(tx: Tx) -> list[str]:
        return [member.display_name for member in members(tx, tenant, group, MemberKind.DEVICE).items]

    assert await database.read(names) == ["SN-00001", "SN-00002"]


async def test_autopilot_022_a_device_of_this_tenant_gets_806_with_its_line(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        again, new = import_now(tx, tenant, [row(1, line=7), row(2, line=8)])
        assert (again.line, again.code, again.name) == (7, 806, "ZtdDeviceAlreadyAssigned")
        assert again.registration is None
        assert str(made.uuid) in again.message
        assert new.imported

    await database.write(unit)


async def test_autopilot_023_a_device_of_another_tenant_gets_808(database: Database) -> None:
    def unit(tx: Tx) -> None:
        contoso, fabrikam = make_tenant(tx), make_tenant(tx, "Fabrikam")
        made = register(tx, contoso, 1)
        (verdict,) = import_now(tx, fabrikam, [row(1)])
        assert (verdict.code, verdict.name) == (808, "ZtdDeviceAssignedToOtherTenant")
        assert str(made.uuid) not in verdict.message
        assert "Contoso" not in verdict.message

    await database.write(unit)


async def test_a_recaptured_hash_is_the_same_device(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        later = hash_text(1, captured_at=tx.now + timedelta(days=3), disk_serials=("OTHER",))
        (verdict,) = import_now(tx, tenant, [row(1, hardware_hash=later)])
        assert verdict.name == "ZtdDeviceAlreadyAssigned"

    await database.write(unit)


async def test_autopilot_021_of_the_same_hash_twice_one_is_imported(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        first, second, third = import_now(tx, tenant, [row(1), row(1, line=9, serial="OTHER"), row(3)])
        assert first.imported
        assert third.imported
        assert (second.line, second.name) == (9, "ZtdDeviceDuplicated")
        assert len(list_registrations(tx, tenant).items) == 2

    await database.write(unit)


async def test_the_same_device_in_two_units_of_one_import_is_a_duplicate(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseal.autopilot.importing.CHUNK", 1)
    tenant = await database.write(make_tenant)
    rows = [row(1), row(1, line=5)]
    await database.write(submit, tenant, rows)
    ticker = Ticker(database, ManualClock(), HANDLERS)
    await ticker.drain()
    first, second = await database.read(records, tenant)
    assert first.status is ImportStatus.COMPLETE
    assert (second.status, second.name) == (ImportStatus.ERROR, "ZtdDeviceDuplicated")
    assert "line 2" in second.message


async def test_a_serial_with_another_hash_is_accepted_with_a_warning(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        second, third = import_now(tx, tenant, [row(2, serial="SN-00001"), row(3, serial="sn-00001")])
        assert second.imported
        assert third.imported
        assert any("registered already, with another hardware hash" in text for text in second.warnings)
        assert any(text.startswith("Line 3 holds the same serial number") for text in third.warnings)

    await database.write(unit)


async def test_autopilot_028_a_foreign_domain_is_refused_an_unknown_user_warned_about(
    database: Database,
) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada")
        foreign, unknown, known = import_now(
            tx,
            tenant,
            [
                row(1, assigned_user="ada@elsewhere.test"),
                row(2, assigned_user="grace@contoso.test"),
                row(3, assigned_user="ADA@contoso.test"),
            ],
        )
        assert foreign.name == "AssignedUserDomainUnknown"
        assert any("grace@contoso.test" in text for text in unknown.warnings)
        assert known.warnings == ()
        tx.settle()
        assert unknown.registration is not None
        assert known.registration is not None
        waiting = registration_by_uuid(tx, tenant, unknown.registration)
        assert (waiting.assigned_user_id, waiting.assigned_user_upn) == (None, "grace@contoso.test")
        assigned = registration_by_uuid(tx, tenant, known.registration)
        assert (assigned.assigned_user_id, assigned.assigned_user_upn) == (ada.id, "ada@contoso.test")
        assert assigned_user(tx, tenant, assigned.device_id) == ada.id

    await database.write(unit)


async def test_a_user_who_appears_later_is_linked(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1, assigned_user="grace@contoso.test")
        grace = create_user(tx, tenant, "Grace@contoso.test", "Grace")
        tx.settle()
        linked = registration_by_uuid(tx, tenant, made.uuid)
        assert (linked.assigned_user_id, linked.assigned_user_upn) == (grace.id, "Grace@contoso.test")
        assert assigned_user(tx, tenant, made.device_id) == grace.id
        delete_user(tx, tenant, grace.id)
        tx.settle()
        freed = registration_by_uuid(tx, tenant, made.uuid)
        assert (freed.assigned_user_id, freed.assigned_user_upn) == (None, "Grace@contoso.test")
        assert assigned_user(tx, tenant, made.device_id) is None

    await database.write(unit)


async def test_autopilot_125_a_user_without_licence_is_not_assigned(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        create_user(tx, tenant, "ada@contoso.test", "Ada", licensed=False)
        (verdict,) = import_now(tx, tenant, [row(1, assigned_user="ada@contoso.test")])
        assert verdict.imported
        assert any("has no licence" in text for text in verdict.warnings)
        assert verdict.registration is not None
        made = registration_by_uuid(tx, tenant, verdict.registration)
        assert (made.assigned_user_id, made.assigned_user_upn) == (None, "")

    await database.write(unit)


async def test_autopilot_032_the_directory_device_of_a_registration_is_protected(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        with pytest.raises(Conflict) as refused:
            delete_device(tx, tenant, made.device_id)
        assert refused.value.code == "DeviceProtected"

    await database.write(unit)


async def test_hardware_can_be_registered_elsewhere_after_deregistration(database: Database) -> None:
    def unit(tx: Tx) -> None:
        contoso, fabrikam = make_tenant(tx), make_tenant(tx, "Fabrikam")
        made = register(tx, contoso, 1)
        deregister(tx, contoso, [made.id])
        tx.settle()
        (verdict,) = import_now(tx, fabrikam, [row(1)])
        assert verdict.imported
        assert list_devices(tx, contoso).items == ()

    await database.write(unit)


# --- whole files --------------------------------------------------------------------------------------------


async def test_a_file_is_imported_in_units_of_500_and_says_so(database: Database) -> None:
    tenant = await database.write(make_tenant)
    told: list[tuple[int, int]] = []
    before = database.stats.write_units
    report = await import_file(
        database,
        tenant,
        read_rows(row(number) for number in range(501)),
        file_name="devices.csv",
        actor="ada",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(500, 501), (501, 501)]
    assert database.stats.write_units - before == 3
    assert report.imported == 501
    assert [verdict.line for verdict in report.verdicts] == list(range(1, 502))


async def test_an_import_needs_few_statements_however_many_rows(database: Database) -> None:
    tenant = await database.write(make_tenant)
    rows = read_rows(row(number) for number in range(400))
    before = database.stats.statements
    await import_file(database, tenant, rows, file_name="devices.csv", actor="ada")
    assert database.stats.statements - before < 60


async def test_rows_after_a_storage_failure_get_storage_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await database.write(make_tenant)
    monkeypatch.setattr("reseal.autopilot.importing.CHUNK", 1)
    from reseal.autopilot import importing

    real = importing.import_rows
    calls = 0

    def failing(tx: Tx, *args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StorageFull(code="StorageFull", message="The disk is full.")
        return real(tx, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(importing, "import_rows", failing)
    report = await import_file(
        database, tenant, read_rows([row(1), row(2), row(3)]), file_name="devices.csv", actor="ada"
    )
    assert [verdict.name for verdict in report.verdicts] == ["", "StorageError", "StorageError"]
    assert calls == 2
    monkeypatch.setattr(importing, "import_rows", real)
    report = await import_file(
        database, tenant, read_rows([row(1), row(2), row(3)]), file_name="devices.csv", actor="ada"
    )
    assert [verdict.code for verdict in report.verdicts] == [806, 0, 0]


# --- records ------------------------------------------------------------------------------------------------


async def test_submitted_rows_are_unknown_until_they_are_worked_off(database: Database) -> None:
    tenant = await database.write(make_tenant)
    bad = ImportRow(2, "BAD", "Q29udG9zbwAAA")
    submitted = await database.write(submit, tenant, [row(1, group_tag="Berlin"), bad], import_id="monday")
    assert [record.status for record in submitted] == [ImportStatus.UNKNOWN, ImportStatus.UNKNOWN]
    assert await database.read(records, tenant) == submitted
    assert await Ticker(database, ManualClock(), HANDLERS).drain() == 1
    good, refused = await database.read(records, tenant)
    assert (good.status, good.code, good.name) == (ImportStatus.COMPLETE, 0, "")
    assert good.import_id == refused.import_id == "monday"
    assert good.registration is not None
    made = await database.read(registration_by_uuid, tenant, good.registration)
    assert made.group_tag == "Berlin"
    assert good.row is not None
    assert good.row.hardware_hash == hash_text(1)
    assert (refused.status, refused.code, refused.name) == (
        ImportStatus.ERROR,
        802,
        "InvalidZtdHardwareHash",
    )


async def test_more_submitted_rows_than_one_unit_takes_are_all_worked_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseal.autopilot.importing.CHUNK", 2)
    tenant = await database.write(make_tenant)
    await database.write(submit, tenant, [row(number) for number in range(5)])
    assert await Ticker(database, ManualClock(), HANDLERS).drain() == 3
    found = await database.read(records, tenant)
    assert [record.status for record in found] == [ImportStatus.COMPLETE] * 5
    made = await database.read(registrations_by_uuid, tenant, [one.registration for one in found])
    assert len(made) == 5


async def test_a_submitted_file_is_worked_off_and_its_refused_rows_have_their_verdict_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseal.autopilot.importing.CHUNK", 2)
    tenant = await database.write(make_tenant)
    bad = ImportRow(line=9, serial="SN-BAD", hardware_hash="AAAA")
    judged = read_rows([row(1), row(2), bad, row(3)])
    rows = [one if isinstance(one, Verdict) else one.row for one in judged]

    batch = await database.write(submit_file, tenant, rows, file_name="laptops.csv")
    standing = await database.read(count_records, tenant, [batch.id])
    assert standing == {batch.id: {ImportStatus.UNKNOWN: 3, ImportStatus.ERROR: 1}}

    await Ticker(database, ManualClock(), HANDLERS).drain()
    standing = await database.read(count_records, tenant, [batch.id])
    assert standing == {batch.id: {ImportStatus.COMPLETE: 3, ImportStatus.ERROR: 1}}
    (refused,) = await database.read(records, tenant, batch=batch.uuid, status=ImportStatus.ERROR)
    assert (refused.line, refused.name) == (9, "InvalidZtdHardwareHash")
    found = await database.read(batch_by_uuid, tenant, batch.uuid)
    assert (found.file_name, found.rows) == ("laptops.csv", 4)
    other = await database.write(make_tenant, "Fabrikam")
    with pytest.raises(NotFound):
        await database.read(batch_by_uuid, other, batch.uuid)


async def test_records_go_after_thirty_days_and_registrations_stay(
    database: Database, clock: ManualClock
) -> None:
    def unit(tx: Tx) -> TenantKey:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        return tenant

    tenant = await database.write(unit)
    (deadline,) = await database.read(due, clock.now() + timedelta(days=30))
    assert deadline.kind == EXPIRY
    assert await database.read(due, clock.now() + timedelta(days=30, microseconds=-1)) == []
    await database.write(on_expiry, deadline)
    assert await database.read(records, tenant) == []
    assert len((await database.read(list_registrations, tenant)).items) == 1


async def test_a_batch_that_expired_before_its_rows_were_worked_off_does_no_harm(
    database: Database, clock: ManualClock
) -> None:
    tenant = await database.write(make_tenant)
    await database.write(submit, tenant, [row(1)])
    clock.pass_silently(timedelta(days=31))
    waiting = await database.read(due, clock.now())
    assert {deadline.kind for deadline in waiting} == {EXPIRY, WORK}
    expiry = next(deadline for deadline in waiting if deadline.kind == EXPIRY)
    work = next(deadline for deadline in waiting if deadline.kind == WORK)
    await database.write(on_expiry, expiry)
    await database.write(HANDLERS[WORK], work)
    assert (await database.read(list_registrations, tenant)).items == ()


async def test_deleting_a_record_leaves_the_registration(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        register(tx, tenant, 1)
        (record,) = records(tx, tenant)
        delete_record(tx, tenant, record.uuid)
        with pytest.raises(NotFound):
            record_by_uuid(tx, tenant, record.uuid)
        assert len(list_registrations(tx, tenant).items) == 1

    await database.write(unit)


async def test_tenants_do_not_see_each_others_imports(database: Database) -> None:
    def unit(tx: Tx) -> None:
        contoso, fabrikam = make_tenant(tx), make_tenant(tx, "Fabrikam")
        made = register(tx, contoso, 1)
        (record,) = records(tx, contoso)
        assert records(tx, fabrikam) == []
        with pytest.raises(NotFound):
            record_by_uuid(tx, fabrikam, record.uuid)
        with pytest.raises(NotFound):
            registration_by_uuid(tx, fabrikam, made.uuid)

    await database.write(unit)


async def test_an_import_is_in_the_log(database: Database) -> None:
    def unit(tx: Tx) -> TenantKey:
        tenant = make_tenant(tx)
        import_now(tx, tenant, [row(1, group_tag="Berlin"), row(1, line=3)])
        return tenant

    tenant = await database.write(unit)
    (record, _) = await database.read(records, tenant)
    batch = (await database.read(batches, tenant))[0].uuid
    assert record.import_id == str(batch)

    def kinds(tx: Tx) -> dict[str, object]:
        events.seal(tx)
        return {event.kind: event.payload for event in events.read(tx, tenant, 0, 100)}

    found = await database.write(kinds)
    assert found["import.opened"] == {"file": "devices.csv", "rows": 2}
    assert found["import.rows_decided"] == {"imported": 1, "refused": {"ZtdDeviceDuplicated": 1}}
    assert found["registration.created"] == {
        "serial": "SN-00001",
        "groupTag": "Berlin",
        "assignedUser": "",
        "import": str(batch),
        "line": 2,
    }


# --- trouble ------------------------------------------------------------------------------------------------


async def test_two_replicas_cannot_both_register_a_device(
    postgresql_url: str, clock: ManualClock, reactors: tuple[Reactor, ...]
) -> None:
    replicas = [
        open_database(postgresql_url, clock=clock, entropy=SeededEntropy(name), reactors=reactors)
        for name in ("one", "two")
    ]
    tenants = [
        await replica.write(make_tenant, name)
        for replica, name in zip(replicas, ("Contoso", "Fabrikam"), strict=True)
    ]
    rows = [row(number) for number in range(40)]
    orders = (rows, rows[::-1])
    reports = await asyncio.gather(
        *(
            import_file(replica, tenant, read_rows(some), file_name="devices.csv", actor="ada")
            for replica, tenant, some in zip(replicas, tenants, orders, strict=True)
        )
    )
    codes = Counter(verdict.code for report in reports for verdict in report.verdicts)
    assert codes == {0: 40, 808: 40}
    for replica in replicas:
        await replica.close()


async def test_a_process_killed_on_the_way_leaves_whole_units(
    sqlite_url: str,
    clock: ManualClock,
    reactors: tuple[Reactor, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reseal.autopilot.importing.CHUNK", 2)
    rows = read_rows(row(number) for number in range(5))

    def die_in_the_second_unit(moment: str, commit: int) -> None:
        if moment == "before" and commit == 4:
            raise KeyboardInterrupt

    def opened(seed: str, probe: CommitProbe | None = None) -> Database:
        return open_database(
            sqlite_url, clock=clock, entropy=SeededEntropy(seed), reactors=reactors, probe=probe
        )

    killed = opened("first life", die_in_the_second_unit)
    tenant = await killed.write(make_tenant)
    with pytest.raises(KeyboardInterrupt):
        await import_file(killed, tenant, rows, file_name="devices.csv", actor="ada")
    await killed.close()

    again = opened("second life")
    report = await import_file(again, tenant, rows, file_name="devices.csv", actor="ada")
    assert [verdict.code for verdict in report.verdicts] == [806, 806, 0, 0, 0]
    assert len((await again.read(list_registrations, tenant)).items) == 5
    await again.close()
