"""Languages have their own names; territories have one in every language."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
from babel import Locale

from reseal.web.names import (
    TerritoryName,
    capital,
    folded,
    home_of,
    language_named,
    languages,
    territories,
)
from reseal.web.phrases import translated


@pytest.mark.parametrize(
    "tag,name",
    [
        ("de-DE", "Deutsch (Deutschland)"),
        ("ja-JP", "日本語 (日本)"),
        ("ar-EG", "العربية (مصر)"),
        ("pt-BR", "Português (Brasil)"),
        ("zh-CN", "中文 (简体, 中国)"),
        ("sr-Latn-RS", "Srpski (latinica, Srbija)"),
        ("ca-ES-valencia", "Català (Espanya, valencià)"),
        ("zu-ZA", "isiZulu (iNingizimu Afrika)"),
    ],
)
def test_a_language_bears_its_own_name(tag: str, name: str) -> None:
    (found,) = [each for each in languages() if each.tag == tag]
    assert found.name == name


def test_every_language_that_cldr_names_can_be_chosen() -> None:
    known = {each.tag.partition("-")[0] for each in languages()}
    named = {code.partition("_")[0] for code in Locale("en").languages}
    assert named - known == {"mul", "sh", "und", "zxx"}


def test_tags_are_listed_once_and_sorted_by_name() -> None:
    tags = [each.tag for each in languages()]
    assert len(tags) == len(set(tags))
    own = [each.name for each in languages() if "-" in each.tag]
    assert own == sorted(own, key=folded)


@pytest.mark.parametrize(
    "tag,home",
    [("de-AT", "AT"), ("de", "DE"), ("zh-Hant-HK", "HK"), ("eo", ""), ("egy", "EG"), ("qqq", ""), ("", "")],
)
def test_a_language_is_at_home_somewhere(tag: str, home: str) -> None:
    assert home_of(tag) == home


def test_a_language_that_is_not_listed_has_a_name_or_its_tag() -> None:
    assert language_named("sr-Cyrl-RS").name == "Српски (ћирилица, Србија)"
    assert language_named("tlh-XX").name == "tlh-XX"
    assert language_named("DE-de").name == "Deutsch (Deutschland)"


def test_a_territory_is_named_in_the_language_asked_for() -> None:
    (germany,) = [each for each in territories() if each.code == "DE"]
    assert germany == "Germany"
    assert translated(germany, "fr-CA") == "Allemagne"
    assert translated(germany, "ja") == "ドイツ"
    assert translated(germany, "ur-PK") == "جرمنی"
    assert translated(germany, "en-GB") == "Germany"
    assert translated(germany, "qqq") == "Germany"
    assert translated(copy.deepcopy(germany), "de") == "Deutschland"


def test_territories_are_no_groups_and_no_tests() -> None:
    codes = {each.code for each in territories()}
    assert {"AT", "CH", "JP", "SA"} <= codes
    assert not codes & {"EU", "UN", "XA", "ZZ"}
    assert all(isinstance(each, TerritoryName) for each in territories())


def test_a_name_begins_with_a_capital_unless_it_has_one_inside() -> None:
    assert [capital(name) for name in ("français", "isiZulu (x)", "српски (Србија)", "ქართული", "")] == [
        "Français",
        "isiZulu (x)",
        "Српски (Србија)",
        "ქართული",
        "",
    ]


def test_english_needs_no_babel() -> None:
    program = (
        "import sys; from reseal.web.names import languages, territories;"
        "from reseal.web.phrases import say, translated;"
        "languages(); translated(territories()[0], 'en-GB'); translated(say('Next'), 'en-US');"
        "sys.exit(any(name.startswith('babel') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
