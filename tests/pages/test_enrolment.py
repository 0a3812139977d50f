"""The pages of enrolment in a browser: the form that sends itself to Windows, the terms of use, one's own
devices; nothing that axe-core finds wrong, light and dark, within a narrow window, with and without script.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.clients.blackbox.signing import MDM, Directory, Person
from tests.clients.blackbox.web import Web
from tests.support.browsing import Theme, faults, too_wide, visit
from tests.support.processes import ServerProcess, reseal

pytestmark = pytest.mark.slow

APP = "ms-app://s-1-15-2-1?a=1&b='2'"
WINDOWS = "ms-appx-web://Microsoft.AAD.BrokerPlugin/terms"
NARROWEST = 320
LANGUAGES = ("en", "de", "es", "fr", "ja", "ar")
THEMES: tuple[Theme, ...] = ("light", "dark")

_KEEP_FORMS = """
document.addEventListener("submit", (event) => {
  if (event.target.action.startsWith("ms-app:")) event.preventDefault();
});
"""
"""Else the page is left before anybody can look at it."""
_TELL_FORMS = """
document.addEventListener("submit", (event) => {
  const form = event.target, fields = Object.fromEntries(new FormData(form));
  console.log("form " + JSON.stringify({action: form.getAttribute("action"), method: form.method, fields}));
});
"""


class Desk:
    """Somebody in front of a browser, with the first account of the server, who may enrol devices."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        ready = server.wait_ready()
        credentials = Path(ready["credentials_file"])
        account = json.loads(credentials.read_text())["administrator"]
        self.url, self.user, self.password = ready["browser_url"], account["upn"], account["password"]
        self._anchor, self._domain = Path(ready["ca_file"]), ready["tenant_domain"]
        (folder / "tenant.yaml").write_text(json.dumps({"reseal": 1, "settings": {"mdmScope": "all"}}))
        found = ("--server", self.url, "--ca", ready["ca_file"], "--credentials", credentials)
        ended = reseal("apply", folder, *found)
        assert ended.code == 0, ended

    def token(self) -> str:
        """An access token for management."""
        with Web(self._anchor) as web:
            directory = Directory.found(web, self.url, self._domain)
            return directory.sign_in(Person(self.user, self.password), MDM)[1].access

    async def sign_in(self, page: Page) -> None:
        """Fill in the sign-in page, by keyboard alone."""
        for field, typed in (("#i0116", self.user), ("#i0118", self.password)):
            await expect(page.locator(field)).to_be_focused()
            await page.keyboard.type(typed)
            await page.keyboard.press("Enter")

    @property
    def windows_page(self) -> str:
        """Where Windows opens its browser to enrol."""
        return f"{self.url}/EnrollmentServer/Authenticate?{urlencode({'appru': APP})}"

    def terms(self, language: str = "", mode: str = "") -> str:
        """Where it opens it to show the terms."""
        asked = {"redirect_uri": WINDOWS, "client-request-id": "77", "api-version": "1.0"}
        more = {"mode": mode, "ui_locales": language}
        return (
            f"{self.url}/TermsOfUse?{urlencode(asked | {name: text for name, text in more.items() if text})}"
        )


@pytest.fixture(scope="module")
def desk(served: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(served, tmp_path_factory.mktemp("tenant"))


@asynccontextmanager
async def shown_terms(page: Page, desk: Desk, token: str, **how: str) -> AsyncIterator[None]:
    """The page with the terms; the token goes with the first request alone, as Windows sends it."""
    await page.set_extra_http_headers({"Authorization": f"Bearer {token}"})
    await page.goto(desk.terms(**how))
    await page.set_extra_http_headers({})
    yield


async def test_mdm_wire_012_the_page_posts_what_it_gives_to_exactly_the_app_that_waits(
    desk: Desk, browser: Browser
) -> None:
    async with visit(browser) as page:
        told: list[dict[str, Any]] = []
        page.on("console", lambda said: _heard(told, said.text))
        await page.add_init_script(_TELL_FORMS)
        await page.goto(desk.windows_page)
        await desk.sign_in(page)
        await page.wait_for_url("chrome-error://**")  # no app waits here; but the page's policy let it go
        sent = [form for form in told if "wresult" in form["fields"]]
        assert [(form["action"], form["method"], list(form["fields"])) for form in sent] == [
            (APP, "post", ["wresult"])
        ]
        assert len(sent[0]["fields"]["wresult"]) >= 32


def _heard(told: list[dict[str, Any]], text: str) -> None:
    if text.startswith("form {"):
        told.append(json.loads(text.removeprefix("form ")))


async def test_mdm_wire_012_without_script_a_button_does_it(desk: Desk, browser: Browser) -> None:
    async with visit(browser, script=False) as page:
        await page.goto(desk.windows_page)
        for field, typed in (("#i0116", desk.user), ("#i0118", desk.password)):
            await page.locator(field).fill(typed)
            await page.locator("#idSIButton9").click()
        button = page.get_by_role("button", name="Continue")
        await expect(button).to_be_focused()
        assert await page.locator("form").get_attribute("action") == APP
        await button.click()


@pytest.mark.parametrize("mode", ["azureadjoin", ""])
async def test_mdm_wire_016_yes_leads_back_to_windows(desk: Desk, browser: Browser, mode: str) -> None:
    async with visit(browser) as page:
        led: list[str] = []
        network = await page.context.new_cdp_session(page)
        await network.send("Network.enable")
        network.on("Network.responseReceivedExtraInfo", lambda told: led.extend(_locations(told)))
        async with shown_terms(page, desk, desk.token(), mode=mode):
            decline = page.get_by_role("button", name="Decline")
            await expect(decline).to_have_count(0 if mode else 1)
            await page.get_by_role("button", name="Accept").click()
            await page.wait_for_timeout(500)
        (address,) = led
        assert address.startswith(f"{WINDOWS}?")
        told = parse_qs(urlsplit(address).query)
        assert told["IsAccepted"] == ["true"]
        assert told["client-request-id"] == ["77"]
        assert len(told["OpaqueBlob"][0]) >= 32


async def test_mdm_wire_016_no_leads_back_to_windows(desk: Desk, browser: Browser) -> None:
    async with visit(browser) as page:
        led: list[str] = []
        network = await page.context.new_cdp_session(page)
        await network.send("Network.enable")
        network.on("Network.responseReceivedExtraInfo", lambda told: led.extend(_locations(told)))
        async with shown_terms(page, desk, desk.token()):
            await page.get_by_role("button", name="Decline").click()
            await page.wait_for_timeout(500)
        (address,) = led
        assert parse_qs(urlsplit(address).query)["IsAccepted"] == ["false"]


def _locations(told: dict[str, Any]) -> list[str]:
    headers = {name.lower(): text for name, text in told["headers"].items()}
    return [headers["location"]] if "location" in headers else []


@pytest.mark.parametrize("theme", THEMES)
async def test_nothing_is_wrong_with_any_page(desk: Desk, browser: Browser, theme: Theme) -> None:
    async with visit(browser, theme=theme) as page:
        await page.add_init_script(_KEEP_FORMS)
        await page.goto(f"{desk.url}/EnrollmentServer/Authenticate?appru=javascript:alert(1)")
        assert await faults(page) == []
        await page.goto(desk.windows_page)
        await desk.sign_in(page)
        await expect(page.locator("h1")).to_have_text("You're signed in")
        assert await faults(page) == []
        await page.goto(f"{desk.url}/compliance")
        await expect(page.locator("h1")).to_have_text("Your devices")
        assert await faults(page) == []
        token = desk.token()
        for mode in ("azureadjoin", ""):
            async with shown_terms(page, desk, token, mode=mode):
                await expect(page.locator("h1")).to_have_text("Terms of use")
                assert await faults(page) == []


async def test_every_language_fits_into_a_narrow_window(desk: Desk, browser: Browser) -> None:
    async with visit(browser, width=NARROWEST, height=640) as page:
        await page.add_init_script(_KEEP_FORMS)
        token = desk.token()
        for language in LANGUAGES:
            async with shown_terms(page, desk, token, language=language):
                await expect(page.locator("html")).to_have_attribute("lang", language)
                assert await too_wide(page) == 0, language
        await page.goto(desk.windows_page)
        await desk.sign_in(page)
        await expect(page.locator("h1")).to_have_text("You're signed in")
        assert await too_wide(page) == 0
        for language in LANGUAGES:
            await page.goto(f"{desk.url}/compliance?ui_locales={language}")
            await expect(page.locator("html")).to_have_attribute("lang", language)
            assert await too_wide(page) == 0, language


async def test_windows_shows_the_terms_within_a_frame_and_nobody_else_can(
    desk: Desk, browser: Browser
) -> None:
    """Another page has no token to ask with; a browser sends no cookies from within."""
    async with visit(browser) as page:
        frame = f"<iframe title='terms' src='{desk.terms()}' width=600 height=600></iframe>"
        await page.route(
            "https://frames.example/", lambda route: route.fulfill(content_type="text/html", body=frame)
        )
        await page.context.grant_permissions(["local-network-access"])
        accept = page.frame_locator("iframe").get_by_role("button", name="Accept")
        await page.goto("https://frames.example/")
        await page.wait_for_timeout(500)
        await expect(accept).to_have_count(0)
        await page.set_extra_http_headers({"Authorization": f"Bearer {desk.token()}"})
        await page.goto("https://frames.example/")
        await expect(accept).to_be_visible()
