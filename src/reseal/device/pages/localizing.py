"""A page in its own language: `localized(screen)` is the same page, with every text translated.

For whoever draws pages, on a display, in a terminal or as HTML. Pages are made in English and say in
`Screen.language` which language they are wanted in. `localized` gives a page whose

- texts, titles, labels, notices, lines and choices are in that language,
- `labels` and `words` name the actions that it offers and the states of its sections
  (`screen.label(Action.RESEAL)`, `screen.word(Progress.FAILED)`); `LABELS` and `PROGRESS` are the tables,
- `language` is the one that is spoken: the wanted one, or `en` if there is no catalogue for it. So
  `<html lang="{screen.language}" dir="{direction(screen.language)}">` is always true, and texts of the
  renderer's own come out alike by `translated(say("..."), screen.language)`.

What is no `Phrase` is somebody's data and stays: names of networks, people, organisations, and all that the
sign-in service says on its page, which comes in its reader's language already.

`Choice.language` and `Field.language` are set where labels are in another language than their page: every
language bears its own name in its own script.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from reseal.device.oobe.labels import LABELS, PROGRESS, label
from reseal.device.screens import Choice, Detail, Field, Line, Screen, Section
from reseal.web.names import folded
from reseal.web.phrases import ENGLISH, Phrase, is_english, spoken_language, translated
from reseal.web.writing import direction

__all__ = ["LABELS", "PROGRESS", "direction", "label", "localized"]


def localized(screen: Screen) -> Screen:
    """The page with every text in the language that it is wanted in."""
    wanted = screen.language or ENGLISH
    told = _Teller(wanted)
    actions = ((action, label(screen, action)) for action in screen.actions)
    return replace(
        screen,
        title=told.text(screen.title),
        texts=tuple(map(told.text, screen.texts)),
        fields=tuple(map(told.field, screen.fields)),
        details=tuple(map(told.detail, screen.details)),
        sections=tuple(map(told.section, screen.sections)),
        notice=told.text(screen.notice),
        language=spoken_in(wanted),
        labels=tuple((action, told.text(text)) for action, text in actions if text),
        words=tuple((state, told.text(text)) for state, text in PROGRESS.items()),
    )


def spoken_in(wanted: str) -> str:
    """The wanted language if pages are spoken in it, with its region; else English."""
    return wanted if is_english(wanted) or spoken_language(wanted) != ENGLISH else ENGLISH


class _Teller:
    """Tells parts of a page in one language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def text(self, text: str) -> str:
        return translated(text, self._language) if isinstance(text, Phrase) else text

    def field(self, field: Field) -> Field:
        is_elsewhere = field.by_name and spoken_in(self._language) != self._language
        return replace(
            field,
            label=self.text(field.label),
            choices=_choices(field.choices, self._language, field.by_name),
            language=self._language if is_elsewhere else field.language,
        )

    def detail(self, detail: Detail) -> Detail:
        return replace(detail, label=self.text(detail.label), value=self.text(detail.value))

    def section(self, section: Section) -> Section:
        lines = tuple(map(self.line, section.lines))
        return replace(section, title=self.text(section.title), lines=lines)

    def line(self, line: Line) -> Line:
        return replace(line, title=self.text(line.title), text=self.text(line.text))


@lru_cache(maxsize=16)
def _choices(choices: tuple[Choice, ...], language: str, by_name: bool) -> tuple[Choice, ...]:
    """The choices in a language. Kept, as the long lists of names are the same on every page and machine."""
    if not any(isinstance(each.label, Phrase) for each in choices):
        return choices
    told = [replace(each, label=translated(each.label, language)) for each in choices]
    return tuple(sorted(told, key=lambda each: folded(each.label)) if by_name else told)
