"""What a page says once, and to nobody else."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie

from starlette.requests import Request
from starlette.responses import Response

from reseal.console.notices import Notice, Notices
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.secretbox import SecretBox
from tests.support.clock import ManualClock


def office(key: bytes = b"k" * 32) -> tuple[Notices, ManualClock]:
    clock = ManualClock()
    return Notices(SecretBox([key], SeededEntropy(1)), clock), clock


def carried(response: Response) -> Request:
    """The next request of the browser that got this answer."""
    cookies: SimpleCookie = SimpleCookie(response.headers["set-cookie"])
    sent = "; ".join(f"{name}={one.value}" for name, one in cookies.items() if one["max-age"] != "0")
    return Request({"type": "http", "headers": [(b"cookie", sent.encode())]})


def left(notices: Notices, notice: Notice) -> Request:
    response = Response()
    notices.leave(response, notice)
    return carried(response)


def test_the_next_page_says_it_and_then_it_is_forgotten() -> None:
    notices, _ = office()
    request = left(notices, Notice("Saved – for 3 devices.", "s3cret", "Password of Adele"))

    found = notices.found(request)
    assert found is not None
    assert (found.text, found.secret, found.secret_of) == (
        "Saved – for 3 devices.",
        "s3cret",
        "Password of Adele",
    )
    answer = Response()
    notices.take(request, answer)
    assert notices.found(carried(answer)) is None


def test_nobody_reads_it_on_the_way_and_no_other_server_takes_it() -> None:
    notices, _ = office()
    request = left(notices, Notice("Saved.", "s3cret"))

    assert "s3cret" not in request.headers["cookie"]
    assert office(b"x" * 32)[0].found(request) is None


async def test_it_is_too_late_after_five_minutes() -> None:
    notices, clock = office()
    request = left(notices, Notice("Saved."))
    await clock.advance(timedelta(minutes=5))

    assert notices.found(request) is None


def test_a_long_text_is_cut_to_what_a_browser_keeps() -> None:
    notices, _ = office()
    request = left(notices, Notice("ü" * 5000))

    assert len(request.headers["cookie"]) < 4096
    found = notices.found(request)
    assert found is not None
    assert found.text == "ü" * 1000


def test_a_cookie_that_is_no_notice_says_nothing() -> None:
    notices, _ = office()
    for text in ("x", "====", "AAAA", "ü"):
        request = Request({"type": "http", "headers": [(b"cookie", f"__Host-reseal-notice={text}".encode())]})
        assert notices.found(request) is None
