"""Bells: nobody sleeps through a ring, and nobody waits longer than he said."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from reseal.kernel.bells import Bells
from tests.support.clock import ManualClock

SECOND = timedelta(seconds=1)


async def test_a_ring_wakes_who_listens_to_that_name(clock: ManualClock) -> None:
    bells = Bells()
    with bells.listen("events") as bell, bells.listen("deadlines") as other:
        waiting = asyncio.create_task(bell.wait(clock))
        elsewhere = asyncio.create_task(other.wait(clock))
        await asyncio.sleep(0)
        bells.ring("events")
        await waiting

        assert not elsewhere.done()
        elsewhere.cancel()


async def test_a_ring_while_the_listener_was_busy_is_not_lost(clock: ManualClock) -> None:
    bells = Bells()
    with bells.listen("events") as bell:
        bells.ring("events")
        bells.ring("events")

        await bell.wait(clock)
        second = asyncio.create_task(bell.wait(clock))
        await asyncio.sleep(0)

        assert not second.done(), "two rings before one wait sound as one"
        second.cancel()


async def test_a_wait_ends_after_the_time_it_was_given(clock: ManualClock) -> None:
    with Bells().listen("events") as bell:
        waiting = asyncio.create_task(bell.wait(clock, at_most=2 * SECOND))
        await clock.advance(SECOND)
        assert not waiting.done()
        await clock.advance(SECOND)
        await waiting


async def test_a_wait_that_was_rung_early_leaves_no_late_ring_behind(clock: ManualClock) -> None:
    bells = Bells()
    with bells.listen("events") as bell:
        first = asyncio.create_task(bell.wait(clock, at_most=SECOND))
        await asyncio.sleep(0)
        bells.ring("events")
        await first

        second = asyncio.create_task(bell.wait(clock, at_most=10 * SECOND))
        await clock.advance(2 * SECOND)
        assert not second.done()
        second.cancel()


async def test_after_listening_nothing_is_kept(clock: ManualClock) -> None:
    bells = Bells()
    with bells.listen("events") as bell:
        pass
    bells.ring("events")

    waiting = asyncio.create_task(bell.wait(clock))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
