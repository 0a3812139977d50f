"""The page of the organisation: its name, its domains, where it is reached; and who may change what."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.system.conftest import House
from tests.system.organisations import Organisation
from tests.system.pages import Browser, Page

PATH = "/organisation"


@pytest.fixture(scope="module")
async def browser(house: House) -> Browser:
    return await signed_in(house, house.contoso)


async def signed_in(house: House, of: Organisation) -> Browser:
    window, known = Browser(house.browser), of.credentials["administrator"]
    await window.sign_in(await window.open(PATH), known["upn"], known["password"])
    return window


def canary(page: Page) -> str:
    return str(page.tree.xpath("//input[@name='canary']/@value")[0])


async def post(browser: Browser, path: str, **typed: str) -> Page:
    """One form of the page, continued."""
    page = await browser.open(PATH)
    return await browser.request("POST", PATH + path, {"canary": canary(page), **typed})


async def confirmed(browser: Browser, said: Page) -> Page:
    """What follows the button of the page that says what it comes to."""
    assert said.status == 200, said.text
    form = said.one("//main//form[@method='post']")
    fields = {one.get("name"): one.get("value") for one in form.xpath(".//input")}
    return await browser.open(form.get("action"), "POST", {**fields, "step": "save"})


def domains(page: Page) -> dict[str, str]:
    """The domains, with what is said of each."""
    rows = page.tree.xpath("//section[@id='domains']//tbody/tr/th")
    return {row.xpath("span")[0].text: "".join(row.xpath("span[2]/text()")) for row in rows}


async def test_it_is_renamed_after_saying_what_that_means(house: House, browser: Browser) -> None:
    before = await browser.open(PATH)
    name = before.one("//input[@id='f-name']").get("value")
    said = await post(browser, "", name="Contoso Ltd", groups="15000")
    assert "Users read the new name" in said.text
    assert (await browser.open(PATH)).one("//input[@id='f-name']").get("value") == name, "not yet"

    after = await confirmed(browser, said)
    assert "The organisation was saved." in after.text
    assert after.one("//header//span[@class='organisation']").text == "Contoso Ltd"
    other = await (await signed_in(house, house.fabrikam)).open(PATH)
    assert "Contoso" not in other.text

    await confirmed(browser, await post(browser, "", name=name, groups="15000"))


@pytest.mark.parametrize(
    "typed, field",
    [
        ({"name": "", "groups": "5"}, "name"),
        ({"name": "x" * 257, "groups": "5"}, "name"),
        ({"name": "Contoso", "groups": "many"}, "groups"),
        ({"name": "Contoso", "groups": "-1"}, "groups"),
        ({"name": "Contoso", "groups": ""}, "groups"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_stays_typed(
    browser: Browser, typed: dict[str, str], field: str
) -> None:
    page = await post(browser, "", **typed)

    assert page.status == 422
    assert [one.get("id") for one in page.tree.xpath("//p[@class='wrong']")] == [f"w-{field}"]
    assert page.one(f"//input[@id='f-{field}']").get("value") == typed[field]
    stored = await browser.open(PATH)
    assert stored.one("//input[@id='f-name']").get("value").startswith("Contoso")
    assert stored.one("//input[@id='f-groups']").get("value") == "15000"


async def test_domains_are_added_made_default_and_removed(browser: Browser) -> None:
    assert domains(await browser.open(PATH)) == {"contoso.example": "default"}

    said = await post(browser, "/domains", domain="Contoso.Test")
    assert "Nobody asks the DNS whether it is yours" in said.text
    assert "Contoso.Test" not in (await browser.open(PATH)).text
    added = await confirmed(browser, said)
    assert domains(added) == {"contoso.example": "default", "Contoso.Test": ""}

    await confirmed(browser, await post(browser, "/domains/default", owned="Contoso.Test"))
    assert (await browser.open("/users/new")).one("//input[@id='f-upn']").get("value") == "@Contoso.Test"
    refused = await post(browser, "/domains/remove", owned="contoso.example")
    assert (refused.status, "are named by the domain contoso.example" in refused.text) == (422, True)
    assert refused.one("//input[@id='f-domain']").get("value") == ""

    await confirmed(browser, await post(browser, "/domains/default", owned="contoso.example"))
    gone = await confirmed(browser, await post(browser, "/domains/remove", owned="contoso.test"))
    assert domains(gone) == {"contoso.example": "default"}


@pytest.mark.parametrize(
    "path, typed, why",
    [
        ("/domains", {"domain": "no domain"}, "is not a domain name"),
        ("/domains", {"domain": ""}, "is not a domain name"),
        ("/domains", {"domain": "fabrikam.example"}, "already belongs to an organisation of this server"),
        ("/domains/default", {"owned": "fabrikam.example"}, "is not a domain of Contoso"),
        ("/domains/remove", {"owned": "fabrikam.example"}, "is not a domain of Contoso"),
        ("/domains/remove", {"owned": "contoso.example"}, "is the default domain"),
    ],
)
async def test_a_domain_that_cannot_be_taken_or_is_not_ones_own_stays_as_it_is(
    house: House, browser: Browser, path: str, typed: dict[str, str], why: str
) -> None:
    page = await post(browser, path, **typed)

    assert (page.status, why in page.text) == (422, True), page.text
    other = await (await signed_in(house, house.fabrikam)).open(PATH)
    assert list(domains(other)) == ["fabrikam.example"]


async def test_every_address_that_it_names_leads_somewhere(house: House, browser: Browser) -> None:
    page = await browser.open(PATH)
    shown = page.tree.xpath("//section[@aria-labelledby='addresses']//code/text()")

    assert shown[0] == house.contoso.credentials["tenant_id"]
    for url in shown[1:]:
        client = house.browser if url.startswith(house.browser.url) else house.device
        assert url.startswith(client.url)
        answer = await client("GET", urlsplit(url).path or "/health")
        assert answer.status in {200, 400, 401}, url  # some ask for a token, or for what only devices send


async def test_it_is_reached_from_the_first_step_of_the_set_up(browser: Browser) -> None:
    page = await browser.open("/set-up")

    step = page.one("//ol[@class='stages']/li[1]")
    assert step.xpath(".//a/@href") == [PATH, "/set-up/enrolment"]


async def test_who_may_only_read_is_offered_nothing_and_refused_each(house: House, browser: Browser) -> None:
    new = await browser.open("/users/new")
    typed = {"name": "Reader", "upn": "orgreader@contoso.example", "roles": "Global Reader", "enabled": "yes"}
    said = await browser.request("POST", "/users/new", {"canary": canary(new), **typed})
    password = (await confirmed(browser, said)).one("//code[@class='secret']").text
    reader = Browser(house.browser)
    await reader.sign_in(await reader.open(PATH), "orgreader@contoso.example", password)

    page = await reader.open(PATH)
    assert page.tree.xpath("//main//form//button") == []
    for path, fields in (
        ("", {"name": "Taken over", "groups": "1"}),
        ("/domains", {"domain": "taken.example"}),
        ("/domains/default", {"owned": "contoso.example"}),
        ("/domains/remove", {"owned": "contoso.example"}),
    ):
        refused = await post(reader, path, **fields)
        assert (refused.status, "takes the permission" in refused.text) == (403, True)
