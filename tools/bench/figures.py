"""What a figure is, when it fails, and how figures are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

ALLOWED = 2.0
"""A figure fails above so many times its budget: other work on the machine makes CPU time dearer too."""


class Unit(StrEnum):
    """What `measured` and `budget` count."""

    SECONDS = "s"
    """Of CPU time, for one operation."""
    MEBIBYTES = "MiB"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured. `elapsed` is in seconds; it and `statements` are for the same operation."""

    what: str
    where: str
    """The database, or nothing where none is involved."""
    measured: float
    budget: float | None
    """None: nobody said what it may take."""
    elapsed: float | None = None
    statements: float | None = None
    note: str = ""
    unit: Unit = Unit.SECONDS

    @property
    def share(self) -> float | None:
        """How much of the budget was used; 1.0 is all of it, None without a budget."""
        return None if self.budget is None else self.measured / self.budget

    @property
    def fails(self) -> bool:
        """Whether the figure is above twice its budget."""
        return self.share is not None and self.share > ALLOWED


COLUMNS = ("", "database", "CPU", "budget", "used", "elapsed", "statements", "")


def as_json(figures: Sequence[Figure], *, quick: bool, stolen: float) -> str:
    """The figures as one JSON document; those of a quick run are small and mean nothing. `stolen`: what share
    of the time that it wanted the machine was not given.
    """
    listed = [{**asdict(figure), "share": figure.share, "fails": figure.fails} for figure in figures]
    return json.dumps({"quick": quick, "stolen": stolen, "figures": listed}, indent=2)


def as_table(figures: Iterable[Figure], *, quick: bool) -> str:
    """The figures in columns. A quick run has no budgets: what it measures is small."""
    rows = [COLUMNS, *(_cells(figure, quick=quick) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(figure: Figure, *, quick: bool) -> tuple[str, ...]:
    mark = " FAILS" if figure.fails else ""
    return (
        figure.what,
        figure.where,
        _amount(figure.measured, figure.unit),
        "" if quick or figure.budget is None else _amount(figure.budget, figure.unit),
        "" if quick or figure.share is None else f"{figure.share:.0%}{mark}",
        "" if figure.elapsed is None else _amount(figure.elapsed, Unit.SECONDS),
        "" if figure.statements is None else f"{figure.statements:,.2f}".removesuffix(".00"),
        figure.note,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    words = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[2:-1], widths[2:-1], strict=True)]
    return "  ".join([*words, *numbers, cells[-1]]).rstrip()


def _amount(amount: float, unit: Unit) -> str:
    match unit:
        case Unit.MEBIBYTES:
            return f"{amount:.0f} MiB"
        case Unit.SECONDS if amount >= 1:
            return f"{amount:.2f} s"
        case Unit.SECONDS if amount >= 0.001:
            return f"{amount * 1e3:.2f} ms"
        case Unit.SECONDS:
            return f"{amount * 1e6:.0f} µs"
