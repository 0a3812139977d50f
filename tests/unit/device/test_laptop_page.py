"""A laptop on a page: what is done counts once, for the page that its person saw; hands do what hands do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import httpx2
import pytest

from reseal.device.actor import Actor
from reseal.device.disk import MemoryDisk
from reseal.device.hardware import sample_laptop
from reseal.device.http import Http
from reseal.device.link import PlainAdapters
from reseal.device.pages.display import Display
from reseal.device.pages.routes import LaptopPages
from reseal.device.pages.stand import Hand, Running, Stand
from reseal.device.pages.text import lines
from reseal.device.pages.view import framed
from reseal.device.screens import (
    Action,
    Choice,
    Field,
    Intent,
    Line,
    Progress,
    Screen,
    ScreenId,
    Section,
    WebPage,
)
from reseal.device.windows import Ending, EndingKind, Laptop
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Unauthenticated
from reseal.web.calls import Caller
from reseal.web.routes import Listener, application
from reseal.web.streams import Streams
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of

REGION = Screen(
    id=ScreenId.REGION,
    title="Is this the right country or region?",
    fields=(
        Field(
            name="region",
            label="Country",
            value="FR",
            choices=(Choice("DE", "Germany"), Choice("FR", "France")),
        ),
    ),
    actions=(Action.CHOOSE, Action.PRESS_WINDOWS_KEY, Action.POWER_OFF),
)
NETWORK = Screen(
    id=ScreenId.NETWORK, title="Network", actions=(Action.CONNECT, Action.PLUG_CABLE, Action.POWER_OFF)
)
WORKING = Screen(id=ScreenId.STATUS_PAGE, title="Setting up", actions=(Action.POWER_OFF,))
PAGE = WebPage(
    "https://login.contoso.test/common/authorize?x=1",
    b"""<html><head><script>bad()</script><base href="/common/"><link rel=stylesheet href="/assets/a.css">
    <meta http-equiv=refresh content=0><link rel=icon href=/i.ico></head><body onload="bad()">
    <img src="logo.png"><form method=post action="login"><input name=loginfmt></form>
    <a href="/other">other</a><a href="https://elsewhere.test/">away</a></body></html>""",
)
SIGN_IN = Screen(
    id=ScreenId.SIGN_IN,
    title="Sign in",
    actions=(Action.SIGN_IN, Action.SUBMIT, Action.FOLLOW, Action.POWER_OFF),
    web=PAGE,
)
PATIENCE = timedelta(seconds=20)

Story = Callable[[Actor], Awaitable[Ending]]


@dataclass
class Table:
    """A laptop that lives the story that a test tells, on its table, with its page."""

    story: Story
    clock: ManualClock = field(default_factory=ManualClock)
    ended: list[str] = field(default_factory=list)
    done: list[Intent] = field(default_factory=list)

    def __post_init__(self) -> None:
        disk = MemoryDisk()
        adapters = PlainAdapters(cable=False, networks={"Cafe": ""}, captive=frozenset({"Cafe"}))
        self.stand = Stand(
            sample_laptop("contoso", 1),
            disk,
            self._workshop,
            self.clock,
            Display(SystemClock()),
            adapters,
            {"Cafe": ""},
        )
        app = application(
            LaptopPages(self.stand, Streams(SystemClock(), asyncio.Event())).routes(),
            listener=Listener.BROWSER,
            hosts=lambda: frozenset({HOST}),
            authenticate=_nobody,
            entropy=SeededEntropy("page"),
        )
        self.client = client_of(app)
        self.client.headers["Origin"] = f"https://{HOST}"

    @asynccontextmanager
    async def _workshop(self, _adapters: PlainAdapters) -> AsyncIterator[Running]:
        async def live(actor: Actor) -> Ending:
            return await self.story(actor)

        async def awaited() -> str:
            return "The server has to answer."

        laptop: Any = type("Laptop", (), {"power_on": staticmethod(live)})()
        try:
            yield Running(cast("Laptop", laptop), cast("Http", None), awaited)
        finally:
            self.ended.append("off")

    async def switch_on(self) -> None:
        self.stand.touch(Hand.POWER)
        await self.until(lambda: self.stand.display.screen is not None)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        return await self.client.post(path, data=fields)


async def _nobody(_request: object) -> Caller:
    raise Unauthenticated(code="NoCaller", message="Nobody.")


def asks(*screens: Screen) -> tuple[list[Intent], Story]:
    """A laptop that shows these pages one after the other, and what was done on them."""
    done: list[Intent] = []

    async def story(actor: Actor) -> Ending:
        for screen in screens:
            intent = await actor.act(screen)
            while intent.action is Action.PRESS_WINDOWS_KEY:
                done.append(intent)
                intent = await actor.act(screen)
            done.append(intent)
            if intent.action is Action.POWER_OFF:
                return Ending(EndingKind.POWERED_OFF)
        return Ending(EndingKind.POWERED_OFF_RESEALED)

    return done, story


# --- what a person does -------------------------------------------------------------------------------------


async def test_what_is_done_on_a_page_is_done_once() -> None:
    done, story = asks(REGION, NETWORK)
    table = Table(story)
    await table.switch_on()
    turn = str(table.stand.display.turn)
    first = await table.post("/do", turn=turn, action="choose", value="DE")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    await table.until(lambda: table.stand.display.screen is NETWORK)
    again = await table.post("/do", turn=turn, action="choose", value="DE")
    assert again.headers["location"] == "/?gone=true"
    assert "That page has gone" in (await table.client.get("/?gone=true")).text
    assert done == [Intent(Action.CHOOSE, "DE")]
    await table.stand.close()


async def test_two_presses_of_one_button_are_one() -> None:
    done, story = asks(REGION, REGION, NETWORK)
    table = Table(story)
    await table.switch_on()
    turn = str(table.stand.display.turn)
    await asyncio.gather(*(table.post("/do", turn=turn, action="choose", value="DE") for _ in range(2)))
    await asyncio.sleep(0.05)
    assert done == [Intent(Action.CHOOSE, "DE")], "the same page came again, and is another turn"
    await table.stand.close()


async def test_what_the_page_does_not_offer_is_not_done() -> None:
    done, story = asks(REGION)
    table = Table(story)
    await table.switch_on()
    turn = str(table.stand.display.turn)
    assert (await table.post("/do", turn=turn, action="reseal")).headers["location"] == "/?gone=true"
    assert (await table.post("/do", turn=turn, action="dance")).status_code == 400
    assert (await table.post("/hands", hand="kick")).status_code == 400
    assert not done
    await table.stand.close()


async def test_five_presses_arrive_as_five() -> None:
    done, story = asks(REGION)
    table = Table(story)
    await table.switch_on()
    for _ in range(5):
        await table.post("/windows-key")
    await table.until(lambda: len(done) == 5)
    assert {intent.action for intent in done} == {Action.PRESS_WINDOWS_KEY}
    await table.stand.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
    ],
)
async def test_forms_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    done, story = asks(REGION)
    table = Table(story)
    await table.switch_on()
    for path in (
        "/do",
        "/hands",
        "/windows-key",
        "/view/send?turn=1&to=https://login.contoso.test/common/login",
    ):
        answer = await table.client.post(path, data={"hand": "hold"}, headers=headers)
        assert answer.status_code == 403, path
    assert table.stand.is_on
    assert not done
    await table.stand.close()


async def test_another_host_name_is_refused() -> None:
    _, story = asks(REGION)
    table = Table(story)
    assert (await table.client.get("/", headers={"Host": "evil.test"})).status_code == 421


# --- hands --------------------------------------------------------------------------------------------------


async def test_plugging_the_cable_in_answers_the_network_page() -> None:
    done, story = asks(NETWORK, REGION)
    table = Table(story)
    await table.switch_on()
    await table.post("/hands", hand="cable")
    await table.until(lambda: table.stand.display.screen is REGION)
    assert done == [Intent(Action.PLUG_CABLE)]
    assert table.stand.adapters.cable
    await table.stand.close()


async def test_the_power_button_switches_off_in_good_order_and_holding_it_cuts_the_power() -> None:
    done, story = asks(REGION)
    table = Table(story)
    await table.switch_on()
    await table.post("/hands", hand="power")
    await table.until(lambda: not table.stand.is_on)
    assert done == [Intent(Action.POWER_OFF)]
    assert table.stand.ending == Ending(EndingKind.POWERED_OFF)
    await table.switch_on()
    await table.post("/hands", hand="hold")
    await table.until(lambda: not table.stand.is_on)
    assert table.stand.ending is None
    assert table.ended == ["off", "off"]


async def test_only_a_laptop_that_is_off_and_unplugged_goes_into_its_box() -> None:
    _, story = asks(REGION)
    table = Table(story)
    stand = table.stand
    stand.touch(Hand.BOX)
    assert not stand.boxed, "the charger is plugged in"
    stand.touch(Hand.CHARGER)
    stand.touch(Hand.BOX)
    assert stand.boxed
    assert "In its box" in (await table.client.get("/")).text
    for hand in (Hand.POWER, Hand.CABLE, Hand.CHARGER):
        stand.touch(hand)
    assert (stand.is_on, stand.adapters.cable, stand.battery.charging) == (False, False, False)
    stand.touch(Hand.BOX)
    await table.switch_on()
    stand.touch(Hand.BOX)
    assert not stand.boxed
    await stand.close()


async def test_an_empty_battery_is_a_power_cut() -> None:
    _, story = asks(REGION)
    table = Table(story)
    table.stand.touch(Hand.CHARGER)
    await table.switch_on()
    table.clock.pass_silently(timedelta(hours=3))
    await table.until(lambda: table.stand.percent == 50)
    table.clock.pass_silently(timedelta(hours=3))
    await table.until(lambda: not table.stand.is_on)
    assert table.stand.ending is None
    table.stand.touch(Hand.POWER)
    assert not table.stand.is_on, "there is nothing in the battery"
    table.stand.touch(Hand.CHARGER)
    table.clock.pass_silently(timedelta(minutes=1))
    await table.switch_on()
    await table.stand.close()


async def test_a_laptop_that_stops_by_an_error_says_so() -> None:
    async def story(_actor: Actor) -> Ending:
        raise RuntimeError("a bug")

    table = Table(story)
    table.stand.touch(Hand.POWER)
    await table.until(lambda: not table.stand.is_on)
    assert "stopped by an error of its own" in (await table.client.get("/")).text


async def test_a_page_that_goes_on_by_itself_says_what_is_awaited() -> None:
    async def story(actor: Actor) -> Ending:
        while await actor.watch(WORKING) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return Ending(EndingKind.POWERED_OFF)

    table = Table(story)
    await table.switch_on()
    await table.until(lambda: bool(table.stand.awaited))
    assert "The server has to answer." in (await table.client.get("/")).text
    table.stand.touch(Hand.POWER)
    await table.until(lambda: not table.stand.is_on)


# --- what is shown ------------------------------------------------------------------------------------------


async def test_the_stream_tells_what_reads_differently() -> None:
    _, story = asks(REGION, NETWORK)
    table = Table(story)
    pages = LaptopPages(table.stand, Streams(SystemClock(), asyncio.Event()))
    looks = pages._looks()
    assert set(json.loads((await anext(looks))[0].data)) == {"screen", "hands", "awaited"}
    await table.switch_on()
    shown = json.loads((await anext(looks))[0].data)
    assert "Is this the right country" in shown["screen"]
    assert "awaited" not in shown
    await looks.aclose()
    await table.stand.close()


async def test_the_sign_in_page_is_shown_as_it_came_and_leads_through_the_laptop() -> None:
    done, story = asks(SIGN_IN)
    table = Table(story)
    await table.switch_on()
    turn = table.stand.display.turn
    answer = await table.client.get(f"/view/{turn}")
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert "script" not in answer.text
    assert "http-equiv" not in answer.text
    assert "elsewhere.test" not in answer.text
    assert 'name="loginfmt"' in answer.text
    target = "https://login.contoso.test/common/login"
    await table.client.post(
        "/view/send", params={"turn": str(turn), "to": target}, data={"loginfmt": "a@b.c"}
    )
    assert done == [Intent(Action.SUBMIT, target, "loginfmt=a%40b.c")]
    await table.stand.close()


def test_a_framed_page_may_ask_for_its_own_files_alone() -> None:
    shown = framed(PAGE, 7)
    assert shown.files == {
        "https://login.contoso.test/assets/a.css",
        "https://login.contoso.test/common/logo.png",
    }
    assert b"turn=7" in shown.html


async def test_a_file_that_the_page_does_not_need_is_not_fetched() -> None:
    _, story = asks(SIGN_IN)
    table = Table(story)
    await table.switch_on()
    answer = await table.client.get("/view/file", params={"at": "https://login.contoso.test/secret"})
    assert answer.status_code == 404
    await table.stand.close()


def test_a_screen_as_lines() -> None:
    screen = Screen(
        id=ScreenId.STATUS_PAGE,
        title="Setting up",
        sections=(
            Section(
                "device",
                "Device setup",
                Progress.IN_PROGRESS,
                (Line("Apps", Progress.IN_PROGRESS, "1 of 2"),),
            ),
        ),
        actions=(Action.SUBMIT, Action.RETRY, Action.POWER_OFF),
        notice="Something.",
    )
    assert list(lines(screen)) == [
        "Setting up",
        "  Something.",
        "  Device setup: In progress",
        "    Apps: 1 of 2",
        "  [1] Try again  [2] Shut down",
    ]
    assert "  Country: DE Germany  FR France" in list(lines(REGION))
