"""Pages as people use them: clicked and typed through in Debian's Chromium, by Playwright.

Tests that need it are skipped by name where there is no Chromium, and fail in CI (`system_parts.miss`).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.support.chromium import chromium_program

Theme = Literal["light", "dark"]

SOAK: Final = os.environ.get("RESEAL_SOAK") == "1"
_BOTH: Final[tuple[Theme, Theme]] = ("dark", "light")
_OF_TAGS: Final = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
_OF_COLOURS: Final = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
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
    browser: Browser,
    *,
    theme: Theme = "light",
    width: int = 1280,
    height: int = 900,
    script: bool = True,
    language: str = "en-GB",
) -> AsyncIterator[Page]:
    """A tab of a visitor of their own. Whatever the page throws fails the test."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        ignore_https_errors=True,
        java_script_enabled=script,
        locale=language,
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


async def faults(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands, light and dark: theme, rule, element, and what to
    do. The page looks afterwards as it did before.

    The themes differ in nothing but colours. So the other one is asked for what looks at colours; in a soak
    for everything.
    """
    is_dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    this, other = _BOTH if is_dark else reversed(_BOTH)
    await page.emulate_media(color_scheme=other)
    found = [f"{other}: {fault}" for fault in await _asked(page, _OF_TAGS if SOAK else _OF_COLOURS)]
    await page.emulate_media(color_scheme=this)
    return found + [f"{this}: {fault}" for fault in await faults_as_it_looks(page)]


async def faults_as_it_looks(page: Page) -> list[str]:
    """The same in the present theme alone: once both were looked at, another width has no other colours."""
    return await _asked(page, _OF_TAGS)


async def _asked(page: Page, rules: Mapping[str, Any]) -> list[str]:
    found = await _AXE.run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def too_wide(page: Page) -> int:
    """How many pixels of the page stand out to the side."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(await page.evaluate(wide))
