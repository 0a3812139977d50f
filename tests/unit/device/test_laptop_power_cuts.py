"""The power is cut at every write of the disk, and the run arrives all the same (check 150)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

import pytest

from reseal.device.actor import Actor, Person, Technician
from reseal.device.disk import MemoryDisk
from reseal.device.screens import Action, Intent, Screen, ScreenId
from reseal.device.windows import Ending, EndingKind
from reseal.kernel.clock import VirtualClock
from tests.unit.device.laptops import laptop, simulated
from tests.unit.device.organisation import HOST, Organisation

Moment = Literal["before", "after"]
_MOST_STARTS = 4


class PowerLost(BaseException):
    """The power is gone."""


class Fuse:
    """A probe that cuts the power once."""

    def __init__(self, moment: Moment, number: int) -> None:
        self._wanted: tuple[Moment, int] | None = (moment, number)

    def __call__(self, moment: Moment, number: int) -> None:
        if self._wanted == (moment, number):
            self._wanted = None
            raise PowerLost


async def _play(clock: VirtualClock, server: Organisation, disk: MemoryDisk, actor: Actor) -> Ending:
    """Power on until the machine is off by itself."""
    for _ in range(_MOST_STARTS):
        try:
            return await laptop(server, clock, disk, base=HOST).power_on(actor)
        except PowerLost:
            disk.power_cut()
    raise AssertionError("the power was cut once only")


async def _whole_run(clock: VirtualClock, moment: Moment, number: int) -> tuple[int, Organisation]:
    server = Organisation(clock)
    disk = MemoryDisk(Fuse(moment, number))
    technician = Technician()
    first = await _play(clock, server, disk, technician)
    # Whoever switches a resealed device on again meets its user's pages, and switches it off.
    is_sealed = technician.screens()[-1] is ScreenId.SIGN_IN and ScreenId.GREEN in technician.screens()
    assert first.kind is EndingKind.POWERED_OFF_RESEALED or is_sealed, (moment, number, first)
    person = Person(upn="adele@contoso.test", password="pw")
    last = await _play(clock, server, disk, person)
    assert last == Ending(EndingKind.DESKTOP), (moment, number, last, person.seen[-1])
    return disk.writes, server


WRITES, _ = simulated(lambda clock: _whole_run(clock, "before", 0))
_STRIDE = 4
"""A whole run takes a tenth of a second; rehearsals try every write."""


@pytest.mark.parametrize("moment, first", [("before", 1), ("after", 3)])
def test_a_cut_at_a_write_does_not_stop_the_run(moment: Moment, first: int) -> None:
    for number in range(first, WRITES + 1, _STRIDE):
        _, server = simulated(lambda clock, at=number: _whole_run(clock, moment, at))
        assert len({bytes(wish.content) for wish in server.wishes}) == 1, "one key, however often it is asked"
        assert all(report.number for report in server.reports)


# --- after a page of failure


class _Mends:
    """Somebody who presses a button on a page of failure: with that the server mends, and the fuse is set."""

    def __init__(self, actor: Actor, button: Action, server: Organisation, fuse: Callable[[], None]) -> None:
        self._actor = actor
        self._button = button
        self._server = server
        self._fuse = fuse
        self.pages: list[Screen] = []
        """What was shown with that button."""

    async def act(self, screen: Screen) -> Intent:
        if screen.offers(self._button):
            self.pages.append(screen)
        intent = await self._actor.act(screen)
        if intent.action is self._button and not self._server.releases_device:
            self._server.releases_device = True
            self._fuse()
        return intent

    async def watch(self, screen: Screen) -> Intent | None:
        return await self._actor.watch(screen)


async def _mended(
    clock: VirtualClock, actor: Actor, button: Action, number: int
) -> tuple[Ending, _Mends, Organisation]:
    """A run whose device set-up fails; the power is cut after a write that follows the button."""
    server, disk = Organisation(clock, releases_device=False, time_out=1), MemoryDisk()

    def fuse() -> None:
        disk.probe = Fuse("after", disk.writes + number)

    somebody = _Mends(actor, button, server, fuse)
    return await _play(clock, server, disk, somebody), somebody, server


_WRITES: Final = 14
"""So many follow the button until what it is for has long begun."""


def test_a_cut_after_retry_never_leads_to_a_red_page_that_does_not_say_why() -> None:
    for number in range(1, _WRITES + 1):
        ending, somebody, _ = simulated(
            lambda clock, at=number: _mended(clock, Technician(retries=9), Action.RETRY, at)
        )
        assert ending == Ending(EndingKind.POWERED_OFF_RESEALED), number
        assert {page.code for page in somebody.pages} == {"0x800705B4"}, number


@pytest.mark.parametrize(
    "who, end",
    [
        (Technician(resets=1), EndingKind.POWERED_OFF_RESEALED),
        (Person(upn="adele@contoso.test", password="pw", resets=1), EndingKind.DESKTOP),
    ],
    ids=["technician", "user"],
)
def test_a_reset_that_a_cut_interrupts_is_carried_out(who: Technician | Person, end: EndingKind) -> None:
    for number in range(1, _WRITES + 1):
        ending, _, server = simulated(
            lambda clock, at=number: _mended(clock, replace(who, seen=[]), Action.RESET, at)
        )
        assert ending == Ending(end), number
        assert len(server.joins) == 2, (number, "a system that was wiped joins again")
