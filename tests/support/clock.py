"""Clocks that a test moves: one that stands still until then, one that runs."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

from reseal.kernel.clock import SystemClock

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""A Monday morning; the moment at which tests begin."""

_ROUNDS = 20


class ManualClock:
    """A `Clock` whose time passes by `advance` (sleepers wake in order) or by `pass_silently`."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = timedelta(0)
        self._skew = timedelta(0)
        self._order = itertools.count()
        self._sleepers: list[tuple[timedelta, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The moment the test has reached, as the machine's wall clock shows it."""
        return self._start + self._passed + self._skew

    def monotonic(self) -> timedelta:
        """What the test has let pass; not touched by `set_wall_clock`."""
        return self._passed

    async def sleep(self, duration: timedelta) -> None:
        """Wait until the test has advanced by `duration`; zero or less only lets others run."""
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + duration, next(self._order), woken))
        await woken

    async def advance(self, duration: timedelta) -> None:
        """Let `duration` pass: every sleeper due by then wakes at its own moment, earlier ones first.

        Between two moments the loop gets some rounds, enough for coroutines that only wait for each other;
        for work in threads the test has to await what it is about.
        """
        target = self._passed + duration
        await _let_others_run()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, woken = heapq.heappop(self._sleepers)
            self._passed = max(self._passed, due)
            if not woken.done():
                woken.set_result(None)
            await _let_others_run()
        self._passed = target

    def pass_silently(self, duration: timedelta) -> None:
        """Let time pass without waking anybody: for tests of plain functions."""
        self._passed += duration

    def set_wall_clock(self, moment: datetime) -> None:
        """Somebody sets the machine's clock; monotonic time does not notice."""
        self._skew = moment - self._start - self._passed


async def _let_others_run() -> None:
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


class ShiftedClock(SystemClock):
    """The machine's clock, which a test may put forward while a real server runs on it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's wall clock and what the test put it forward."""
        return super().now() + self._ahead

    def monotonic(self) -> timedelta:
        """What has passed, and what the test pretends to have passed."""
        return super().monotonic() + self._ahead

    def put_forward(self, duration: timedelta) -> None:
        """Pretend that so much time has passed; nobody who sleeps wakes earlier."""
        self._ahead += duration
