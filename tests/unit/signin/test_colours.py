"""Colours that administrators chose, and letters that can be read on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.signin.colours import colour_sheet, contrast, ink_on, sheet_name

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"{number:06x}")


@given(COLOURS)
def test_what_is_written_on_a_colour_can_be_read(colour: str) -> None:
    assert contrast(colour, ink_on(colour).removeprefix("#")) >= 4.5


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("0b5cad", "0b5cad") == pytest.approx(1)


def test_a_sheet_is_named_after_its_colours() -> None:
    assert sheet_name(None, None) == ""
    assert sheet_name("#0B5CAD", None) == "0b5cad"
    assert sheet_name(None, "#FFD54A") == "-ffd54a"
    both = colour_sheet(sheet_name("#0B5CAD", "#FFD54A"))
    assert both == ":root { --brand: #0b5cad; --header: #ffd54a; --header-ink: #000000; }\n"
    assert colour_sheet("0b5cad") == ":root { --brand: #0b5cad; }\n"
    assert colour_sheet("-0b5cad") == ":root { --header: #0b5cad; --header-ink: #ffffff; }\n"


@pytest.mark.parametrize(
    "name", ["", "-", "red", "0b5cad0", "0b5cad-", "0B5CAD", "}", "0b5cad-0b5cad-0b5cad"]
)
def test_nothing_else_is_a_sheet(name: str) -> None:
    assert colour_sheet(name) is None
