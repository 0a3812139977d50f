"""Pages as people use them: clicked and typed through in Debian's Chromium, by Playwright.

Tests that need it are skipped by name where there is no Chromium, and fail in CI (`system_parts.miss`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.support.chromium import chromium_program

Theme = Literal["light", "dark"]

RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
NARROW: Final = 360
"""Pixels of a small phone; at 200 % a page has half of its width."""
PATIENCE: Final = 60_000
"""Milliseconds, for a busy machine: what Playwright waits by itself is meant for a quiet one."""
expect.set_options(timeout=PATIENCE)

_OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
_AXE: Final = Axe()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window."""
    program = chromium_program()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser, *, theme: Theme = "light", width: int = 1280, height: int = 900, script: bool = True
) -> AsyncIterator[Page]:
    """A tab of a visitor of their own. Whatever the page throws fails the test."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        ignore_https_errors=True,
        java_script_enabled=script,
        locale="en-GB",
    )
    thrown: list[str] = []
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("console", lambda said: thrown.append(said.text) if "Content Security" in said.text else None)
    try:
        yield page
        assert not thrown, thrown
    finally:
        await context.close()


async def faults(page: Page, where: str | None = None, *, rules: Sequence[str] = ()) -> list[str]:
    """What axe-core finds wrong with the page, or with a part of it: rule, element, and what to do. `rules`
    asks for these alone.
    """
    asked = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(RULES)}
    options = {"runOnly": asked, "resultTypes": ["violations"]}
    found = await _AXE.run(page, context=where, options=options)
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def too_wide(page: Page) -> int:
    """How many pixels of the page stand out to the side."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(await page.evaluate(wide))
