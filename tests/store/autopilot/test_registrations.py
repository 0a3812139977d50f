"""Editing, finding and ending registrations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.assignment.service import assigned_user
from reseal.autopilot.model import RegistrationChanges
from reseal.autopilot.registrations import (
    deregister,
    list_registrations,
    registration_by_id,
    registration_of_device,
    update_registration,
)
from reseal.autopilot.sync import last_sync, request_sync
from reseal.directory.devices import delete_device, device_by_id, devices_by_id
from reseal.directory.groups import create_group
from reseal.directory.members import members
from reseal.directory.model import MemberKind, Membership
from reseal.directory.users import create_user, update_user
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound, TooSoon
from reseal.kernel.ids import TenantKey
from tests.store.autopilot.support import import_now, make_tenant, register
from tests.support.clock import ManualClock
from tests.support.hardware import row


def _rule_of_tag(tag: str) -> str:
    return f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{tag}"))'


async def test_autopilot_026_changing_the_group_tag_changes_one_id_and_moves_the_device(
    database: Database,
) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        berlin, paris = (
            create_group(tx, tenant, tag, membership=Membership.DYNAMIC_DEVICE, rule=_rule_of_tag(tag)).id
            for tag in ("Berlin", "Paris")
        )

        def held_by(group: int) -> list[str]:
            return [one.display_name for one in members(tx, tenant, group, MemberKind.DEVICE).items]

        made = register(tx, tenant, 1, group_tag="Berlin", purchase_order="PO 7")
        assert (held_by(berlin), held_by(paris)) == (["SN-00001"], [])
        assert update_registration(tx, tenant, made.id, RegistrationChanges(group_tag=" Paris "))
        tx.settle()
        device = device_by_id(tx, tenant, made.device_id)
        assert device.physical_ids == (
            f"[ZTDID]:{made.uuid}",
            "[OrderID]:Paris",
            "[PurchaseOrderId]:PO 7",
        )
        assert (held_by(berlin), held_by(paris)) == ([], ["SN-00001"])

    await database.write(unit)


async def test_autopilot_027_the_purchase_order_becomes_a_physical_id(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        update_registration(tx, tenant, made.id, RegistrationChanges(purchase_order="76222342342"))
        ids = device_by_id(tx, tenant, made.device_id).physical_ids
        assert ids == (f"[ZTDID]:{made.uuid}", "[PurchaseOrderId]:76222342342")
        update_registration(tx, tenant, made.id, RegistrationChanges(purchase_order=""))
        assert device_by_id(tx, tenant, made.device_id).physical_ids == (f"[ZTDID]:{made.uuid}",)

    await database.write(unit)


async def test_autopilot_031_device_name_group_tag_and_user_can_be_changed(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada")
        made = register(tx, tenant, 1)
        changes = RegistrationChanges(
            device_name="LAPTOP-ADA",
            group_tag="Berlin",
            assigned_user_upn="ADA@contoso.test",
            addressable_user_name="Ada L.",
        )
        assert update_registration(tx, tenant, made.id, changes)
        tx.settle()
        found = registration_by_id(tx, tenant, made.id)
        assert (found.device_name, found.group_tag) == ("LAPTOP-ADA", "Berlin")
        assert (found.assigned_user_id, found.assigned_user_upn) == (ada.id, "ada@contoso.test")
        assert found.addressable_user_name == "Ada L."
        assert assigned_user(tx, tenant, made.device_id) == ada.id
        assert not update_registration(tx, tenant, made.id, changes)

    await database.write(unit)


async def test_taking_the_user_away_takes_the_friendly_name_along(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        create_user(tx, tenant, "ada@contoso.test", "Ada")
        made = register(tx, tenant, 1, assigned_user="ada@contoso.test")
        update_registration(tx, tenant, made.id, RegistrationChanges(addressable_user_name="Ada L."))
        update_registration(tx, tenant, made.id, RegistrationChanges(assigned_user_upn=""))
        tx.settle()
        found = registration_by_id(tx, tenant, made.id)
        assert found.assigned_user_id is None
        assert (found.assigned_user_upn, found.addressable_user_name) == ("", "")
        assert assigned_user(tx, tenant, made.device_id) is None

    await database.write(unit)


async def test_only_licensed_users_of_the_organisation_can_be_assigned(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        create_user(tx, tenant, "bob@contoso.test", "Bob", licensed=False)
        made = register(tx, tenant, 1)

        def refusal(upn: str) -> str:
            with pytest.raises((Conflict, NotFound, Invalid)) as refused:
                update_registration(tx, tenant, made.id, RegistrationChanges(assigned_user_upn=upn))
            return refused.value.code

        assert refusal("bob@contoso.test") == "UserNotLicensed"
        assert refusal("nobody@contoso.test") == "UserNotFound"
        assert refusal("ada@elsewhere.test") == "UnknownDomain"
        assert registration_by_id(tx, tenant, made.id) == made

    await database.write(unit)


async def test_an_unfit_value_changes_nothing_at_all(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        for changes in (
            RegistrationChanges(group_tag="Berlin", device_name="has blanks"),
            RegistrationChanges(group_tag="x" * 513),
            RegistrationChanges(group_tag="Berlin", addressable_user_name="x" * 257),
        ):
            with pytest.raises(Invalid):
                update_registration(tx, tenant, made.id, changes)
        assert registration_by_id(tx, tenant, made.id) == made
        assert device_by_id(tx, tenant, made.device_id).physical_ids == (f"[ZTDID]:{made.uuid}",)

    await database.write(unit)


async def test_a_renamed_user_is_renamed_on_the_registration(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada")
        made = register(tx, tenant, 1, assigned_user="ada@contoso.test")
        update_user(tx, tenant, ada.id, upn="ada.lovelace@contoso.test")
        tx.settle()
        found = registration_by_id(tx, tenant, made.id)
        assert (found.assigned_user_id, found.assigned_user_upn) == (ada.id, "ada.lovelace@contoso.test")

    await database.write(unit)


async def test_a_user_who_waits_for_a_licence_is_linked_with_it(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1, assigned_user="bob@contoso.test")
        bob = create_user(tx, tenant, "bob@contoso.test", "Bob", licensed=False).id
        tx.settle()
        assert registration_by_id(tx, tenant, made.id).assigned_user_id is None
        update_user(tx, tenant, bob, licensed=True)
        tx.settle()
        assert registration_by_id(tx, tenant, made.id).assigned_user_id == bob

    await database.write(unit)


async def test_deregistering_takes_the_directory_device_along(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        one, two = register(tx, tenant, 1), register(tx, tenant, 2)
        deregister(tx, tenant, [one.id])
        tx.settle()
        assert devices_by_id(tx, tenant, [one.device_id]) == {}
        assert [left.id for left in list_registrations(tx, tenant).items] == [two.id]
        with pytest.raises(NotFound):
            registration_by_id(tx, tenant, one.id)

    await database.write(unit)


async def test_a_kept_directory_device_is_an_ordinary_one_afterwards(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        create_user(tx, tenant, "ada@contoso.test", "Ada")
        made = register(tx, tenant, 1, group_tag="Berlin", assigned_user="ada@contoso.test")
        deregister(tx, tenant, [made.id], keep_directory_device=True)
        tx.settle()
        device = device_by_id(tx, tenant, made.device_id)
        assert device.physical_ids == ()
        assert device.protected_by is None
        assert assigned_user(tx, tenant, device.id) is None
        assert registration_of_device(tx, tenant, device.id) is None
        delete_device(tx, tenant, device.id)

    await database.write(unit)


async def test_deregistering_is_all_or_nothing(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        with pytest.raises(NotFound):
            deregister(tx, tenant, [made.id, made.id + 1])
        assert registration_by_id(tx, tenant, made.id) == made

    await database.write(unit)


async def test_a_deregistered_device_imports_again(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        made = register(tx, tenant, 1)
        deregister(tx, tenant, [made.id])
        tx.settle()
        (verdict,) = import_now(tx, tenant, [row(1)])
        assert verdict.imported
        assert verdict.registration != made.uuid

    await database.write(unit)


async def test_registrations_are_found_by_the_beginning_of_the_serial_number(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        import_now(
            tx,
            tenant,
            [row(1, serial="PF-1%A", group_tag="Berlin"), row(2, serial="PF-1xB"), row(3, serial="XPF-1")],
        )
        tx.settle()

        def serials(**conditions: str) -> list[str]:
            return [one.serial for one in list_registrations(tx, tenant, **conditions).items]  # type: ignore[arg-type]

        assert serials(serial="pf-1") == ["PF-1%A", "PF-1xB"]
        assert serials(serial="pf-1%") == ["PF-1%A"]
        assert serials(group_tag="Berlin") == ["PF-1%A"]
        first = list_registrations(tx, tenant, limit=2)
        assert [one.serial for one in first.items] == ["PF-1%A", "PF-1xB"]
        rest = list_registrations(tx, tenant, limit=2, after=first.next)
        assert [one.serial for one in rest.items] == ["XPF-1"]
        assert rest.next is None

    await database.write(unit)


async def test_autopilot_029_a_second_sync_within_ten_minutes_is_refused(
    database: Database, clock: ManualClock
) -> None:
    def ready(tx: Tx) -> TenantKey:
        tenant = make_tenant(tx)
        assert last_sync(tx, tenant) is None
        request_sync(tx, tenant)
        return tenant

    tenant = await database.write(ready)
    clock.pass_silently(timedelta(minutes=9, seconds=30, milliseconds=1))
    with pytest.raises(TooSoon) as refused:
        await database.write(request_sync, tenant)
    assert refused.value.retry_after == timedelta(seconds=29, milliseconds=999)
    assert "30 seconds" in refused.value.remedy
    clock.pass_silently(timedelta(seconds=29, milliseconds=999))
    await database.write(request_sync, tenant)
    assert await database.read(last_sync, tenant) == clock.now()
