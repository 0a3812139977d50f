"""What a browser is shown of addresses that are not served, taken from the table of routes."""

from __future__ import annotations

import pytest

from reseal.web.edge import LOCALHOST_HEADERS
from reseal.web.routes import Listener, Route
from tests.system.conftest import House
from tests.system.pages import Browser, Page
from tests.system.test_routes import ROUTES, _filled, _named

BROWSED = [route for route in ROUTES if Listener.BROWSER in route.listener]


def title(page: Page) -> str:
    return str(page.one("//h1").text)


@pytest.mark.parametrize("route", BROWSED, ids=_named)
async def test_an_address_that_is_used_in_a_wrong_way_says_so_on_a_page(house: House, route: Route) -> None:
    page = await Browser(house.browser).request("TRACE", _filled(route, house.contoso))

    assert (page.status, title(page)) == (405, "This address is not used like that")


@pytest.mark.parametrize("route", BROWSED, ids=_named)
async def test_a_host_that_is_not_ours_is_refused_on_a_page(house: House, route: Route) -> None:
    page = await Browser(house.browser).request(
        route.method, _filled(route, house.contoso), Host="evil.example"
    )

    assert (page.status, title(page)) == (421, "This server goes by another name")
    assert page.tree.xpath("//a | //link[@rel='stylesheet']") == []


async def test_an_unknown_address_has_a_page_with_its_style_and_a_way_on(house: House) -> None:
    window = Browser(house.browser, {"Accept-Language": "de"})
    page = await window.open("/nothing/here")

    assert (page.status, title(page)) == (404, "Diese Seite gibt es nicht")
    for name in LOCALHOST_HEADERS.keys() - {"Content-Security-Policy"}:
        assert page.headers[name] == LOCALHOST_HEADERS[name]
    sheet = await window.open(page.one("//link[@rel='stylesheet']").get("href"))
    assert (sheet.status, sheet.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    first = await window.open(page.one("//main//a").get("href"))
    assert (first.status, "is running" in first.text) == (200, True)


async def test_a_form_that_is_too_long_is_refused_in_the_language_of_its_page(house: House) -> None:
    window = Browser(house.browser, {"Accept-Language": "fr"})
    page = await window.request("POST", "/devicelogin", {"otc": "x" * 70_000})

    assert (page.status, title(page)) == (413, "C’est trop à la fois")
    assert "65,536 octets" in page.text


async def test_somebody_who_opens_the_interface_of_programs_is_told_in_words(house: House) -> None:
    page = await Browser(house.browser).open("/api/v1/tenant")

    assert (page.status, title(page)) == (401, "You are not signed in")
    assert page.headers["WWW-Authenticate"] == "Bearer"
