"""Whoever looks at a refusal in a browser is shown a page in their language; programs get data."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from lxml import html
from starlette.requests import Request
from starlette.responses import Response

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Denied, Invalid, TooSoon, Unauthenticated, Unavailable
from reseal.web.calls import Call, Caller
from reseal.web.edge import SECURITY_HEADERS
from reseal.web.refusals import SHEET, telling
from reseal.web.routes import Listener, Public, Route, application
from tests.support.http import HOST, client_of

pytestmark = pytest.mark.anyio

OPEN = Public("a test")
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def _nobody(_request: Request) -> Caller:
    raise Unauthenticated(code="WhoAreYou", message="Nobody is known by that.")


async def _invalid(_call: Call) -> Response:
    raise Invalid(code="Bad", message="Server's own words.", remedy="Mend <it>.")


async def _denied(_call: Call) -> Response:
    raise Denied(code="No", message="You may not.")


async def _soon(_call: Call) -> Response:
    raise TooSoon(code="Soon", message="Wait.", retry_after=timedelta(seconds=2))


async def _unavailable(_call: Call) -> Response:
    raise Unavailable(code="Away", message="It is away.")


async def _fails(_call: Call) -> Response:
    raise RuntimeError("the secret is 1234")


async def _reads(call: Call) -> Response:
    return Response(await call.body())


ROUTES = (
    Route("GET", "/invalid", _invalid, OPEN, 0, Listener.BOTH),
    Route("GET", "/denied", _denied, OPEN, 0, Listener.BOTH),
    Route("GET", "/soon", _soon, OPEN, 0, Listener.BOTH),
    Route("GET", "/unavailable", _unavailable, OPEN, 0, Listener.BOTH),
    Route("GET", "/fails", _fails, OPEN, 0, Listener.BOTH),
    Route("POST", "/reads", _reads, OPEN, 10, Listener.BOTH),
    Route("GET", "/closed", _reads, "Things.Read", 0, Listener.BOTH),
)
REFUSED = [
    ("GET", "/nothing/here", 404, "There is no such page"),
    ("DELETE", "/reads", 405, "This address is not used like that"),
    ("GET", "/invalid", 400, "This cannot be done"),
    ("GET", "/closed", 401, "You are not signed in"),
    ("GET", "/denied", 403, "This account may not see this"),
    ("POST", "/reads", 413, "That is too much at once"),
    ("GET", "/soon", 429, "That was asked too often"),
    ("GET", "/fails", 500, "This server failed"),
    ("GET", "/unavailable", 503, "This server is not ready"),
]
"""What is asked for, the status, and what the page is called."""


def serve(listener: Listener = Listener.BROWSER) -> httpx2.AsyncClient:
    app = application(
        ROUTES,
        listener=listener,
        hosts=lambda: frozenset({HOST}),
        authenticate=_nobody,
        entropy=SeededEntropy("refusals"),
        tell=telling(listener),
    )
    return client_of(app)


async def ask(method: str, path: str, listener: Listener = Listener.BROWSER, **headers: str) -> Any:
    async with serve(listener) as client:
        content = b"x" * 11 if method == "POST" else None
        return await client.request(method, path, content=content, headers=headers)


def read(answer: httpx2.Response) -> Any:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.fromstring(answer.text)


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


@pytest.mark.parametrize("method, path, status, title", REFUSED)
async def test_a_browser_is_shown_a_page_and_a_program_gets_the_same_as_data(
    method: str, path: str, status: int, title: str
) -> None:
    shown, data = await ask(method, path, **BROWSER), await ask(method, path, Accept="*/*")

    assert shown.status_code == data.status_code == status
    page, error = read(shown), data.json()["error"]
    assert [one.text for one in page.xpath("//h1")] == [title]
    (alert,) = page.xpath("//*[@role='alert']")
    assert alert.get("data-code") == error["code"]
    if status != 500:  # each fault has a number of its own
        assert words(alert) == f"{error['message']} {error.get('remedy', '')}".strip()
    assert page.xpath("//main//a/@href") == ["/"]
    assert page.xpath("//link[@rel='stylesheet']/@href") == [SHEET.path]


@pytest.mark.parametrize("method, path, status, title", REFUSED)
async def test_what_an_answer_says_beside_its_body_is_the_same(
    method: str, path: str, status: int, title: str
) -> None:
    shown, data = await ask(method, path, **BROWSER), await ask(method, path)

    for answer in (shown, data):
        assert answer.headers.get("allow") == ("POST" if status == 405 else None)
        assert answer.headers.get("retry-after") == ("2" if status == 429 else None)
        assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; ")
    assert "script" not in policy
    assert "unsafe" not in policy
    for name in SECURITY_HEADERS.keys() - {"Content-Security-Policy"}:
        assert shown.headers[name] == SECURITY_HEADERS[name]


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "application/json, text/html", "image/png", "text/event-stream"]
)
async def test_who_does_not_look_at_pages_gets_none(accept: str) -> None:
    assert (await ask("GET", "/nothing", Accept=accept)).json()["error"]["code"] == "NoSuchRoute"


@pytest.mark.parametrize("method, path, status, title", REFUSED)
async def test_devices_get_no_pages(method: str, path: str, status: int, title: str) -> None:
    answer = await ask(method, path, Listener.DEVICE, **BROWSER)

    assert (answer.status_code, "code" in answer.json()["error"]) == (status, True)


async def test_a_page_does_not_say_what_a_link_wants_it_to_say() -> None:
    answer = await ask("GET", "/%3Cscript%3Ealert(1)%3C/script%3E%20Call%20this%20number", **BROWSER)

    page = read(answer)
    assert page.xpath("//script | //style | //@style") == []
    for said in ("alert(1)", "Call this number"):
        assert said not in words(page)


async def test_what_an_error_says_is_not_taken_for_markup() -> None:
    assert "Mend &lt;it&gt;." in (await ask("GET", "/invalid", **BROWSER)).text


async def test_a_fault_shows_its_number_and_nothing_of_its_cause() -> None:
    answer = await ask("GET", "/fails", **BROWSER)

    alert = words(read(answer).xpath("//*[@role='alert']")[0])
    assert "its log has the cause under" in alert
    assert "1234" not in answer.text
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize(
    "language, direction, title, sentence",
    [
        ("de-AT", "ltr", "Diese Seite gibt es nicht", "Unter dieser Adresse gibt es nichts."),
        ("fr", "ltr", "Cette page n’existe pas", "Il n’y a rien à cette adresse."),
        ("es", "ltr", "Esta página no existe", "En esta dirección no hay nada."),
        ("ja", "ltr", "このページはありません", "このアドレスには何もありません。"),
        ("ar", "rtl", "لا توجد صفحة كهذه", "لا يوجد شيء على هذا العنوان."),
        ("pt", "ltr", "There is no such page", "There is nothing at this address."),
    ],
)
async def test_the_page_speaks_the_language_of_its_reader(
    language: str, direction: str, title: str, sentence: str
) -> None:
    answer = await ask("GET", "/nothing", **BROWSER, **{"Accept-Language": language})

    page = read(answer)
    assert (page.get("dir"), page.xpath("//h1")[0].text) == (direction, title)
    assert sentence in words(page.xpath("//*[@role='alert']")[0])
    assert page.xpath("//*[@role='alert']//*[@lang]") == []


async def test_words_that_nobody_translated_say_that_they_are_english() -> None:
    page = read(await ask("GET", "/invalid", **BROWSER, **{"Accept-Language": "ar"}))

    assert (page.get("lang"), page.xpath("//h1")[0].text) == ("ar", "لا يمكن تنفيذ ذلك")
    foreign = page.xpath("//*[@role='alert']/span[@lang='en'][@dir='ltr']")
    assert [one.text for one in foreign] == ["Server's own words.", "Mend <it>."]


async def test_under_a_name_that_is_not_ours_the_page_leads_nowhere() -> None:
    """Whatever it linked to would be refused as well."""
    answer = await ask("GET", "/", **BROWSER, Host="evil.example")

    page = read(answer)
    assert (answer.status_code, page.xpath("//h1")[0].text) == (421, "This server goes by another name")
    assert "'evil.example'" in words(page)
    assert page.xpath("//a | //link[@rel='stylesheet'] | //script") == []
