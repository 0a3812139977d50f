"""What many ask at the same time is read once, until somebody commits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from reseal.kernel.db import Database, Tx
from reseal.kernel.glances import glance
from tests.support.clock import ManualClock

_SECOND = timedelta(seconds=1)


def _look(_tx: Tx, number: int) -> int:
    return number


async def test_a_hundred_readers_are_one_read_until_a_ring_or_its_age(
    database: Database, clock: ManualClock
) -> None:
    async def all_look() -> int:
        before = database.stats.read_units
        found = await asyncio.gather(*(glance(database, clock, _SECOND, _look, 7) for _ in range(100)))
        assert set(found) == {7}
        return database.stats.read_units - before

    assert await all_look() == 1
    assert await all_look() == 0
    await database.write(lambda tx: tx.ring("something"))
    assert await all_look() == 1
    clock.pass_silently(_SECOND)
    assert await all_look() == 1
    assert await glance(database, clock, _SECOND, _look, 8) == 8
