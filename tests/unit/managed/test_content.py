"""Signed addresses of contents, and ranges of them."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.kernel.errors import Denied
from reseal.managed.content import LIFETIME, ContentUrls
from reseal.managed.routes import requested_range
from tests.support.clock import START

ENROLMENT = UUID(int=1)
SHA256 = "ab" * 32
URLS = ContentUrls((b"k" * 32,), "https://devices.test/")


def _parts(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["exp"][0], query["sig"][0]


def _code(
    urls: ContentUrls, enrolment: UUID, sha256: str, expires: str, signature: str, later: timedelta
) -> str:
    try:
        urls.check(enrolment, sha256, expires, signature, now=START + later)
    except Denied as error:
        return error.code
    return ""


def test_an_address_is_good_for_its_enrolment_its_content_and_its_time() -> None:
    url = URLS.url_for(ENROLMENT, SHA256, "Agent 1.2 ä/x.msi", now=START)
    path = urlsplit(url).path
    assert url.startswith("https://devices.test/content/")
    assert path.count("/") == 4
    assert unquote(path).endswith("Agent 1.2 ä/x.msi")
    expires, signature = _parts(url)
    just, over = LIFETIME - timedelta(seconds=1), LIFETIME
    assert _code(URLS, ENROLMENT, SHA256, expires, signature, just) == ""
    assert _code(URLS, ENROLMENT, SHA256, expires, signature, over) == "ContentUrlExpired"
    longer = str(int(expires) + 1)
    for changed in (
        (UUID(int=2), SHA256, expires, signature),
        (ENROLMENT, "cd" * 32, expires, signature),
        (ENROLMENT, SHA256, longer, signature),
        (ENROLMENT, SHA256, expires, signature[:-1]),
        (ENROLMENT, SHA256, expires, "ä"),
        (ENROLMENT, SHA256, "", ""),
        (ENROLMENT, SHA256, "9" * 400, signature),
    ):
        assert _code(URLS, *changed, just) == "ContentUrlInvalid"


def test_an_older_key_still_verifies_and_a_foreign_one_does_not() -> None:
    expires, signature = _parts(URLS.url_for(ENROLMENT, SHA256, "x", now=START))
    rotated = ContentUrls((b"n" * 32, *URLS.keys), URLS.base_url)
    assert _code(rotated, ENROLMENT, SHA256, expires, signature, timedelta(0)) == ""
    other = ContentUrls((b"n" * 32,), URLS.base_url)
    assert _code(other, ENROLMENT, SHA256, expires, signature, timedelta(0)) == "ContentUrlInvalid"
    assert "k" * 8 not in repr(URLS)


@pytest.mark.parametrize(
    "header, wanted",
    [
        ("", None),
        ("bytes=0-", range(10)),
        ("bytes=2-5", range(2, 6)),
        ("Bytes = 9-9", range(9, 10)),
        ("bytes=2-99999", range(2, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        ("bytes=10-", range(0)),
        ("bytes=-0", range(10, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("pages=1-2", None),
        ("bytes=²-", None),
        ("bytes=99999999999999999999-", None),
    ],
)
def test_the_range_that_a_header_asks_for(header: str, wanted: range | None) -> None:
    assert requested_range(header, 10) == wanted


@given(st.text(), st.integers(0, 2**40))
def test_whatever_is_asked_for_lies_within_the_content(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        found = requested_range(text, size)
        assert found is None or (0 <= found.start <= found.stop <= size)
