"""An edit that is tried out: who would gain, lose or change what, and nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from reseal.assignment import service
from reseal.assignment.model import Intent, ItemRef
from reseal.assignment.service import Affected, Impact, ItemImpact
from reseal.directory.devices import create_device, delete_device
from reseal.directory.groups import update_group
from reseal.directory.members import add_members
from reseal.directory.model import MemberKind
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from tests.store.assignment.world import (
    APP,
    POLICY,
    PROFILE,
    World,
    all_devices,
    all_users,
    exclude,
    include,
)

NOBODY = Affected(0, ())


async def imagine(world: World, edit: Callable[[Tx], object]) -> Impact:
    """The impact of an edit; whatever it is, everything is as before afterwards."""
    before = await world.state()
    events = await _events(world)
    world.announced.take()
    impact = await world.do(lambda tx: service.what_if(tx, world.tenant, edit))
    world.announced.take()
    assert await world.state() == before
    assert await _events(world) == events
    await world.do(lambda tx: service.rebuild(tx, world.tenant))
    assert world.announced.take() == (set(), set())
    return impact


async def _events(world: World) -> int:
    count = sa.text("SELECT count(*) FROM event")
    return await world.database.read(lambda tx: tx.value(count))


def gained(item: ItemRef, *devices: int) -> ItemImpact:
    return ItemImpact(item, Affected(len(devices), devices), NOBODY, NOBODY)


def lost(item: ItemRef, *devices: int) -> ItemImpact:
    return ItemImpact(item, NOBODY, Affected(len(devices), devices), NOBODY)


def changed(item: ItemRef, *devices: int) -> ItemImpact:
    return ItemImpact(item, NOBODY, NOBODY, Affected(len(devices), devices))


async def test_edit_of_targets(world: World) -> None:
    one, two, three = [await world.device(f"PC-{number}") for number in range(3)]
    old, new = await world.group("Old", one, two), await world.group("New", two, three)
    await world.aim(APP, include(APP, old))
    impact = await imagine(world, lambda tx: service.set_targets(tx, world.tenant, APP, [include(APP, new)]))
    assert impact == Impact(
        Affected(2, (one, three)),
        (ItemImpact(APP, Affected(1, (three,)), Affected(1, (one,)), NOBODY),),
    )


async def test_edit_that_changes_the_intent_only(world: World) -> None:
    devices = [await world.device(f"PC-{number}") for number in range(2)]
    group = await world.group("Pilot", *devices)
    await world.aim(APP, include(APP, group))
    target = include(APP, group, intent=Intent.UNINSTALL)
    impact = await imagine(world, lambda tx: service.set_targets(tx, world.tenant, APP, [target]))
    assert impact == Impact(Affected(2, tuple(devices)), (changed(APP, *devices),))


async def test_edit_of_a_rule_and_a_later_different_edit(world: World) -> None:
    """What was only imagined must not be remembered by anybody."""
    rule = 'device.displayName -eq "{}"'
    one, two = await world.device("PC-1"), await world.device("PC-2")
    group = await world.dynamic("City", rule.format("none"))
    await world.aim(PROFILE, include(PROFILE, group))
    first, second = rule.format("PC-1"), rule.format("PC-2")
    impact = await imagine(world, lambda tx: update_group(tx, world.tenant, group, rule=first))
    assert impact.items == (gained(PROFILE, one),)
    await world.do(lambda tx: update_group(tx, world.tenant, group, rule=second))
    assert (await world.items(one), await world.items(two)) == ([], ["profile:10 device required group"])


async def test_edit_of_members_of_a_filter_and_of_a_user(world: World) -> None:
    device = await world.device("PC-1", deviceModel="Latitude")
    user = await world.user("Anna")
    group = await world.group("Pilot")
    narrow = await world.filter("Laptops", 'device.model -eq "Latitude"')
    await world.aim(APP, include(APP, group))
    await world.aim(POLICY, all_devices(POLICY, narrow))
    await world.aim(PROFILE, all_devices(PROFILE), exclude(PROFILE, group))

    def edit(tx: Tx) -> None:
        add_members(tx, world.tenant, group, MemberKind.DEVICE, [device])
        service.update_filter(tx, world.tenant, narrow, rule='device.model -eq "OptiPlex"')
        service.set_assigned_user(tx, world.tenant, device, user)

    assert await imagine(world, edit) == Impact(
        Affected(1, (device,)), (gained(APP, device), lost(POLICY, device), lost(PROFILE, device))
    )


async def test_edit_without_effect(world: World) -> None:
    await world.device("PC-1")
    group = await world.group("Empty")
    targets = [include(APP, group), all_users(APP)]
    impact = await imagine(world, lambda tx: service.set_targets(tx, world.tenant, APP, targets))
    assert impact == Impact(NOBODY, ())


async def test_device_that_moves_to_an_equal_set_is_not_affected(world: World) -> None:
    device = await world.device("PC-1")
    group = await world.group("Pilot", device)
    await world.aim(APP, all_devices(APP))
    impact = await imagine(
        world, lambda tx: service.set_targets(tx, world.tenant, POLICY, [exclude(POLICY, group)])
    )
    assert impact == Impact(NOBODY, ())
    assert await world.items(device) == ["app:70 device required all"]


async def test_new_and_deleted_devices(world: World) -> None:
    device = await world.device("PC-1")
    await world.aim(APP, all_devices(APP))

    def edit(tx: Tx) -> None:
        delete_device(tx, world.tenant, device)
        create_device(tx, world.tenant, "PC-2")

    impact = await imagine(world, edit)
    (item,) = impact.items
    assert (impact.devices.count, item.gained.count, item.lost) == (2, 1, Affected(1, (device,)))


async def test_all_are_counted_and_the_first_are_named(world: World) -> None:
    def unit(tx: Tx) -> list[int]:
        return [create_device(tx, world.tenant, f"PC-{number}").id for number in range(30)]

    devices = await world.do(unit)
    impact = await imagine(world, lambda tx: service.set_targets(tx, world.tenant, APP, [all_devices(APP)]))
    first = tuple(sorted(devices)[:20])
    assert impact == Impact(Affected(30, first), (ItemImpact(APP, Affected(30, first), NOBODY, NOBODY),))


async def test_what_the_unit_did_before_is_not_part_of_the_impact(world: World) -> None:
    device = await world.device("PC-1")

    def unit(tx: Tx) -> Impact:
        service.set_targets(tx, world.tenant, APP, [all_devices(APP)])
        return service.what_if(
            tx, world.tenant, lambda tx: service.set_targets(tx, world.tenant, POLICY, [all_devices(POLICY)])
        )

    assert (await world.do(unit)).items == (gained(POLICY, device),)
    assert await world.items(device) == ["app:70 device required all"]


async def test_edit_that_cannot_be_saved_cannot_be_imagined(world: World) -> None:
    await world.device("PC-1")
    with pytest.raises(Invalid, match="998"):
        await world.do(
            lambda tx: service.what_if(
                tx, world.tenant, lambda tx: service.set_targets(tx, world.tenant, APP, [include(APP, 998)])
            )
        )
