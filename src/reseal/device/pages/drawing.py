"""HTML of a laptop: what stands on its display, what is around it, what it waits for.

Every fragment is made from what is true now and has an id, so that the page can be told the ones that read
differently. Screens are drawn from their content alone: one template for all of them, and a class by the
screen's name for what looks special.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from reseal.device.pages.inventory import Arrived, arrived
from reseal.device.pages.localizing import direction, localized
from reseal.device.pages.stand import Hand, Stand
from reseal.device.pages.view import VIEW
from reseal.device.screens import Action, Screen, ScreenId
from reseal.device.timekeeping import spoken
from reseal.web.assets import TOKENS, script, style_sheet
from reseal.web.pages import templates
from reseal.web.phrases import say, translated
from reseal.web.qr import qr_code

SHEET: Final = style_sheet("laptop", TOKENS, ("reseal.device.pages", "laptop.css"))
SCRIPT: Final = script("laptop", "reseal.device.pages", "laptop.js")

FRAGMENTS: Final = ("screen", "hands", "awaited")
BY_HAND: Final = frozenset(
    {
        *(Action.PRESS_WINDOWS_KEY, Action.PLUG_CABLE, Action.POWER_OFF),
        *(Action.SUBMIT, Action.FOLLOW),
    }
)
"""What has no button on the display: hands do it around the laptop, or in the frame of a web page."""

_PICTURES: Final = frozenset({"logo"})
_KINDS: Final = {
    "app": say("Apps"),
    "policy": say("Settings"),
    "certificate": say("Certificates"),
    "wifi": say("Wi-Fi networks"),
}

_LINES: Final = {
    "power": "M12 3v9M6.6 6.6a8 8 0 1 0 10.8 0",
    "hold": "M12 3v9M6.6 6.6a8 8 0 1 0 10.8 0M3 21h18",
    "windows": "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
    "cable": "M9 3h6v5H9zM8 8h8v6l-2 3h-4l-2-3zM12 17v4",
    "charger": "M9 3v5M15 3v5M7 8h10v4a5 5 0 0 1-10 0zM12 17v4",
    "box": "M4 8l8-4 8 4v9l-8 4-8-4zM4 8l8 4 8-4M12 12v9",
}
"""Pictures of what hands can touch, as lines in a square of 24."""


class Drawing:
    """Draws one stand. `title` and `links` are for the page around the laptop."""

    def __init__(self, stand: Stand, links: Sequence[tuple[str, str]] = ()) -> None:
        self._stand = stand
        self._links = tuple(links)
        self._templates = templates("reseal.device.pages")
        self._templates.globals.update(Action=Action, ScreenId=ScreenId, Hand=Hand, icons=_icons())
        self._templates.filters.update(spoken=spoken)

    def page(self, notice: str = "") -> str:
        """The whole page. `notice`: what did not work at the last thing that was done."""
        return self._render(
            "laptop",
            sheet=SHEET.path,
            script=SCRIPT.path,
            links=self._links,
            notice=notice,
            fragments={name: Markup(html) for name, html in self.fragments().items()},
        )

    def fragments(self) -> Mapping[str, str]:
        """What may read differently, by element id."""
        return {name: self._render(name, **self._shown(name)) for name in FRAGMENTS}

    def _render(self, name: str, **shown: Any) -> str:
        return self._templates.get_template(f"{name}.html").render(stand=self._stand, **shown).strip()

    def _shown(self, name: str) -> dict[str, Any]:
        screen = self._stand.display.screen
        return (
            _of_screen(self._stand, screen) if name == "screen" and screen is not None else {"screen": None}
        )


def _of_screen(stand: Stand, screen: Screen) -> dict[str, Any]:
    shown = localized(screen)
    language = shown.language
    return {
        "screen": shown,
        "direction": direction(language),
        "turn": stand.display.turn,
        "frame": f"{VIEW}/{stand.display.turn}" if screen.web is not None else "",
        "details": [each for each in shown.details if each.name not in _PICTURES],
        "buttons": [
            (action.value, shown.label(action)) for action in screen.actions if action not in BY_HAND
        ],
        "qr": qr_code(screen.qr) if screen.qr else "",
        "arrived": _arrived(stand, language) if screen.id is ScreenId.DESKTOP else {},
        "for_you": translated(say("for you"), language),
        "for_all": translated(say("for everybody on this laptop"), language),
        "set_up": translated(say("What your organization has set up"), language),
    }


def _arrived(stand: Stand, language: str) -> dict[str, list[Arrived]]:
    groups: dict[str, list[Arrived]] = defaultdict(list)
    for each in arrived(stand.disk):
        groups[translated(_KINDS[each.kind], language)].append(each)
    return groups


def _icons() -> dict[str, Markup]:
    picture = Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>')
    return {name: picture.format(lines) for name, lines in _LINES.items()}
