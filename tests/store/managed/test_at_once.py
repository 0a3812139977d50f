"""A change and a check-in in the same moment: whoever comes second sees the other."""

from __future__ import annotations

import asyncio
import threading
import time

from reseal.catalog.model import CatalogItem
from reseal.catalog.service import create_item
from reseal.kernel.db import Database, Tx
from reseal.managed.desired import items_of
from tests.store.managed.world import CAMERA, CORTANA, World, policy

WHILE = 0.3


async def _begun(event: threading.Event) -> None:
    while not event.is_set():  # noqa: ASYNC110  # it is set by a thread of the database
        await asyncio.sleep(0.01)


async def _prepare(database: Database, world: World) -> CatalogItem:
    def unit(tx: Tx) -> CatalogItem:
        world.open(tx)
        world.item(tx, "Camera", policy(CAMERA), "devices")
        return create_item(tx, world.tenant, "Cortana", policy(CORTANA))

    return await database.write(unit)


async def test_a_change_that_meets_a_refresh_marks_the_enrolment_afterwards(
    database: Database, world: World
) -> None:
    item = await _prepare(database, world)
    refreshed = threading.Event()

    def refresh(tx: Tx) -> None:
        world.refresh(tx)
        refreshed.set()
        time.sleep(WHILE)

    async def change() -> None:
        await _begun(refreshed)
        await database.write(lambda tx: world.assign(tx, item, "devices"), causes=world.tenant)

    await asyncio.gather(database.write(refresh), change())
    assert (await database.read(world.now)).stale, "what was assigned meanwhile is not in what was worked out"
    assert set(await database.write(world.refresh)) == {("", "Camera"), ("", "Cortana")}


async def test_a_refresh_that_meets_a_change_waits_for_it_and_sees_it(
    database: Database, world: World
) -> None:
    item = await _prepare(database, world)
    changed = threading.Event()

    def change(tx: Tx) -> None:
        world.assign(tx, item, "devices")
        changed.set()
        time.sleep(WHILE)

    async def refresh() -> None:
        await _begun(changed)
        await database.write(world.refresh)

    await asyncio.gather(database.write(change, causes=world.tenant), refresh())
    assert not (await database.read(world.now)).stale
    found = await database.read(lambda tx: items_of(tx, world.tenant, world.enrolment.id))
    assert [one.name for one in found] == ["Camera", "Cortana"]
