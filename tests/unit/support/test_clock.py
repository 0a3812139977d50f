"""The clock that the other tests move by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.support.clock import START, ManualClock

MINUTE = timedelta(minutes=1)


async def test_sleepers_wake_in_order_at_their_own_moments(clock: ManualClock) -> None:
    woke: list[tuple[str, timedelta]] = []

    async def sleeper(name: str, duration: timedelta) -> None:
        await clock.sleep(duration)
        woke.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 3 * MINUTE))
        group.create_task(sleeper("early", MINUTE))
        await clock.advance(2 * MINUTE)
        assert woke == [("early", MINUTE)]
        await clock.advance(2 * MINUTE)

    assert woke == [("early", MINUTE), ("late", 3 * MINUTE)]
    assert clock.now() == START + 4 * MINUTE


async def test_a_sleeper_that_sleeps_again_is_served_within_one_advance(clock: ManualClock) -> None:
    rings = 0

    async def bell() -> None:
        nonlocal rings
        for _ in range(3):
            await clock.sleep(MINUTE)
            rings += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(bell())
        await clock.advance(3 * MINUTE)
        assert rings == 3


def test_setting_the_wall_clock_leaves_monotonic_time_alone(clock: ManualClock) -> None:
    clock.pass_silently(MINUTE)
    clock.set_wall_clock(START.replace(year=2027))
    clock.pass_silently(MINUTE)

    assert clock.now() == START.replace(year=2027) + MINUTE
    assert clock.monotonic() == 2 * MINUTE
