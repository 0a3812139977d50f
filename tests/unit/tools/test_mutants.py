"""The tool that asks whether tests notice a mistake."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools import mutants
from tools.mutants import Mutant, Score

SOURCE = """\
class Quota:
    limit: int

    def allows(self, used: int) -> bool:
        return used < self.limit


def allows(used: int) -> bool:
    return used < 50
"""


def _mutant(status: str) -> Mutant:
    return Mutant("src/reseal/a/model.py", "reseal.a.model.x_f__mutmut_1", status)


def test_the_tests_of_every_package_with_a_model_are_asked() -> None:
    settings = tomllib.loads((mutants.ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    packages = {path.parent.name for path in mutants.ROOT.glob("src/reseal/*/model*.py")}

    assert {f"tests/unit/{package}" for package in packages} <= set(
        settings["pytest_add_cli_args_test_selection"]
    )


def test_what_no_test_reaches_counts_as_unnoticed_and_a_hang_as_noticed() -> None:
    tried = [_mutant(status) for status in ("killed", "timeout", "survived", "no tests")]

    assert mutants.score(tried) == Score(noticed=2, made=4)
    assert mutants.score(tried).per_cent == 50


def test_mistakes_are_drawn_by_a_seed_from_the_modules_that_were_named() -> None:
    names = [
        f"reseal.{module}.x_f__mutmut_{n}"
        for module in ("esp.model", "esp.models", "a.model")
        for n in range(9)
    ]

    drawn = mutants.choose(names, ["esp.model"], 4, seed=1)

    assert len(drawn) == 4
    assert all(name.startswith("reseal.esp.model.") for name in drawn)
    assert mutants.choose(names[::-1], ["reseal.esp.model"], 4, seed=1) == drawn
    assert mutants.choose(names, [], None, seed=1) == sorted(names)


@pytest.mark.parametrize(
    "name, text, line",
    [
        ("reseal.a.model.xǁQuotaǁallows__mutmut_2", "return used < self.limit", 5),
        ("reseal.a.model.x_allows__mutmut_1", "return used < 50", 9),
        ("reseal.a.model.x_allows__mutmut_1", "cannot be found", 8),
    ],
)
def test_a_mistake_is_told_by_the_line_it_was_made_in(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    file = tmp_path / "model.py"
    file.write_text(SOURCE)

    assert mutants.line_of(file, name, text) == line
