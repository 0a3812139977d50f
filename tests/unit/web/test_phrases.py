"""Texts are English where they are said, and translated where they are shown."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from reseal.web.phrases import (
    Phrase,
    first_spoken,
    phrase_from_json,
    phrase_to_json,
    say,
    say_many,
    spoken_language,
    spoken_languages,
    translated,
)

_ERROR = say("Can't connect to {network}. Check the network security key.", network="Office {5}")


def _clock(minutes: int) -> Phrase:
    return say_many(
        "The clock of this device was {count} minute slow. It has been set.",
        "The clock of this device was {count} minutes slow. It has been set.",
        minutes,
    )


def test_a_phrase_is_the_english_text() -> None:
    assert _ERROR == "Can't connect to Office {5}. Check the network security key."
    assert {_ERROR: 1}[str(_ERROR)] == 1
    assert json.dumps(_ERROR) == json.dumps(str(_ERROR))


def test_a_phrase_is_told_in_another_language_with_its_values() -> None:
    assert translated(_ERROR, "de-DE").startswith("Keine Verbindung mit Office {5} möglich.")


def test_a_phrase_inside_a_phrase_is_translated_and_a_name_is_not() -> None:
    what = say("{what} failed: {why}.", what=say("Signing in"), why="Next")
    assert translated(what, "de") == "Fehler bei „Anmeldung“: Next."


@pytest.mark.parametrize(
    "minutes,german,arabic",
    [(1, "1 Minute nach", "دقيقة واحدة"), (2, "2 Minuten nach", "دقيقتين"), (5, "5 Minuten nach", "5 دقائق")],
)
def test_numbers_have_the_forms_of_the_language(minutes: int, german: str, arabic: str) -> None:
    assert german in translated(_clock(minutes), "de")
    assert arabic in translated(_clock(minutes), "ar")


def test_one_minute_is_one_in_english_too() -> None:
    assert "1 minute slow" in _clock(1)
    assert "0 minutes slow" in _clock(0)


def test_a_region_without_words_of_its_own_has_those_of_its_language() -> None:
    assert translated(say("Next"), "de-AT") == "Weiter"
    assert spoken_language("de-AT") == "de"
    assert spoken_language("DE_at") == "de"


def test_a_language_without_catalogue_is_told_in_english() -> None:
    assert translated(_ERROR, "tlh") == _ERROR
    assert spoken_language("tlh") == "en"
    assert spoken_language("") == "en"


def test_a_text_that_no_catalogue_knows_stays_as_it_is() -> None:
    assert translated(say("Nobody has translated {this}", this="that"), "de") == "Nobody has translated that"
    assert translated("", "de") == ""


def test_a_plain_string_is_its_own_template() -> None:
    assert translated("Welcome, {name}!", "es") == "¡Le damos la bienvenida, {name}!"


def test_names_keep_their_direction_in_a_text_from_right_to_left() -> None:
    assert "\u2068Office {5}\u2069" in translated(_ERROR, "ar")
    assert "\u2068" not in translated(_ERROR, "he")


def test_english_wins_over_a_language_that_comes_after_it() -> None:
    assert first_spoken(["tlh", "en-GB", "de"]) == "en"
    assert first_spoken(["tlh", "ja-JP", "en"]) == "ja"
    assert first_spoken([]) == "en"


def test_the_promised_languages_are_spoken() -> None:
    assert {"ar", "de", "en", "es", "fr", "ja"} <= set(spoken_languages())


@pytest.mark.parametrize("text", [_ERROR, _clock(5), say("{a} {b}", a=_ERROR, b=7), "a plain string"])
def test_a_phrase_comes_back_from_a_file(text: str) -> None:
    again = phrase_from_json(json.loads(json.dumps(phrase_to_json(text))))
    assert again == text
    assert type(again) is type(text)
    assert translated(again, "ja") == translated(text, "ja")


def test_a_phrase_can_be_copied() -> None:
    for again in (copy.deepcopy(_ERROR), pickle.loads(pickle.dumps(_ERROR))):  # noqa: S301 it is our own
        assert again == _ERROR
        assert translated(again, "fr") == translated(_ERROR, "fr")


def test_a_template_without_its_value_is_refused() -> None:
    with pytest.raises(KeyError):
        say("Hello {name}")
