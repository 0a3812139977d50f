"""Enrollment Status Page profiles: the default one, limits, order, selected apps, and who gets which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseal.assignment.model import FilterMode, Mode, Target, TargetKind
from reseal.assignment.service import create_filter, set_assigned_user
from reseal.catalog.service import create_item, delete_item
from reseal.directory.groups import create_group
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind
from reseal.directory.rules import RuleError
from reseal.directory.users import create_user
from reseal.esp.effective import effective_esp, effective_esps
from reseal.esp.model import DEFAULT_MESSAGE, EspProfile, EspSettings
from reseal.esp.profiles import (
    assign_esp,
    create_esp,
    delete_esp,
    ensure_default,
    esp_by_id,
    esp_by_uuid,
    item_ref,
    list_esps,
    set_priority,
    update_esp,
)
from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.ids import TenantKey
from tests.store.autopilot.support import make_tenant, register
from tests.store.catalog.test_items import APP, POLICY

SHOWN = EspSettings(show_installation_progress=True)


def _to_group(esp: EspProfile, group: int) -> list[Target]:
    return [Target(item_ref(esp.id), Mode.INCLUDE, TargetKind.GROUP, group=group)]


def _group(tx: Tx, tenant: TenantKey, name: str, kind: MemberKind, *members: int) -> int:
    group = create_group(tx, tenant, name).id
    for member in members:
        add_member(tx, tenant, group, kind, member)
    return group


def _names(tx: Tx, tenant: TenantKey) -> list[tuple[str, int]]:
    return [(one.name, one.priority) for one in list_esps(tx, tenant)]


async def test_autopilot_062_the_default_profile_stays_and_shows_nothing_at_first(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        (default,) = list_esps(tx, tenant)
        assert ensure_default(tx, tenant) == default
        assert (default.name, default.priority, default.is_default) == ("All users and all devices", 0, True)
        assert default.settings == EspSettings()
        assert not default.settings.show_installation_progress
        for attempt in (
            lambda: delete_esp(tx, tenant, default.id),
            lambda: assign_esp(tx, tenant, default.id, []),
            lambda: set_priority(tx, tenant, default.id, 1),
            lambda: update_esp(tx, tenant, default.id, name="Ours"),
        ):
            with pytest.raises(Invalid) as refused:
                attempt()
            assert refused.value.code == "DefaultEsp"
        assert update_esp(tx, tenant, default.id, settings=SHOWN)
        assert esp_by_uuid(tx, tenant, default.uuid).settings == SHOWN

    await database.write(unit)


async def test_autopilot_063_the_51st_profile_beside_the_default_is_refused(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        for number in range(1, 51):
            assert create_esp(tx, tenant, f"Page {number}", SHOWN).priority == number
        with pytest.raises(Conflict) as refused:
            create_esp(tx, tenant, "One more", SHOWN)
        assert refused.value.code == "EspLimit"

    await database.write(unit)


async def test_autopilot_070_more_than_100_selected_apps_are_refused(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        apps = [create_item(tx, tenant, f"App {number}", APP).id for number in range(101)]
        with pytest.raises(Invalid):
            create_esp(tx, tenant, "Page", SHOWN, selected_apps=apps)
        made = create_esp(tx, tenant, "Page", SHOWN, selected_apps=[*apps[:100], apps[0]])
        assert esp_by_id(tx, tenant, made.id).selected_apps == tuple(sorted(apps[:100]))

    await database.write(unit)


async def test_only_apps_of_the_catalogue_can_be_selected(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant, other = make_tenant(tx), make_tenant(tx, "Fabrikam")
        policy = create_item(tx, tenant, "Lock", POLICY).id
        foreign = create_item(tx, other, "Agent", APP).id
        for unfit in (policy, foreign, 12345):
            with pytest.raises(Invalid) as refused:
                create_esp(tx, tenant, "Page", SHOWN, selected_apps=[unfit])
            assert refused.value.code == "NotAnApp"

    await database.write(unit)


async def test_an_app_that_leaves_the_catalogue_leaves_all_selections(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        first, second = (create_item(tx, tenant, name, APP).id for name in ("One", "Two"))
        page = create_esp(tx, tenant, "Page", SHOWN, selected_apps=[first, second])
        delete_item(tx, tenant, first)
        tx.settle()
        assert esp_by_id(tx, tenant, page.id).selected_apps == (second,)

    await database.write(unit)


async def test_setting_a_priority_shifts_the_others(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        _a, _b, c = (create_esp(tx, tenant, name, SHOWN) for name in "ABC")
        default = ("All users and all devices", 0)
        assert _names(tx, tenant) == [("A", 1), ("B", 2), ("C", 3), default]
        assert set_priority(tx, tenant, c.id, 1)
        assert _names(tx, tenant) == [("C", 1), ("A", 2), ("B", 3), default]
        assert not set_priority(tx, tenant, c.id, 1)
        assert set_priority(tx, tenant, c.id, 99)
        assert _names(tx, tenant) == [("A", 1), ("B", 2), ("C", 3), default]
        delete_esp(tx, tenant, _a.id)
        assert _names(tx, tenant) == [("B", 1), ("C", 2), default]
        with pytest.raises(NotFound):
            esp_by_id(tx, tenant, _a.id)

    await database.write(unit)


async def test_saving_a_profile_as_it_is_changes_nothing(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        app = create_item(tx, tenant, "Agent", APP).id
        made = create_esp(tx, tenant, "Page", SHOWN, selected_apps=[app])
        recorded = tx.recorded
        assert not update_esp(
            tx, tenant, made.id, name="Page", settings=replace(SHOWN), selected_apps=[app, app]
        )
        assert tx.recorded == recorded
        message = replace(SHOWN, custom_error_message="Call 123")
        assert update_esp(tx, tenant, made.id, name="Ours", settings=message, selected_apps=[])
        found = esp_by_id(tx, tenant, made.id)
        assert (found.name, found.settings, found.selected_apps) == ("Ours", message, ())
        create_esp(tx, tenant, "Other", SHOWN)
        with pytest.raises(Conflict):
            update_esp(tx, tenant, made.id, name="OTHER")

    await database.write(unit)


async def test_autopilot_076_the_devices_profile_goes_before_the_users_and_priority_1_first(
    database: Database,
) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        device = register(tx, tenant, 1).device_id
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada").id
        set_assigned_user(tx, tenant, device, ada)
        users = _group(tx, tenant, "Users", MemberKind.USER, ada)
        devices = _group(tx, tenant, "Devices", MemberKind.DEVICE, device)
        for_user, second, first = (create_esp(tx, tenant, name, SHOWN) for name in ("U", "D2", "D1"))

        def chosen(*, technician: bool = False) -> tuple[str, str]:
            tx.settle()
            found = effective_esp(tx, tenant, device, technician=technician)
            return found.profile.name, found.reason

        assign_esp(tx, tenant, for_user.id, _to_group(for_user, users))
        name, reason = chosen()
        assert name == "U"
        assert reason == "Assigned to the device's user (priority 1); none is assigned to the device."

        assign_esp(tx, tenant, second.id, _to_group(second, devices))
        assert chosen() == ("D2", "Assigned to the device (priority 2).")

        assign_esp(tx, tenant, first.id, _to_group(first, devices))
        set_priority(tx, tenant, first.id, 1)
        assert chosen() == ("D1", "Assigned to the device with priority 1, which is higher than 'D2' (3).")
        assert chosen(technician=True) == chosen()

    await database.write(unit)


async def test_autopilot_077_the_technician_flow_ignores_the_users_profile(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        device = register(tx, tenant, 1).device_id
        ada = create_user(tx, tenant, "ada@contoso.test", "Ada").id
        set_assigned_user(tx, tenant, device, ada)
        page = create_esp(tx, tenant, "U", SHOWN)
        assign_esp(tx, tenant, page.id, _to_group(page, _group(tx, tenant, "Users", MemberKind.USER, ada)))
        tx.settle()
        assert effective_esp(tx, tenant, device, technician=False).profile.name == "U"
        found = effective_esp(tx, tenant, device, technician=True)
        assert found.profile.is_default
        assert "do not count in the technician flow" in found.reason

    await database.write(unit)


async def test_autopilot_078_without_assignment_the_default_applies(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        devices = [register(tx, tenant, number).device_id for number in range(3)]
        create_esp(tx, tenant, "Unassigned", SHOWN)
        before = tx.statements
        found = effective_esps(tx, tenant, devices, technician=False)
        assert tx.statements - before <= 4
        assert {one.profile.is_default for one in found.values()} == {True}
        assert found[devices[0]].reason == "No profile is assigned to the device, so the default applies."
        assert found[devices[0]].profile.settings.message == DEFAULT_MESSAGE

    await database.write(unit)


async def test_autopilot_079_a_filter_may_read_only_what_is_offered_for_the_page(database: Database) -> None:
    def unit(tx: Tx) -> None:
        tenant = make_tenant(tx)
        page = create_esp(tx, tenant, "Page", SHOWN)
        model = create_filter(tx, tenant, "Laptops", '(device.model -eq "Laptop 7")').id
        name = create_filter(tx, tenant, "Names", '(device.deviceName -startsWith "A")').id

        def narrowed(filter_id: int) -> list[Target]:
            return [
                Target(
                    item_ref(page.id),
                    Mode.INCLUDE,
                    TargetKind.ALL_DEVICES,
                    filter=filter_id,
                    filter_mode=FilterMode.INCLUDE,
                )
            ]

        with pytest.raises((Invalid, RuleError)) as refused:
            assign_esp(tx, tenant, page.id, narrowed(name))
        assert refused.value.code == "FilterNotForEsp"
        assert assign_esp(tx, tenant, page.id, narrowed(model))
        device = register(tx, tenant, 1).device_id
        assert effective_esp(tx, tenant, device, technician=True).profile.name == "Page"

    await database.write(unit)
