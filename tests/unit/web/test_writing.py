"""In which direction languages are written: as CLDR says."""

from __future__ import annotations

import pytest
from babel import Locale
from babel.localedata import locale_identifiers

from reseal.web.writing import direction


@pytest.mark.parametrize(
    "language,expected",
    [
        ("ar", "rtl"),
        ("ar-EG", "rtl"),
        ("he-IL", "rtl"),
        ("fa", "rtl"),
        ("ur-PK", "rtl"),
        ("de-DE", "ltr"),
        ("ja-JP", "ltr"),
        ("", "ltr"),
        ("pa-Arab-PK", "rtl"),
        ("pa-IN", "ltr"),
        ("sd-Deva-IN", "ltr"),
        ("ar-Latn", "ltr"),
    ],
)
def test_a_tag_says_its_direction(language: str, expected: str) -> None:
    assert direction(language) == expected


def test_every_language_of_cldr_has_the_direction_that_cldr_says() -> None:
    """Mongolian in its own script is written from top to bottom, which pages do not do."""
    told = {name: Locale.parse(name).text_direction for name in locale_identifiers() if "Mong" not in name}
    assert {name: direction(name) for name in told} == told
