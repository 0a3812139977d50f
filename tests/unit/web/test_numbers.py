"""Whole numbers in addresses and forms."""

from __future__ import annotations

import pytest

from reseal.web.numbers import MOST, whole_number


@pytest.mark.parametrize("text, number", [("0", 0), ("7", 7), ("007", 7), (str(MOST), MOST)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text) == number


NO_NUMBERS = ["", "-1", "+1", " 1", "1.0", "1e3", "²", "٣", "x", str(MOST + 1), "9" * 5_000]


@pytest.mark.parametrize("text", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_anything_else_is_none(text: str) -> None:
    assert whole_number(text) is None


def test_a_number_may_be_bounded() -> None:
    assert (whole_number("10", 10), whole_number("11", 10)) == (10, None)
