"""What a laptop shows, and what a person does there in their own time.

`Display` is an `Actor`: the laptop puts a screen on it and waits. Each page that a person can act on has a
number, its *turn*; what somebody does bears the turn of the page that they saw. So an action that comes late,
from another window, or again by a reload is for a page that has gone, and is not carried out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from reseal.device.screens import Action, Intent, Screen
from reseal.kernel.bells import Bells
from reseal.kernel.clock import Clock

CHANGED = "display"
"""The bell that rings when something reads differently."""


@dataclass(slots=True)
class Display:
    """The display of one laptop. `screen` is None while it is dark."""

    clock: Clock
    """Everybody's."""
    bells: Bells = field(default_factory=Bells)
    screen: Screen | None = None
    asks: bool = False
    """Whether the page waits for the person; else it goes on by itself."""
    turn: int = 0
    is_answered: bool = False
    """Whether what stands there has got its answer already, and another page is on its way."""
    _done: deque[Intent] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def act(self, screen: Screen) -> Intent:
        """See `Actor`."""
        self._show(screen, asks=True)
        while not self._done:
            self._arrived.clear()
            await self._arrived.wait()
        intent = self._done.popleft()
        if intent.action is not Action.PRESS_WINDOWS_KEY:
            self.is_answered = True
            self._keep_power_off()
        return intent

    async def watch(self, screen: Screen) -> Intent | None:
        """See `Actor`."""
        self._show(screen, asks=False)
        return self._done.popleft() if self._done else None

    def do(self, turn: int, intent: Intent) -> bool:
        """Do something on the page of that turn; False if it has gone, or does not offer that."""
        if self.screen is None or turn != self.turn or not self.screen.offers(intent.action):
            return False
        if self.is_answered and intent.action is not Action.POWER_OFF:
            return False
        self._done.append(intent)
        self._arrived.set()
        return True

    def go_dark(self) -> None:
        """The laptop is off."""
        self.screen, self.asks, self.is_answered = None, False, False
        self._done.clear()
        self.turn += 1
        self.bells.ring(CHANGED)

    async def moved_on(self, turn: int, at_most: timedelta) -> None:
        """Return when another page than that of `turn` is shown, or after `at_most`."""
        limit = self.clock.monotonic() + at_most
        with self.bells.listen(CHANGED) as bell:
            while self.turn == turn and self.clock.monotonic() < limit:
                await bell.wait(self.clock, limit - self.clock.monotonic())

    def _show(self, screen: Screen, *, asks: bool) -> None:
        before = self.screen
        is_same_page = before is not None and (before.id, before.title) == (screen.id, screen.title)
        if self.is_answered or not is_same_page:
            self.turn += 1
            self._keep_power_off()
        if self.is_answered or (before, self.asks) != (screen, asks):
            self.bells.ring(CHANGED)
        self.screen, self.asks, self.is_answered = screen, asks, False

    def _keep_power_off(self) -> None:
        """What was done on a page goes with it; only switching off is meant for any page."""
        self._done = deque(intent for intent in self._done if intent.action is Action.POWER_OFF)
