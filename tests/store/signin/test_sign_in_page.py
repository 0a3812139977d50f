"""A person in front of the sign-in page: what they see, and what happens when they get it wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reseal.directory.model import Branding
from reseal.directory.tenants import set_branding
from reseal.directory.users import set_password_hash, update_user
from reseal.kernel.workers import InlineWorkers
from reseal.signin.lockout import FIRST_LOCK
from reseal.signin.sessions import LIFETIME
from reseal.signin.tokens import HINT_LIFETIME
from tests.store.signin.world import BROKER, CLI, PASSWORD, REDIRECT, Page, Town, asking, sent_to

pytestmark = pytest.mark.anyio

ANN = "ann@contoso.example"
OTHER_ORGANISATION = "looks like it belongs to another organization"


async def attempt(town: Town, user: str, password: str, **parameters: str) -> Page:
    """The page that a failed attempt ends on."""
    browser = town.another_browser()
    page = await browser.open(town.authorize, **parameters)
    answer = await browser.sign_in(page, user, password)
    assert answer.status_code == 200
    return Page(answer)


# --- the page -----------------------------------------------------------------------------------------------


async def test_it_asks_for_the_name_then_the_password_then_sends_a_code_with_the_state(town: Town) -> None:
    first = await town.browser.open(town.authorize)
    assert "passwd" not in first.fields
    second = Page(await town.browser.submit(first, loginfmt=ANN))
    assert second.alert is None
    assert second.fields["loginfmt"] == ANN
    where, sent = sent_to(await town.browser.submit(second, passwd=PASSWORD))
    assert where == REDIRECT
    assert sent["state"] == "state of the client"
    assert len(sent["code"]) >= 40
    (event,) = await town.events("user.signed_in")
    assert event.subject.id == town.ann.uuid
    assert event.payload is not None
    assert event.payload["client"] == "Microsoft Authentication Broker"
    assert sent["code"] not in str(event)


async def test_a_known_name_is_filled_in_and_the_password_asked_at_once(town: Town) -> None:
    page = await town.browser.open(town.authorize, login_hint="Ann@Contoso.example")
    assert page.fields["loginfmt"] == "Ann@Contoso.example"
    assert page.one('//input[@name="loginfmt"]').get("readonly") is None
    sent_to(await town.browser.submit(page, passwd=PASSWORD))


async def test_it_can_be_used_with_a_screen_reader_and_a_password_manager(town: Town) -> None:
    page = await town.browser.open(town.authorize, login_hint=ANN)
    assert page.one("/html").get("lang") == "en"
    for field, complete in (("i0116", "username"), ("i0118", "current-password")):
        assert page.one(f'//label[@for="{field}"]').text
        assert page.one(f'//input[@id="{field}"]').get("autocomplete") == complete
    assert page.one('//button[@id="idSIButton9"]').get("type") == "submit"
    assert len(page.tree.xpath("//h1")) == 1
    wrong = Page(await town.browser.submit(page, passwd="wrong"))
    password = wrong.one('//input[@id="i0118"]')
    assert password.get("aria-invalid") == "true"
    assert wrong.one(f'//*[@id="{password.get("aria-describedby")}"]').get("role") == "alert"
    assert password.get("value") is None, "a password is never sent back"


async def test_it_runs_without_script_and_without_anything_inline(town: Town) -> None:
    page = await town.browser.open(town.authorize)
    policy = page.answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' ms-aadj-redir:;" in policy, "Chromium checks the redirect after the form too"
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    assert page.tree.xpath("//script | //style | //@style | //@*[starts-with(name(), 'on')]") == []
    assert page.answer.headers["cache-control"] == "no-store"
    sheet = await town.http.get(page.one('//link[@rel="stylesheet"]').get("href"))
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in sheet.headers["cache-control"]
    assert "prefers-color-scheme: dark" in sheet.text


async def test_cookies_are_for_this_host_alone_and_change_with_the_sign_in(town: Town) -> None:
    first = await town.browser.open(town.authorize)
    answer = await town.browser.sign_in(first, ANN, PASSWORD)
    before, after = (one.headers["set-cookie"] for one in (first.answer, answer))
    for cookie in (before, after):
        assert cookie.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert before.split(";")[0] != after.split(";")[0]


async def test_it_speaks_the_readers_language(town: Town) -> None:
    asked = await town.browser.open(town.authorize, ui_locales="de-AT en")
    accepted = await town.browser.get(
        town.authorize, params=asking(), headers={"Accept-Language": "pt, de;q=0.8, en;q=0.9"}
    )
    assert asked.one("/html").get("lang") == "de"
    assert "Benutzername" in asked.text
    assert Page(accepted).one("/html").get("lang") == "en"
    wrong = Page(await town.browser.sign_in(asked, ANN, "falsch"))
    assert wrong.alert is not None
    assert "falsch" in wrong.alert[1]


# --- wrong names and passwords ------------------------------------------------------------------------------


async def test_an_unknown_user_and_a_wrong_password_look_the_same(town: Town) -> None:
    wrong = await attempt(town, ANN, "wrong")
    unknown = await attempt(town, "nobody@contoso.example", "wrong")
    assert wrong.alert == unknown.alert
    assert wrong.alert is not None
    assert wrong.alert[0] == "AADSTS50126"
    assert set(wrong.fields) == set(unknown.fields)
    refused = await town.events("user.sign_in_refused")
    assert [event.subject.id for event in refused] == [town.ann.uuid, town.contoso.uuid]
    assert "nobody" not in str(refused), "people type passwords into the field for the name"


async def test_both_take_as_many_units_of_work(town: Town) -> None:
    costs = []
    for user in (ANN, "nobody@contoso.example"):
        page = await town.browser.open(town.authorize, login_hint=user)
        before = (town.signin.db.stats.read_units, town.signin.db.stats.write_units)
        await town.browser.submit(page, passwd="wrong")
        after = (town.signin.db.stats.read_units, town.signin.db.stats.write_units)
        costs.append([late - early for late, early in zip(after, before, strict=True)])
    assert costs[0] == costs[1]


async def test_a_disabled_account_is_told_to_who_knows_its_password_alone(town: Town) -> None:
    right = await attempt(town, "bob@contoso.example", PASSWORD)
    wrong = await attempt(town, "bob@contoso.example", "wrong")
    assert right.alert is not None
    assert right.alert[0] == "AADSTS50057"
    assert wrong.alert is not None
    assert wrong.alert[0] == "AADSTS50126"
    assert await town.events("user.signed_in") == []


async def test_an_account_without_a_password_cannot_sign_in(town: Town) -> None:
    await town.signin.db.write(set_password_hash, town.contoso.id, town.ann.id, "")
    for password in ("", " ", PASSWORD):
        page = await attempt(town, ANN, password)
        assert page.alert is not None


async def test_missing_name_or_password_is_asked_for_again(town: Town) -> None:
    page = await town.browser.open(town.authorize)
    nameless = Page(await town.browser.submit(page, loginfmt="  "))
    assert nameless.alert == ("AADSTS90014", "Enter your user name.")
    asked = Page(await town.browser.submit(nameless, loginfmt=ANN))
    empty = Page(await town.browser.submit(asked, passwd=""))
    assert empty.alert == ("AADSTS90014", "Enter your password.")
    assert await town.events("user.sign_in_refused") == []


FOREIGN = ["fay@fabrikam.example", "ann@nowhere.example", "ann", "@", "a\x00b@contoso.example"]


async def test_a_user_of_another_organisation_is_told_so_before_any_password(town: Town) -> None:
    for user in FOREIGN:
        page = await town.browser.open(town.authorize)
        refused = Page(await town.browser.submit(page, loginfmt=user))
        assert refused.alert is not None
        assert refused.alert[0] == "AADSTS50020"
        assert OTHER_ORGANISATION in refused.alert[1]
        assert "Contoso" in refused.alert[1]
        filled = await town.browser.open(town.authorize, login_hint=user)
        with_password = Page(await town.browser.submit(filled, loginfmt=user, passwd=PASSWORD))
        assert with_password.alert == refused.alert


async def test_at_the_endpoint_for_all_the_name_decides_whose_page_it_is(town: Town) -> None:
    page = await town.browser.open("/common/oauth2/authorize")
    assert "Contoso" not in page.text
    second = Page(await town.browser.submit(page, loginfmt="fay@fabrikam.example"))
    assert "Fabrikam" in second.text
    sent_to(await town.browser.submit(second, passwd=PASSWORD))
    other = town.another_browser()
    again = await other.open("/organizations/oauth2/v2.0/authorize")
    unknown = Page(await other.submit(again, loginfmt="ann@nowhere.example"))
    assert unknown.alert is not None
    assert unknown.alert[0] == "AADSTS50128"


async def test_a_refusal_bears_what_a_help_desk_finds_it_by(town: Town) -> None:
    page = await attempt(town, "bob@contoso.example", PASSWORD)
    told = [one.text_content() for one in page.tree.xpath("//details//dd")]
    (event,) = await town.events("user.sign_in_refused")
    assert event.payload is not None
    assert told == ["AADSTS50057", event.payload["request"], "2026-01-05 08:00:00 UTC"]
    assert page.one("//details/summary").text == "Details for your help desk"
    other = await attempt(town, "bob@contoso.example", PASSWORD)
    assert [one.text_content() for one in other.tree.xpath("//details//dd")][1] != told[1]
    missing = Page(await town.browser.submit(await town.browser.open(town.authorize), loginfmt=""))
    assert missing.tree.xpath("//details") == []


async def test_an_error_stands_before_the_field_that_it_is_about(town: Town) -> None:
    wrong = await attempt(town, ANN, "wrong")
    foreign = Page(
        await town.browser.submit(await town.browser.open(town.authorize), loginfmt="fay@fabrikam.example")
    )
    for page, field in ((wrong, "i0118"), (foreign, "i0116")):
        assert page.one('//*[@role="alert"]/following-sibling::input').get("id") == field
        assert page.one("//input[@autofocus]").get("id") == field, "whoever cannot see hears it at once"


async def test_a_page_in_arabic_runs_from_right_to_left_and_names_do_not(town: Town) -> None:
    page = await town.browser.open(town.authorize, ui_locales="ar")
    assert (page.one("/html").get("lang"), page.one("/html").get("dir")) == ("ar", "rtl")
    assert page.one('//input[@id="i0116"]').get("dir") == "ltr"


# --- lock-out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [ANN, "nobody@contoso.example"])
async def test_ten_wrong_passwords_lock_for_a_minute_whether_or_not_there_is_such_a_user(
    town: Town, user: str
) -> None:
    for number in range(10):
        page = await attempt(town, user, f"guess {number}")
        assert page.alert is not None
        assert page.alert[0] == "AADSTS50126"
    locked = await attempt(town, user.upper(), PASSWORD)
    assert locked.alert is not None
    assert locked.alert[0] == "AADSTS50053"
    assert "1 minute" in locked.alert[1]
    refused = await town.events("user.sign_in_refused")
    assert [event.payload["locked_seconds"] for event in refused if event.payload] == [*[0] * 9, 60]
    town.clock.pass_silently(FIRST_LOCK)
    if user == ANN:
        await town.code()


@pytest.mark.parametrize(
    "language, one, several",
    [
        ("en", "in 1 minute.", "in 2 minutes."),
        ("de", "in 1 Minute wieder.", "in 2 Minuten wieder."),
        ("fr", "dans 1 minute.", "dans 2 minutes."),
        ("es", "dentro de 1 minuto.", "dentro de 2 minutos."),
        ("ja", "1 分後", "2 分後"),
        ("ar", "بعد دقيقة واحدة.", "بعد دقيقتين."),
    ],
)
async def test_minutes_are_counted_as_the_language_counts_them(
    town: Town, language: str, one: str, several: str
) -> None:
    told = []
    for number in range(10):
        await attempt(town, ANN, f"guess {number}")
    for number in range(2):  # the next wrong one locks for twice as long
        locked = await attempt(town, ANN, PASSWORD, ui_locales=language)
        assert locked.alert is not None
        told.append(locked.alert[1])
        town.clock.pass_silently(FIRST_LOCK)
        await attempt(town, ANN, f"guess again {number}")
    assert one in told[0]
    assert several in told[1]


async def test_guesses_made_all_at_once_are_counted_too(town: Town) -> None:
    page = await town.browser.open(town.authorize, login_hint=ANN)
    words = [*(f"guess {number}" for number in range(20)), PASSWORD]
    answers = await asyncio.gather(*(town.browser.submit(page, passwd=word) for word in words))
    alerts = [Page(answer).alert for answer in answers if answer.status_code == 200]
    codes = [alert[0] for alert in alerts if alert]
    assert codes.count("AADSTS50126") == 10
    assert codes.count("AADSTS50053") == 11, "the right one, come after ten wrong ones, among them"


async def test_a_password_changed_while_it_is_checked_does_not_sign_in(town: Town) -> None:
    changed = town.signin.passwords.hash("Another-Word-7", town.signin.entropy)

    class Slow(InlineWorkers):
        async def run(self, work: Any, *args: Any, **kwargs: Any) -> Any:
            outcome = await super().run(work, *args, **kwargs)
            await town.signin.db.write(set_password_hash, town.contoso.id, town.ann.id, changed)
            return outcome

    browser = town.browser_of(replace(town.signin, workers=Slow()))
    page = await browser.open(town.authorize, login_hint=ANN)
    refused = Page(await browser.submit(page, passwd=PASSWORD))
    assert refused.alert is not None
    assert refused.alert[0] == "AADSTS50126"


async def test_a_program_that_repeats_an_old_password_locks_nobody_out(town: Town) -> None:
    for _ in range(30):
        await attempt(town, ANN, "the password of last year")
    await town.code()


async def test_the_right_password_forgives(town: Town) -> None:
    for round_ in range(3):
        for number in range(9):
            await attempt(town, ANN, f"guess {round_} {number}")
        await town.code()


# --- forged forms -------------------------------------------------------------------------------------------


async def test_a_form_from_elsewhere_signs_nobody_in(town: Town) -> None:
    mine = await town.browser.open(town.authorize, login_hint=ANN)
    stranger = town.another_browser()
    for form in (
        {**mine.fields, "passwd": PASSWORD},  # no cookie
        {**mine.fields, "passwd": PASSWORD, "canary": "x.y"},
        {**mine.fields, "passwd": PASSWORD, "canary": ""},
    ):
        refused = Page(await stranger.http.post(mine.action, data=form))
        assert refused.alert is not None
        assert refused.alert[0] == "AADSTS165000"
    theirs = await stranger.open(town.authorize, login_hint=ANN)
    crossed = {**theirs.fields, "passwd": PASSWORD, "canary": mine.fields["canary"]}
    refused = Page(await stranger.http.post(theirs.action, data=crossed))
    assert refused.alert is not None
    assert await town.events("user.signed_in") == []
    sent_to(await stranger.submit(refused, passwd=PASSWORD))  # the page shown instead works


async def test_a_client_may_send_its_request_as_a_form(town: Town) -> None:
    answer = await town.http.post(town.authorize, data=asking())
    assert "loginfmt" in Page(answer).fields


# --- the assigned user of a device --------------------------------------------------------------------------


async def test_a_devices_page_greets_its_user_and_asks_for_the_password_alone(town: Town) -> None:
    page = await town.browser.open(town.authorize, reseal_hint=town.hint(greeting="Annie"))
    assert page.fields["loginfmt"] == ANN
    assert page.one('//input[@id="i0116"]').get("readonly") is not None
    assert "Welcome, Annie!" in page.text
    assert "Welcome to Contoso!" in page.text
    assert page.tree.xpath("//a") == []
    sent_to(await town.browser.submit(page, passwd=PASSWORD))


OTHERS = ["bob@contoso.example", "fay@fabrikam.example"]


async def test_the_assigned_user_cannot_be_changed(town: Town) -> None:
    for other in OTHERS:
        page = await town.browser.open(town.authorize, reseal_hint=town.hint())
        form = {**page.fields, "loginfmt": other, "passwd": PASSWORD}
        refused = Page(await town.http.post(page.action, data=form))
        assert refused.alert is not None
        assert refused.alert[0] == "AADSTS50020"
        assert refused.fields["loginfmt"] == ANN
        assert await town.events("user.signed_in") == []


async def test_only_a_fresh_hint_of_this_server_for_this_organisation_counts(town: Town) -> None:
    genuine = town.hint()
    foreign = town.hint("fay@fabrikam.example", "Fay")
    for hint in ("nonsense", genuine[:-3] + "AAA", foreign):
        page = await town.browser.open(town.authorize, reseal_hint=hint)
        assert page.fields["loginfmt"] == ""
        assert "Welcome" not in page.text
    town.clock.pass_silently(HINT_LIFETIME)
    page = await town.browser.open(town.authorize, reseal_hint=genuine)
    assert page.fields["loginfmt"] == ""


async def test_a_hint_that_ends_while_the_page_is_open_does_not_stop_its_user(town: Town) -> None:
    page = await town.browser.open(town.authorize, reseal_hint=town.hint())
    town.clock.pass_silently(HINT_LIFETIME)
    sent_to(await town.browser.submit(page, passwd=PASSWORD))


# --- requests that are not granted --------------------------------------------------------------------------


ASTRAY = [
    ({"client_id": ""}, "AADSTS900144"),
    ({"client_id": "11111111-2222-3333-4444-555555555555"}, "AADSTS700016"),
    ({"client_id": "<script>alert(1)</script>"}, "AADSTS700016"),
    ({"redirect_uri": ""}, "AADSTS900144"),
    ({"redirect_uri": "ms-aadj-redir://auth/drs/"}, "AADSTS50011"),
    ({"redirect_uri": "ms-aadj-redir://auth/DRS"}, "AADSTS50011"),
    ({"redirect_uri": "ms-aadj-redir://auth/drs?x=1"}, "AADSTS50011"),
    ({"redirect_uri": "https://evil.example/"}, "AADSTS50011"),
    ({"redirect_uri": "javascript:alert(1)"}, "AADSTS50011"),
    ({"redirect_uri": "http://localhost:1234/"}, "AADSTS50011"),
    ({"client_id": CLI, "redirect_uri": "http://localhost.evil.example/"}, "AADSTS50011"),
    ({"client_id": CLI, "redirect_uri": "http://localhost:80@evil.example/"}, "AADSTS50011"),
    ({"client_id": "38aa3b87-a06d-4817-b275-7a316988d93b"}, "AADSTS50011"),
]


async def test_who_is_unknown_or_would_be_sent_astray_gets_a_page(town: Town) -> None:
    for change, code in ASTRAY:
        answer = await town.http.get(town.authorize, params=asking(**change))
        assert answer.status_code == 400
        assert "location" not in answer.headers
        page = Page(answer)
        assert page.alert is not None
        assert page.alert[0] == code
        assert page.tree.xpath("//form | //script") == []
        assert "form-action 'self';" in answer.headers["content-security-policy"]
        assert [one.text for one in page.tree.xpath("//dt")] == ["Error code", "Trace id", "Time"]


@pytest.mark.parametrize(
    "language, sentences",
    [
        ("en", ("There is no application 'nobody' here that signs users in.", "Check client_id.")),
        ("de", ("Eine Anwendung 'nobody', die Benutzer anmeldet, gibt es hier nicht.", "Prüfen Sie")),
        ("fr", ("Il n’y a pas ici d’application 'nobody'", "Vérifiez client_id.")),
        ("es", ("Aquí no hay ninguna aplicación 'nobody'", "Compruebe client_id.")),
        ("ja", ("アプリケーション 'nobody' は", "client_id を確認")),
        ("ar", ("لا يوجد هنا تطبيق", "client_id")),
    ],
)
async def test_such_a_page_says_it_in_the_language_of_its_reader(
    town: Town, language: str, sentences: tuple[str, str]
) -> None:
    answer = await town.http.get(town.authorize, params=asking(client_id="nobody", ui_locales=language))
    page = Page(answer)
    assert page.one("/html").get("lang") == language
    assert page.alert is not None
    assert all(each in page.alert[1] for each in sentences)


@pytest.mark.parametrize("change", [change for change, _ in ASTRAY] + [{"tenant": "nobody.example"}])
async def test_no_such_page_is_partly_in_english(town: Town, change: dict[str, str]) -> None:
    whose = change.get("tenant", "")
    address = f"/{whose}/oauth2/v2.0/authorize" if whose else town.authorize
    parameters = asking(**{**({} if whose else change), "ui_locales": "ja"})
    alert = Page(await town.http.get(address, params=parameters)).alert
    assert alert is not None
    for english in ("There is", "The re", "Check", "Send"):
        assert english not in alert[1]


MISTAKES = [
    ({"response_type": "token"}, "unsupported_response_type", "AADSTS70005"),
    ({"response_type": "code id_token"}, "unsupported_response_type", "AADSTS70005"),
    ({"response_mode": "form_post"}, "invalid_request", "AADSTS70007"),
    ({"code_challenge": ""}, "invalid_request", "AADSTS50147"),
    ({"code_challenge_method": "plain"}, "invalid_request", "AADSTS90023"),
    ({"code_challenge_method": ""}, "invalid_request", "AADSTS90023"),
    ({"code_challenge": "short"}, "invalid_request", "AADSTS501491"),
    ({"resource": "https://unknown.example"}, "invalid_resource", "AADSTS500011"),
    (
        {"resource": "", "scope": "openid https://unknown.example/.default"},
        "invalid_resource",
        "AADSTS500011",
    ),
    ({"prompt": "dance"}, "invalid_request", "AADSTS90023"),
    ({"nonce": "a\x00b"}, "invalid_request", "AADSTS90023"),
    ({"prompt": "none"}, "login_required", "AADSTS50058"),
]


async def test_other_mistakes_are_told_to_the_client(town: Town) -> None:
    for change, error, code in MISTAKES:
        where, sent = sent_to(await town.http.get(town.authorize, params=asking(**change)))
        assert where == REDIRECT
        assert sent["error"] == error
        assert sent["error_description"].startswith(f"{code}: ")
        assert sent["state"] == "state of the client"


async def test_what_the_form_carries_is_checked_again(town: Town) -> None:
    page = await town.browser.open(town.authorize, login_hint=ANN)
    form = {**page.fields, "passwd": PASSWORD}
    astray = await town.http.post(page.action, data={**form, "redirect_uri": "https://evil.example/"})
    assert astray.status_code == 400
    _, sent = sent_to(await town.http.post(page.action, data={**form, "code_challenge": ""}))
    assert sent["error"] == "invalid_request"
    assert await town.events("user.signed_in") == []


async def test_an_unknown_tenant_is_named_on_a_page(town: Town) -> None:
    for name in ("nowhere.example", "11111111-2222-3333-4444-555555555555", "%00"):
        answer = await town.http.get(f"/{name}/oauth2/v2.0/authorize", params=asking())
        assert answer.status_code == 400
        assert Page(answer).alert is not None
        assert "AADSTS90002" in answer.text


REGISTERED = [
    (BROKER, "ms-aadj-redir://auth/mdm"),
    (BROKER, "ms-appx-web://Microsoft.AAD.BrokerPlugin/DRS"),
    (BROKER, "https://server.test/WebApp/CloudDomainJoin/9"),
    (CLI, "https://login.microsoftonline.com/common/oauth2/nativeclient"),
    (CLI, "http://localhost:53682"),
    (CLI, "http://127.0.0.1:53682/"),
    (BROKER.upper(), REDIRECT),
]


async def test_registered_addresses_get_codes(town: Town) -> None:
    for client, redirect in REGISTERED:
        await town.code(client_id=client, redirect_uri=redirect)


async def test_paths_count_in_any_letter_case(town: Town) -> None:
    for path in ("/Common/OAuth2/Authorize", "/common/oAuth2/V2.0/authorize"):
        page = await town.browser.open(path)
        assert "loginfmt" in page.fields


# --- sessions -----------------------------------------------------------------------------------------------


def cli() -> dict[str, str]:
    """A program that may be sent to any port of its machine."""
    return {"client_id": CLI, "redirect_uri": "http://localhost:7000/"}


async def signed_in(town: Town) -> None:
    page = await town.browser.open(town.authorize)
    sent_to(await town.browser.sign_in(page, ANN, PASSWORD))


async def begin(town: Town, path: str = "", **parameters: str) -> bool:
    """Whether the browser gets a code without being asked."""
    answer = await town.http.get(path or town.authorize, params=asking(**parameters))
    if answer.status_code == 303:
        return "code" in sent_to(answer)[1]
    assert "loginfmt" in Page(answer).fields
    return False


async def test_who_has_signed_in_is_not_asked_again(town: Town) -> None:
    assert not await begin(town)
    await signed_in(town)
    assert await begin(town)
    assert await begin(town, prompt="none")
    assert await begin(town, login_hint=ANN.upper())
    assert await begin(town, "/common/oauth2/authorize")
    assert await begin(town, reseal_hint=town.hint())
    told = [event.payload["method"] for event in await town.events("user.signed_in") if event.payload]
    assert told == ["password", *["session"] * 5]


async def test_but_is_if_the_client_another_user_or_another_organisation_wants_it(town: Town) -> None:
    await signed_in(town)
    assert not await begin(town, prompt="login")
    assert not await begin(town, login_hint="bob@contoso.example")
    assert not await begin(town, reseal_hint=town.hint("bob@contoso.example"))
    assert not await begin(town, f"/{town.fabrikam.uuid}/oauth2/v2.0/authorize")


async def test_a_client_may_have_the_account_picked(town: Town) -> None:
    plain = await town.browser.open(town.authorize, prompt="select_account")
    assert "loginfmt" in plain.fields, "nobody is signed in, so there is nothing to pick"
    await signed_in(town)
    page = await town.browser.open(town.authorize, prompt="select_account")
    assert "Pick an account" in page.text
    tile = page.one('//button[@name="account"]')
    assert ANN in tile.text_content()
    assert "Ann Öztürk" in tile.text_content()
    picked = {**page.fields, "account": tile.get("value")}
    forged = await town.another_browser().http.post(page.action, data=picked)
    assert "loginfmt" in Page(forged).fields
    where, sent = sent_to(await town.http.post(page.action, data=picked))
    assert where == REDIRECT
    assert "code" in sent
    somebody = await town.http.post(page.action, data={**page.fields, "account": str(town.bob.uuid)})
    assert "loginfmt" in Page(somebody).fields
    other = await town.browser.get(page.one('//a[@class="account"]').get("href"))
    assert Page(other).fields["loginfmt"] == ""


async def test_a_session_ends_by_itself_with_the_password_and_with_the_account(town: Town) -> None:
    await signed_in(town)
    town.clock.pass_silently(LIFETIME - timedelta(seconds=1))
    assert await begin(town)
    town.clock.pass_silently(timedelta(seconds=1))
    assert not await begin(town)

    await signed_in(town)
    changed = town.signin.passwords.hash("Another-Word-7", town.signin.entropy)
    await town.signin.db.write(set_password_hash, town.contoso.id, town.ann.id, changed)
    assert not await begin(town)

    page = await town.browser.open(town.authorize)
    sent_to(await town.browser.sign_in(page, ANN, "Another-Word-7"))
    assert await begin(town)
    await town.signin.db.write(update_user, town.contoso.id, town.ann.id, enabled=False)
    assert not await begin(town)


async def test_signing_out_ends_the_session_and_leads_only_to_registered_addresses(town: Town) -> None:
    await signed_in(town)
    stolen = dict(town.http.cookies)
    answer = await town.http.get("/common/oauth2/v2.0/logout")
    assert "You signed out" in Page(answer).text
    assert not await begin(town)
    town.http.cookies.update(stolen)
    assert not await begin(town), "the server forgot it too"
    assert len(await town.events("user.signed_out")) == 1
    back = {"client_id": CLI, "post_logout_redirect_uri": "http://localhost:7000/"}
    assert sent_to(await town.http.get("/common/oauth2/logout", params=back))[0] == "http://localhost:7000/"
    evil = {**back, "post_logout_redirect_uri": "https://evil.example/"}
    assert (await town.http.get("/common/oauth2/logout", params=evil)).status_code == 200


async def test_a_client_may_say_who_it_is_by_a_token_and_gets_its_state_back(town: Town) -> None:
    where = {"post_logout_redirect_uri": "http://localhost:7000/", "state": "a b&c"}
    tokens = (await town.redeem(await town.code(**cli()), **cli())).json()
    hint = {"id_token_hint": tokens["id_token"]}
    town.clock.pass_silently(LIFETIME)
    assert sent_to(await town.http.get("/common/oauth2/v2.0/logout", params={**where, **hint})) == (
        "http://localhost:7000/",
        {"state": "a b&c"},
    )
    assert (await town.http.post("/common/oauth2/logout", data={**where, **hint})).status_code == 303
    for unfit in (
        {},
        {"id_token_hint": "nonsense"},
        {"id_token_hint": tokens["access_token"]},
        {**hint, "client_id": BROKER},
    ):
        answer = await town.http.get("/common/oauth2/v2.0/logout", params={**where, **unfit})
        assert answer.status_code == 200
        assert "You signed out" in Page(answer).text


async def test_who_signs_out_sees_whose_page_it_was(town: Town) -> None:
    await signed_in(town)
    page = Page(await town.http.get("/common/oauth2/v2.0/logout", headers={"Accept-Language": "de"}))
    assert "Contoso" in page.text
    assert page.one("/html").get("lang") == "de"


async def test_a_new_sign_in_takes_the_place_of_the_former(town: Town) -> None:
    await signed_in(town)
    former = dict(town.http.cookies)
    page = await town.browser.open(town.authorize, prompt="login")
    sent_to(await town.browser.sign_in(page, ANN, PASSWORD))
    assert await begin(town)
    town.http.cookies.clear()
    town.http.cookies.update(former)
    assert not await begin(town)


async def test_text_of_the_organisation_cannot_become_markup(town: Town) -> None:
    evil = Branding(
        sign_in_page_text='<img src=x onerror=alert(1)> [x](javascript:alert(1)) **"bold"**',
        username_hint_text='"><script>',
    )
    await town.signin.db.write(set_branding, town.contoso.id, evil)
    page = await town.browser.open(town.authorize, login_hint='"><script>alert(1)</script>')
    assert page.tree.xpath("//script | //img | //a[starts-with(@href, 'javascript')]") == []
    assert page.one("//strong").text == '"bold"'
    assert page.one('//input[@id="i0116"]').get("placeholder") == '"><script>'
