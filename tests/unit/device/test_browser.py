"""Pages as a browser reads them, and how it gets through a sign-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.browser import Browser, Cookies, Landed, sign_in_form, user_field
from reseal.device.errors import NetworkFailed, SetupFailed
from reseal.device.html import Page, read_page
from reseal.device.http import Http
from reseal.device.transport import Failure, Request, TransportError
from tests.support.clock import ManualClock
from tests.unit.device.organisation import Answer

pytestmark = pytest.mark.anyio

URL = "https://login.contoso.test/sign-in?x=1"
CALLBACK = "ms-aadj-redir://auth/drs"


def page(body: str, url: str = URL) -> Page:
    return read_page(url, 200, f"<!DOCTYPE html><html><body>{body}</body></html>".encode())


# --- reading ------------------------------------------------------------------------------------------------

_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
_KINDS = ("text", "hidden", "password", "email", "checkbox", "radio", "submit", "area", "select")
_names = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8)


@dataclass(frozen=True)
class Written:
    """A control, its HTML, and what a browser sends of it."""

    html: str
    sent: tuple[tuple[str, str], ...]


@st.composite
def controls(draw: st.DrawFn) -> Written:
    name, value = draw(_names), draw(_texts)
    kind = draw(
        st.sampled_from(
            ["text", "hidden", "password", "email", "checkbox", "radio", "submit", "area", "select"]
        )
    )
    disabled, ticked = draw(st.booleans()), draw(st.booleans())
    shared = f'name="{escape(name)}"' + (" disabled" if disabled else "")
    counts = not disabled
    if kind == "area":
        html = f"<textarea {shared}>\n{escape(value)}</textarea>"
    elif kind == "select":
        html = f'<select {shared}><option value="no">x<option value="{escape(value)}" selected>y</select>'
    else:
        html = f'<input type="{kind}" {shared} value="{escape(value)}"' + (" checked>" if ticked else ">")
        counts = counts and kind != "submit" and (kind not in ("checkbox", "radio") or ticked)
    return Written(html, ((name, value),) if counts else ())


@given(st.lists(controls(), max_size=8), st.sampled_from(["get", "post", "POST", ""]))
def test_a_form_sends_what_html_says(written: list[Written], method: str) -> None:
    inside = "<p>".join(each.html for each in written)
    found = page(f'<form method="{method}" action="/go?y=2#part">{inside}</form>').forms
    assert len(found) == 1
    expected = [pair for each in written for pair in each.sent]
    assert found[0].data({}) == expected
    url, body = found[0].request(found[0].data({}))
    if method.lower() == "post":
        assert url == "https://login.contoso.test/go?y=2#part"
        assert parse_qsl(body.decode(), keep_blank_values=True) == expected
    else:
        assert body == b""
        assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == expected


@given(
    st.binary(max_size=200), st.sampled_from(["", "text/html; charset=utf-8", "text/html; charset=nonsense"])
)
def test_any_bytes_are_a_page(body: bytes, content_type: str) -> None:
    assert read_page(URL, 200, body, content_type).url == URL


def test_fields_in_a_disabled_fieldset_are_not_sent() -> None:
    form = page(
        '<form><fieldset disabled><input name="a" value="1"></fieldset><input name="b" value="2"></form>'
    )
    assert form.forms[0].data({}) == [("b", "2")]


def test_only_the_pressed_button_is_sent() -> None:
    form = page(
        '<form><button name="a" value="1">x</button><button name="b" value="2">y</button></form>'
    ).forms[0]
    assert form.data({}, form.named("b")) == [("b", "2")]


def test_what_is_read_only_keeps_its_value() -> None:
    form = page('<form><input name="loginfmt" value="adele@contoso.test" readonly></form>').forms[0]
    assert form.data({"loginfmt": "mallory@contoso.test"}) == [("loginfmt", "adele@contoso.test")]


def test_words_alerts_and_images_are_told_apart() -> None:
    found = page(
        '<h1>Contoso</h1><script>evil()</script><p>Call <b>555</b></p><img src="logo.png" alt="Logo">'
        '<div role="alert" data-code="AADSTS50126"><p>Wrong password</p></div>'
    )
    assert found.words == ("Contoso", "Call 555")
    assert found.images == (("Logo", "https://login.contoso.test/logo.png"),)
    assert [(alert.text, alert.code) for alert in found.alerts] == [("Wrong password", "AADSTS50126")]


@pytest.mark.parametrize(
    "field",
    [
        '<input name="loginfmt">',
        '<input id="i0116" name="x">',
        '<input type="email" name="x">',
        '<input name="x" autocomplete="section-a username webauthn">',
    ],
)
def test_the_user_field_is_found_by_what_it_says_of_itself(field: str) -> None:
    found = page(f'<form method="post"><input name="other">{field}</form>')
    wanted = user_field(found)
    assert wanted is not None
    assert wanted.name in ("x", "loginfmt")


def test_the_form_that_asks_for_credentials_is_taken() -> None:
    found = page(
        '<form method="get"><input name="q"></form>'
        '<form method="post" action="/other"><input name="z"></form>'
        '<form method="post" action="/right"><input type="password" name="passwd"></form>'
    )
    form = sign_in_form(found)
    assert form is not None
    assert form.action.endswith("/right")


# --- cookies ------------------------------------------------------------------------------------------------


def test_cookies_go_where_they_belong(clock: ManualClock) -> None:
    cookies = Cookies(clock)
    lines = (
        "a=1; Path=/; Secure",
        "b=2; Path=/sign-in",
        "__Host-c=3; Path=/; Secure; HttpOnly",
        "d=4; Max-Age=60",
    )
    cookies.take("https://login.contoso.test/sign-in/page", lines)
    assert cookies.header("https://login.contoso.test/sign-in/next") == "b=2; d=4; a=1; __Host-c=3"
    assert cookies.header("https://login.contoso.test/") == "a=1; __Host-c=3"
    assert cookies.header("https://contoso.test/sign-in") == ""
    clock.pass_silently(timedelta(seconds=61))
    assert "d=4" not in cookies.header("https://login.contoso.test/sign-in/next")


@pytest.mark.parametrize(
    "line",
    [
        "=x",
        "plain",
        "a=1; Domain=other.test",
        "__Host-a=1; Path=/x; Secure",
        "__Host-a=1; Path=/",
        "a=1; Domain=test",
    ],
)
def test_cookies_that_are_none_are_left(clock: ManualClock, line: str) -> None:
    cookies = Cookies(clock)
    cookies.take(URL, (line,))
    assert cookies.header(URL) == ""


def test_a_cookie_of_a_domain_goes_to_its_hosts_and_can_be_taken_back(clock: ManualClock) -> None:
    cookies = Cookies(clock)
    cookies.take(URL, ("a=1; Domain=contoso.test; Path=/",))
    assert cookies.header("https://www.contoso.test/") == "a=1"
    assert cookies.header("https://evilcontoso.test/") == ""
    cookies.take(URL, ("a=; Domain=contoso.test; Path=/; Max-Age=0",))
    assert cookies.header("https://www.contoso.test/") == ""


# --- signing in ---------------------------------------------------------------------------------------------

IDENTIFIER = """<form method="post" action="/user">
<input name="loginfmt"><input type="hidden" name="f" value="1"></form>"""
PASSWORD = '<form method="post" action="/password"><input name="passwd" type="password"></form>'
STAY = """<form method="post" action="/stay">
<input type="hidden" name="k" value="1"><button name="no">No</button></form>"""
WRONG = f'<div role="alert" data-code="AADSTS50126">Wrong</div>{PASSWORD}'


@dataclass
class Site:
    """Answers by path; what was asked stays."""

    answers: dict[str, Answer | Failure]
    asked: list[Request] = field(default_factory=list)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        self.asked.append(request)
        answer = self.answers[urlsplit(request.url).path]
        if isinstance(answer, Failure):
            raise TransportError(answer, "by script")
        yield answer


def shown(body: str) -> Answer:
    return Answer(200, body.encode(), [("Content-Type", "text/html")])


def sent_to(target: str, status: int = 302) -> Answer:
    return Answer(status, b"", [("Location", target), ("Set-Cookie", "s=1; Path=/; Secure")])


def browser(site: Site, clock: ManualClock) -> Browser:
    return Browser(Http(site, clock), clock, callback=CALLBACK, language="de-DE")


async def signs_in(site: Site, clock: ManualClock) -> Page | Landed:
    using = browser(site, clock)
    first = await using.open(URL)
    assert isinstance(first, Page)
    return await using.sign_in(first, "adele@contoso.test", "pw")


async def test_one_page_after_the_other_to_the_callback(clock: ManualClock) -> None:
    site = Site(
        {
            "/sign-in": shown(IDENTIFIER),
            "/user": shown(PASSWORD),
            "/password": shown(STAY),
            "/stay": sent_to(f"{CALLBACK}?code=abc&state=%2B1", 303),
        }
    )
    came = await signs_in(site, clock)
    assert came == Landed(CALLBACK, {"code": "abc", "state": "+1"})
    bodies = [request.body.decode() for request in site.asked]
    assert bodies == ["", "loginfmt=adele%40contoso.test&f=1", "passwd=pw", "k=1&no="]
    sent = dict(site.asked[1].headers)
    assert sent["Origin"] == "https://login.contoso.test"
    assert dict(site.asked[0].headers)["Accept-Language"] == "de-DE"


async def test_a_refusal_stays_on_its_page(clock: ManualClock) -> None:
    site = Site({"/sign-in": shown(PASSWORD), "/password": shown(WRONG)})
    came = await signs_in(site, clock)
    assert isinstance(came, Page)
    assert came.alerts[0].code == "AADSTS50126"
    assert len(site.asked) == 2


async def test_a_page_that_asks_for_the_same_again_ends_it(clock: ManualClock) -> None:
    site = Site({"/sign-in": shown(PASSWORD), "/password": shown(PASSWORD)})
    came = await signs_in(site, clock)
    assert isinstance(came, Page)
    assert len(site.asked) == 2


async def test_redirects_are_followed_with_cookies_and_become_get(clock: ManualClock) -> None:
    site = Site(
        {
            "/sign-in": shown(PASSWORD),
            "/password": sent_to("/next"),
            "/next": sent_to("https://login.contoso.test/last", 307),
            "/last": sent_to(f"{CALLBACK}?code=1"),
        }
    )
    assert isinstance(await signs_in(site, clock), Landed)
    assert [request.method for request in site.asked] == ["GET", "POST", "GET", "GET"]
    assert dict(site.asked[2].headers)["Cookie"] == "s=1"


@pytest.mark.parametrize(
    "target", ["http://login.contoso.test/", "ms-other://auth/drs?code=1", f"{CALLBACK}/x?code=1"]
)
async def test_it_goes_nowhere_but_to_https_and_its_callback(clock: ManualClock, target: str) -> None:
    site = Site({"/sign-in": shown(PASSWORD), "/password": sent_to(target)})
    with pytest.raises(SetupFailed, match="instead of https"):
        await signs_in(site, clock)


async def test_redirects_have_a_bound(clock: ManualClock) -> None:
    site = Site({"/sign-in": sent_to("/sign-in")})
    with pytest.raises(SetupFailed, match="on and on"):
        await browser(site, clock).open(URL)


async def test_what_was_posted_is_not_sent_again(clock: ManualClock) -> None:
    site = Site({"/sign-in": shown(PASSWORD), "/password": Failure.CUT})
    with pytest.raises(NetworkFailed):
        await signs_in(site, clock)
    assert len(site.asked) == 2
