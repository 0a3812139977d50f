"""What the benchmark says of what it measured."""

from __future__ import annotations

import json

import pytest

from tools.bench.figures import Figure, Unit, as_json, as_table
from tools.bench.measuring import Cost, mean, percentile


def _figure(measured: float, budget: float | None = 1.0, unit: Unit = Unit.SECONDS) -> Figure:
    return Figure("one edit", "SQLite", measured, budget, unit=unit)


@pytest.mark.parametrize("measured, fails", [(0.5, False), (1.5, False), (2.0, False), (2.1, True)])
def test_a_figure_fails_above_twice_its_budget(measured: float, fails: bool) -> None:
    assert _figure(measured).fails is fails


def test_a_line_shows_the_figure_its_budget_and_how_much_was_used() -> None:
    line = as_table([_figure(0.0125, budget=0.010)], quick=False).splitlines()[1]

    assert line.split() == ["one", "edit", "SQLite", "12.50", "ms", "10.00", "ms", "125%"]


def test_what_has_no_budget_is_shown_and_never_fails() -> None:
    figure = _figure(100.0, budget=None)

    assert not figure.fails
    assert as_table([figure], quick=False).splitlines()[1].split() == ["one", "edit", "SQLite", "100.00", "s"]
    assert json.loads(as_json([figure], quick=False, stolen=0.5))["figures"][0]["share"] is None


def test_a_failure_stands_out() -> None:
    assert as_table([_figure(0.9), _figure(2.5)], quick=False).count("FAILS") == 1


def test_a_quick_run_has_no_budgets() -> None:
    assert as_table([_figure(2.5, budget=1.0)], quick=True).splitlines()[1].split() == [
        *("one", "edit", "SQLite", "2.50", "s")
    ]


@pytest.mark.parametrize(
    "measured, unit, shown",
    [
        (12.345, Unit.SECONDS, "12.35 s"),
        (0.0123, Unit.SECONDS, "12.30 ms"),
        (0.000456, Unit.SECONDS, "456 µs"),
        (137.4, Unit.MEBIBYTES, "137 MiB"),
    ],
)
def test_amounts_are_shown_in_a_unit_that_fits(measured: float, unit: Unit, shown: str) -> None:
    assert shown in as_table([_figure(measured, budget=1_000, unit=unit)], quick=False)


def test_programs_get_plain_numbers() -> None:
    (figure,) = json.loads(as_json([_figure(2.5)], quick=False, stolen=0.5))["figures"]

    assert (figure["measured"], figure["budget"], figure["share"], figure["fails"]) == (2.5, 1.0, 2.5, True)
    assert figure["unit"] == "s"


def test_the_slowest_in_a_hundred_is_found() -> None:
    costs = [Cost(cpu=float(number)) for number in range(100)]

    assert percentile(costs, 0.99).cpu == 99
    assert percentile(costs, 0.50).cpu == 50


def test_the_mean_of_statements_is_exact() -> None:
    found = mean([Cost(1.0, 2.0, 3), Cost(3.0, 4.0, 4)])

    assert (found.cpu, found.elapsed, found.statements) == (2.0, 3.0, 3.5)
