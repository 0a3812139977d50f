"""One device and whoever stands before it, going through the steps of a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import takewhile
from typing import Any, Final, Literal

from reseal.autopilot.registrations import list_registrations
from reseal.blueprint.source import Source
from reseal.device.actor import AtDesktop, Habits, Person, Technician
from reseal.device.disk import MemoryDisk
from reseal.device.hints import Hints
from reseal.device.oobe.context import Ending, EndingKind
from reseal.device.parts import Parts
from reseal.device.screens import ScreenId
from reseal.device.transport import Transport
from reseal.device.windows import Laptop
from reseal.kernel.clock import Clock
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import active_enrolment_of_registration
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.expecting import Moment, items_named, unmet
from reseal.rehearsal.faults import NO_FAULTS, Faults
from reseal.rehearsal.link import Link
from reseal.rehearsal.scenario import EXPECTATIONS, Act, Expectation, Outcome, Step
from reseal.rehearsal.stage import Candidate, lengthened
from reseal.rehearsal.world import World

PACE: Final = timedelta(milliseconds=800)
"""How long a person takes for a page; five presses of the Windows key must fit into five seconds."""
RETRIES: Final = 8
"""On a bad network a person tries again so often."""
REST: Final = timedelta(minutes=1)
"""There a person waits so long before trying again: what is broken may mend."""
SETTLING: Final = timedelta(hours=2)
"""So long a person leaves the device on at the desktop, at most, for what still arrives."""

_DARK: Final = timedelta(seconds=30)
_LOOK: Final = timedelta(minutes=1)
_TECHNICIANS: Final = {Act.TECHNICIAN, Act.RETRY, Act.RESET}
_CURES: Final = {Act.RETRY, Act.RESET}

_OUTCOMES: Final = {
    EndingKind.POWERED_OFF_RESEALED: Outcome.RESEALED,
    EndingKind.RED: Outcome.RED,
    EndingKind.ERROR: Outcome.ERROR,
    EndingKind.DESKTOP: Outcome.DESKTOP,
    EndingKind.POWERED_OFF: Outcome.OFF,
}


class PowerLost(BaseException):
    """Raised by a probe of the disk where the power is cut."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth showing while a rehearsal runs."""

    at: timedelta
    what: str
    ended: bool = False
    """A device has ended."""


Tell = Callable[[Note], None]


@dataclass(slots=True)
class Player:
    """A device, from its first power-on to the end of its plan."""

    world: World
    candidate: Candidate
    hints: Hints
    overlays: Mapping[str, Source]
    faults: Faults
    tell: Tell
    bears_trouble: bool = False
    """People try again although the network is good: servers or power are going to fail."""
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    ended: Expectation = field(default=Expectation(Outcome.OFF))
    message: str = ""
    upn: str = ""
    """Who signed in last."""
    unmet: list[str] = field(default_factory=list)
    """What was not as the plan expects it on the way."""
    log: list[tuple[timedelta, str, dict[str, Any]]] = field(default_factory=list)
    """What the device told of itself."""
    begun: timedelta = timedelta(0)
    over: timedelta = timedelta(0)
    cuts: int = 0
    """How often its power was cut."""
    switched_on: bool = False
    link: Link = field(init=False)
    _parts: Parts = field(init=False)
    _shown: list[ScreenId] = field(init=False, default_factory=list)
    _flow: Step = field(init=False, default=Step(Act.TECHNICIAN))
    _pulling: asyncio.Task[None] | None = field(init=False, default=None)
    _dark: bool = field(init=False, default=False)
    """The power was cut, and nobody has switched the device on again."""

    def __post_init__(self) -> None:
        name, plan = self.candidate.name, self.candidate.plan
        self.link = self.world.link(name, faults=self.faults, cable=not plan.wifi)
        self._parts = Parts(
            disk=self.disk,
            transport=self.link,
            clock=self.world.clock,
            entropy=self.world.entropy.fork(f"device {name}"),
            keys=self.world.keys.fork(name),
            quirks=plan.quirks,
            hints=self.hints,
            tell=self._told,
        )
        self._laptop(new=True)

    @property
    def patience(self) -> int:
        """How often a person tries again by itself."""
        return RETRIES if self.faults != NO_FAULTS or self.bears_trouble else 0

    @property
    def clock(self) -> Clock:
        """The time of the rehearsal."""
        return self.world.clock

    async def play(self, after: timedelta) -> None:
        """Go through the plan. It ends where a flow does not end well, unless a later step is the cure."""
        await self.clock.sleep(after)
        self.begun = self.clock.monotonic()
        steps = list(self.candidate.plan.steps)
        while steps:
            step = steps.pop(0)
            reseals = step.act in _TECHNICIANS and bool(steps) and steps[0].act is Act.RESEAL
            await self._do(step, reseals=reseals)
            if self._has_failed() and not any(each.act in _CURES for each in steps):
                steps = list(takewhile(lambda each: each.act in EXPECTATIONS, steps))
            if reseals and self.ended.outcome is Outcome.RESEALED:
                steps.pop(0)
        self.over = self.clock.monotonic()
        self.tell(Note(self.over, f"{self.candidate.name} {self.ended}", ended=True))

    def cut_power_when(self, strikes: Callable[[Literal["before", "after"], int], bool]) -> None:
        """Cut the power before or after each write to the disk for which `strikes` says so, by number.

        From then on nothing is written any more until the device is switched on again, whatever still runs.
        """

        def probe(moment: Literal["before", "after"], number: int) -> None:
            self._dark = self._dark or strikes(moment, number)
            if self._dark:
                raise PowerLost

        self.disk.probe = probe

    def tap(self, wire: Callable[[Transport], Transport]) -> None:
        """Have everything that the device sends go through `wire`, which is given what it went through."""
        self._parts = replace(self._parts, transport=wire(self._parts.transport))

    def give_up(self) -> None:
        """It took too long."""
        self.over = self.clock.monotonic()
        self.message = f"It did not come to an end; the last that it told was {self.log[-1:]}."
        self.ended = Expectation(Outcome.OFF)

    def _has_failed(self) -> bool:
        return self.switched_on and self.ended.outcome in {Outcome.RED, Outcome.ERROR, Outcome.OFF}

    # --- steps ----------------------------------------------------------------------------------------------

    async def _do(self, step: Step, *, reseals: bool) -> None:
        match step.act:
            case Act.TECHNICIAN:
                self._flow = step
                await self._switch_on(self._actor(reseals=reseals))
            case Act.USER:
                self._flow = step
                await self._switch_on(self._actor())
            case Act.RETRY:
                await self._switch_on(self._actor(reseals=reseals, retries=1))
            case Act.RESET:
                await self._switch_on(self._actor(reseals=reseals, resets=1))
            case Act.RESEAL:
                await self._switch_on(self._actor(reseals=True))
            case Act.CABLE:
                self.link.cable = step.argument == "in"
            case Act.UNPLUG_AFTER:
                self._later(timedelta(minutes=int(step.argument)))
            case Act.WAIT:
                await self.clock.sleep(timedelta(minutes=int(step.argument)))
            case expectation if expectation in EXPECTATIONS:
                await self._look(step)
            case _:
                await self.world.up()
                await self._edit(step)

    async def _edit(self, step: Step) -> None:
        """What an administrator does meanwhile."""
        serial, admin = self.candidate.name, self.world.admin
        match step.act:
            case Act.ASSIGN_USER:
                await admin.edit_registration(
                    serial, assignedUser=lengthened(step.argument, self.world.domain)
                )
            case Act.GROUP_TAG:
                await admin.edit_registration(serial, groupTag=step.argument)
            case Act.APPLY:
                await admin.apply(self.overlays[step.argument])
            case Act.DAMAGE:
                await self.world.damage(step.argument)
            case _:
                raise AssertionError(step.act)

    async def _look(self, step: Step) -> None:
        """Whether something is as expected at this point."""
        await self.world.up()
        items = await self.world.db.read(items_named, self.world.tenant, step.argument)
        evidence = Evidence.of(self.disk, self.clock)
        moment = Moment(ended=self.ended, shown=self._shown, upn=self.upn, device=evidence)
        self.unmet += unmet(step, moment, items)

    def _later(self, delay: timedelta) -> None:
        """Pull the cable out after a while, whatever goes on then."""

        async def pull() -> None:
            await self.clock.sleep(delay)
            self.link.cable = False

        self._pulling = asyncio.get_running_loop().create_task(
            pull(), name=f"{self.candidate.name} unplugged"
        )

    # --- who stands before it -------------------------------------------------------------------------------

    def _actor(self, *, reseals: bool = False, retries: int = 0, resets: int = 0) -> Technician | Person:
        plan = self.candidate.plan
        wifi = (plan.wifi, self.world.network.access_points[plan.wifi]) if plan.wifi else None
        habits: dict[str, Any] = {
            "clock": self.clock,
            "pace": PACE,
            "wifi": wifi,
            "retries": max(retries, self.patience),
            "rest": REST if self.patience else timedelta(0),
            "resets": resets,
        }
        if self._flow.act is Act.TECHNICIAN:
            return Technician(reseals=reseals, **habits)
        self.upn = lengthened(self._flow.argument, self.world.domain) or self.candidate.upn
        password = self.world.admin.passwords.get(self.upn, "")
        return Person(upn=self.upn, password=password, attempts=1 + self.patience, **habits)

    async def _switch_on(self, person: Technician | Person) -> None:
        """Switch the device on, and on again after each power cut, until it comes to rest."""
        self.switched_on = True
        actor = AtDesktop(person, self._settled)
        ending: Ending | None = None
        while ending is None:
            try:
                ending = await self._laptop().power_on(actor)
            except PowerLost:
                self.cuts += 1
                self.disk.power_cut()
                await self.clock.sleep(_DARK)
                self._dark = False
        self.message = ending.message
        self._shown = person.screens()
        self.ended = Expectation(self._outcome(ending, person), ending.code)

    def _laptop(self, *, new: bool = False) -> Laptop:
        """The machine as it stands over its disk; a new one comes with its TPM from the factory."""
        return Laptop(
            self.candidate.hardware,
            self._parts,
            self.world.device_url,
            endorsement_key=self.candidate.endorsement_key if new else None,
            adapters=self.link,
            reports=self.candidate.plan.reports,
        )

    def _outcome(self, ending: Ending, person: Habits) -> Outcome:
        shown = person.screens()
        is_green = ending.kind is EndingKind.POWERED_OFF and shown[-1:] == [ScreenId.GREEN]
        return Outcome.GREEN if is_green else _OUTCOMES[ending.kind]

    async def _settled(self) -> None:
        """Leave the device on until the server awaits nothing more of it, at most for `SETTLING`."""
        limit = self.clock.monotonic() + SETTLING
        while self.clock.monotonic() < limit:
            await self.world.up()
            if await self.world.db.read(_awaits_nothing, self.world.tenant, self.candidate.name):
                return
            await self.clock.sleep(_LOOK)

    def _told(self, what: str, about: dict[str, Any]) -> None:
        now = self.clock.monotonic()
        self.log.append((now, what, about))
        if what == "page.shown":
            self.tell(Note(now, f"{self.candidate.name} {about['screen']}"))


def _awaits_nothing(tx: Tx, tenant: TenantKey, serial: str) -> bool:
    """Whether everything that the device shall have is at its end."""
    for one in list_registrations(tx, tenant, serial=serial).items:
        found = active_enrolment_of_registration(tx, tenant, one.id)
        if one.serial == serial and found is not None:
            return found.open_items == 0 and not found.stale
    return True
