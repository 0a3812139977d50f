"""What may be aimed where; what is stored, and what is refused with which words."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from reseal.assignment import service
from reseal.assignment.model import FilterMode, Intent, ItemKind, ItemRef, Target
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid, NotFound
from reseal.kernel.events import Subject
from tests.store.assignment.world import (
    APP,
    ESP,
    POLICY,
    PROFILE,
    World,
    all_devices,
    all_users,
    exclude,
    include,
)

USERS_RULE = 'user.department -eq "Sales"'
DEVICES_RULE = 'device.displayName -startsWith "PC"'


async def refused(world: World, item: ItemRef, *targets: Target) -> Invalid:
    with pytest.raises(Invalid) as caught:
        await world.aim(item, *targets)
    assert await world.database.read(service.targets_of, world.tenant, item) == ()
    return caught.value


async def test_targets_are_replaced_and_read_in_order(world: World) -> None:
    first, second = await world.group("First"), await world.group("Second")
    assert await world.aim(APP, exclude(APP, first), all_devices(APP), include(APP, second))
    stored = await world.database.read(service.targets_of, world.tenant, APP)
    assert stored == (include(APP, second), all_devices(APP), exclude(APP, first))
    assert await world.aim(APP, include(APP, first))
    assert await world.database.read(service.targets_of, world.tenant, APP) == (include(APP, first),)


async def test_the_same_targets_again_change_nothing(world: World) -> None:
    group = await world.group("Pilot")
    assert await world.aim(APP, include(APP, group), all_users(APP))
    assert not await world.aim(APP, all_users(APP), include(APP, group))
    assert not await world.aim(POLICY)


async def test_a_target_keeps_its_public_id_while_it_aims_at_the_same(world: World) -> None:
    group, other = await world.group("Pilot"), await world.group("Other")
    await world.aim(APP, include(APP, group))
    (before,) = await world.database.read(service.assignments_of, world.tenant, APP)
    await world.aim(APP, include(APP, group, intent=Intent.UNINSTALL), include(APP, other))
    after = await world.database.read(service.assignments_of, world.tenant, APP)
    assert {found.target.group: found.uuid == before.uuid for found in after} == {group: True, other: False}
    assert after[0].target.intent is Intent.UNINSTALL


async def test_targets_of_a_kind_for_lists(world: World) -> None:
    group = await world.group("Pilot")
    second = ItemRef(ItemKind.APP, APP.id + 1)
    await world.aim(APP, all_devices(APP), include(APP, group))
    await world.aim(second, all_users(second))
    await world.aim(POLICY, all_users(POLICY))
    listed = await world.database.read(service.targets_of_kind, world.tenant, ItemKind.APP)
    assert listed == {APP: (include(APP, group), all_devices(APP)), second: (all_users(second),)}


async def test_edit_is_logged_under_the_item_with_its_actor(world: World) -> None:
    subject = Subject("app", await world.do(lambda tx: tx.new_uuid()))

    def unit(tx: Tx) -> None:
        service.set_targets(tx, world.tenant, APP, [all_devices(APP)], subject=subject, actor="anna")
        service.remove_item(tx, world.tenant, APP, subject=subject, actor="anna")

    await world.do(unit)
    rows = await world.database.read(
        lambda tx: tx.rows(
            sa.text(
                "SELECT subject_kind, actor, payload FROM event"
                " WHERE kind = 'assignment.targets_changed' ORDER BY id"
            )
        )
    )
    assert [(row.subject_kind, row.actor) for row in rows] == [("app", "anna")] * 2
    assert [bytes(row.payload) for row in rows] == [
        b'{"item":"app:70","targets":[{"intent":"required","mode":"include","target":"allDevices"}]}',
        b'{"item":"app:70","targets":[]}',
    ]


# --- refusals -------------------------------------------------------------------------------------


async def test_unknown_group_and_filter(world: World) -> None:
    group = await world.group("Pilot")
    error = await refused(world, APP, include(APP, group, 999), include(APP, 998))
    assert [(detail.where, detail.code) for detail in error.details] == [
        ("targets[0]", "UnknownFilter"),
        ("targets[1]", "UnknownGroup"),
    ]
    assert error.code == "UnknownFilter"
    assert "998" in error.message


async def test_group_and_filter_of_another_organisation_are_unknown(world: World) -> None:
    other = await World.open(world.database, world.announced, "fabrikam.test")
    group = await other.group("Theirs")
    narrow = await other.filter("Theirs", 'device.model -eq "X"')
    assert (await refused(world, APP, include(APP, group))).code == "UnknownGroup"
    assert (await refused(world, APP, all_devices(APP, narrow))).code == "UnknownFilter"


@pytest.mark.parametrize("again", [exclude, include])
async def test_a_group_twice(world: World, again: object) -> None:
    group = await world.group("Pilot")
    error = await refused(
        world,
        APP,
        include(APP, group, intent=Intent.UNINSTALL),
        again(APP, group),  # type: ignore[operator]
    )
    assert (error.code, error.details[0].where) == ("TargetTwice", "targets[1]")
    assert "Pilot" in error.message


async def test_all_devices_twice(world: World) -> None:
    twice = replace(all_devices(APP), intent=Intent.UNINSTALL)
    assert (await refused(world, APP, all_devices(APP), twice)).code == "TargetTwice"


@pytest.mark.parametrize("item", [PROFILE, ESP, POLICY])
async def test_only_apps_have_an_intent(world: World, item: ItemRef) -> None:
    group = await world.group("Pilot")
    error = await refused(world, item, include(item, group, intent=Intent.AVAILABLE))
    assert error.code == "IntentNotAllowed"


async def test_profiles_are_for_devices(world: World) -> None:
    users = await world.dynamic("Sales", USERS_RULE)
    assert (await refused(world, PROFILE, all_users(PROFILE))).code == "DevicesOnly"
    error = await refused(world, PROFILE, include(PROFILE, users))
    assert error.code == "DevicesOnly"
    assert "Sales" in error.message
    devices, mixed = await world.dynamic("PCs", DEVICES_RULE), await world.group("Mixed")
    assert await world.aim(PROFILE, include(PROFILE, devices), include(PROFILE, mixed))


async def test_other_items_may_be_for_users(world: World) -> None:
    users = await world.dynamic("Sales", USERS_RULE)
    assert await world.aim(ESP, include(ESP, users), all_users(ESP))


async def test_available_apps_are_for_users(world: World) -> None:
    devices = await world.dynamic("PCs", DEVICES_RULE)
    available = Intent.AVAILABLE
    assert (await refused(world, APP, replace(all_devices(APP), intent=available))).code == "UsersOnly"
    assert (await refused(world, APP, include(APP, devices, intent=available))).code == "UsersOnly"
    users, mixed = await world.dynamic("Sales", USERS_RULE), await world.group("Mixed")
    assert await world.aim(
        APP,
        include(APP, users, intent=available),
        include(APP, mixed, intent=available),
        all_users(APP, available),
        replace(exclude(APP, devices), intent=available),
    )


async def test_all_devices_with_an_exclusion_is_possible_in_general(world: World) -> None:
    group = await world.group("Lab")
    assert await world.aim(PROFILE, all_devices(PROFILE), exclude(PROFILE, group))


async def test_autopilot_079_only_listed_properties_in_filters_of_an_esp(world: World) -> None:
    allowed = await world.filter("Model", 'device.model -eq "X" and device.osVersion -startsWith "10"')
    hidden = await world.filter("Category", 'device.deviceCategory -eq "Kiosk"')
    assert await world.aim(POLICY, all_devices(POLICY, hidden))
    error = await refused(world, ESP, all_devices(ESP, hidden))
    assert error.code == "FilterNotForEsp"
    assert "deviceCategory" in error.message
    assert await world.aim(ESP, all_devices(ESP, allowed))


async def test_targets_must_name_their_item(world: World) -> None:
    with pytest.raises(ValueError, match="must name it"):
        await world.aim(APP, all_devices(POLICY))


# --- assigned users and lookups -------------------------------------------------------------------


async def test_assigned_user_must_exist(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    with pytest.raises(NotFound, match="999") as unknown_user:
        await world.assign_user(device, 999)
    with pytest.raises(NotFound, match="998") as unknown_device:
        await world.assign_user(998, user)
    codes = (unknown_user.value.code, unknown_device.value.code)
    assert codes == ("UserNotFound", "DeviceNotFound")


async def test_many_users_at_once(world: World) -> None:
    devices = [await world.device(f"PC-{number}") for number in range(3)]
    anna, ben = await world.user("Anna"), await world.user("Ben")
    await world.assign_user(devices[2], ben)
    chosen = {devices[0]: anna, devices[1]: ben, devices[2]: None}
    await world.do(lambda tx: service.set_assigned_users(tx, world.tenant, chosen))
    found = [await world.database.read(service.assigned_user, world.tenant, device) for device in devices]
    assert found == [anna, ben, None]


async def test_entries_of_a_kind_and_of_many(world: World) -> None:
    devices = [await world.device(f"PC-{number}") for number in range(3)]
    group = await world.group("Pilot", devices[1])
    await world.aim(APP, all_devices(APP))
    await world.aim(POLICY, include(POLICY, group))
    kinds = [entry.item for entry in await world.database.read(service.entries_for, world.tenant, devices[1])]
    assert kinds == [APP, POLICY]
    many = await world.database.read(service.entries_for_many, world.tenant, [*devices, 999], ItemKind.POLICY)
    assert {device: [found.item for found in entries] for device, entries in many.items()} == {
        devices[0]: [],
        devices[1]: [POLICY],
        devices[2]: [],
    }


async def test_holders_of_an_item_in_any_scope(world: World) -> None:
    by_device, by_user, both = [await world.device(f"PC-{number}") for number in range(3)]
    user = await world.user("Anna")
    group = await world.group("Pilot", by_device, both, users=(user,))
    await world.assign_user(by_user, user)
    await world.assign_user(both, user)
    await world.device("PC-9")
    await world.aim(APP, include(APP, group))
    assert await world.database.read(service.holders, world.tenant, APP) == [by_device, by_user, both]


async def test_mode_of_a_filter_is_kept(world: World) -> None:
    narrow = await world.filter("Model", 'device.model -eq "X"')
    target = replace(all_devices(APP, narrow), filter_mode=FilterMode.EXCLUDE)
    await world.aim(APP, target)
    assert await world.database.read(service.targets_of, world.tenant, APP) == (target,)
