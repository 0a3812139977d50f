"""Windows' keyboard layouts: which there are, and which is proposed for a language.

The table is `keyboards.tsv` beside this module; its columns and its sources are named on top of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final, Self

from reseal.web.names import capital, language_names, territory_names
from reseal.web.phrases import Phrase, is_english, say, translated

US: Final = "00000409"
"""Proposed for languages that Windows has no layout for."""

WORDS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        word: word
        for word in (
            *(say("Basic"), say("Comma"), say("Cyrillic"), say("Devanagari"), say("Eastern, legacy")),
            *(say("Enhanced"), say("Ergonomic"), say("Extended"), say("International"), say("Latin")),
            *(say("Latin America"), say("Left hand"), say("Legacy"), say("Mnemonic")),
            *(say("Mongolian script"), say("Multilingual standard"), say("Old Italic")),
            *(say("Old alphabets"), say("Period"), say("Phonetic"), say("Phonetic order")),
            *(say("Phonetic, traditional"), say("Polytonic"), say("Programmers"), say("Right hand")),
            *(say("Sorbian"), say("Standard"), say("Traditional"), say("Typewriter"), say("Variation")),
            *(say("Visual order"), say("Western, legacy"), say("With Sami")),
        )
    }
)
"""What layouts of one language differ by."""

_PART: Final = re.compile(r"\{([^}]*)\}")
_CODE_OF_TERRITORY: Final = re.compile(r"[A-Z]{2}")


class LayoutName(Phrase):
    """The name of a layout: Windows' own in English, else put together from what CLDR calls its parts."""

    __slots__ = ()

    def __new__(cls, english: str, pattern: str) -> Self:
        return super().__new__(cls, "{english}", {"english": english, "pattern": pattern})

    def __reduce__(self) -> tuple[type[Phrase], tuple[object, ...]]:
        return type(self), (str(self), self.values["pattern"])

    def told(self, language: str) -> str:
        """The name in a language; in English if one of its parts has no name there."""
        if is_english(language):
            return str(self)
        pattern = str(self.values["pattern"])
        named = {part: _part(part, language) for part in _PART.findall(pattern)}
        return _PART.sub(lambda found: named[found[1]], pattern) if all(named.values()) else str(self)


def _part(part: str, language: str) -> str:
    if part in WORDS:
        return translated(WORDS[part], language)
    if _CODE_OF_TERRITORY.fullmatch(part):
        return territory_names(language).get(part, "")
    return capital(language_names(language).get(part.replace("-", "_"), ""))


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout. `klid` is Windows' name for it, eight hexadecimal digits."""

    klid: str
    name: LayoutName
    languages: tuple[str, ...]
    """Tags of the languages that it is proposed for, with a territory or script where only they have it."""


@cache
def layouts() -> tuple[Layout, ...]:
    """All layouts, sorted by their English names."""
    text = resources.files("reseal.device.oobe").joinpath("keyboards.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Layout(klid, LayoutName(name, pattern), tuple(tags.split())) for klid, tags, name, pattern in rows
    )


def proposed_for(language: str) -> str:
    """The layout for a language: by its tag with everything, then with less of it; US if Windows has none."""
    parts = language.casefold().split("-")
    for length in range(len(parts), 0, -1):
        found = _by_language().get("-".join(parts[:length]))
        if found:
            return found
    return US


@cache
def _by_language() -> Mapping[str, str]:
    return {tag.casefold(): layout.klid for layout in layouts() for tag in layout.languages}
