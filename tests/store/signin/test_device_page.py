"""The page where a device's code is typed: what its visitor sees, and who can be tricked into nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reseal.signin.device_codes import LIFETIME
from reseal.signin.device_page import MOST, WINDOW
from tests.store.signin.test_device_codes import asked, told
from tests.store.signin.world import PASSWORD, Browser, Page, Town, sent_to

pytestmark = pytest.mark.anyio

ANN = "ann@contoso.example"
FAY = "fay@fabrikam.example"
PAGE = "/devicelogin"
CONFIRM = "/devicelogin/confirm"


async def typed(browser: Browser, code: str, path: str = PAGE) -> Any:
    """What comes of typing a code."""
    return await browser.submit(Page(await browser.get(path)), otc=code)


async def signed_in(browser: Browser, answer: Any, user: str = ANN) -> Page:
    """The page after the sign-in to which `answer` leads."""
    page = await browser.get(answer.headers["location"])
    if page.status_code == 200:
        page = await browser.sign_in(Page(page), user, PASSWORD)
    where, _ = sent_to(page)
    assert where == f"https://server.test{CONFIRM}"
    return Page(await browser.get(page.headers["location"]))


async def said(browser: Browser, page: Page, word: str) -> Page:
    """The page after pressing a button."""
    return Page(await browser.http.post(page.action, data={**page.fields, "answer": word}))


async def test_a_code_a_sign_in_and_a_yes_sign_the_device_in(town: Town) -> None:
    codes, browser = await asked(town), town.browser
    page = await signed_in(browser, await typed(browser, codes["user_code"].lower().replace("-", " ")))
    assert "Are you trying to sign in to Microsoft Azure CLI?" in page.text
    assert "started this yourself" in page.text
    assert "127.0.0.1" in page.text
    assert "2026-01-05 08:00:00 UTC" in page.text
    assert ANN in page.text
    assert await told(town, codes) == "authorization_pending", "nothing is given by looking"
    done = await said(browser, page, "yes")
    assert "You're signed in" in done.text
    assert ANN in done.text
    assert await told(town, codes) == ""
    again = Page(await browser.get(CONFIRM, follow_redirects=True))
    assert "otc" in again.fields, "the code is used up"


async def test_a_no_is_told_to_the_device(town: Town) -> None:
    codes, browser = await asked(town), town.browser
    page = await signed_in(browser, await typed(browser, codes["user_code"]))
    assert "canceled" in (await said(browser, page, "no")).text
    assert await told(town, codes) == "authorization_declined"


async def test_whoever_is_signed_in_need_not_sign_in_again_and_may_be_another(town: Town) -> None:
    browser = town.browser
    page = await signed_in(browser, await typed(browser, (await asked(town))["user_code"]))
    assert ANN in page.text
    codes = await asked(town)
    straight = await browser.get((await typed(browser, codes["user_code"])).headers["location"])
    assert sent_to(straight)[0] == f"https://server.test{CONFIRM}"
    page = Page(await browser.get(straight.headers["location"]))
    picking = Page(await browser.get(page.one("//a[contains(@href, 'select_account')]").get("href")))
    form = Page(await browser.get(picking.one('//a[@class="account"]').get("href")))
    other = await browser.sign_in(form, FAY, PASSWORD)
    page = Page(await browser.get(sent_to(other)[0]))
    await said(browser, page, "yes")
    tokens = await town.http.post(
        "/common/oauth2/v2.0/token",
        data={
            "grant_type": "device_code",
            "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            "device_code": codes["device_code"],
        },
    )
    assert tokens.status_code == 200
    assert FAY in page.text


async def test_wrong_codes_are_refused_and_cannot_be_guessed(town: Town) -> None:
    browser = town.browser
    empty = Page(await typed(browser, "  "))
    assert empty.alert == ("AADSTS90014", "Enter the code.")
    field = empty.one('//input[@id="otc"]')
    assert (field.get("aria-invalid"), field.get("aria-describedby")) == ("true", "alert")
    for code in ("BCDF-GHJK", "nonsense", "' OR 1=1", "x" * 32)[:MOST]:
        wrong = Page(await typed(browser, code))
        assert wrong.alert is not None
        assert wrong.alert[0] == "AADSTS70018"
    for _ in range(MOST - 4):
        await typed(browser, "BCDF-GHJK")
    codes = await asked(town)
    paced = Page(await typed(browser, codes["user_code"]))
    assert paced.alert is not None
    assert paced.alert[0] == "AADSTS90033"
    town.clock.pass_silently(WINDOW)
    await signed_in(browser, await typed(browser, codes["user_code"]))


async def test_a_code_that_has_ended_signs_nobody_in(town: Town) -> None:
    codes, browser = await asked(town), town.browser
    page = await signed_in(browser, await typed(browser, codes["user_code"]))
    town.clock.pass_silently(LIFETIME)
    late = await said(browser, page, "yes")
    assert late.alert is not None
    assert late.alert[0] == "AADSTS70019"
    assert await told(town, codes) == "expired_token"


async def test_nobody_can_be_led_to_a_yes_by_a_link_or_a_form_from_elsewhere(town: Town) -> None:
    codes, browser = await asked(town), town.browser
    await signed_in(
        browser, await typed(browser, (await asked(town))["user_code"])
    )  # the victim is signed in
    filled = Page(await browser.get(f"{PAGE}?otc={codes['user_code']}"))
    assert filled.fields["otc"] == "", "a link fills nothing in"
    attacker = town.another_browser()
    theirs = Page(await attacker.get(PAGE))
    stale = Page(await browser.http.post(PAGE, data={**theirs.fields, "otc": codes["user_code"]}))
    assert stale.alert is not None
    assert stale.alert[0] == "AADSTS165000"
    page = await signed_in(browser, await typed(browser, codes["user_code"]))
    for form in ({"answer": "yes"}, {"answer": "yes", "canary": theirs.fields["canary"]}, page.fields):
        shown = Page(await browser.http.post(CONFIRM, data=form))
        assert "Are you trying" in shown.text
    assert await told(town, codes) == "authorization_pending"
    nobody = await attacker.get(CONFIRM)
    assert nobody.headers["location"] == PAGE


async def test_a_tenants_code_is_answered_by_its_people_alone(town: Town) -> None:
    codes, browser = await asked(town, tenant="fabrikam.example"), town.browser
    await signed_in(browser, await typed(browser, (await asked(town))["user_code"]))  # Ann of Contoso
    answer = await typed(browser, codes["user_code"])
    assert str(town.fabrikam.uuid) in answer.headers["location"]
    form = Page(await browser.get(answer.headers["location"]))
    assert "loginfmt" in form.fields, "Ann's session does not count there"
    back = await browser.get(CONFIRM)
    assert back.headers["location"] == PAGE
    done = await signed_in(browser, answer, FAY)
    assert "Fabrikam" in done.text


async def test_the_page_has_its_tenants_place_and_look_and_belongs_to_one_name(town: Town) -> None:
    page = Page(await town.browser.get("/contoso.example/OAuth2/DeviceAuth"))
    assert "Contoso" in page.text
    codes = await asked(town)
    await signed_in(town.browser, await typed(town.browser, codes["user_code"], "/common/oauth2/deviceauth"))
    unknown = await town.http.get("/nowhere.example/oauth2/deviceauth")
    assert unknown.status_code == 400
    elsewhere = town.browser_of(replace(town.signin, public_url="https://login.test"))
    moved = await elsewhere.get("/common/oauth2/deviceauth")
    assert moved.headers["location"] == "https://login.test/common/oauth2/deviceauth"


async def test_it_can_be_used_with_a_screen_reader_and_without_script(town: Town) -> None:
    browser = town.browser
    first = Page(await browser.get(PAGE, headers={"Accept-Language": "ar"}))
    assert (first.one("/html").get("lang"), first.one("/html").get("dir")) == ("ar", "rtl")
    assert first.one('//label[@for="otc"]').text
    page = await signed_in(browser, await typed(browser, (await asked(town))["user_code"]))
    assert [one.get("value") for one in page.tree.xpath("//button")] == ["no", "yes"]
    told_of = page.one('//button[@value="yes"]').get("aria-describedby")
    assert "started this yourself" in page.one(f'//*[@id="{told_of}"]').text
    for shown in (first, page):
        assert shown.tree.xpath("//script | //style | //@style | //@*[starts-with(name(), 'on')]") == []
        assert len(shown.tree.xpath("//h1")) == 1
