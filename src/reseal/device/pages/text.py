"""A screen as plain lines, and what somebody types as an intent: for a terminal, or a braille display.

    Let's connect you to a network
      Wi-Fi network: 1 Reseal  2 Cafe
      [1] Connect  [2] Plug a cable in  [5] press the Windows key  [0] switch off

Who chooses a number is asked for what belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reseal.device.pages.localizing import localized
from reseal.device.screens import Action, Field, Screen, Section

UNASKED: Final = frozenset({Action.SUBMIT, Action.FOLLOW})
"""What only a page that is drawn can do."""
_PICTURES: Final = frozenset({"logo"})
_MOST: Final = 12
"""So many choices are listed; of longer lists, the one that is proposed."""


def lines(screen: Screen) -> Iterator[str]:
    """The screen, its title first."""
    shown = localized(screen)
    yield shown.title
    for text in (*shown.texts, *filter(None, (shown.notice, shown.code))):
        yield f"  {text}"
    for detail in shown.details:
        if detail.name not in _PICTURES:
            yield f"  {detail.label}: {detail.value}"
    for section in shown.sections:
        yield from _section(shown, section)
    for field in shown.fields:
        yield f"  {field.label}: {_field(field)}"
    if shown.actions:
        yield "  " + "  ".join(f"[{number}] {shown.label(action)}" for number, action in offered(screen))


def offered(screen: Screen) -> Iterator[tuple[int, Action]]:
    """What can be done, numbered from 1."""
    return enumerate((action for action in screen.actions if action not in UNASKED), 1)


def _section(screen: Screen, section: Section) -> Iterator[str]:
    yield f"  {section.title}: {screen.word(section.state)}"
    for line in section.lines:
        yield f"    {line.title}: {line.text or screen.word(line.state)}"


def _field(field: Field) -> str:
    if not field.choices:
        return field.value
    if len(field.choices) > _MOST:
        chosen = next((each.label for each in field.choices if each.value == field.value), "")
        return f"{chosen} ({len(field.choices)})"
    return "  ".join(f"{each.value} {each.label}" for each in field.choices)
