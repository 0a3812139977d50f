"""How the console saves: what was said is what happens, once, by whoever may."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import urljoin

import aiohttp
import pytest

from tests.support.processes import CONTOSO
from tests.system.conftest import House
from tests.system.organisations import Organisation
from tests.system.pages import Browser, Page
from tests.system.sample import device_csv

RULE = '(device.devicePhysicalIds -any (_ -startsWith "[ZTDid]"))'


async def signed_in(house: House, of: Organisation) -> Browser:
    window = Browser(house.browser)
    known = of.credentials["administrator"]
    await window.sign_in(await window.open("/set-up"), known["upn"], known["password"])
    return window


@pytest.fixture(scope="module")
async def browser(house: House) -> Browser:
    return await signed_in(house, house.contoso)


async def sent(browser: Browser, page: Page, **typed: str) -> Page:
    """Fill in the form of a page's content, press a button, and stay where the answer is."""
    form = page.one("//main//form[@method='post'][contains(@class, 'form')]")
    fields: dict[str, str] = {}
    for one in form.xpath(".//input[@name][not(@type='checkbox' or @type='radio')] | .//textarea"):
        fields[one.get("name")] = one.get("value") or one.text or ""
    for one in form.xpath(".//input[@checked]"):
        fields[one.get("name")] = one.get("value")
    form_of: Mapping[str, str] = {**fields, **typed}
    return await browser.request("POST", urljoin(page.url, form.get("action")), form_of)


def effect(page: Page) -> str:
    return str(page.one("//p[@class='effect']").text_content())


async def test_a_save_says_beforehand_what_it_does_and_then_does_it_once(browser: Browser) -> None:
    page = await browser.open("/groups/new")
    said = await sent(browser, page, name="Laptops", membership="dynamicDevice", rule=RULE)

    assert (said.status, "Nothing changes for any device." in effect(said)) == (200, True)
    assert "Number of devices in it" in said.text
    assert "Laptops" not in (await browser.open("/groups")).text

    answer = await sent(browser, said, step="save")
    assert answer.status == 303
    shown = await browser.open(answer.headers["Location"])
    assert "The group Laptops was made." in shown.text
    assert "was made" not in (await browser.open(shown.url)).text, "it is said once"

    again = await sent(browser, said, step="save")
    assert again.status == 422, "the name is taken: nothing is done twice"


async def test_devices_that_the_builtin_profile_served_are_counted(house: House, browser: Browser) -> None:
    client = await house.client_of(house.contoso)
    assert (await client.api("POST", "/imports", data=device_csv([7000]))).status in {200, 202}
    page = await browser.open("/set-up/joining")
    typed = {"who": "all", "quota": "50", "prefix": "DESKTOP-", "one_time_rule": "yes"}
    canary = page.tree.xpath("//input[@name='canary']/@value")[0]
    said = await browser.request("POST", page.url, {"canary": canary, **typed})

    assert (said.status, effect(said)) == (200, "1 device is affected.")
    changed = said.tree.xpath("//tbody/tr/th")
    assert [one.text for one in changed] == [
        "Serve registered devices without a profile with the built-in one"
    ]
    assert "SN-07000" in said.text


async def test_devices_that_the_default_status_page_reaches_are_counted(
    house: House, browser: Browser
) -> None:
    client = await house.client_of(house.contoso)
    assert (await client.api("POST", "/imports", data=device_csv([7100]))).status in {200, 202}
    listed = await browser.open("/status-pages")
    default = listed.one("//tr[td='everybody else']//a").get("href")
    page = await browser.open(default)
    said = await sent(browser, page, minutes="77")

    assert said.status == 200
    count = re.fullmatch(r"(\d+) devices are affected\.", effect(said))
    assert count, effect(said)
    assert int(count[1]) >= 2, "those of the organisation, and the one just registered"
    assert [one.text for one in said.tree.xpath("//tbody/tr/th")] == ["Minutes until it is too late"]


async def test_what_was_typed_stays_when_it_cannot_be_saved(browser: Browser) -> None:
    page = await browser.open("/profiles/new")
    refused = await sent(browser, page, name="", template="TOO-LONG-FOR-A-NAME", whom="Nobody")

    assert refused.status == 422
    problems = {one.get("id"): one.text_content() for one in refused.tree.xpath("//p[@class='wrong']")}
    assert problems.keys() == {"w-name", "w-template"}
    field = refused.one("//input[@id='f-template']")
    assert (field.get("value"), field.get("aria-invalid")) == ("TOO-LONG-FOR-A-NAME", "true")
    assert "w-template" in field.get("aria-describedby").split()
    assert refused.one("//input[@id='whom-1']").get("value") == "Nobody"
    assert refused.one("//div[@id='problems']//a[@href='#f-name']") is not None


async def test_going_back_keeps_what_was_typed_and_saves_nothing(browser: Browser) -> None:
    page = await browser.open("/groups/new")
    said = await sent(browser, page, name="Never", membership="assigned", rule="")
    form = await sent(browser, said, step="back")

    assert (form.status, form.one("//input[@id='f-name']").get("value")) == (200, "Never")
    assert "Never" not in (await browser.open("/groups")).text


async def test_if_somebody_was_faster_what_it_comes_to_is_shown_anew(house: House, browser: Browser) -> None:
    address = f"/profiles/{house.contoso.profile}"
    page = await browser.open(address)
    said = await sent(browser, page, description="Mine")
    other = await signed_in(house, house.contoso)
    theirs = await sent(other, await other.open(address), description="Theirs")
    assert (await sent(other, theirs, step="save")).status == 303

    anew = await sent(browser, said, step="save")
    assert (anew.status, "somebody else" in anew.text) == (409, True)
    assert anew.one("//del").text == "Theirs"
    assert (await sent(browser, anew, step="save")).status == 303


async def test_a_password_is_shown_this_once_and_opens_the_account(house: House, browser: Browser) -> None:
    page = await browser.open("/users/new")
    said = await sent(browser, page, name="Bianca", upn="bianca@contoso.example")
    assert not re.search(r"[A-Za-z0-9]{20}", said.one("//main").text_content())
    answer = await sent(browser, said, step="save")
    assert "=" not in answer.headers["Location"], "no address holds it"
    shown = await browser.open(answer.headers["Location"])
    password = shown.one("//code[@class='secret']").text

    assert not (await browser.open(shown.url)).tree.xpath("//code[@class='secret']")
    hers = Browser(house.browser)
    told = await hers.sign_in(await hers.open("/set-up"), "bianca@contoso.example", password)
    assert "There is nothing here for this account" in told.text


async def test_who_may_only_read_is_offered_nothing_and_refused_everything(
    house: House, browser: Browser
) -> None:
    page = await browser.open("/users/new")
    said = await sent(browser, page, name="Reader", upn="reader@contoso.example", roles="Global Reader")
    shown = await browser.open((await sent(browser, said, step="save")).headers["Location"])
    password = shown.one("//code[@class='secret']").text
    window = Browser(house.browser)
    await window.sign_in(await window.open("/set-up"), "reader@contoso.example", password)

    for path in ("/groups", "/profiles", "/status-pages", "/policies", "/apps", "/users"):
        assert not (await window.open(path)).tree.xpath("//main//a[contains(@class, 'main')]"), path
    form = await window.open(f"/profiles/{house.contoso.profile}")
    assert "let you read this, not change it" in form.text
    refused = await sent(window, form, description="Taken over")
    assert refused.status == 403


async def test_a_package_of_another_organisation_cannot_be_carried_on(house: House, browser: Browser) -> None:
    """The text that names an upload counts for the organisation that sent it, and no digest opens a file."""
    other = await signed_in(house, house.fabrikam)
    page = await other.open("/apps/new")
    form = aiohttp.FormData()
    form.add_field("canary", page.tree.xpath("//input[@name='canary']/@value")[0])
    form.add_field("step", "read")
    package = (CONTOSO / "apps" / "agent.msi").read_bytes()
    form.add_field("package", package, filename="agent.msi", content_type="application/x-msi")
    async with house.browser.session.post(
        f"{house.browser.url}/apps/new",
        data=form,
        headers={"Cookie": "; ".join(f"{name}={value}" for name, value in other.cookies.items())},
    ) as answer:
        read = Page(answer.status, str(answer.url), answer.headers, await answer.read())
    assert (read.status, "Contoso Device Agent" in read.text) == (200, True)
    upload = read.one("//input[@name='upload']").get("value")

    own = await sent(other, read, name="Agent")
    assert own.status == 200
    for text in (upload, upload[:-4], hashlib.sha256(package).hexdigest(), ""):
        refused = await sent(browser, await browser.open("/apps/new"), upload=text, name="Agent", step="")
        assert refused.status == 422
        assert "No file was chosen" in refused.text
        assert "Device Agent" not in refused.text
