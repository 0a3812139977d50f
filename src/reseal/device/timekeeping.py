"""The time of one machine: a wall clock that can be set, and stopwatches that outlast a power-off.

Budgets are measured by stopwatches. They count monotonic time while the machine runs, so a wall clock that
jumps a year changes nothing (spec/autopilot.md 12, check 96), and what they counted is kept on the disk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from reseal.device.disk import Disk
from reseal.kernel.clock import Clock

TOLERANCE: Final = timedelta(minutes=1)
"""A wall clock is left alone while it differs from the server's by less."""

_CORRECTION: Final = "firmware/clock"
_STOPWATCHES: Final = "windows/stopwatches"
_MICROSECOND: Final = timedelta(microseconds=1)
_KEPT_EVERY: Final = timedelta(seconds=30)


class MachineClock:
    """A `Clock` over another, whose wall time can be set; how far it was set is kept in the firmware."""

    def __init__(self, clock: Clock, disk: Disk) -> None:
        self._clock = clock
        self._disk = disk
        kept = disk.read(_CORRECTION)
        self._correction = timedelta(0) if kept is None else int(kept) * _MICROSECOND

    def now(self) -> datetime:
        return self._clock.now() + self._correction

    def monotonic(self) -> timedelta:
        return self._clock.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await self._clock.sleep(duration)

    def adjust(self, moment: datetime) -> timedelta | None:
        """Set the wall clock to `moment` if it is off by more than `TOLERANCE`; how far it was put on."""
        change = moment - self.now()
        if abs(change) <= TOLERANCE:
            return None
        self._correction += change
        self._disk.replace(_CORRECTION, str(self._correction // _MICROSECOND).encode())
        return change


class Stopwatches:
    """Named stopwatches of one machine; after a power cut they have lost at most half a minute."""

    def __init__(self, clock: Clock, disk: Disk) -> None:
        self._clock = clock
        self._disk = disk
        kept = disk.read(_STOPWATCHES)
        self._counted: dict[str, int] = {} if kept is None else msgspec.json.decode(kept, type=dict[str, int])
        self._running: dict[str, timedelta] = {}
        self._kept_at = clock.monotonic()

    def start(self, name: str) -> None:
        """Begin, or go on counting."""
        self._running.setdefault(name, self._clock.monotonic())

    def elapsed(self, name: str) -> timedelta:
        """What was counted so far."""
        counted = self._counted.get(name, 0) * _MICROSECOND
        since = self._running.get(name)
        return counted if since is None else counted + self._clock.monotonic() - since

    def stop(self, name: str) -> None:
        """Hold the count."""
        if name in self._running:
            self._counted[name] = self.elapsed(name) // _MICROSECOND
            del self._running[name]
            self._write()

    def clear(self, name: str) -> None:
        """Back to zero, and not running."""
        self._running.pop(name, None)
        if self._counted.pop(name, None) is not None:
            self._write()

    def keep(self, *, at_once: bool = False) -> None:
        """Write the counts to the disk, if that has not happened for a while."""
        now = self._clock.monotonic()
        if not self._running or (not at_once and now - self._kept_at < _KEPT_EVERY):
            return
        for name in self._running:
            self._counted[name] = self.elapsed(name) // _MICROSECOND
            self._running[name] = now
        self._write()

    def forget(self) -> None:
        """All counts are gone from memory; their file is the caller's to remove."""
        self._counted.clear()
        self._running.clear()

    def _write(self) -> None:
        self._kept_at = self._clock.monotonic()
        self._disk.replace(_STOPWATCHES, msgspec.json.encode(self._counted))


def spoken(duration: timedelta) -> str:
    """`h:mm:ss`, as result pages say it (spec/autopilot.md 11, choice 13)."""
    seconds = duration // timedelta(seconds=1)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
