"""Who stands before a device: a person at a screen, or a script that means the same things.

`act` is asked on a page that waits; `watch` while a page goes on by itself, and must answer at once. The
actors here are for runs without a person: a technician, a user, and a script around either.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from reseal.device.screens import Action, Intent, Screen, ScreenId
from reseal.kernel.clock import Clock

PRESSES: Final = 5


class Actor(Protocol):
    """Answers screens with intents."""

    async def act(self, screen: Screen) -> Intent:
        """What the person does on a page that waits for it: one of the offered actions."""
        ...

    async def watch(self, screen: Screen) -> Intent | None:
        """The page shows this now and goes on by itself; None, or something that the person did meanwhile."""
        ...


def power_off() -> Intent:
    """Switch the device off."""
    return Intent(Action.POWER_OFF)


def press_windows_key() -> Intent:
    """One press of the Windows key."""
    return Intent(Action.PRESS_WINDOWS_KEY)


def choose(value: str) -> Intent:
    """Take a language, region or keyboard and go on."""
    return Intent(Action.CHOOSE, value)


def connect(ssid: str, password: str = "") -> Intent:
    """Join a Wi-Fi network."""
    return Intent(Action.CONNECT, ssid, password)


def sign_in(upn: str, password: str) -> Intent:
    """Fill in the sign-in page and send it."""
    return Intent(Action.SIGN_IN, upn, password)


@dataclass(slots=True, kw_only=True)
class Habits:
    """What a person does on the pages that everybody meets."""

    language: str = ""
    """Empty: what the page proposes."""
    region: str = ""
    keyboard: str = ""
    second_keyboard: str = ""
    wifi: tuple[str, str] | None = None
    """Name and password; None: plug a cable in."""
    clock: Clock | None = None
    pace: timedelta = timedelta(0)
    """How long the person takes for each page, by `clock`."""
    retries: int = 0
    """How often the person tries again after a failure before resetting or giving up."""
    rest: timedelta = timedelta(0)
    """How long the person waits before that, by `clock`: what is broken may mend."""
    resets: int = 0
    leaves: bool = False
    """Leave a status page that has failed, if it offers that."""
    seen: list[Screen] = field(default_factory=list)
    """Every page that was shown, in order; a page that only changes is there with each change."""

    def screens(self) -> list[ScreenId]:
        """Which pages were shown, in order, each once in a row."""
        names = [screen.id for screen in self.seen]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    def last(self, screen: ScreenId) -> Screen:
        """The page of that name as it was shown last. Raises `KeyError` if it was not."""
        for each in reversed(self.seen):
            if each.id is screen:
                return each
        raise KeyError(screen)

    async def think(self, screen: Screen) -> None:
        """Look at a page for as long as this person does."""
        self.seen.append(screen)
        pause = self.pace
        if self.retries and screen.offers(Action.RETRY):
            pause += self.rest
        if self.clock is not None and pause:
            await self.clock.sleep(pause)

    def usual(self, screen: Screen) -> Intent:
        """What this person does on a page that is the same for everybody."""
        wanted = {
            ScreenId.LANGUAGE: self.language,
            ScreenId.REGION: self.region,
            ScreenId.KEYBOARD: self.keyboard,
        }
        if screen.id in wanted:
            return _choice(screen, wanted[screen.id])
        if screen.id is ScreenId.SECOND_KEYBOARD:
            return choose(self.second_keyboard) if self.second_keyboard else Intent(Action.SKIP)
        if screen.id is ScreenId.NETWORK:
            return self._network(screen)
        if any(map(screen.offers, (Action.RETRY, Action.RESET, Action.CONTINUE_ANYWAY))):
            return self._after_failure(screen)
        for action in (Action.ACCEPT, Action.NEXT, Action.SKIP, Action.CANCEL):
            if screen.offers(action):
                return Intent(action)
        return power_off()

    def _network(self, screen: Screen) -> Intent:
        if screen.notice:
            return power_off()
        return Intent(Action.PLUG_CABLE) if self.wifi is None else connect(*self.wifi)

    def _after_failure(self, screen: Screen) -> Intent:
        if self.retries and screen.offers(Action.RETRY):
            self.retries -= 1
            return Intent(Action.RETRY)
        if self.leaves and screen.offers(Action.CONTINUE_ANYWAY):
            return Intent(Action.CONTINUE_ANYWAY)
        if self.resets and screen.offers(Action.RESET):
            self.resets -= 1
            return Intent(Action.RESET)
        return power_off()


@dataclass(slots=True, kw_only=True)
class Technician(Habits):
    """Brings a device to green and reseals it; after red, tries again as often as `retries` says."""

    press_on: ScreenId | None = None
    """On which page to press the Windows key; None: the first one that takes it."""
    presses: int = PRESSES
    reseals: bool = True
    refreshes: int = 0
    """How often to press Refresh on the configuration page before Provision."""
    pressed: int = 0
    """How often the key was pressed since the machine started."""

    async def act(self, screen: Screen) -> Intent:
        """See `Actor`."""
        await self.think(screen)
        if screen.id is ScreenId.PROVISIONING_CHOICE:
            return Intent(Action.PRE_PROVISION)
        if screen.id is ScreenId.CONFIGURATION:
            return self._configuration(screen)
        if screen.id is ScreenId.GREEN:
            return Intent(Action.RESEAL) if self.reseals else power_off()
        if self._presses_here(screen):
            self.pressed += 1
            return press_windows_key()
        return self.usual(screen)

    async def watch(self, screen: Screen) -> Intent | None:
        """See `Actor`."""
        self.seen.append(screen)
        if screen.id is ScreenId.STARTING:
            self.pressed = 0
        return None

    def _presses_here(self, screen: Screen) -> bool:
        wanted = self.press_on in (None, screen.id) and screen.offers(Action.PRESS_WINDOWS_KEY)
        return wanted and self.pressed < self.presses

    def _configuration(self, screen: Screen) -> Intent:
        if self.refreshes:
            self.refreshes -= 1
            return Intent(Action.REFRESH)
        return Intent(Action.PROVISION) if screen.offers(Action.PROVISION) else power_off()


@dataclass(slots=True, kw_only=True)
class Person(Habits):
    """Signs in and goes on to the desktop."""

    upn: str
    password: str = field(repr=False)
    attempts: int = 1
    """How often to type the credentials before giving up."""

    async def act(self, screen: Screen) -> Intent:
        """See `Actor`."""
        await self.think(screen)
        if screen.id is ScreenId.SIGN_IN and screen.offers(Action.SIGN_IN):
            return self._sign_in(screen)
        return self.usual(screen)

    async def watch(self, screen: Screen) -> Intent | None:
        """See `Actor`."""
        self.seen.append(screen)
        return None

    def _sign_in(self, screen: Screen) -> Intent:
        if screen.code:
            self.attempts -= 1
        return sign_in(self.upn, self.password) if self.attempts > 0 else power_off()


class Scripted:
    """Another actor, whose answer on some pages is written down: one intent each time a page is shown, until
    they are used up.
    """

    def __init__(self, otherwise: Actor, script: Mapping[ScreenId, Iterable[Intent]]) -> None:
        self._otherwise = otherwise
        self._script = {screen: list(intents) for screen, intents in script.items()}

    async def act(self, screen: Screen) -> Intent:
        """See `Actor`."""
        usual = await self._otherwise.act(screen)
        written = self._script.get(screen.id)
        return written.pop(0) if written else usual

    async def watch(self, screen: Screen) -> Intent | None:
        """See `Actor`."""
        return await self._otherwise.watch(screen)


@dataclass(slots=True)
class AtDesktop:
    """Another actor, who leaves the device on at the desktop until `settled` returns."""

    otherwise: Actor
    settled: Callable[[], Awaitable[None]]

    async def act(self, screen: Screen) -> Intent:
        """See `Actor`."""
        if screen.id is ScreenId.DESKTOP:
            await self.settled()
        return await self.otherwise.act(screen)

    async def watch(self, screen: Screen) -> Intent | None:
        """See `Actor`."""
        return await self.otherwise.watch(screen)


def _choice(screen: Screen, wanted: str) -> Intent:
    """The wanted value if the page offers it, else what it proposes."""
    field_ = screen.fields[0]
    offered = {choice.value for choice in field_.choices}
    return choose(wanted if wanted in offered else field_.value)
