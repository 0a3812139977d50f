"""A laptop on a table, and everything around it that hands can touch.

Power button, network cable, charger and battery, networks in the air, the box that a resealed laptop goes
into. The laptop itself is made by a `Workshop` each time it is switched on, as in life: what it knows is on
its disk. Whatever ends its task in the middle is a power cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog

from reseal.device.disk import Disk
from reseal.device.errors import SetupFailed
from reseal.device.hardware import Hardware
from reseal.device.http import Http
from reseal.device.link import PlainAdapters
from reseal.device.pages.display import CHANGED, Display
from reseal.device.screens import Action, Intent
from reseal.device.windows import Ending, EndingKind, Laptop
from reseal.kernel.clock import Clock
from reseal.kernel.errors import ResealError

LOOK: Final = timedelta(seconds=1)
"""So often it is asked what is awaited, and how full the battery is."""
_FULL: Final = 100
_LASTS: Final = timedelta(hours=6)
"""A full battery, while the laptop is on."""
_CHARGES: Final = timedelta(minutes=90)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A laptop that is on: the machine, what the sign-in page's pictures are fetched by, and how to ask the
    server what the laptop waits for (empty if nobody knows).
    """

    laptop: Laptop
    http: Http
    awaited: Callable[[], Awaitable[str]]


Workshop = Callable[[PlainAdapters], AbstractAsyncContextManager[Running]]
"""Puts a laptop together for as long as it is on. Raises `ResealError` if it cannot be."""


class Hand(StrEnum):
    """What hands do around a laptop."""

    POWER = "power"
    """Press the power button."""
    HOLD = "hold"
    """Hold it until the power is cut."""
    CABLE = "cable"
    """Plug the network cable in, or pull it."""
    CHARGER = "charger"
    BOX = "box"
    """Put it into its box, or take it out."""


@dataclass(slots=True)
class Battery:
    """The battery, by the time of the device."""

    clock: Clock
    charging: bool = True
    _level: float = _FULL
    _at: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self._at = self.clock.monotonic()

    def level(self, is_on: bool) -> int:
        """Percent, after the time since the last call with the laptop on or off."""
        now = self.clock.monotonic()
        passed, self._at = now - self._at, now
        if self.charging:
            self._level += _FULL * (passed / _CHARGES)
        elif is_on:
            self._level -= _FULL * (passed / _LASTS)
        self._level = max(0.0, min(float(_FULL), self._level))
        return round(self._level)


@dataclass(slots=True)
class Stand:
    """One laptop on its table. `clock` is the laptop's, `display.clock` everybody's."""

    hardware: Hardware
    disk: Disk
    workshop: Workshop
    clock: Clock
    display: Display
    adapters: PlainAdapters
    networks: Mapping[str, str]
    """What is in the air: names of Wi-Fi networks with their passwords, for whoever operates the laptop."""
    battery: Battery = field(init=False)
    boxed: bool = False
    running: Running | None = None
    ending: Ending | None = None
    """How it came to rest last."""
    problem: str = ""
    """Why it could not be switched on."""
    awaited: str = ""
    """What a page that goes on by itself waits for, in plain words."""
    percent: int = _FULL
    _life: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.battery = Battery(self.clock)

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return self._life is not None

    @property
    def can_be_boxed(self) -> bool:
        """Whether it can go into its box: it is off, and nothing is plugged in."""
        return not self.is_on and not self.adapters.cable and not self.battery.charging

    def touch(self, hand: Hand) -> None:
        """Do something around the laptop; what cannot be done at the moment does nothing."""
        match hand:
            case Hand.BOX:
                self.boxed = not self.boxed and self.can_be_boxed
            case _ if self.boxed:
                return
            case Hand.POWER:
                self._press_power()
            case Hand.HOLD:
                self._cut()
            case Hand.CABLE:
                self._move_cable()
            case Hand.CHARGER:
                self._measure()
                self.battery.charging = not self.battery.charging
        self.display.bells.ring(CHANGED)

    async def close(self) -> None:
        """Cut the power if it is on, and return when the laptop is off."""
        life = self._life
        if life is not None:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    # --- power

    def _press_power(self) -> None:
        if self._life is not None:
            self.display.do(self.display.turn, Intent(Action.POWER_OFF))
        elif self._measure():
            self.problem = ""
            self._life = asyncio.create_task(self._live(), name=f"laptop {self.hardware.serial}")

    def _cut(self) -> None:
        if self._life is not None:
            self._life.cancel()

    async def _live(self) -> None:
        """From power-on until it is off, for whatever reason."""
        beside = asyncio.create_task(self._look_around(), name="what is awaited")
        self.ending = None
        try:
            async with self.workshop(self.adapters) as self.running:
                self.ending = await self.running.laptop.power_on(self.display)
        except asyncio.CancelledError:
            self.ending = None  # the power was cut
        except ResealError as error:
            self.problem = f"{error.message} {error.remedy}".strip()
        except Exception as error:  # a page that stays dark without a word helps nobody
            _log.error("the laptop stopped", serial=self.hardware.serial, exc_info=error)
            self.problem = "The modelled laptop stopped by an error of its own; the log has the cause."
        finally:
            beside.cancel()
            self._measure()
            self.running, self._life, self.awaited = None, None, ""
            self.display.go_dark()

    async def _look_around(self) -> None:
        """Ask what is awaited, and look at the battery."""
        everybodys = self.display.clock
        while True:
            await everybodys.sleep(LOOK)
            before = self.awaited, self.percent
            if self.running is not None:
                asks = self.display.asks
                try:
                    self.awaited = "" if asks else await self.running.awaited()
                except SetupFailed:
                    self.awaited = ""
            if not self._measure():
                self._cut()
            if before != (self.awaited, self.percent):
                self.display.bells.ring(CHANGED)

    def _measure(self) -> int:
        self.percent = self.battery.level(self.is_on)
        return self.percent

    # --- network

    def _move_cable(self) -> None:
        """On the network page, plugging the cable in is what the person does there."""
        self.adapters.cable = not self.adapters.cable
        if self.adapters.cable:
            self.display.do(self.display.turn, Intent(Action.PLUG_CABLE))

    @property
    def is_resealed(self) -> bool:
        """Whether it was switched off by Reseal."""
        return self.ending is not None and self.ending.kind is EndingKind.POWERED_OFF_RESEALED
