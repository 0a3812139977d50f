"""The names of languages and territories are what Babel's copy of CLDR says."""

from __future__ import annotations

from tools.cldr import LANGUAGES, TERRITORIES, languages, territories


def test_the_files_are_what_babel_says() -> None:
    assert LANGUAGES.read_text("utf-8") == languages(), "run tools/cldr.py"
    assert TERRITORIES.read_text("utf-8") == territories(), "run tools/cldr.py"
