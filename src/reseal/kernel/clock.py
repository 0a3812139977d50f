"""Time as an input: what the wall shows, what has passed, and waiting.

`now()` may be skewed or set back by whoever owns the machine; `monotonic()` only ever advances. Budgets are
kept in monotonic time, dates in UTC (design: time and chance are inputs).
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The only source of time below the entry points."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    def monotonic(self) -> timedelta:
        """Time passed since an arbitrary start; never goes back."""

    async def sleep(self, duration: timedelta) -> None:
        """Wait; zero or less only lets others run."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> timedelta:
        return timedelta(seconds=time.monotonic())

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))


class VirtualClock:
    """A clock that follows the time of the running event loop, for rehearsals on virtual time.

    `skew` is how far this device's wall clock is off; it does not touch monotonic time.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, start: datetime, skew: timedelta = timedelta(0)
    ) -> None:
        self._loop = loop
        self._start = start
        self._skew = skew

    def now(self) -> datetime:
        return self._start + self.monotonic() + self._skew

    def monotonic(self) -> timedelta:
        return timedelta(microseconds=round(self._loop.time() * 1_000_000))

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))

    def skewed(self, skew: timedelta) -> VirtualClock:
        """The same flow of time as seen by a machine whose wall clock is off by `skew`."""
        return VirtualClock(self._loop, self._start, skew)
