"""An organisation's colours in a style sheet, with letters that can be read on them.

No style stands inline, so the colours come as a tiny sheet of its own, whose name says all that is in it:
`/assets/colour/0b5cad-10488c.css` is the colour of the page and that of its header. Administrators choose
colours freely. On the page's nothing is written; what is written on the header's is black or white, whichever
stands out more, which is never less than 4.5 to 1 (WCAG 2.2, 1.4.3).
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"(?P<page>[0-9a-f]{6})?(?:-(?P<header>[0-9a-f]{6}))?")
_DARK: Final = 0.179
"""The luminance at which black and white stand out alike."""


def sheet_name(page: str | None, header: str | None) -> str:
    """The sheet of two colours (`#RRGGBB`); empty if there is none."""
    plain = [(colour or "").removeprefix("#").lower() for colour in (page, header)]
    return f"{plain[0]}-{plain[1]}" if plain[1] else plain[0]


def colour_sheet(name: str) -> str | None:
    """What stands in the sheet of that name; None if there is no such sheet."""
    found = _NAME.fullmatch(name)
    if not name or found is None:
        return None
    page, header = found["page"], found["header"]
    lines = [f"--brand: #{page};"] if page else []
    lines += [f"--header: #{header};", f"--header-ink: {ink_on(header)};"] if header else []
    return f":root {{ {' '.join(lines)} }}\n"


def ink_on(colour: str) -> str:
    """Black or white, for letters on a colour of six hexadecimal digits."""
    return "#ffffff" if _luminance(colour) < _DARK else "#000000"


def contrast(one: str, other: str) -> float:
    """How much two colours stand out from each other, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
