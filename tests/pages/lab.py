"""A running server in this process with a bench of devices in the middle of their stories, for page tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from reseal.deployment import facts
from reseal.deployment.facts import Phase
from reseal.directory.tenants import find_tenant
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.settings import Settings
from reseal.kernel.storage import open_database
from reseal.server.running import running
from reseal.server.wiring import REACTORS
from tests.support.browsing import NARROW, faults, faults_as_it_looks, too_wide, visit
from tests.support.clock import ManualClock
from tests.system.organisations import Organisation, found
from tests.system.stories import Storyteller, Told

DESK = 1280
"""Pixels."""


@dataclass
class Lab:
    """The server, an organisation on it, and somebody who tells of its devices."""

    ready: dict[str, Any]
    contoso: Organisation
    office: Storyteller
    told: dict[str, Told]

    @property
    def url(self) -> str:
        """Of the console."""
        return str(self.ready["browser_url"])

    @asynccontextmanager
    async def signed_in(self, browser: Browser, address: str, **how: Any) -> AsyncIterator[Page]:
        """A tab of the administrator at an address."""
        known = self.contoso.credentials["administrator"]
        async with visit(browser, **how) as page:
            await page.goto(self.url + address)
            await page.fill("[name=loginfmt]", known["upn"])
            await page.keyboard.press("Enter")
            await page.fill("[name=passwd]", known["password"])
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"{self.url}{address}")
            yield page


@asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[Lab]:
    """With one device that waits, one that runs, one green, one red, one resealed, and some not begun."""
    settings = Settings(data_directory=folder / "data")
    settings.data_directory.mkdir()
    contoso, _ = await found(settings.database)
    clock = ManualClock(SystemClock().now() - timedelta(minutes=20))
    database = open_database(settings.database, clock=clock, entropy=SystemEntropy(), reactors=REACTORS)
    tenant = await database.read(find_tenant, "contoso.example")
    assert tenant is not None
    office = Storyteller(database, clock, tenant.id)
    await office.furnish()
    told = {name: await _told(office, name) for name in ("WAITS", "RUNS", "GREEN", "RED", "RESEALED")}
    for _ in range(12):
        await office.device(group_tag="spare")
    async with running(settings, clock=SystemClock(), entropy=SystemEntropy()) as ready:
        yield Lab(ready, contoso, office, told)
    await database.close()


async def _told(office: Storyteller, name: str) -> Told:
    device = await office.device(group_tag="bench")
    if name == "WAITS":
        return await device.tell(facts.Contacted())
    await device.joined("hardware")
    await device.enrolled(f"CONTOSO-{name}")
    await device.device_phase()
    if name == "RUNS":
        return await device.delivered(3)
    if name == "RED":
        await device.delivered(3)
        return await device.failed(0x80070643, "The app 'Agent 1.2' could not be installed.")
    await device.delivered(6)
    await device.tell(facts.ReleaseRequested(Phase.DEVICE), facts.Released(Phase.DEVICE))
    return device if name == "GREEN" else await device.tell(facts.Resealed())


async def is_fit(page: Page) -> None:
    """No rule of accessibility is broken, light or dark, nothing stands out to the side, no text is a raw
    value.
    """
    assert await faults(page) == []
    assert await too_wide(page) <= 0
    text = await page.evaluate(
        "[...document.querySelectorAll('main *:not(.code)')].filter(e => !e.children.length)"
        ".map(e => e.textContent).join(' ')"
    )
    for raw in ("None", "Traceback", "datetime.", "UUID(", "<bound", "{{"):
        assert raw not in text, raw


async def is_fit_on_a_desk_and_on_a_phone(page: Page, address: str) -> None:
    """Go there, and look at it in a wide window and in a narrow one."""
    await page.goto(address)
    await is_fit(page)
    await page.set_viewport_size({"width": NARROW, "height": 900})
    assert await faults_as_it_looks(page) == []
    assert await too_wide(page) <= 0
    await page.set_viewport_size({"width": DESK, "height": 900})
