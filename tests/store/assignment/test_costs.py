"""What an edit costs does not grow with devices that it cannot touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reseal.assignment import service
from reseal.directory.devices import create_devices
from reseal.directory.model import NewDevice
from tests.store.assignment.world import APP, POLICY, World, all_devices, include

LATITUDE = 'device.model -eq "Latitude"'


async def statements(world: World, edit: Callable[[], Awaitable[object]]) -> int:
    """How many statements the edit takes."""
    before = world.database.stats.statements
    await edit()
    return world.database.stats.statements - before


async def more_devices(world: World, count: int) -> None:
    new = [NewDevice(f"PC-{number}", attributes={"deviceModel": "Latitude"}) for number in range(count)]
    await world.do(lambda tx: create_devices(tx, world.tenant, new))


async def test_targets_that_name_no_other_group_cost_the_same_with_many_devices(world: World) -> None:
    group = await world.group("Pilot", await world.device("PC-0"))
    await world.aim(APP, include(APP, group), all_devices(APP))

    async def edit() -> None:
        await world.aim(POLICY, include(POLICY, group))
        await world.aim(POLICY)

    few = await statements(world, edit)
    await more_devices(world, 2_500)
    assert await statements(world, edit) == few


async def test_a_filter_that_nobody_uses_costs_the_same_with_many_devices(world: World) -> None:
    key = await world.filter("Latitude", LATITUDE)

    async def edit() -> None:
        for rule in (LATITUDE.replace("-eq", "-ne"), LATITUDE):
            await world.do(lambda tx, rule=rule: service.update_filter(tx, world.tenant, key, rule=rule))  # type: ignore[misc]

    few = await statements(world, edit)
    await more_devices(world, 2_500)
    assert await statements(world, edit) == few


async def test_one_member_costs_the_same_in_a_group_of_many(world: World) -> None:
    devices = [await world.device(f"PC-{number}") for number in range(3)]
    group = await world.group("Pilot", devices[0])
    await world.aim(APP, include(APP, group))
    few = await statements(world, lambda: world.add(group, devices[1]))
    await more_devices(world, 2_500)
    assert await statements(world, lambda: world.add(group, devices[2])) == few


async def test_users_that_stay_cost_nothing(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    await world.assign_user(device, user)
    again = await statements(world, lambda: world.assign_user(device, user))
    assert again < await statements(world, lambda: world.assign_user(device, None))
