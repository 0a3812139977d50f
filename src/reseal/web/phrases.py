"""Texts for people: written in English where they are said, translated where they are shown.

    notice = say("Can't connect to {network}.", network=name)    # where it is said
    shown = translated(notice, "de-AT")                          # where it is shown

A `Phrase` is the English text, as every other string, and remembers the template and the values that it was
made from. So whoever knows nothing of languages goes on with English, and whoever draws a page in another
language asks `translated`. Values that are phrases themselves are translated too; all others are somebody's
data, names and numbers, and stay as they are. `say_many` is for texts that a number changes. `marked` is for
a template that somebody else fills in: it is looked up by `translated`, and stays a template.

The translations are gettext catalogues, `locale/<language>/LC_MESSAGES/reseal.po` beside this module. Adding
a file there adds a language: `make messages` writes its entries, and nothing has to be compiled or
registered. A text is looked up in the language with its region, then without, and is English if neither says
it. Nothing is loaded for English.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, Self

from reseal.web.writing import direction

ENGLISH: Final = "en"
DOMAIN: Final = "reseal"
_FIRST_STRONG_ISOLATE: Final = "\u2068"
_POP_ISOLATE: Final = "\u2069"


class Phrase(str):
    """An English text that can be translated. Made by `say` and `say_many`."""

    __slots__ = ("number", "plural", "template", "values")

    template: str
    plural: str
    """The template for more than one; empty if no number changes the text."""
    number: int
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object], plural: str = "", number: int = 1) -> Self:
        chosen = plural if plural and number != 1 else template
        phrase = super().__new__(cls, chosen.format(**values))
        phrase.template, phrase.plural, phrase.number, phrase.values = template, plural, number, values
        return phrase

    def told(self, language: str) -> str:
        """The text in a language: what `translated` gives."""
        catalogue = _catalogue(spoken_language(language))
        if self.plural:
            template = catalogue.ngettext(self.template, self.plural, self.number)
        else:
            template = catalogue.gettext(self.template)
        return template.format(**{name: _shown(value, language) for name, value in self.values.items()})

    def __reduce__(self) -> tuple[type[Phrase], tuple[object, ...]]:
        return type(self), (self.template, self.values, self.plural, self.number)


def say(template: str, /, **values: object) -> Phrase:
    """A text for people; what stands in braces in the template is filled in."""
    return Phrase(template, values)


def say_many(one: str, many: str, /, count: int, **values: object) -> Phrase:
    """The same where a number changes the text; `{count}` is that number."""
    return Phrase(one, {"count": count, **values}, many, count)


def marked(template: str, /) -> str:
    """A template that somebody else fills in, marked for translation."""
    return template


def translated(text: str, language: str) -> str:
    """The text in a language (BCP 47), or in English if that is not spoken.

    A plain string is its own template: it is looked up as it stands, and nothing is filled in.
    """
    if isinstance(text, Phrase):
        return text.told(language)
    return _catalogue(spoken_language(language)).gettext(text) if text else text


def _shown(value: object, language: str) -> object:
    """A value inside a text. In a text from right to left, names keep their own direction to themselves."""
    if isinstance(value, Phrase):
        return value.told(language)
    if isinstance(value, str) and direction(spoken_language(language)) == "rtl":
        return f"{_FIRST_STRONG_ISOLATE}{value}{_POP_ISOLATE}"
    return value


def phrase_to_json(text: str) -> Any:
    """The text for a file: a plain string as it is, a phrase as an object."""
    if not isinstance(text, Phrase):
        return text
    values = {
        name: phrase_to_json(value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return {"template": text.template, "plural": text.plural, "number": text.number, "values": values}


def phrase_from_json(data: Any) -> str:
    """The text that `phrase_to_json` gave."""
    if not isinstance(data, dict):
        return str(data)
    values = {
        name: phrase_from_json(value) if isinstance(value, (str, dict)) else value
        for name, value in data["values"].items()
    }
    return Phrase(data["template"], values, data["plural"], data["number"])


# --- the languages that are spoken


@cache
def spoken_languages() -> tuple[str, ...]:
    """Tags (BCP 47) of all languages that there are catalogues of, and English."""
    found = {_tag(name) for name, _ in _catalogues()}
    return tuple(sorted({ENGLISH, *found}))


@lru_cache(maxsize=256)
def spoken_language(language: str) -> str:
    """In which of the spoken languages a text in `language` comes."""
    known = {tag.casefold(): tag for tag in spoken_languages()}
    parts = language.replace("_", "-").casefold().split("-")
    candidates = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((known[tag] for tag in candidates if tag in known), ENGLISH)


def first_spoken(languages: Sequence[str]) -> str:
    """The first of a reader's languages that is spoken; English if none is."""
    for language in languages:
        spoken = spoken_language(language)
        if spoken != ENGLISH or is_english(language):
            return spoken
    return ENGLISH


def is_english(language: str) -> bool:
    """Whether a tag is that of English, wherever it is spoken."""
    return language.partition("-")[0].casefold() == ENGLISH


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == ENGLISH:
        return gettext.NullTranslations()
    # Babel takes a fifth of a second to load; whoever speaks English never needs it.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    source = next(file for name, file in _catalogues() if _tag(name) == language)
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), language.replace("-", "_")))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _catalogues() -> Iterator[tuple[str, Traversable]]:
    folders = resources.files("reseal.web").joinpath("locale")
    for folder in sorted(folders.iterdir(), key=lambda each: each.name):
        file = folder.joinpath("LC_MESSAGES", f"{DOMAIN}.po")
        if file.is_file():
            yield folder.name, file


def _tag(name: str) -> str:
    return name.replace("_", "-")
