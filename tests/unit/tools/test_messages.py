"""The catalogues say everything that the code says, and nothing else."""

from __future__ import annotations

from babel.messages.catalog import Catalog

from tools.messages import REQUIRED, check, problems


def test_every_text_is_translated_into_the_promised_languages() -> None:
    assert check() == []


def _present() -> Catalog:
    catalogue = Catalog()
    catalogue.add("Hello {name}")
    catalogue.add(("{count} minute", "{count} minutes"))
    return catalogue


def _german(hello: str, minutes: tuple[str, str], **more: bool) -> Catalog:
    catalogue = Catalog(locale="de")
    catalogue.add("Hello {name}", hello, flags=["fuzzy"] if more.get("fuzzy") else [])
    catalogue.add(("{count} minute", "{count} minutes"), minutes)
    return catalogue


def test_a_translation_that_fits_is_no_problem() -> None:
    fitting = _german("Hallo {name}", ("eine Minute", "{count} Minuten"))
    assert list(problems("de", fitting, _present())) == []


def test_a_missing_translation_is_a_problem_of_the_promised_languages_alone() -> None:
    lacking = _german("", ("eine Minute", "{count} Minuten"))
    (problem,) = problems("de", lacking, _present())
    assert "no translation of 'Hello {name}'" in problem
    assert "it" not in REQUIRED
    assert list(problems("it", lacking, _present())) == []


def test_a_form_that_is_missing_is_a_missing_translation() -> None:
    (problem,) = problems("de", _german("Hallo {name}", ("eine Minute", "")), _present())
    assert "minutes" in problem


def test_a_doubtful_translation_is_a_problem() -> None:
    doubtful = _german("Hallo {name}", ("eine Minute", "{count} Minuten"), fuzzy=True)
    (problem,) = problems("de", doubtful, _present())
    assert "fuzzy" in problem


def test_other_braces_than_those_of_the_text_are_a_problem() -> None:
    (problem,) = problems("de", _german("Hallo {nome}", ("eine Minute", "{count} Minuten")), _present())
    assert "other braces" in problem


def test_what_nobody_says_any_more_is_a_problem() -> None:
    left = _german("Hallo {name}", ("eine Minute", "{count} Minuten"))
    left.add("Goodbye", "Auf Wiedersehen")
    (problem,) = problems("de", left, _present())
    assert "nobody says 'Goodbye'" in problem
