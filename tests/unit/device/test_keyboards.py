"""Windows' keyboard layouts, and which is proposed for a language."""

from __future__ import annotations

import copy
import re

import pytest

from reseal.device.oobe.keyboards import US, WORDS, layouts, proposed_for
from reseal.web.phrases import translated

_BY_KLID = {each.klid: each for each in layouts()}


def test_layouts_are_listed_once_with_identifiers_of_windows() -> None:
    assert len(_BY_KLID) == len(layouts())
    assert all(re.fullmatch("[0-9a-f]{8}", klid) for klid in _BY_KLID)
    assert len({each.name for each in layouts()}) == len(layouts())


def test_a_language_is_proposed_one_layout() -> None:
    tags = [tag for each in layouts() for tag in each.languages]
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(
    "language,klid",
    [
        ("de-DE", "00000407"),
        ("de-AT", "00000407"),
        ("de-CH", "00000807"),
        ("en-US", US),
        ("en-GB", "00000809"),
        ("en-AU", US),
        ("es-ES", "0000040a"),
        ("es-MX", "0000080a"),
        ("fr-CA", "00001009"),
        ("ar-EG", "00000401"),
        ("ar-MA", "00020401"),
        ("ja-JP", "00000411"),
        ("sr-Latn-RS", "0000081a"),
        ("sr-RS", "00000c1a"),
        ("nl-NL", "00020409"),
        ("zh-TW", "00000404"),
        ("tlh", US),
        ("", US),
    ],
)
def test_a_layout_is_proposed_for_each_language(language: str, klid: str) -> None:
    assert proposed_for(language) == klid


@pytest.mark.parametrize(
    "klid,language,name",
    [
        ("00000407", "en-GB", "German"),
        ("00000407", "de-DE", "Deutsch"),
        ("00000807", "fr-FR", "Allemand (Suisse)"),
        ("00000409", "es-ES", "Estados Unidos"),
        ("0002040d", "ar-EG", "العبرية (قياسي)"),
        ("00020409", "ja-JP", "アメリカ合衆国 (国際)"),
        ("00000407", "qqq", "German"),
    ],
)
def test_a_layout_is_named_by_what_cldr_calls_its_parts(klid: str, language: str, name: str) -> None:
    assert translated(_BY_KLID[klid].name, language) == name
    assert translated(copy.deepcopy(_BY_KLID[klid].name), language) == name


def test_every_word_of_the_table_is_known_and_used() -> None:
    patterns = " ".join(str(each.name.values["pattern"]) for each in layouts())
    words = set(re.findall(r"\{([A-Z][a-z][^}]*)\}", patterns))
    assert words == set(WORDS)
