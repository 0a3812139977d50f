"""A laptop on its page, and somebody's hands and eyes at it.

Server and laptop are real, everything goes over TLS. The laptop hurries.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from playwright.async_api import FrameLocator, Locator, Page, expect

from reseal.cli.app import run
from reseal.cli.connection import ServerOfDevices, reach
from reseal.cli.screens import opened, shown
from reseal.device.hints import PlainHints
from reseal.device.pages.stand import Stand
from reseal.device.quirks import Quirk
from tests.support.browsing import PATIENCE, faults, faults_as_it_looks, too_wide

PACE = 120


@asynccontextmanager
async def laptop_on_a_page(
    ready_file: Path, folder: Path, number: int, *languages: str, wifi: bool = False
) -> AsyncIterator[tuple[str, Stand]]:
    """The page of a laptop of the sample that was never switched on; its address, and what it shows."""
    spoken = [f"--language={tag}" for tag in languages]
    assert run(["device", "new", str(folder), "--sample", f"contoso:{number}", *spoken]) == 0
    listener = await reach(ServerOfDevices(ready_file=ready_file))
    hints = PlainHints(time=timedelta(minutes=1))
    stand = opened(folder, listener, PACE, wifi=wifi, hints=hints, without=frozenset({Quirk.PARKED_INSTALL}))
    async with shown(stand) as address:
        yield address, stand


_LOOKED_AT: set[str] = set()
"""Screens that were looked at light and dark, which takes a second; later looks are as somebody sees them."""


class Hands:
    """Somebody's hands and eyes at the page of a laptop."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.screen = page.locator("#screen")
        self.seen: list[str] = []

    async def sees(self, screen: str) -> None:
        """Wait until the display shows that; look for faults of the page then."""
        await expect(self.screen).to_have_class(re.compile(rf"\bscreen-{screen}\b"))
        self.seen.append(screen)
        looks = faults_as_it_looks if screen in _LOOKED_AT else faults
        _LOOKED_AT.add(screen)
        assert await looks(self.page) == [], screen
        assert await too_wide(self.page) == 0, screen

    def hand(self, name: str) -> Locator:
        return self.page.locator("#hands").get_by_role("button", name=name)

    async def primary(self) -> None:
        await self.screen.locator("button.primary").click()

    async def choose(self, field: str, value: str) -> None:
        await self.page.locator(f"#f-{field}").select_option(value)
        await self.primary()

    async def five_presses(self) -> None:
        for _ in range(5):
            await self.hand("Windows key").click()

    @property
    def web(self) -> FrameLocator:
        return self.page.frame_locator("iframe.web")

    async def sign_in(self, password: str) -> None:
        await self.web.locator("#i0118").fill(password)
        await self.web.locator("#idSIButton9").click()

    async def pages_before(self, screen: str) -> None:
        """Take what each page proposes, and no second keyboard, until the display shows that screen."""
        wanted = re.compile(rf"\bscreen-{screen}\b")
        answered = ""
        for _ in range(PATIENCE // 100):
            if wanted.search(await self.screen.get_attribute("class") or ""):
                return
            turn = await self.screen.get_attribute("data-turn") or ""
            skip = self.screen.locator("button[value=skip]")
            button = skip if await skip.count() else self.screen.locator("button.primary")
            if turn != answered and await button.count():
                answered = turn
                await button.click()
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"no page leads to {screen}")

    async def ask_to_provision(self, first: str) -> None:
        """Power on, and press the Windows key five times on the first page."""
        await self.hand("Power off").click()
        await self.sees(first)
        await self.five_presses()
        await self.sees("provisioningChoice")
        await self.primary()

    async def provision(self) -> None:
        """From the configuration page to green, and reseal."""
        await self.sees("configuration")
        await expect(self.page.get_by_role("img", name="QR code")).to_be_visible()
        await expect(self.screen).to_contain_text("Contoso")
        await self.primary()
        await self.sees("statusPage")
        await self.sees("green")
        await self.primary()
        await expect(self.screen).to_contain_text("Resealed")
