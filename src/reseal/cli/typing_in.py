"""A laptop operated from a terminal: its screens as lines, what is typed as what a person does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from reseal.device.pages.display import CHANGED
from reseal.device.pages.stand import Hand, Stand
from reseal.device.pages.text import lines, offered
from reseal.device.screens import Action, Field, Intent, Screen

HELP: Final = (
    "A number does what it says; w is the Windows key (wwwww: five times), p the power button, q ends."
)
_LOOK: Final = timedelta(seconds=1)
_KEY, _POWER, _QUIT = "w", "p", "q"

Read = Callable[[str], Awaitable[str | None]]
"""Prompts and reads a line; None if there are no more."""
Say = Callable[[str], None]


@dataclass(slots=True)
class Typist:
    """Operates one laptop. `read` and `say` are the terminal."""

    stand: Stand
    read: Read
    say: Say
    _told: tuple[str, ...] = field(default=())

    async def operate(self) -> None:
        """Until `q`, or the end of what is typed."""
        self.say(HELP)
        typed: str | None = _POWER
        while typed is not None and typed != _QUIT:
            await self._do(typed)
            await self._until_asked()
            typed = await self.read("> ")

    async def _until_asked(self) -> None:
        """Tell what is shown, until somebody has to do something."""
        display = self.stand.display
        with display.bells.listen(CHANGED) as bell:
            while True:
                self._tell()
                if display.screen is None and not self.stand.is_on:
                    self.say(self.stand.problem or "The laptop is off.")
                    return
                if display.asks and not display.is_answered:
                    return
                await bell.wait(display.clock, _LOOK)

    def _tell(self) -> None:
        screen = self.stand.display.screen
        shown = () if screen is None else tuple(lines(screen))
        is_same = shown[:1] == self._told[:1]
        for line in shown:
            if not is_same or line not in self._told:
                self.say(line)
        self._told = shown

    async def _do(self, typed: str) -> None:
        """Carry out what was typed; what means nothing says so."""
        display = self.stand.display
        screen = display.screen
        if typed.strip() == _POWER:
            self.stand.touch(Hand.POWER)
        elif set(typed) == {_KEY}:
            for _ in typed:
                display.do(display.turn, Intent(Action.PRESS_WINDOWS_KEY))
                await display.clock.sleep(timedelta(milliseconds=50))
        elif screen is not None and (intent := await self._meant(screen, typed)) is not None:
            turn = display.turn
            display.do(turn, intent)
            await display.moved_on(turn, _LOOK)
        elif typed.strip():
            self.say(HELP)

    async def _meant(self, screen: Screen, typed: str) -> Intent | None:
        actions = dict(offered(screen))
        action = actions.get(int(typed)) if typed.isascii() and typed.isdecimal() else None
        if action is None:
            return None
        given = {False: "", True: ""}
        if action in {Action.CHOOSE, Action.CONNECT, Action.SIGN_IN}:
            for each in screen.fields:
                given[each.secret] = await self._filled(each)
        return Intent(action, given[False], given[True])

    async def _filled(self, field_: Field) -> str:
        if field_.fixed:
            return field_.value
        proposed = f" [{field_.value}]" if field_.value else ""
        return (await self.read(f"{field_.label}{proposed}: ") or "").strip() or field_.value
