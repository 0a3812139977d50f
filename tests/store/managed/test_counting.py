"""How far deliveries are, counted for many."""

from __future__ import annotations

from dataclasses import replace

from reseal.kernel.db import Database, Tx
from reseal.managed.counting import Count, Counts, count_items
from reseal.managed.desired import items_of, save_items
from reseal.managed.model import MACHINE, Item, ItemState
from tests.store.managed.world import CAMERA, WALLPAPER, World, app, policy


async def test_what_arrived_is_counted_for_the_machine_and_for_its_users(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> list[Item]:
        world.open(tx)
        group = world.group(tx, "laptops", device=True)
        world.item(tx, "Camera off", policy(CAMERA), group)
        for number in range(3):
            world.item(tx, f"App {number}", app(number), group)
        world.item(tx, "Wallpaper", policy(WALLPAPER), "users")
        return sorted(world.refresh(tx, "adele").values(), key=lambda item: item.order)

    items = await database.write(unit)
    assert [item.user == MACHINE for item in items] == [True] * 4 + [False]
    key = world.enrolment.id

    async def become(*states: ItemState) -> Counts | None:
        changed = [replace(item, state=state) for item, state in zip(items, states, strict=False)]
        await database.write(save_items, world.tenant, key, changed)
        return (await database.read(count_items, world.tenant, [key])).get(key)

    done, failed = ItemState.DONE, ItemState.FAILED
    assert await become(done, ItemState.RUNNING) == Counts(Count(1, 4), Count(0, 1))
    assert await become(done, done, failed) == Counts(Count(2, 4), Count(0, 1))
    assert await become(done, done, failed, ItemState.REMOVING, done) == Counts(Count(2, 3), Count(1, 1))


async def test_an_enrolment_without_deliveries_is_missing(database: Database, world: World) -> None:
    await database.write(world.open)

    assert await database.read(count_items, world.tenant, [world.enrolment.id, 12345]) == {}
    assert await database.read(count_items, world.tenant, []) == {}
    assert await database.read(items_of, world.tenant, world.enrolment.id) == ()
