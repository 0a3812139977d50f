"""The page of the organisation in each of its states, and the pages of what cannot be: light and dark, on a
desk and on a phone.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.pages.test_console import Office, go, save
from tests.support.browsing import NARROW, faults, faults_as_it_looks, too_wide, visit
from tests.support.processes import ServerProcess

pytestmark = pytest.mark.slow

NARROWEST = 320
"""Pixels: what a window of 1280 has at 400 % (WCAG 2.2, 1.4.10)."""


@pytest.fixture(scope="module")
def office(served: ServerProcess) -> Office:
    return Office(served)


async def is_fit(page: Page) -> None:
    """As it stands, wide and narrow."""
    assert await faults(page) == []
    await page.set_viewport_size({"width": NARROW, "height": 800})
    assert await faults_as_it_looks(page) == []
    assert await too_wide(page) <= 0
    await page.set_viewport_size({"width": 1280, "height": 900})


async def test_an_organisation_is_renamed_and_gets_a_domain(browser: Browser, office: Office) -> None:
    async with office.open(browser, "/set-up") as page:
        await page.get_by_role("link", name="Domains and addresses").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Organisation")
        await page.get_by_label("Another domain").fill(
            "a-domain-of-a-quite-considerable-length.contoso.example"
        )
        await page.get_by_role("button", name="Add…").click()
        await expect(page.locator(".effect")).to_be_visible()
        await is_fit(page)
        await page.get_by_role("button", name="Add the domain").click()
        await expect(page.locator("#notice")).to_contain_text("was added")
        await is_fit(page)

        await (
            page.get_by_role("button", name="Remove… contoso")
            .or_(page.get_by_role("button", name="Remove…"))
            .first.click()
        )
        await expect(page.locator(".effect")).to_be_visible()
        await is_fit(page)
        await page.get_by_role("button", name="Go back without saving").click()

        await page.get_by_label("Name", exact=True).fill("")
        await page.get_by_label("Most groups with a rule").fill("many")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator("#problems")).to_be_visible()
        await is_fit(page)
        await expect(page.get_by_label("Most groups with a rule")).to_have_value("many")
        await page.get_by_label("Name", exact=True).fill("Contoso of the North")
        await page.get_by_label("Most groups with a rule").fill("15000")
        await save(page, "Save it")
        await expect(page.locator("header .organisation")).to_have_text("Contoso of the North")


async def test_an_address_that_is_not_there_has_a_page_of_its_own(browser: Browser, office: Office) -> None:
    async with visit(browser) as page:
        for path in ("/nothing/here", "/", f"/{'long' * 80}"):
            await page.goto(office.url + path)
            await is_fit(page)
        await page.goto(office.url + "/nothing")
        await page.get_by_role("link", name="Go to the first page").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is running")


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja", "ar"])
async def test_it_fits_a_narrow_window_in_every_language(
    browser: Browser, office: Office, language: str
) -> None:
    async with visit(browser, width=NARROWEST, height=640, language=language) as page:
        await page.goto(office.url + "/nothing/here")
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert await faults(page) == []
        assert await too_wide(page) <= 0


async def test_under_another_name_the_page_is_plain_and_fit(browser: Browser, office: Office) -> None:
    """A browser gets no style sheet under a name that is not the server's."""
    async with visit(browser) as page:
        await page.goto(office.url.replace("localhost", "elsewhere.localhost"))
        await expect(page.get_by_role("heading", level=1)).to_have_text("This server goes by another name")
        await is_fit(page)


async def test_what_is_not_there_in_the_console_stays_in_its_frame(browser: Browser, office: Office) -> None:
    async with office.open(browser, "/set-up") as page:
        for path in ("/groups/00000000-0000-0000-0000-000000000000", "/groups/nonsense"):
            await go(page, path)
            await expect(page.locator("nav#menu")).to_be_attached()
            await is_fit(page)
