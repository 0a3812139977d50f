"""What people are told of a laptop: each page once, then what changes, and what is awaited."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reseal.cli.narration import Narrator, stop
from reseal.device.actor import press_windows_key, sign_in
from reseal.device.pace import PacedClock
from reseal.device.screens import (
    Action,
    Choice,
    Detail,
    Field,
    Intent,
    Line,
    Progress,
    Screen,
    ScreenId,
    Section,
)
from reseal.kernel.clock import VirtualClock
from tests.unit.device.laptops import simulated

LANGUAGE = Screen(id=ScreenId.LANGUAGE, title="Let's start", actions=(Action.CHOOSE,))


@dataclass
class Script:
    """Does what is written down."""

    intents: list[Intent] = field(default_factory=list)

    async def act(self, _screen: Screen) -> Intent:
        return self.intents.pop(0)

    async def watch(self, _screen: Screen) -> Intent | None:
        return None


def _status(apps: str, state: Progress = Progress.IN_PROGRESS) -> Screen:
    lines = (Line("Apps", state, apps), Line("Certificates", Progress.NOT_STARTED))
    return Screen(
        id=ScreenId.STATUS_PAGE,
        title="Setting up",
        sections=(Section("device", "Device setup", state, lines),),
    )


def _narrator(clock: VirtualClock, told: list[str], *intents: Intent, pace: float = 60) -> Narrator:
    paced = PacedClock(clock, pace)
    return Narrator(Script(list(intents)), paced, clock, lambda time, line: told.append(f"{time}|{line}"))


def test_a_page_is_told_once_and_then_what_changes() -> None:
    told: list[str] = []

    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, told)
        await narrator.watch(_status("0 of 2"))
        await clock.sleep(timedelta(seconds=1))
        await narrator.watch(_status("0 of 2"))
        await narrator.watch(_status("1 of 2"))
        await narrator.watch(_status("2 of 2", Progress.SUCCEEDED))

    simulated(main)
    assert told == [
        "0:00:00|Setting up",
        "|  Device setup: working",
        "|  Device setup, Apps: 0 of 2",
        "0:01:00|  Device setup, Apps: 1 of 2",
        "0:01:00|  Device setup: done",
        "0:01:00|  Device setup, Apps: 2 of 2",
    ]


def test_what_the_person_does_is_told_without_secrets() -> None:
    told: list[str] = []
    page = Screen(
        id=ScreenId.SIGN_IN,
        title="Sign in",
        texts=("Call the help desk.",),
        details=(Detail("logo", "Logo", "https://x.test/logo"), Detail("greeting", "Greeting", "Adele")),
    )
    refused = replace(page, code="AADSTS50126", notice="Wrong.")

    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, told, sign_in("adele@a.test", "OpenSesame"), Intent(Action.POWER_OFF))
        await narrator.act(page)
        await narrator.act(refused)

    simulated(main)
    assert told == [
        "0:00:00|Sign in",
        "|  Call the help desk.",
        "|  Greeting: Adele",
        "0:00:00|> signs in as adele@a.test",
        "0:00:00|  AADSTS50126 Wrong.",
        "0:00:00|> switches off",
    ]


def test_presses_of_the_key_are_counted() -> None:
    told: list[str] = []

    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, told, *[press_windows_key()] * 5)
        for _ in range(5):
            await narrator.act(LANGUAGE)
        await narrator.watch(_status(""))

    simulated(main)
    assert told[:2] == ["0:00:00|Let's start", "0:00:00|> presses the Windows key 5 times"]


def test_who_tries_again_takes_a_longer_breath_each_time() -> None:
    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, [], *[Intent(Action.RETRY)] * 3, pace=3600)
        moments = [clock.monotonic()]
        for _ in range(3):
            await narrator.act(Screen(id=ScreenId.RED, title="Red"))
            moments.append(clock.monotonic())
        assert moments == [timedelta(seconds=seconds) for seconds in (0, 2, 6, 12)]

    simulated(main)


def test_what_is_awaited_is_told_when_it_changes_and_a_page_waits() -> None:
    told: list[str] = []
    answers = ["the app", "the app", "", "the release"]

    async def ask() -> str:
        return answers.pop(0) if answers else ""

    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, told, Intent(Action.CHOOSE, "en-US"), pace=1)
        following = asyncio.create_task(narrator.follow(ask))
        await narrator.act(LANGUAGE)
        await clock.sleep(timedelta(milliseconds=10_500))
        assert len(answers) == 4, "on a page that waits for the person nobody asks"
        await narrator.watch(_status("0 of 2"))
        await clock.sleep(timedelta(seconds=10))
        await stop(following)

    simulated(main)
    assert [line for line in told if "waits" in line] == [
        "0:00:11|waits: the app",
        "0:00:14|waits: the release",
    ]


def test_everything_is_told_to_who_wants_it() -> None:
    told: list[str] = []

    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, told)
        narrator.tell("install.status", {"product": "{A}", "status": 70})
        narrator.tell("machine.stopped", {})

    simulated(main)
    assert told == ["0:00:00|install.status product={A} status=70", "0:00:00|machine.stopped"]


def test_what_is_chosen_is_told_by_its_label() -> None:
    told: list[str] = []
    layouts = Field(
        name="keyboard", label="Layout", choices=(Choice("00000409", "US"), Choice("00000407", "German"))
    )
    page = replace(LANGUAGE, fields=(layouts,))

    async def main(clock: VirtualClock) -> None:
        await _narrator(clock, told, Intent(Action.CHOOSE, "00000407")).act(page)

    simulated(main)
    assert told[-1] == "0:00:00|> chooses German"


def test_a_machine_that_restarts_is_asked_nothing() -> None:
    told: list[str] = []

    async def ask() -> str:
        return "somebody at the device"

    async def main(clock: VirtualClock) -> None:
        narrator = _narrator(clock, told)
        following = asyncio.create_task(narrator.follow(ask))
        await narrator.watch(Screen(id=ScreenId.RESTARTING, title="Restarting"))
        await clock.sleep(timedelta(seconds=5))
        await stop(following)

    simulated(main)
    assert told == ["0:00:00|Restarting"]
