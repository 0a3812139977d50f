"""The sign-in pages in a browser: nothing that axe-core finds wrong, light and dark; all of it within a
narrow window; by keyboard alone; a device signed in by its code.
"""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browsing import faults, too_wide, visit
from tests.support.processes import ServerProcess

pytestmark = pytest.mark.slow

CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
NARROWEST = 320
"""Pixels: what a window of 1280 has at 400 % (WCAG 2.2, 1.4.10)."""
LANGUAGES = ("de", "fr", "ja", "ar")


class Desk:
    """Somebody in front of a browser, with the first account of the server."""

    def __init__(self, server: ServerProcess) -> None:
        ready = server.wait_ready()
        account = json.loads(Path(ready["credentials_file"]).read_text())["administrator"]
        self.url, self.user, self.password = ready["browser_url"], account["upn"], account["password"]
        self.trusted = ssl.create_default_context(cafile=ready["ca_file"])

    def authorize(self, **more: str) -> str:
        """The sign-in page of a program of the desk."""
        asked = {
            "client_id": CLI,
            "response_type": "code",
            "redirect_uri": "http://localhost:9/",
            "code_challenge": "v" * 43,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{self.url}/organizations/oauth2/v2.0/authorize?{urlencode(asked)}"

    async def post(self, path: str, **form: str) -> Any:
        async with httpx2.AsyncClient(verify=self.trusted) as http:
            return (await http.post(f"{self.url}{path}", data={"client_id": CLI, **form})).json()

    async def codes(self) -> Any:
        return await self.post("/common/oauth2/v2.0/devicecode")

    async def until_confirming(self, page: Page) -> Any:
        """By keyboard alone, to where the program is named; its codes."""
        codes = await self.codes()
        await page.goto(codes["verification_uri"])
        for field, typed in (("#otc", codes["user_code"]), ("#i0116", self.user), ("#i0118", self.password)):
            await expect(page.locator(field)).to_be_focused()
            await page.keyboard.type(typed)
            await page.keyboard.press("Enter")
        await expect(page.locator("button[value=yes]")).to_be_visible()
        return codes


@pytest.fixture(scope="module")
def desk(served: ServerProcess) -> Desk:
    return Desk(served)


async def test_nothing_is_wrong_with_any_page(desk: Desk, browser: Browser) -> None:
    async with visit(browser) as page:
        await page.goto(desk.authorize())
        assert await faults(page) == []
        await page.goto(desk.authorize(login_hint=desk.user))
        await page.locator("#i0118").fill("not the password")
        await page.locator("#idSIButton9").click()
        await page.locator("summary").click()
        assert await faults(page) == []
        await page.goto(desk.authorize(redirect_uri="https://elsewhere.example/"))
        assert await faults(page) == []
        await page.goto(f"{desk.url}/devicelogin")
        assert await faults(page) == []
        await desk.until_confirming(page)
        assert await faults(page) == []
        await page.goto(desk.authorize(prompt="select_account"))
        assert await faults(page) == []


async def test_the_longest_words_fit_into_a_narrow_window(desk: Desk, browser: Browser) -> None:
    async with visit(browser, width=NARROWEST, height=640, script=False) as page:
        for language in LANGUAGES:
            await page.goto(desk.authorize(login_hint=desk.user, ui_locales=language))
            await page.locator("#i0118").fill("not the password")
            await page.locator("#idSIButton9").click()
            await expect(page.locator("html")).to_have_attribute("lang", language)
            await page.locator("summary").click()
            assert await too_wide(page) == 0, language


async def test_a_device_is_signed_in_by_keyboard_alone(desk: Desk, browser: Browser) -> None:
    async with visit(browser, width=NARROWEST, height=640) as page:
        codes = await desk.until_confirming(page)
        assert await too_wide(page) == 0
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.locator("button[value=yes]:focus").count():
                break
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("You're signed in")
        tokens = await desk.post(
            "/common/oauth2/v2.0/token", grant_type="device_code", device_code=codes["device_code"]
        )
        assert tokens["token_type"] == "Bearer"


async def test_after_a_mistake_the_field_has_the_focus_and_says_why(desk: Desk, browser: Browser) -> None:
    async with visit(browser) as page:
        await page.goto(desk.authorize(login_hint=desk.user))
        field = page.locator("#i0118")
        await expect(field).to_be_focused()
        await page.keyboard.type("not the password either")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(field).to_be_focused()
        await expect(field).to_have_accessible_description(re.compile("password is incorrect"))
        await expect(field).to_have_value("")
