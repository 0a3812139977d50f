"""The laptop on its page, as somebody clicks and types through it: both flows, from the first power-on to the
desktop, in several languages, light and dark, with a cable and without; by keyboard alone; on a phone.

Server and laptop are real, everything goes over TLS. The laptop hurries.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from playwright.async_api import Browser, Locator, expect

from reseal.cli.app import run
from reseal.device.pages.stand import Stand
from tests.support.browsing import NARROW, Theme, faults, visit
from tests.support.hands import Hands, laptop_on_a_page
from tests.support.processes import CONTOSO, ServerProcess

pytestmark = pytest.mark.slow

ASSIGNED = {1: "adele@contoso.example", 2: "bianca@contoso.example", 10: "fumiko@contoso.example"}
"""Whose laptops some of the sample are."""
ANYBODY = "cameron@contoso.example"
OF_SALES, OTHERS = iter((1, 2)), iter(range(10, 21))
"""Laptops for stories. On a wire the profile of sales asks nothing before the sign-in, and says English."""


@dataclass(frozen=True)
class Story:
    """Where a laptop stands, whose language it speaks, and how its page looks."""

    language: str
    wifi: bool
    theme: Theme

    @property
    def country(self) -> str:
        return self.language[-2:]

    @property
    def at_sales(self) -> bool:
        return self.language == "en-US" and not self.wifi

    @property
    def first(self) -> str:
        """The first screen after power-on."""
        return "language" if self.wifi else "signIn" if self.at_sales else "region"

    def __str__(self) -> str:
        return f"{self.language}, {'Wi-Fi' if self.wifi else 'wired'}, {self.theme}"


STORIES = [
    Story("en-US", wifi=False, theme="light"),
    Story("ja-JP", wifi=True, theme="dark"),
    Story("ar-EG", wifi=True, theme="light"),
]
if os.environ.get("RESEAL_SOAK"):
    each = itertools.product(("en-US", "ja-JP", "ar-EG"), (False, True), get_args(Theme))
    STORIES += [story for story in itertools.starmap(Story, each) if story not in STORIES]
PLAYED = [(next(OF_SALES if story.at_sales else OTHERS), story) for story in STORIES]


@dataclass(frozen=True)
class Office:
    """A server with the sample tenant, and a folder for laptops."""

    server: ServerProcess
    folder: Path
    passwords: dict[str, str]

    def laptop(
        self, number: int, *languages: str, wifi: bool
    ) -> AbstractAsyncContextManager[tuple[str, Stand]]:
        """The page of a registered laptop that was never switched on."""
        folder = self.folder / f"laptop-{number}"
        return laptop_on_a_page(self.server.ready_file, folder, number, *languages, wifi=wifi)


@pytest.fixture(scope="module")
def office(served: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("laptops")
    passwords = folder / "passwords.json"
    ready = ("--ready-file", str(served.ready_file))
    assert run(["apply", str(CONTOSO), "--passwords-out", str(passwords), *ready]) == 0
    assert run(["import", str(CONTOSO / "devices.csv"), *ready]) == 0
    return Office(served, folder, json.loads(passwords.read_text()))


async def box_and_unpack(hands: Hands) -> None:
    for plug in ("Network cable", "Charger"):
        if await hands.hand(plug).get_attribute("aria-pressed") == "true":
            await hands.hand(plug).click()
            await expect(hands.hand(plug)).to_have_attribute("aria-pressed", "false")
    await hands.hand("Put it in the box").click()
    await expect(hands.screen).to_contain_text("In its box")
    assert await faults(hands.page) == []
    await hands.hand("Take it out of the box").click()
    await expect(hands.screen).to_contain_text("Resealed")
    await hands.hand("Charger").click()


async def pages_without_a_cable(hands: Hands, story: Story, *, stranger: bool) -> None:
    """Language, country, keyboards, and a Wi-Fi network after a mistyped key. To a stranger it shows a page
    of its own first.
    """
    await hands.sees("language")
    await hands.choose("language", story.language)
    await hands.sees("region")
    assert await hands.screen.get_attribute("lang") == story.language
    await hands.choose("region", story.country)
    await hands.sees("keyboard")
    await hands.primary()
    await hands.sees("secondKeyboard")
    await hands.screen.locator("button[value=skip]").click()
    await hands.sees("network")
    await hands.page.locator("#f-network").select_option("Office")
    await hands.page.locator("#f-password").fill("wrong")
    await hands.primary()
    await expect(hands.screen.get_by_role("alert")).to_contain_text("Office")
    await hands.choose("network", "Cafe")
    if stranger:
        await expect(hands.page.locator("#f-network")).to_have_count(0)
        await hands.primary()


async def user_flow(hands: Hands, office: Office, upn: str) -> None:
    await hands.sees("signIn")
    if upn == ANYBODY:
        await hands.web.locator("#i0116").fill(upn)
        await hands.web.locator("#idSIButton9").click()
    await expect(hands.web.locator("#i0116")).to_have_value(upn)
    await hands.sign_in("not the password")
    await expect(hands.web.get_by_role("alert")).to_be_visible()
    assert await faults(hands.page) == []
    await hands.sign_in(office.passwords[upn])
    await hands.sees("desktop")
    await expect(hands.screen).to_contain_text("Contoso Notes")
    await expect(hands.screen).to_contain_text(upn)


@pytest.mark.parametrize("laptop, story", PLAYED, ids=str)
async def test_both_flows(office: Office, browser: Browser, laptop: int, story: Story) -> None:
    """At the technician's bench until it is resealed, into its box and out of it, and on to the desktop."""
    upn = ASSIGNED.get(laptop, ANYBODY)
    speaks = ("de-DE", story.language) if story.wifi else (story.language,)
    async with (
        office.laptop(laptop, *speaks, wifi=story.wifi) as (address, _),
        visit(browser, theme=story.theme) as page,
    ):
        hands = Hands(page)
        await page.goto(address)
        await hands.ask_to_provision(story.first)
        if story.wifi:
            await pages_without_a_cable(hands, story, stranger=True)
        await hands.provision()
        await box_and_unpack(hands)
        if not story.wifi:
            await hands.hand("Network cable").click()
        await hands.hand("Power off").click()
        if story.wifi:
            await pages_without_a_cable(hands, story, stranger=False)
        await hands.pages_before("signIn")
        await user_flow(hands, office, upn)
        assert await hands.screen.get_attribute("lang") == story.language
        assert await hands.screen.get_attribute("dir") == ("rtl" if story.country == "EG" else "ltr")


async def test_by_keyboard_alone(office: Office, browser: Browser) -> None:
    """Nothing is clicked: Tab, arrows, letters, Enter and the Windows key do."""
    async with office.laptop(4, wifi=True) as (address, _), visit(browser, width=NARROW, height=740) as page:
        hands = Hands(page)
        await page.goto(address)
        await _press(hands, hands.hand("Power off"))
        await hands.sees("region")
        for _ in range(5):
            await page.keyboard.press("Meta")
        await hands.sees("provisioningChoice")
        await _press(hands, hands.screen.get_by_role("button", name="Next"))
        await hands.sees("region")
        await _reach(hands, page.locator("#f-region"))
        await page.keyboard.type("Germany")
        await page.keyboard.press("Enter")
        await hands.sees("keyboard")
        await _press(hands, hands.screen.locator("button.primary"))
        await hands.sees("secondKeyboard")
        await _press(hands, hands.screen.get_by_role("button", name="Skip"))
        await hands.sees("network")
        await _reach(hands, page.locator("#f-network"))
        await page.keyboard.type("Office")
        await page.keyboard.press("Tab")
        await page.keyboard.type("correct horse")
        await page.keyboard.press("Enter")
        await hands.sees("configuration")
        await _press(hands, hands.screen.get_by_role("button", name="Next"))
        await hands.sees("green")
        await _press(hands, hands.screen.get_by_role("button", name="Reseal"))
        await expect(hands.screen).to_contain_text("Resealed")


async def _reach(hands: Hands, control: Locator) -> None:
    """Tab to a control."""
    for _ in range(40):
        if await control.evaluate("one => one === document.activeElement"):
            return
        await hands.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {control}")


async def _press(hands: Hands, control: Locator) -> None:
    await expect(control).to_be_enabled()
    await _reach(hands, control)
    await hands.page.keyboard.press("Enter")


async def test_without_script_the_page_can_be_looked_at_again(office: Office, browser: Browser) -> None:
    async with office.laptop(5, wifi=True) as (address, stand), visit(browser, script=False) as page:
        hands = Hands(page)
        await page.goto(address)
        await hands.hand("Power off").click()
        for _ in range(100):
            if await hands.screen.locator("#f-region").count():
                break
            await page.wait_for_timeout(100)
            await page.get_by_role("link", name="look again").click()
        await hands.choose("region", "DE")
        await expect(hands.screen).to_have_class(re.compile("screen-keyboard"))
        await page.go_back()
        await page.reload()
        await expect(hands.screen).to_have_class(re.compile("screen-keyboard"))
        await stand.close()
