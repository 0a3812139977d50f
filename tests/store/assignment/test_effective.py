"""Every change of a cause reaches the devices in its own unit, and only what changed is announced."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from reseal.assignment import service
from reseal.assignment.model import FilterMode, ItemKind, ItemRef, Scope, Via
from reseal.assignment.tables import assignment_target, effective_basis, effective_entry, effective_set
from reseal.directory.devices import create_device, delete_device
from reseal.directory.groups import delete_group, groups_by_id, update_group
from reseal.directory.model import MemberKind
from reseal.directory.users import delete_user, update_user
from reseal.kernel import events
from reseal.kernel.db import Tx
from tests.store.assignment.world import (
    APP,
    ESP,
    POLICY,
    PROFILE,
    World,
    all_devices,
    all_users,
    entry,
    exclude,
    include,
)

BERLIN = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))'
SALES = '(user.department -eq "Sales")'
LATITUDE = '(device.model -startsWith "Latitude")'


async def test_new_device_gets_what_is_for_all(world: World) -> None:
    await world.aim(APP, all_devices(APP))
    device = await world.device("PC-1")
    assert await world.entries(device) == (entry(APP, via=Via.ALL),)


async def test_group_tag_moves_the_device_in_one_unit(world: World) -> None:
    group = await world.dynamic("Berlin", BERLIN)
    await world.aim(PROFILE, include(PROFILE, group))
    device = await world.device("PC-1", tag="berlin")
    assert await world.entries(device) == (entry(PROFILE),)
    await world.edit_device(device, physical_ids=["[OrderID]:Paris"])
    assert await world.entries(device) == ()


async def test_member_added_and_removed_by_hand(world: World) -> None:
    device, other = await world.device("PC-1"), await world.device("PC-2")
    group = await world.group("Pilot")
    await world.aim(APP, include(APP, group))
    await world.add(group, device)
    assert (await world.items(device), await world.items(other)) == (["app:70 device required group"], [])
    await world.remove(group, device)
    assert await world.entries(device) == ()


async def test_assigned_user_brings_the_user_scope(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    group = await world.group("Sales", users=(user,))
    await world.aim(APP, include(APP, group))
    await world.aim(POLICY, all_users(POLICY))
    assert await world.entries(device) == ()
    await world.assign_user(device, user)
    assert await world.entries(device) == (
        entry(APP, Scope.USER),
        entry(POLICY, Scope.USER, Via.ALL),
    )
    await world.assign_user(device, None)
    assert await world.entries(device) == ()


async def test_attribute_of_the_assigned_user_moves_the_device(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    group = await world.dynamic("Sales", SALES)
    await world.aim(APP, include(APP, group))
    await world.assign_user(device, user)
    await world.do(lambda tx: update_user(tx, world.tenant, user, attributes={"department": "Sales"}))
    assert await world.entries(device) == (entry(APP, Scope.USER),)
    await world.do(lambda tx: update_user(tx, world.tenant, user, attributes={"department": None}))
    assert await world.entries(device) == ()


async def test_filter_follows_the_device(world: World) -> None:
    narrow = await world.filter("Latitude", LATITUDE)
    await world.aim(APP, all_devices(APP, narrow))
    device = await world.device("PC-1", deviceModel="OptiPlex")
    assert await world.entries(device) == ()
    await world.edit_device(device, attributes={"deviceModel": "Latitude 5450"})
    assert await world.entries(device) == (entry(APP, via=Via.ALL),)


async def test_edited_filter_rule_is_evaluated_for_everybody(world: World) -> None:
    narrow = await world.filter("Latitude", LATITUDE)
    await world.aim(APP, all_devices(APP, narrow))
    small = await world.device("PC-1", deviceModel="Latitude 5450")
    tall = await world.device("PC-2", deviceModel="OptiPlex")
    await world.do(
        lambda tx: service.update_filter(tx, world.tenant, narrow, rule='device.model -eq "OptiPlex"')
    )
    assert (await world.items(small), await world.items(tall)) == ([], ["app:70 device required all"])


async def test_edited_group_rule_moves_devices(world: World) -> None:
    group = await world.dynamic("City", BERLIN)
    await world.aim(APP, include(APP, group))
    berlin, paris = await world.device("PC-1", tag="Berlin"), await world.device("PC-2", tag="Paris")
    rule = BERLIN.replace("Berlin", "Paris")
    await world.do(lambda tx: update_group(tx, world.tenant, group, rule=rule))
    assert (await world.items(berlin), await world.items(paris)) == ([], ["app:70 device required group"])


async def test_targets_that_name_a_new_group_reach_its_members(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    group = await world.group("Pilot", device, users=(user,))
    by_user = await world.device("PC-2")
    await world.assign_user(by_user, user)
    await world.aim(APP, include(APP, group))
    assert await world.entries(device) == (entry(APP),)
    assert await world.entries(by_user) == (entry(APP, Scope.USER),)


async def test_exclusion_takes_away_and_gives_back(world: World) -> None:
    device, other = await world.device("PC-1"), await world.device("PC-2")
    lab = await world.group("Lab", device)
    await world.aim(APP, all_devices(APP), exclude(APP, lab))
    assert (await world.items(device), await world.items(other)) == ([], ["app:70 device required all"])
    await world.aim(APP, all_devices(APP))
    assert await world.items(device) == await world.items(other) == ["app:70 device required all"]


async def test_removed_item_is_effective_nowhere(world: World) -> None:
    device = await world.device("PC-1")
    await world.aim(APP, all_devices(APP))
    await world.aim(POLICY, all_devices(POLICY))
    assert await world.do(lambda tx: service.remove_item(tx, world.tenant, APP))
    assert await world.entries(device) == (entry(POLICY, via=Via.ALL),)
    assert await world.database.read(service.holders, world.tenant, APP) == []


async def test_created_and_assigned_in_one_unit(world: World) -> None:
    """An import makes the device and names its user before any reactor has run."""
    user = await world.user("Anna")
    await world.aim(APP, all_users(APP))

    def unit(tx: Tx) -> int:
        device = create_device(tx, world.tenant, "PC-1").id
        service.set_assigned_user(tx, world.tenant, device, user)
        return device

    device = await world.do(unit)
    assert await world.entries(device) == (entry(APP, Scope.USER, Via.ALL),)


async def test_two_organisations_do_not_meet(world: World) -> None:
    other = await World.open(world.database, world.announced, "fabrikam.test")
    device, foreign = await world.device("PC-1"), await other.device("PC-1")
    await world.aim(APP, all_devices(APP))
    assert (await world.items(device), await other.items(foreign)) == (["app:70 device required all"], [])


# --- what goes ------------------------------------------------------------------------------------


async def test_deleted_group_takes_its_targets_along_and_the_log_says_so(world: World) -> None:
    device, other = await world.device("PC-1"), await world.device("PC-2")
    pilot, lab = await world.group("Pilot", device), await world.group("Lab", other)
    await world.aim(APP, include(APP, pilot), all_devices(APP), exclude(APP, lab))
    await world.do(lambda tx: delete_group(tx, world.tenant, lab))
    assert await world.items(other) == ["app:70 device required all"]
    await world.do(lambda tx: delete_group(tx, world.tenant, pilot))
    assert await world.items(device) == ["app:70 device required all"]
    assert await world.database.read(service.targets_of, world.tenant, APP) == (all_devices(APP),)

    def recorded(tx: Tx) -> list[object]:
        rows = tx.rows(sa.text("SELECT kind, payload FROM event ORDER BY id"))
        return [bytes(row.payload) for row in rows if row.kind == "assignment.groups_removed"]

    assert await world.database.read(recorded) == [b'{"items":["app:70"]}'] * 2


async def test_deleted_user_leaves_the_device_without_one(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    await world.aim(APP, all_users(APP))
    await world.assign_user(device, user)
    await world.do(lambda tx: delete_user(tx, world.tenant, user))
    assert await world.entries(device) == ()
    assert await world.database.read(service.assigned_user, world.tenant, device) is None


async def test_deleted_device_leaves_nothing_behind(world: World) -> None:
    await world.aim(APP, all_devices(APP))
    device = await world.device("PC-1")
    await world.do(lambda tx: delete_device(tx, world.tenant, device))
    assert await world.state() == {}
    assert await world.set_count() == 0
    assert await _count(world, effective_entry) == 0


async def test_sets_are_shared_and_let_go(world: World) -> None:
    group = await world.group("Pilot")
    await world.aim(APP, include(APP, group), all_devices(APP))
    devices = [await world.device(f"PC-{number}") for number in range(4)]
    assert await world.set_count() == 1
    for device in devices:
        await world.add(group, device)
    assert await world.set_count() == 1
    await world.remove(group, devices[0])
    assert await world.set_count() == 2


async def test_groups_that_no_target_names_make_no_sets(world: World) -> None:
    devices = [await world.device(f"PC-{number}") for number in range(3)]
    for device in devices:
        await world.group(f"Group of {device}", device)
    assert await world.set_count() == 1
    pilot = await world.group("Pilot", devices[0])
    await world.aim(APP, include(APP, pilot))
    assert await world.set_count() == 2
    await world.aim(APP)
    assert await world.set_count() == 1
    assert await _count(world, effective_basis) == 0


async def test_filter_that_no_target_uses_any_more_makes_no_sets(world: World) -> None:
    narrow = await world.filter("Latitude", LATITUDE)
    await world.device("PC-1", deviceModel="Latitude 5450")
    await world.device("PC-2", deviceModel="OptiPlex")
    await world.aim(APP, all_devices(APP, narrow))
    assert await world.set_count() == 2
    await world.aim(APP, all_devices(APP))
    assert await world.set_count() == 1


async def test_group_of_users_that_no_target_names_any_more_makes_no_sets(world: World) -> None:
    users = [await world.user(name) for name in ("Anna", "Ben")]
    sales = await world.group("Sales", users=(users[0],))
    for number, user in enumerate(users):
        await world.assign_user(await world.device(f"PC-{number}"), user)
    await world.aim(APP, include(APP, sales), all_users(APP))
    assert await world.set_count() == 2
    await world.aim(APP, all_users(APP))
    assert await world.set_count() == 1


async def _count(world: World, table: sa.Table) -> int:
    counting = sa.select(sa.func.count()).select_from(table)
    return await world.database.read(lambda tx: tx.value(counting))


# --- what is announced ----------------------------------------------------------------------------


async def test_only_the_devices_that_moved_are_announced(world: World) -> None:
    device, _ = await world.device("PC-1"), await world.device("PC-2")
    group = await world.group("Pilot")
    await world.aim(APP, include(APP, group))
    world.announced.take()
    await world.add(group, device)
    assert world.announced.take() == ({device}, set())


async def test_edit_that_names_no_new_group_changes_sets_alone(world: World) -> None:
    device, _ = await world.device("PC-1"), await world.device("PC-2")
    group = await world.group("Pilot", device)
    await world.aim(APP, include(APP, group))
    world.announced.take()
    await world.aim(POLICY, include(POLICY, group))
    devices, sets = world.announced.take()
    assert devices == set()
    assert await world.database.read(service.devices_of_sets, world.tenant, sets) == [device]
    assert len(sets) == 1


async def test_nothing_is_announced_if_nothing_changed(world: World) -> None:
    device = await world.device("PC-1")
    user = await world.user("Anna")
    group = await world.group("Pilot", device)
    narrow = await world.filter("Latitude", LATITUDE)
    await world.aim(APP, include(APP, group), all_devices(APP))
    await world.aim(POLICY, all_devices(POLICY, narrow))
    await world.assign_user(device, user)
    world.announced.take()
    await world.edit_device(device, attributes={"deviceModel": "OptiPlex"})
    await world.group("Unnamed", device)
    await world.assign_user(device, user)
    assert not await world.aim(APP, all_devices(APP), include(APP, group))
    await world.do(
        lambda tx: service.update_filter(tx, world.tenant, narrow, rule='device.model -eq "Latitude"')
    )
    assert world.announced.take() == (set(), set())


async def test_edit_without_effect_announces_nothing(world: World) -> None:
    device = await world.device("PC-1")
    pilot, empty = await world.group("Pilot", device), await world.group("Empty")
    await world.aim(APP, include(APP, pilot))
    world.announced.take()
    await world.aim(APP, include(APP, pilot), include(APP, empty))
    assert world.announced.take() == (set(), set())


async def test_one_event_counts_the_devices_that_changed(world: World) -> None:
    devices = [await world.device(f"PC-{number}") for number in range(3)]
    group = await world.group("Pilot", *devices[:2])
    await world.aim(APP, include(APP, group))

    def last(tx: Tx) -> bytes:
        statement = sa.text(
            "SELECT payload FROM event WHERE kind = 'assignment.effective_changed' ORDER BY id DESC LIMIT 1"
        )
        return bytes(tx.value(statement))

    assert await world.database.read(last) == b'{"devices":2}'
    await world.aim(POLICY, include(POLICY, group))
    assert await world.database.read(last) == b'{"devices":2}'


async def test_the_log_holds_the_targets_by_public_ids(world: World) -> None:
    group = await world.group("Pilot")
    narrow = await world.filter("Latitude", LATITUDE)
    lab = await world.group("Lab")
    await world.aim(APP, include(APP, group, narrow), exclude(APP, lab))

    def uuids(tx: Tx) -> tuple[str, str, str]:
        groups = groups_by_id(tx, world.tenant, [group, lab])
        used = service.filter_by_id(tx, world.tenant, narrow)
        return str(groups[group].uuid), str(groups[lab].uuid), str(used.uuid)

    def payload(tx: Tx) -> bytes:
        statement = sa.text("SELECT payload FROM event WHERE kind = 'assignment.targets_changed'")
        return bytes(tx.value(statement))

    group_uuid, lab_uuid, filter_uuid = await world.database.read(uuids)
    included = {"mode": "include", "target": "group", "intent": "required", "group": group_uuid}
    narrowed = {"filter": filter_uuid, "filterMode": "include"}
    excluded = {"mode": "exclude", "target": "group", "intent": "required", "group": lab_uuid}
    expected: events.JsonValue = {"item": "app:70", "targets": [included | narrowed, excluded]}
    assert await world.database.read(payload) == events.canonical_json(expected)


async def test_hundreds_of_items_in_one_unit(world: World) -> None:
    """Beyond a number of items, all are looked at together."""
    device = await world.device("PC-1")
    items = [ItemRef(ItemKind.POLICY, number) for number in range(1, 300)]
    await world.aim(APP, all_devices(APP))

    def unit(tx: Tx) -> None:
        for item in items:
            service.set_targets(tx, world.tenant, item, [all_devices(item)])

    await world.do(unit)
    assert len(await world.entries(device)) == 300


async def test_filter_that_excludes(world: World) -> None:
    narrow = await world.filter("Latitude", LATITUDE)
    target = replace(all_devices(ESP, narrow), filter_mode=FilterMode.EXCLUDE)
    await world.aim(ESP, target)
    latitude = await world.device("PC-1", deviceModel="Latitude 5450")
    other = await world.device("PC-2", deviceModel="OptiPlex")
    assert (await world.items(latitude), await world.items(other)) == ([], ["esp:20 device required all"])


async def test_membership_of_user_and_device_in_one_group(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    group = await world.group("Everybody", device, users=(user,))
    await world.assign_user(device, user)
    await world.aim(APP, include(APP, group))
    assert await world.entries(device) == (entry(APP), entry(APP, Scope.USER))
    await world.remove(group, user, MemberKind.USER)
    assert await world.entries(device) == (entry(APP),)


async def test_no_target_is_left_to_a_group_that_is_gone(world: World) -> None:
    group = await world.group("Pilot")
    await world.aim(APP, include(APP, group))
    await world.do(lambda tx: delete_group(tx, world.tenant, group))
    assert await _count(world, assignment_target) == 0
    assert await _count(world, effective_set) == 0
