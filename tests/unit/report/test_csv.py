"""The report as a file: RFC 4180, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest

from reseal.report.deployments import COLUMNS, csv_lines, harmless


def test_lines_are_as_the_standard_says() -> None:
    assert csv_lines([["a", 'say "hi"', "x,y", "two\nlines", "", "ä"]]) == (
        'a,"say ""hi""","x,y","two\nlines",,ä\r\n'.encode()
    )


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=2", "＝1"])
def test_what_looks_like_a_formula_is_a_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    (read,) = csv.reader(io.StringIO(csv_lines([[cell]]).decode(), newline=""))
    assert read == [f"'{cell}"]


@pytest.mark.parametrize("cell", ["", "SN-1", "0x80070643: failed", "2026-11-28T10:00:00Z", "a=b"])
def test_everything_else_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


def test_each_column_has_a_name_of_its_own() -> None:
    names = [name for name, _ in COLUMNS]
    assert len(names) == len(set(names)) == 29
