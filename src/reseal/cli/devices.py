"""Virtual laptops that live in directories, and the people who stand before them.

A laptop is switched on for as long as a command runs. Ending the command in any way is a power cut; the next
one goes on from what is on the laptop's disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter, validators
from rich.markup import escape
from rich.text import Text

from reseal.cli.connection import DeviceListener, ServerOfDevices, reach
from reseal.cli.narration import Narrator, coloured, stop
from reseal.cli.output import people, print_json, results, tell
from reseal.cli.overhearing import Overheard
from reseal.device import hardware
from reseal.device.actor import AtDesktop, Person, Technician
from reseal.device.channel import Channel
from reseal.device.errors import NO_PROFILE, NOT_REGISTERED, SetupFailed
from reseal.device.folder import switched_on
from reseal.device.hints import Hints, PlainHints
from reseal.device.http import Http
from reseal.device.link import PlainAdapters
from reseal.device.pace import PacedClock
from reseal.device.parts import Parts, silence
from reseal.device.quirks import ALL, Quirk
from reseal.device.screens import Screen, ScreenId
from reseal.device.sockets import SocketTransport
from reseal.device.timekeeping import spoken
from reseal.device.windows import Ending, EndingKind, Laptop
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.keys import OpenSslKeys

MOST_PACE: Final = 3600
SETTLING: Final = timedelta(minutes=30)
"""So long a person leaves the device on at the desktop, at most, for what still arrives."""
WIFI: Final = "Reseal"
"""The open network that is in the air where there is no cable."""

SWITCHED_OFF: Final = "SwitchedOff"
"""Code of a result where no page named one."""

_NOT_DONE: Final = 2
_PAUSE: Final = timedelta(seconds=30)
_WORDS: Final = {
    EndingKind.POWERED_OFF_RESEALED: "resealed",
    EndingKind.POWERED_OFF: "off",
    EndingKind.RED: "red",
    EndingKind.ERROR: "error",
    EndingKind.DESKTOP: "desktop",
}
_COLOURS: Final = {True: "green", False: "red"}


def _folded(name: str) -> str:
    """A quirk may be written parkedInstall, parked-install or PARKED_INSTALL."""
    return name.replace("_", "").replace("-", "").casefold()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Manner:
    """How a laptop is switched on.

    Parameters
    ----------
    pace
        Divides the device's own waiting: polls, installations, time-outs. 60 makes a minute a second.
    wifi
        There is no cable: the person joins a Wi-Fi network on the network page.
    no_reports
        The device neither tells what it shows nor asks what is awaited; no run depends on it.
    retries
        How often the person presses Retry after a failure before giving up.
    without
        Leave out a quirk of Windows, such as parkedInstall; all are there by default.
    verbose
        Also tell what happens inside of the device.
    """

    pace: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=MOST_PACE))] = 1
    wifi: Annotated[bool, Parameter(negative="")] = False
    no_reports: Annotated[bool, Parameter(negative="")] = False
    retries: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0
    without: Annotated[
        tuple[Quirk, ...], Parameter(negative="", name_transform=_folded, show_choices=False)
    ] = ()
    verbose: Annotated[bool, Parameter(negative="")] = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a laptop that was switched on came to rest."""

    ended: str
    """`green`, `resealed`, `desktop`; `red`, `error`, or `off` where the person got no further."""
    arrived: bool
    serial: str
    name: str
    took: timedelta
    """On the device."""
    screens: tuple[ScreenId, ...]
    code: str = ""
    message: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """The result as an object."""
        return {
            "ended": self.ended,
            "serial": self.serial,
            "name": self.name,
            "seconds": round(self.took.total_seconds()),
            "screens": [screen.value for screen in self.screens],
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
        }


# --- one command --------------------------------------------------------------------------------------------


async def stand_before(
    folder: Path, server: ServerOfDevices, manner: Manner, person: Technician | Person, *, json: bool
) -> int:
    """Switch the laptop on, let the person do what is to be done, say what came of it; the exit code."""
    listener = await reach(server)
    try:
        result = await play(folder, listener, manner, person)
    except asyncio.CancelledError:
        people.print("The power was cut. The next call goes on from here.")
        raise
    if json:
        print_json(result.to_json())
    else:
        _show(result)
    return 0 if result.arrived else _NOT_DONE


@asynccontextmanager
async def powered(folder: Path, listener: DeviceListener, paced: PacedClock) -> AsyncIterator[Parts]:
    """What a laptop of a directory lives on while it is switched on: its disk, sockets, and our time and
    chance; with every quirk, and nobody listening. Raises `NotFound` or `Conflict` if that cannot be.
    """
    entropy = SystemEntropy()
    with switched_on(folder) as disk:
        async with SocketTransport(listener.anchors, entropy) as network:
            yield Parts(
                disk=disk,
                transport=network,
                clock=paced,
                entropy=entropy,
                keys=OpenSslKeys(),
                quirks=ALL,
                hints=PlainHints(),
                network_clock=SystemClock(),
            )


def machine_in(parts: Parts) -> hardware.Hardware:
    """The machine that a disk is in."""
    machine = hardware.installed(parts.disk)
    assert machine is not None, "what can be switched on has hardware"
    return machine


async def play(
    folder: Path,
    listener: DeviceListener,
    manner: Manner,
    person: Technician | Person,
    hints: Hints | None = None,
    overheard: Overheard | None = None,
) -> Result:
    """Switch a laptop on until it has come to rest; `overheard` hears what it says to its server.

    Raises `NotFound` or `Conflict` if that cannot be.
    """
    clock = SystemClock()
    paced = PacedClock(clock, manner.pace)
    async with powered(folder, listener, paced) as given:
        narrator = Narrator(person, paced, clock, _say)
        parts = replace(
            given,
            transport=overheard.beside(given.transport) if overheard else given.transport,
            quirks=ALL - set(manner.without),
            hints=hints or given.hints,
            tell=narrator.tell if manner.verbose else silence,
        )
        laptop = Laptop(
            machine_in(parts),
            parts,
            listener.url,
            adapters=_adapters(manner),
            reports=not manner.no_reports,
        )
        _prepare(person, laptop, manner)
        narrator.actor = AtDesktop(person, lambda: settle(laptop, paced))
        ending = await _power_on(laptop, narrator, None if manner.no_reports else asker(parts, laptop))
        return _result(laptop, ending, person, narrator)


async def _power_on(laptop: Laptop, narrator: Narrator, ask: Callable[[], Awaitable[str]] | None) -> Ending:
    """Switch on, and have the narrator ask beside it what is awaited."""
    if ask is None:
        return await laptop.power_on(narrator)
    following = asyncio.create_task(narrator.follow(ask), name="what is awaited")
    try:
        return await laptop.power_on(narrator)
    finally:
        await stop(following)


def asker(parts: Parts, laptop: Laptop) -> Callable[[], Awaitable[str]]:
    """Asks the server what the device waits for; empty if nobody knows."""
    assert parts.network_clock is not None
    channel = Channel(Http(parts.transport, parts.network_clock), f"{laptop.server}/runtime/v1")

    async def ask() -> str:
        profile = laptop.memory.profile
        if profile is None or not profile.run:
            return ""
        try:
            return (await channel.blocker(profile.run)).text
        except SetupFailed:
            return ""

    return ask


def _prepare(person: Technician | Person, laptop: Laptop, manner: Manner) -> None:
    """Who comes to a device that has failed begins with Retry: that is why they came."""
    person.retries = manner.retries + (laptop.memory.failure is not None)
    person.wifi = (WIFI, "") if manner.wifi else None


def _adapters(manner: Manner) -> PlainAdapters:
    return PlainAdapters(cable=not manner.wifi, networks={WIFI: ""} if manner.wifi else {})


async def settle(laptop: Laptop, clock: PacedClock) -> None:
    """Sync until the server has nothing more for the device and nothing is being installed."""
    limit = clock.monotonic() + SETTLING
    while clock.monotonic() < limit:
        management = laptop.management
        if management is None or not management.is_enrolled:
            return
        changes = management.tree.changes
        completed = await management.sync()
        if completed and not management.is_busy and management.tree.changes == changes:
            return
        await management.changed(_PAUSE)


# --- what came of it ----------------------------------------------------------------------------------------


def _result(laptop: Laptop, ending: Ending, person: Technician | Person, narrator: Narrator) -> Result:
    last = person.seen[-1] if person.seen else None
    word = _word(laptop, ending, last, by_technician=isinstance(person, Technician))
    wanted = {"green", "resealed"} if isinstance(person, Technician) else {"desktop"}
    arrived = word in wanted
    code, message, remedy = ("", "", "") if arrived else _reason(laptop, ending, last)
    return Result(
        ended=word,
        arrived=arrived,
        serial=laptop.hardware.serial,
        name=laptop.name,
        took=narrator.elapsed,
        screens=tuple(person.screens()),
        code=code,
        message=message,
        remedy=remedy,
    )


def _word(laptop: Laptop, ending: Ending, last: Screen | None, *, by_technician: bool) -> str:
    """What the laptop came to. One that was resealed before shows its user's pages: the power may have gone
    when all was done, or the technician did not remember.
    """
    if ending.kind is EndingKind.POWERED_OFF:
        if last is not None and last.id is ScreenId.GREEN:
            return "green"
        if by_technician and laptop.memory.awaits_user:
            return "resealed"
    return _WORDS[ending.kind]


def _reason(laptop: Laptop, ending: Ending, last: Screen | None) -> tuple[str, str, str]:
    """Code, what happened, and what to do, for a person who got no further."""
    failure, profile = laptop.memory.failure, laptop.memory.profile
    if ending.code:
        is_same = failure is not None and failure.code == ending.code
        return ending.code, ending.message, failure.remedy if failure and is_same else ""
    if last is None:
        return SWITCHED_OFF, "No page was shown.", ""
    said = last.notice or " ".join(last.texts) or f"There is no way on from the page: {last.title}."
    if last.id is ScreenId.CONFIGURATION:
        is_known = profile is not None and profile.registration is not None
        return NO_PROFILE if is_known else NOT_REGISTERED, said, ""
    return last.code or SWITCHED_OFF, said, ""


def _show(result: Result) -> None:
    name = f" {result.name}" if result.name else ""
    line = f"{result.serial}{name} after {spoken(result.took)}"
    results.print(f"[{_COLOURS[result.arrived]}]{result.ended}[/] {escape(line)}")
    if not result.arrived:
        remedy = f" {result.remedy}." if result.remedy else ""
        results.print(escape(f"{result.code}: {result.message}{remedy}"))


def _say(time: str, line: str) -> None:
    tell(Text(f"{time:>8} ", "dim"), coloured(line))
