"""Charts as SVG, without script: bars whose colours are those of the page. A table says the same in numbers.

Distances are in units of the picture, which is as wide as its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reseal.report.figures import Day, Result, Took

WIDTH: Final = 720
HEIGHT: Final = 220
_BOTTOM: Final = 24
_LEFT: Final = 40
_ORDER: Final = (Result.DONE, Result.UNDER_WAY, Result.FAILED)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `kind` is the name of its style."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A text in the picture, or a line across at its height."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn."""

    bars: Sequence[Bar]
    marks: Sequence[Mark]
    lines: Sequence[Mark]


def per_day(days: Sequence[Day]) -> Chart:
    """A stacked bar for each day."""
    top = _ceiling(max((day.all for day in days), default=0))
    high = HEIGHT - _BOTTOM - 12
    step = (WIDTH - _LEFT - 20) / len(days)
    bars, marks = [], []
    for place, day in enumerate(days):
        x, y = _LEFT + place * step, float(HEIGHT - _BOTTOM)
        for result in _ORDER:
            tall = high * day.counted.get(result, 0) / top
            if tall:
                y -= tall
                bars.append(
                    Bar(round(x + step * 0.15, 1), round(y, 1), round(step * 0.7, 1), round(tall, 1), result)
                )
        if place % 7 == (len(days) - 1) % 7:
            marks.append(Mark(round(x + step / 2, 1), HEIGHT - 6, f"{day.date.day} {day.date:%b}"))
    lines = [
        Mark(_LEFT, round(HEIGHT - _BOTTOM - high * part / 2, 1), f"{top * part // 2}") for part in (0, 1, 2)
    ]
    return Chart(bars, marks, lines)


def _ceiling(most: int) -> int:
    """The next round number whose half is a whole number too."""
    unit = 1
    while most > unit * 10:
        unit *= 10
    step = 2 if unit == 1 else unit
    return max(2, -(-most // step) * step)


def shares(parts: Sequence[Took]) -> Sequence[tuple[Took, int, int]]:
    """Each part with its median and its nine of ten, in hundredths of the longest."""
    longest = max((part.most for part in parts), default=None)
    if not longest:
        return [(part, 0, 0) for part in parts]
    return [
        (part, round(100 * (part.median / longest)), round(100 * (part.most / longest))) for part in parts
    ]
