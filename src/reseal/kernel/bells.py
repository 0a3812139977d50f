"""Bells: how a task learns, without polling, that something was committed.

A unit of work rings a bell by name (`tx.ring`); the bell sounds on the event loop after COMMIT, never if
the unit is rolled back. A task listens, looks into the database, and waits for the next ring. A bell
carries no data and several rings may sound as one: whoever hears it looks for himself. Other processes do
not hear it, so who waits also says after how long to look without a ring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from reseal.kernel.clock import Clock


class Bell:
    """One listener's ear; a ring that comes while it is busy is kept until it waits again."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the listener, now or as soon as it waits."""
        self._rung.set()

    async def wait(self, clock: Clock, at_most: timedelta | None = None) -> None:
        """Return at the next ring, or when `at_most` has passed."""
        if at_most is None:
            await self._rung.wait()
        else:
            timer = asyncio.create_task(self._ring_after(clock, at_most))
            try:
                await self._rung.wait()
            finally:
                timer.cancel()
        self._rung.clear()

    async def _ring_after(self, clock: Clock, duration: timedelta) -> None:
        await clock.sleep(duration)
        self.ring()


class Bells:
    """The bells of one database, by name. Used on the event loop only."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Bell]] = {}
        self.rings = 0
        """How often any of them was rung: what was seen before the last ring may be different now."""

    def ring(self, name: str) -> None:
        """Wake everyone who listens to this name."""
        self.rings += 1
        for bell in self._listeners.get(name, ()):
            bell.ring()

    @contextmanager
    def listen(self, *names: str) -> Iterator[Bell]:
        """A bell that rings with any of these names as long as the context lasts."""
        bell = Bell()
        for name in names:
            self._listeners.setdefault(name, []).append(bell)
        try:
            yield bell
        finally:
            for name in names:
                self._listeners[name].remove(bell)
