"""The tool that says which check is shown where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import conformance
from tools.conformance import Check, Section, Spec

SPEC = Spec(
    "autopilot",
    "What it does",
    (Section("Groups", (Check(42, "First", ()), Check(43, "Second", ("device",)), Check(44, "Third", ()))),),
)


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    folder = tmp_path / "unit"
    folder.mkdir()
    (folder / "test_rules.py").write_text(
        "import pytest\n"
        "def test_autopilot_042_registered_devices(): ...\n"
        "class TestMore:\n"
        "    async def test_autopilot_042_nothing_else(self): ...\n"
        "@pytest.mark.skip(reason='later')\n"
        "def test_autopilot_043_group_tag(): ...\n"
        "def test_mdm_wire_007_discovery(): ...\n"
        "def test_without_number(): ...\n"
    )
    return tmp_path


def test_numbered_tests_are_found_in_functions_and_classes_but_not_when_skipped(tests: Path) -> None:
    shown = conformance.find_tests(tests)

    assert [(test.spec, test.number, test.test) for test in shown] == [
        ("autopilot", 42, "test_autopilot_042_nothing_else"),
        ("autopilot", 42, "test_autopilot_042_registered_devices"),
        ("mdm_wire", 7, "test_mdm_wire_007_discovery"),
    ]


def test_the_table_tells_shown_from_not_yet_shown(tests: Path) -> None:
    text = conformance.tables([SPEC], conformance.find_tests(tests))

    assert "Shown: 1 of 3, and 0 in part." in text
    assert "### Groups: 1 of 3" in text
    assert "| 42 | First | [test_autopilot_042_nothing_else](unit/test_rules.py)<br>" in text
    assert "| 43 | Second | not yet shown; needs device |" in text
    assert "| 44 | Third | not yet shown |" in text
    assert "| 7 | [test_mdm_wire_007_discovery](unit/test_rules.py) |" in text


def test_a_check_that_still_needs_something_is_shown_in_part(tests: Path) -> None:
    (tests / "unit" / "test_more.py").write_text("def test_autopilot_043_refusals(): ...\n")
    text = conformance.tables([SPEC], conformance.find_tests(tests))

    assert "Shown: 1 of 3, and 1 in part." in text
    assert "### Groups: 1 of 3" in text
    assert "| 43 | Second | in part, the rest needs device:<br>[test_autopilot_043_refusals](" in text


def test_a_test_for_a_check_that_does_not_exist_is_told(tests: Path) -> None:
    (tests / "unit" / "test_wrong.py").write_text("def test_autopilot_193_beyond(): ...\n")

    assert conformance.strays([SPEC], conformance.find_tests(tests)) == [
        "tests/unit/test_wrong.py: test_autopilot_193_beyond names check 193, which autopilot does not have"
    ]


def test_only_the_part_between_the_marks_is_replaced() -> None:
    readme = f"before\n{conformance.BEGIN}\nold\n{conformance.END}\nafter\n"

    replaced = conformance.with_tables(readme, "new\n")

    assert replaced == f"before\n{conformance.BEGIN}\n\nnew\n\n{conformance.END}\nafter\n"
    assert conformance.with_tables(replaced, "new\n") == replaced


def test_the_list_of_autopilot_checks_is_complete() -> None:
    (spec,) = [
        spec for spec in conformance.load_specs(conformance.TESTS / "conformance") if spec.name == "autopilot"
    ]

    assert spec.numbers == frozenset(range(1, 193))
