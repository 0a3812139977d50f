"""What CLDR calls languages and territories, in English and in every language that it knows.

The languages with their own names, and the territories in English, stand in files beside this module, which
`tools/cldr.py` writes from Babel's copy of CLDR: so a page in English costs nothing. Names in other languages
are asked of Babel, once for each language.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Self

from reseal.web.phrases import Phrase, is_english

if TYPE_CHECKING:
    from babel import Locale


@dataclass(frozen=True, slots=True)
class Language:
    """A language in one of its territories: `de-AT`, *Deutsch (Österreich)*."""

    tag: str
    name: str
    """By itself, in its own script; in English if CLDR does not know that."""
    territory: str
    """Where it is at home, two letters; empty for a language of nowhere (*Esperanto*)."""


@cache
def languages() -> tuple[Language, ...]:
    """All of them, sorted by their names; those with an English name only come last."""
    rows = (line.split("\t") for line in _lines("languages.tsv"))
    return tuple(Language(tag, name, home or _territory_in(tag)) for tag, name, home in rows)


@cache
def language_named(tag: str) -> Language:
    """The language with that tag. If it is none of `languages`, its name is Babel's, or the tag."""
    known = _by_tag().get(tag.casefold())
    return known or Language(tag, _own_name(tag), home_of(tag))


def home_of(tag: str) -> str:
    """The territory that a language is spoken in, two letters: what its tag says, or what is expected."""
    known = _by_tag().get(tag.casefold())
    return _territory_in(tag) or (_expected_home(tag) if known is None else known.territory)


@cache
def territories() -> tuple[TerritoryName, ...]:
    """All of them, sorted by their English names."""
    return tuple(TerritoryName(*line.split("\t")) for line in _lines("territories.tsv"))


class CldrName(Phrase):
    """A name whose translations are CLDR's and in no catalogue of ours."""

    __slots__ = ()

    def told(self, language: str) -> str:
        """The name in a language; in English if CLDR does not know it."""
        return str(self) if is_english(language) else self._names(language).get(self.code, str(self))

    @property
    def code(self) -> str:
        """What CLDR knows the thing by."""
        return str(self.values["code"])

    def _names(self, language: str) -> Mapping[str, str]:
        raise NotImplementedError


class TerritoryName(CldrName):
    """The name of a territory."""

    __slots__ = ()

    def __new__(cls, code: str, english: str) -> Self:
        return super().__new__(cls, "{english}", {"code": code, "english": english})

    def __reduce__(self) -> tuple[type[Phrase], tuple[object, ...]]:
        return type(self), (self.code, str(self))

    def _names(self, language: str) -> Mapping[str, str]:
        return territory_names(language)


@lru_cache(maxsize=64)
def territory_names(language: str) -> Mapping[str, str]:
    """What a language calls the territories, by their codes; as far as CLDR knows it."""
    return _of_locale(language, lambda locale: locale.territories)


@lru_cache(maxsize=64)
def language_names(language: str) -> Mapping[str, str]:
    """What a language calls the languages, by their codes (`de`, `zh_Hans`); as far as CLDR knows it."""
    return _of_locale(language, lambda locale: locale.languages)


def capital(name: str) -> str:
    """A name as at the beginning of a line; one with capitals inside (*isiZulu*) knows better."""
    first = name.partition(" ")[0]
    return name if any(letter.isupper() for letter in first) else name[:1].title() + name[1:]


def folded(name: str) -> str:
    """A name as it is sorted: without the size of its letters and the marks on them."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter) and letter not in "’'ʼʻ")


# --- the files


def _lines(name: str) -> Iterator[str]:
    return iter(resources.files(__name__).joinpath(name).read_text("utf-8").removesuffix("\n").split("\n"))


@cache
def _by_tag() -> Mapping[str, Language]:
    return {each.tag.casefold(): each for each in languages()}


def _territory_in(tag: str) -> str:
    parts = tag.split("-")[1:]
    return next((part for part in parts if len(part) == 2 and part.isalpha()), "").upper()


# --- Babel, which takes a tenth of a second to load


def _locale(tag: str) -> Locale | None:
    """The locale of a tag, or of the longest part of it that CLDR knows."""
    from babel import Locale, UnknownLocaleError

    parts = tag.split("-")
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("-".join(parts[:length]), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return None


def _of_locale(language: str, names: Callable[[Locale], Mapping[str, str]]) -> Mapping[str, str]:
    locale = _locale(language)
    return {} if locale is None else dict(names(locale))


def _own_name(tag: str) -> str:
    locale = _locale(tag)
    is_whole = locale is not None and str(locale).count("_") == tag.count("-")
    name = locale.get_display_name() if locale is not None and is_whole else None
    return capital(name) if name else tag


def _expected_home(tag: str) -> str:
    from babel.core import get_global

    expected = str(get_global("likely_subtags").get(tag.partition("-")[0].casefold(), ""))
    home = expected.rpartition("_")[2]
    return home if home.isalpha() else ""
