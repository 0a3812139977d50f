"""Which numbered check of a specification is shown by which test: keeps the tables of tests/README.md true.

    tools/conformance.py            writes the tables
    tools/conformance.py --check    exit 1 if the tables are out of date

Either way it exits with 1 if a test names a check that its specification does not have.

A test shows check 42 of `autopilot` by its name, `test_autopilot_042_short_title`, wherever under tests/ it
stands; one marked `skip` or `xfail` shows nothing. A check that still needs something is shown in part by its
tests, and not counted. Titles come from tests/conformance/*.toml. Tests are read, not imported: this takes a
moment and needs nothing installed.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
README = TESTS / "README.md"
BEGIN = "<!-- tables: written by tools/conformance.py -->"
END = "<!-- end of tables -->"

_NUMBERED = re.compile(r"test_(?P<spec>[a-z][a-z_]*?)_(?P<number>\d{3})_")


@dataclass(frozen=True, slots=True)
class Check:
    """One numbered check; `needs` names what has to exist before all of it can be shown."""

    number: int
    title: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The checks under one heading."""

    title: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """The numbered checks of one specification."""

    name: str
    title: str
    sections: tuple[Section, ...]

    @property
    def numbers(self) -> frozenset[int]:
        """Every number that exists."""
        return frozenset(check.number for section in self.sections for check in section.checks)


@dataclass(frozen=True, slots=True)
class Shown:
    """A test that shows a check: its file, relative to tests/, and its name."""

    spec: str
    number: int
    file: str
    test: str


def load_specs(folder: Path) -> list[Spec]:
    """The lists of checks in `folder`, in order of their file names."""
    return [_spec(tomllib.loads(path.read_text())) for path in sorted(folder.glob("*.toml"))]


def _spec(document: Mapping[str, Any]) -> Spec:
    return Spec(document["name"], document["title"], tuple(map(_section, document["section"])))


def _section(document: Mapping[str, Any]) -> Section:
    checks = document["checks"]
    return Section(
        document["title"],
        tuple(Check(check["number"], check["title"], tuple(check["needs"])) for check in checks),
    )


def find_tests(folder: Path) -> list[Shown]:
    """The numbered tests under `folder`, by spec, number, file and name."""
    found = [
        Shown(match["spec"], int(match["number"]), path.relative_to(folder).as_posix(), function.name)
        for path in sorted(folder.rglob("test_*.py"))
        for function in _running_tests(ast.parse(path.read_text(), str(path)))
        if (match := _NUMBERED.match(function.name))
    ]
    return sorted(found, key=lambda shown: (shown.spec, shown.number, shown.file, shown.test))


def _running_tests(
    node: ast.Module | ast.ClassDef,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for statement in node.body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if any(_means_not_run(decorator) for decorator in statement.decorator_list):
            continue
        if isinstance(statement, ast.ClassDef):
            yield from _running_tests(statement)
        else:
            yield statement


def _means_not_run(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called) in {"pytest.mark.skip", "pytest.mark.xfail"}


def strays(specs: Sequence[Spec], shown: Sequence[Shown]) -> list[str]:
    """Tests that name a check which their specification does not have."""
    numbers = {spec.name: spec.numbers for spec in specs}
    return [
        f"tests/{test.file}: {test.test} names check {test.number}, which {test.spec} does not have"
        for test in shown
        if test.spec in numbers and test.number not in numbers[test.spec]
    ]


def tables(specs: Sequence[Spec], shown: Sequence[Shown]) -> str:
    """The generated part of tests/README.md."""
    lines: list[str] = []
    for spec in specs:
        lines += _spec_tables(spec, [test for test in shown if test.spec == spec.name])
    listed = {spec.name for spec in specs}
    lines += _without_list([test for test in shown if test.spec not in listed])
    return "\n".join(lines)


def _spec_tables(spec: Spec, shown: Sequence[Shown]) -> list[str]:
    tests: dict[int, list[Shown]] = {}
    for test in shown:
        tests.setdefault(test.number, []).append(test)
    checks = [check for section in spec.sections for check in section.checks]
    whole, part = _counted(checks, tests)
    lines = [f"## {spec.title}", "", f"Shown: {whole} of {len(checks)}, and {part} in part.", ""]
    for section in spec.sections:
        whole, _ = _counted(section.checks, tests)
        lines += [f"### {section.title}: {whole} of {len(section.checks)}", ""]
        lines += [f"| `{spec.name}` | What | Shown by |", "|---:|---|---|"]
        lines += [_row(check, tests.get(check.number, [])) for check in section.checks]
        lines += [""]
    return lines


def _counted(checks: Sequence[Check], tests: Mapping[int, Sequence[Shown]]) -> tuple[int, int]:
    """How many of the checks are shown as a whole, and how many in part."""
    tested = [check for check in checks if check.number in tests]
    part = sum(bool(check.needs) for check in tested)
    return len(tested) - part, part


def _row(check: Check, tests: Sequence[Shown]) -> str:
    needs = " and ".join(check.needs)
    links = "<br>".join(_link(test) for test in tests)
    match bool(tests), bool(needs):
        case True, True:
            where = f"in part, the rest needs {needs}:<br>{links}"
        case True, False:
            where = links
        case False, True:
            where = f"not yet shown; needs {needs}"
        case _:
            where = "not yet shown"
    return f"| {check.number} | {check.title} | {where} |"


def _without_list(shown: Sequence[Shown]) -> list[str]:
    lines: list[str] = []
    for spec in sorted({test.spec for test in shown}):
        tests = [test for test in shown if test.spec == spec]
        count = len({test.number for test in tests})
        lines += [f"## {spec}", "", f"Checks shown: {count}.", "", f"| `{spec}` | Shown by |", "|---:|---|"]
        lines += [f"| {test.number} | {_link(test)} |" for test in tests]
        lines += [""]
    return lines


def _link(test: Shown) -> str:
    return f"[{test.test}]({test.file})"


def with_tables(readme: str, generated: str) -> str:
    """The readme with the part between the two marks replaced."""
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{README} must hold the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n{generated}\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write or check; the exit code."""
    specs, shown = load_specs(TESTS / "conformance"), find_tests(TESTS)
    wrong = strays(specs, shown)
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    old = README.read_text()
    new = with_tables(old, tables(specs, shown))
    if "--check" not in arguments:
        README.write_text(new)
    elif new != old:
        print("tests/README.md is out of date; run tools/conformance.py", file=sys.stderr)
        wrong.append("tests/README.md")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
