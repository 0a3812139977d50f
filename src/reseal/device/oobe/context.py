"""One device in its out-of-box experience: what every step works with, and how it shows pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from reseal.device.actor import PRESSES, Actor
from reseal.device.causes import joined
from reseal.device.channel import Channel, ReportBook
from reseal.device.errors import SetupFailed
from reseal.device.firmware import Firmware
from reseal.device.hardware import Hardware, capture
from reseal.device.http import Http
from reseal.device.link import Adapters, Wireless
from reseal.device.management import Management
from reseal.device.oauth import Tokens
from reseal.device.oobe.background import Background
from reseal.device.oobe.logs import EventLog
from reseal.device.oobe.memory import Failure, Memory, Notebook, Place
from reseal.device.oobe.table import Outcome, Step
from reseal.device.parts import Parts
from reseal.device.registering import Membership, membership
from reseal.device.screens import Action, Intent, Screen
from reseal.device.timekeeping import MachineClock, Stopwatches
from reseal.device.tpm import VirtualTpm
from reseal.wire.runtime.messages import ProfileAnswer, ReportKind, Standing

PRESS_WINDOW: Final = timedelta(seconds=5)
MOST_INTENTS: Final = 500
"""So many things a person may do on one page that lead nowhere."""
PROVISIONING: Final = "provisioning"
"""The stopwatch from Provision to the result."""


class EndingKind(StrEnum):
    """How a machine that was switched on came to be off again."""

    POWERED_OFF_RESEALED = "poweredOffResealed"
    POWERED_OFF = "poweredOff"
    """The person switched it off on the way."""
    RED = "red"
    ERROR = "error"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a machine that was switched on came to rest, with the error on its display if there was one."""

    kind: EndingKind
    code: str = ""
    message: str = ""


class FivePresses(Exception):
    """The Windows key was pressed five times within five seconds."""


class SwitchedOff(Exception):
    """The person switched the device off."""


@dataclass(slots=True, kw_only=True)
class Oobe:
    """Everything that a step needs. What is here and not in `notebook` is lost at a power cut."""

    parts: Parts
    clock: MachineClock
    hardware: Hardware
    tpm: VirtualTpm | None
    adapters: Adapters
    wireless: Wireless
    http: Http
    channel: Channel
    reports: ReportBook
    stopwatches: Stopwatches
    notebook: Notebook
    actor: Actor
    background: Background
    firmware: Firmware
    events: EventLog
    learns_user: bool = True
    """Prove the TPM for the sake of the assigned user's name, before any flow was chosen."""
    step: Step = Step.START
    management: Management | None = None
    tokens: Tokens | None = None
    """Of the person who signed in since power-on, for whatever was asked for first."""
    management_tokens: Tokens | None = None
    """Of the same person, for management."""
    ticket: str = ""
    fetched: bool = False
    """The profile was fetched since the machine started."""
    user_asked_for: bool = False
    """A proven TPM has asked for whom the device is, since the profile was fetched."""
    ending: Ending | None = None
    clock_notice: str = ""
    rounds: dict[str, int] = field(default_factory=dict)
    presses: list[timedelta] = field(default_factory=list)
    shown: str = ""

    # --- what is known

    @property
    def memory(self) -> Memory:
        """What outlasts a power cut."""
        return self.notebook.memory

    @property
    def profile(self) -> ProfileAnswer:
        """Who the device is, as far as it knows."""
        return self.memory.profile or ProfileAnswer(standing=Standing.UNREGISTERED)

    @property
    def membership(self) -> Membership | None:
        """The device in the directory, once it joined."""
        return membership(self.parts.disk)

    @property
    def language(self) -> str:
        """The language of the pages: what was chosen, else the profile's, else that of the system."""
        profile = self.profile.profile
        told = "" if profile is None or profile.locale == "os-default" else profile.locale
        return self.memory.language or told or self.hardware.languages[0]

    @property
    def is_technicians(self) -> bool:
        """Whether the technician flow is under way."""
        return self.memory.place in (Place.PROVISIONING, Place.GREEN, Place.RED)

    def hardware_hash(self) -> str:
        """The hardware hash, captured now."""
        modulus = None if self.tpm is None else self.tpm.ek_modulus
        return capture(self.hardware, ek_modulus=modulus, at=self.clock.now())

    # --- showing pages

    async def ask(self, screen: Screen) -> Intent:
        """Show a page that waits, until the person does one of the things that it offers.

        Raises `SwitchedOff`, or `FivePresses` where the page takes the Windows key.
        """
        if self.memory.restarts:
            self.notebook.note(restarts=0)
        screen = self._dressed(screen, Action.POWER_OFF)
        self._report_page(screen)
        await self.reports.send()
        for _ in range(MOST_INTENTS):
            intent = await self.actor.act(screen)
            if not screen.offers(intent.action):
                continue
            self._tell_intent(screen, intent)
            if intent.action is Action.POWER_OFF:
                raise SwitchedOff
            if intent.action is not Action.PRESS_WINDOWS_KEY:
                return intent
            self._press()
        raise SwitchedOff

    async def watch(self, screen: Screen) -> Intent | None:
        """Show a page that goes on by itself; what the person did meanwhile, if it is something it offers.

        Raises `SwitchedOff`.
        """
        screen = self._dressed(screen, Action.POWER_OFF)
        self._report_page(screen)
        intent = await self.actor.watch(screen)
        if intent is None or not screen.offers(intent.action):
            return None
        self._tell_intent(screen, intent)
        if intent.action is Action.POWER_OFF:
            raise SwitchedOff
        return intent

    def _dressed(self, screen: Screen, *actions: Action) -> Screen:
        notice = joined(self.clock_notice, screen.notice)
        offered = (*screen.actions, *(each for each in actions if each not in screen.actions))
        return replace(screen, notice=notice, actions=offered, language=screen.language or self.language)

    def _report_page(self, screen: Screen) -> None:
        if screen.id == self.shown:
            return
        self.shown = screen.id
        self.clock_notice = ""
        self.parts.tell("page.shown", {"screen": screen.id.value, "step": self.step.value})
        self.reports.write(ReportKind.PAGE_SHOWN, screen=screen.id, code=screen.code)

    def _tell_intent(self, screen: Screen, intent: Intent) -> None:
        self.parts.tell("person.acted", {"screen": screen.id.value, "action": intent.action.value})

    def _press(self) -> None:
        """Five presses count if the first is no more than five seconds ago (spec/autopilot.md 11, 12).

        A person presses in everybody's time, however fast the device lives (`pace`).
        """
        now = (self.parts.network_clock or self.clock).monotonic()
        self.presses = [*self.presses, now][-PRESSES:]
        if len(self.presses) == PRESSES and now - self.presses[0] <= PRESS_WINDOW:
            self.presses = []
            raise FivePresses

    # --- how steps end

    def failed(self, error: SetupFailed) -> Outcome:
        """Note why the step failed: a red page while a technician is at work, else an error."""
        failure = Failure.of(self.step, error)
        is_red = self.is_technicians
        self.notebook.note(failure=failure, **({"place": Place.RED} if is_red else {}))
        self.parts.tell("setup.failed", {"step": self.step.value, "code": error.code})
        self.reports.write(
            ReportKind.FAILED,
            code=error.code,
            detail={"step": self.step.value, "message": failure.message},
        )
        return Outcome.RED if is_red else Outcome.ERROR

    def round(self, name: str, most: int) -> bool:
        """Whether something may be begun once more since power-on; each call counts."""
        self.rounds[name] = self.rounds.get(name, 0) + 1
        return self.rounds[name] <= most


Handler = Callable[[Oobe], Awaitable[Outcome]]
"""Carries out a step. Raises `SetupFailed`, which becomes RED or ERROR."""


def about(**facts: Any) -> dict[str, Any]:
    """Facts for `tell`, without the empty ones."""
    return {name: value for name, value in facts.items() if value not in (None, "")}
