"""Telling people what happens on a device: each page as it appears, what the person there does, what is
awaited. Times are the device's own, since it was switched on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from rich.text import Text

from reseal.device.actor import Actor
from reseal.device.screens import Action, Intent, Progress, Screen, ScreenId, Section
from reseal.device.timekeeping import spoken
from reseal.kernel.clock import Clock

LOOK: Final = timedelta(seconds=1)
"""So often it is asked what is awaited, by everybody's clock: the page may hurry, the server does not."""
BREATH: Final = timedelta(seconds=2)
"""So long, times the number of the attempt, a person waits before trying again: a server may be starting."""

_ACTIONS: Final = {
    Action.CHOOSE: "chooses {value}",
    Action.NEXT: "goes on",
    Action.SKIP: "skips it",
    Action.ACCEPT: "accepts",
    Action.CANCEL: "cancels",
    Action.PLUG_CABLE: "plugs a cable in",
    Action.CONNECT: "joins the Wi-Fi network {value}",
    Action.SIGN_IN: "signs in as {value}",
    Action.SUBMIT: "sends the page's form",
    Action.FOLLOW: "follows a link of the page",
    Action.PRE_PROVISION: "chooses to pre-provision",
    Action.REFRESH: "refreshes",
    Action.PROVISION: "provisions",
    Action.RESEAL: "reseals",
    Action.RETRY: "tries again",
    Action.RESET: "resets the device",
    Action.CONTINUE_ANYWAY: "continues anyway",
    Action.COLLECT_LOGS: "collects the logs",
    Action.POWER_OFF: "switches off",
}
_PICTURE: Final = "logo"
_WITHOUT_NETWORK: Final = {ScreenId.STARTING, ScreenId.RESTARTING}
_DOES: Final = "> "
_WAITS: Final = "waits: "
_BELOW: Final = "  "
_GOOD: Final = (": done", ": Complete")
_BAD: Final = ": failed"
_STATES: Final = {
    Progress.NOT_STARTED: "",
    Progress.IN_PROGRESS: "working",
    Progress.SUCCEEDED: "done",
    Progress.FAILED: "failed",
    Progress.NOT_REQUIRED: "",
}

Say = Callable[[str, str], None]
"""Given what time it is on the device, and a line; the time is empty where the line belongs to the one
before.
"""


@dataclass(slots=True)
class Narrator:
    """An `Actor` who does what another does, and tells of it."""

    actor: Actor
    clock: Clock
    """The device's."""
    network_clock: Clock
    """Everybody's."""
    say: Say
    screen: Screen | None = None
    """What is on the display."""
    _begun: timedelta = field(init=False)
    _told: tuple[str, ...] = ()
    _presses: int = 0
    _attempts: int = 0
    _waits: bool = False
    """Whether the page goes on by itself."""

    def __post_init__(self) -> None:
        self._begun = self.clock.monotonic()

    @property
    def elapsed(self) -> timedelta:
        """Since power-on, on the device."""
        return self.clock.monotonic() - self._begun

    async def act(self, screen: Screen) -> Intent:
        """See `Actor`."""
        self._show(screen, waits=False)
        intent = await self.actor.act(screen)
        if intent.action is Action.PRESS_WINDOWS_KEY:
            self._presses += 1
            return intent
        self._tell_presses()
        self._line(f"{_DOES}{_ACTIONS[intent.action].format(value=_called(screen, intent.value))}")
        if intent.action is Action.RETRY:
            self._attempts += 1
            await self.network_clock.sleep(BREATH * self._attempts)
        return intent

    async def watch(self, screen: Screen) -> Intent | None:
        """See `Actor`."""
        self._show(screen, waits=True)
        return await self.actor.watch(screen)

    async def follow(self, ask: Callable[[], Awaitable[str]]) -> None:
        """Tell what is awaited whenever that changes, for as long as a page goes on by itself."""
        last = ""
        while True:
            await self.network_clock.sleep(LOOK)
            if not self._waits or self.screen is None or self.screen.id in _WITHOUT_NETWORK:
                continue
            awaited = await ask()
            if awaited and awaited != last:
                self._line(f"{_WAITS}{awaited}")
            last = awaited

    def tell(self, what: str, about: dict[str, Any]) -> None:
        """What the device says of itself, for whoever wants to know everything."""
        self._line(f"{what} {' '.join(f'{name}={value}' for name, value in about.items())}".rstrip())

    def _show(self, screen: Screen, *, waits: bool) -> None:
        is_same = (
            self.screen is not None and self.screen.id is screen.id and self.screen.title == screen.title
        )
        self.screen, self._waits = screen, waits
        if not is_same:
            self._tell_presses()
            self._told = ()
            self._line(screen.title)
        lines = tuple(described(screen))
        for line in lines:
            if line not in self._told:
                self.say("" if not is_same else spoken(self.elapsed), f"{_BELOW}{line}")
        self._told = lines

    def _tell_presses(self) -> None:
        if self._presses:
            self._line(f"{_DOES}presses the Windows key {self._presses} times")
        self._presses = 0

    def _line(self, line: str) -> None:
        self.say(spoken(self.elapsed), line)


def coloured(line: str) -> Text:
    """A line as a terminal shows it: what somebody does, what is awaited, a page's title, what is on it."""
    if line.startswith(_DOES):
        return Text(line, "bold cyan")
    if line.startswith(_WAITS):
        return Text(line, "yellow")
    if not line.startswith(_BELOW):
        return Text(line, "bold")
    if line.endswith(_GOOD):
        return Text(line, "green")
    return Text(line, "red" if line.endswith(_BAD) else "")


def _called(screen: Screen, value: str) -> str:
    """What a page calls a value that can be chosen there."""
    choices = (choice for field in screen.fields for choice in field.choices)
    return next((choice.label for choice in choices if choice.value == value and choice.label), value)


def described(screen: Screen) -> Iterator[str]:
    """A page in lines, without its title."""
    if screen.code:
        yield f"{screen.code} {screen.notice}".strip()
    elif screen.notice:
        yield screen.notice
    yield from screen.texts
    for detail in screen.details:
        if detail.name != _PICTURE:
            yield f"{detail.label}: {detail.value}"
    for section in screen.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    state = _STATES[section.state]
    if state:
        yield f"{section.title}: {state}"
    for line in section.lines:
        text = line.text or _STATES[line.state]
        if text and line.state is not Progress.NOT_STARTED:
            yield f"{section.title}, {line.title}: {text}"


async def stop(task: asyncio.Task[None]) -> None:
    """End a task that tells of something."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
