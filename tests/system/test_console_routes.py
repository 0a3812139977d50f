"""What is true of every page of the console, taken from the table of routes.

A new page is tested here without being named. That cookies are secure, for this host alone and for no other
site is asserted by the browser of these tests, wherever it gets one.
"""

from __future__ import annotations

from typing import Any

import pytest

from reseal.console.places import Place, places
from reseal.kernel.db import Tx
from reseal.web.edge import LOCALHOST_HEADERS
from reseal.web.routes import Route
from tests.system.conftest import House
from tests.system.pages import Browser, Page
from tests.system.test_routes import ROUTES, _filled, _named

PAGES = [route for route in ROUTES if route.reception is not None and not route.endless]
_SESSION_ALONE = "/deployments?show=all&older=nonsense"
"""Refused after the session was looked for."""
LOOKED_AT = [route for route in PAGES if route.method == "GET" and not route.path.endswith(".csv")]
POSTED = [route for route in PAGES if route.method == "POST"]


@pytest.fixture(scope="module")
async def browser(house: House) -> Browser:
    """Signed in as the administrator of the first organisation."""
    return await signed_in(house)


async def signed_in(house: House) -> Browser:
    window = Browser(house.browser)
    known = house.contoso.credentials["administrator"]
    page = await window.sign_in(await window.open("/deployments"), known["upn"], known["password"])
    assert page.path == "/deployments", page.text
    return window


def test_pages_are_looked_at_or_posted_to() -> None:
    assert {route.method for route in PAGES} <= {"GET", "POST"}


@pytest.mark.parametrize("place", places(), ids=lambda place: place.path)
async def test_every_place_of_the_navigation_is_a_page(browser: Browser, place: Place) -> None:
    page = await browser.open(place.path)

    assert (page.status, page.path) == (200, place.path)
    current = page.one("//nav[@id='menu']//a[@aria-current='page']")
    assert current.get("href") == place.path
    assert place.permission in {route.permission for route in LOOKED_AT if route.path == place.path}


@pytest.mark.parametrize("route", LOOKED_AT, ids=_named)
async def test_every_page_has_its_headers_its_frame_and_one_heading(
    house: House, browser: Browser, route: Route
) -> None:
    page = await browser.open(_filled(route, house.contoso))

    assert page.status == 200, page.text
    if "attachment" in page.headers.get("Content-Disposition", ""):
        assert page.headers["Content-Security-Policy"] == LOCALHOST_HEADERS["Content-Security-Policy"]
        return
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    for name in LOCALHOST_HEADERS.keys() - {"Content-Security-Policy"}:
        assert page.headers[name] == LOCALHOST_HEADERS[name]
    assert len(page.tree.xpath("//h1")) == 1
    assert page.one("//title").text.endswith(" – Reseal")
    assert (
        page.tree.xpath("//*[@style] | //style | //script[not(@src)] | //*[starts-with(name(@*), 'on')]")
        == []
    )
    _keeps_to_forms(page)


@pytest.mark.parametrize("route", LOOKED_AT, ids=_named)
async def test_no_page_asks_the_database_more_than_ten_times(
    house: House, browser: Browser, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside asking who is there. What the server does meanwhile is told apart by asking three times."""
    asked: list[int] = []
    execute = Tx.execute

    def counted(tx: Tx, *arguments: Any, **more: Any) -> Any:
        asked[-1] += 1
        return execute(tx, *arguments, **more)

    monkeypatch.setattr(Tx, "execute", counted)
    for address in (_SESSION_ALONE, *[_filled(route, house.contoso)] * 3):
        asked.append(0)
        await browser.open(address)

    assert min(asked[1:]) - asked[0] <= 10


def _keeps_to_forms(page: Page) -> None:
    """Whatever is posted holds a canary; every field has a name that can be read."""
    for form in page.tree.xpath("//form[@method='post']"):
        assert form.xpath(".//input[@type='hidden'][@name='canary'][@value!='']"), form.get("action")
        for file in form.xpath(".//input[@type='file']"):
            assert file.xpath("preceding::input[@name='canary']"), "files come after the canary"
    for field in page.tree.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        name = field.get("id")
        labels = page.tree.xpath("//label[@for=$name]", name=name) if name else []
        named = field.get("aria-label") or field.get("aria-labelledby")
        assert labels or field.xpath("ancestor::label") or named, field.get("name")


@pytest.mark.parametrize("route", POSTED, ids=_named)
async def test_a_form_of_somebody_elses_does_nothing(house: House, browser: Browser, route: Route) -> None:
    other = await signed_in(house)
    canary = (await other.open("/deployments")).one("//input[@name='canary']").get("value")

    for form in ({}, {"canary": "x.y"}, {"canary": canary}):
        page = await browser.open(_filled(route, house.contoso), "POST", form)
        assert page.status == 400
        assert "too old" in page.text


@pytest.mark.parametrize("route", PAGES, ids=_named)
async def test_a_browser_without_session_is_sent_to_sign_in(house: House, route: Route) -> None:
    page = await Browser(house.browser).request(route.method, _filled(route, house.contoso))

    assert page.status == 303
    assert page.headers["Location"].startswith("/sign-in?to=")
