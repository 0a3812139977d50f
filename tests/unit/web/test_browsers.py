"""What pages need: seals, languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.web.languages import wanted_languages
from reseal.web.seals import Seals

SEALS = Seals([b"new key", b"old key"])


@given(st.binary(max_size=100))
def test_what_was_sealed_is_opened_for_its_purpose_alone(content: bytes) -> None:
    text = SEALS.seal("one", content)
    assert SEALS.opened("one", text) == content
    assert SEALS.opened("two", text) is None
    assert Seals([b"other"]).opened("one", text) is None
    assert text.isascii()


@given(st.text(max_size=60))
def test_nothing_else_opens(text: str) -> None:
    assert SEALS.opened("one", text) is None


def test_one_seal_has_one_spelling() -> None:
    text = SEALS.seal("one", b"content")
    assert SEALS.opened("one", text + "=") is None
    assert SEALS.opened("one", text.replace(".", ". ")) is None
    assert SEALS.opened("one", text[:-1]) is None


def test_an_older_key_still_opens() -> None:
    assert SEALS.opened("one", Seals([b"old key"]).seal("one", b"x")) == b"x"


@pytest.mark.parametrize(
    "asked, accepted, expected",
    [
        ("", "", ()),
        ("de-DE en", "fr", ("de-DE", "en", "fr")),
        ("", "fr;q=0.2, de, en;q=0.8, *;q=0.1", ("de", "en", "fr")),
        ("", "en;q=0, de;q=nonsense, pt", ("pt",)),
        ("de", "de,en", ("de", "en")),
        ("../.. <script>", "'; drop", ()),
    ],
)
def test_languages(asked: str, accepted: str, expected: tuple[str, ...]) -> None:
    assert wanted_languages(asked, accepted) == expected


@given(st.text(max_size=100), st.text(max_size=100))
def test_languages_are_tags_whatever_is_sent(asked: str, accepted: str) -> None:
    assert all(tag.replace("-", "").isalnum() for tag in wanted_languages(asked, accepted))
