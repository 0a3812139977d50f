"""A faster life: a device whose own waiting is divided, while the world around it keeps its time.

At pace 60 a minute of the device (until the next poll, for an installation, of a page's budget, before a
request is tried again) is a second of ours. The wall clock, TLS, tokens and the answers of servers stay as
they are: `Parts.network_clock` is the clock for those.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reseal.kernel.clock import Clock


class PacedClock:
    """A `Clock` whose monotonic time passes `pace` times as fast as that of another."""

    def __init__(self, clock: Clock, pace: float) -> None:
        """Raises `ValueError` for a pace below 1: nobody waits longer than a device of real life."""
        if not 1 <= pace < float("inf"):
            raise ValueError(f"a pace of {pace}: it is at least 1")
        self.pace = pace
        self._clock = clock
        self._start = clock.monotonic()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> timedelta:
        return self._start + (self._clock.monotonic() - self._start) * self.pace

    async def sleep(self, duration: timedelta) -> None:
        await self._clock.sleep(duration / self.pace)
