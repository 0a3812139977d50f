"""Time that leaps: an hour of a device passes in a moment, although its server has threads and sockets."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_START = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)
_ROUNDS = 30
"""So many turns of the loop everybody gets before nobody seems to have anything to do."""


class LeapingClock:
    """A `Clock` whose time stands still while somebody works and leaps when everybody sleeps.

    Work that waits for threads or sockets says so by `busy`, so that no time passes meanwhile.
    """

    def __init__(self) -> None:
        self._passed = timedelta(0)
        self._order = itertools.count()
        self._sleepers: list[tuple[timedelta, int, asyncio.Future[None]]] = []
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def now(self) -> datetime:
        """The moment that was reached."""
        return _START + self._passed

    def monotonic(self) -> timedelta:
        """What has passed."""
        return self._passed

    async def sleep(self, duration: timedelta) -> None:
        """Wait until time has leapt so far."""
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + duration, next(self._order), woken))
        await woken

    def leap(self, duration: timedelta) -> None:
        """Let time pass while nobody sleeps."""
        self._passed += duration

    @contextmanager
    def busy(self) -> Iterator[None]:
        """No time passes inside."""
        self._working += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._idle.set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work to its end, time leaping whenever all of it waits for time."""
        task = asyncio.get_running_loop().create_task(work)
        while not await self._comes_to_rest(task):
            if not self._sleepers:
                task.cancel()
                raise RuntimeError("everybody waits, and nobody for time")
            due, _, woken = heapq.heappop(self._sleepers)
            self._passed = max(self._passed, due)
            if not woken.done():
                woken.set_result(None)
        return await task

    async def _comes_to_rest(self, task: asyncio.Task[Any]) -> bool:
        """Wait until everybody waits; whether the work has ended."""
        rounds = 0
        while rounds < _ROUNDS and not task.done():
            if self._working:
                rounds = 0
                await self._idle.wait()
            rounds += 1
            await asyncio.sleep(0)
        return task.done()
