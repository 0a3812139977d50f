"""Waiting with an end: every wait of a device goes through its clock and has a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from reseal.kernel.clock import Clock

T = TypeVar("T")


class TimeUp(Exception):
    """What was waited for did not come in time."""


async def within(clock: Clock, limit: timedelta, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, if it does so within `limit`; else it is cancelled and `TimeUp` is raised."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    timer = loop.create_task(clock.sleep(limit))
    task.add_done_callback(lambda _done: timer.cancel())
    timer.add_done_callback(lambda _done: task.cancel())
    try:
        return await task
    except asyncio.CancelledError:
        if _is_asked_to_end() or timer.cancelled() or not timer.done():
            raise
        raise TimeUp from None
    finally:
        timer.cancel()


async def pause(clock: Clock, limit: timedelta, news: Coroutine[Any, Any, object]) -> bool:
    """Wait for `news`, at most so long; whether they came."""
    try:
        await within(clock, limit, news)
    except TimeUp:
        return False
    return True


def _is_asked_to_end() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
