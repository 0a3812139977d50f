"""Recording a terminal and drawing it, and the pictures that are in the documentation."""

from __future__ import annotations

import re
import sys

import pytest
from lxml import etree

from tools.record_demo import PICTURES, Line, lines_of, moving, record, still

PICTURE_FILES = ("demo.svg", "demo-moving.svg")
STEPS = (
    "Automatic enrolment",
    "Who may join devices",
    "Registration",
    "Groups",
    "Enrollment Status Page",
    "Deployment profile",
    "Whose it is",
    "The technician flow",
    "The user flow",
)


def plain(lines: list[Line]) -> list[str]:
    return [line.text.plain for line in lines]


def test_what_was_wiped_out_is_not_in_the_picture() -> None:
    """A line that shows progress is written over and over, and goes in the end."""
    sent = b"one\r\nworking\r\x1b[2K\x1b[?25lstill working\n\x1b[1A\x1b[2Ktwo\nthree\n\n"
    assert plain(lines_of([(0, sent)])) == ["one", "two", "three"]


def test_a_line_has_the_time_of_its_end() -> None:
    lines = lines_of([(1, b"one\ntw"), (2, "o, \u2026".encode()), (3, b"\nthree\n")])
    assert [(line.at, line.text.plain) for line in lines] == [(1, "one"), (3, "two, \u2026"), (3, "three")]


def test_a_command_is_recorded_with_its_colours_and_its_exit_code() -> None:
    program = "import sys; print('\\x1b[1;32mgreen\\x1b[0m', sys.stdout.isatty()); sys.exit(3)"
    lines, code = record([sys.executable, "-c", program])

    assert (plain(lines), code) == (["green True"], 3)
    drawn = still(lines, "a < b")
    assert '<tspan x="0" textLength="42" lengthAdjust="spacingAndGlyphs" class="b"' in drawn
    assert etree.fromstring(drawn.encode()).findtext("{*}title") == "a < b"


def test_a_moving_picture_begins_with_its_end_and_stands_still_for_who_asks() -> None:
    drawn = moving(lines_of([(second, f"line {second}\n".encode()) for second in range(10)]), "ten", rows=4)

    assert ".rise { transform: translateY(-114px); animation" in drawn
    assert "@keyframes rise {0.00%{transform:translateY(-114px)}" in drawn
    assert "prefers-reduced-motion" in drawn


@pytest.mark.parametrize("name", PICTURE_FILES)
def test_the_pictures_show_the_whole_demo_and_load_nothing(name: str) -> None:
    text = (PICTURES / name).read_text()
    shown = " ".join("".join(etree.fromstring(text.encode()).itertext()).split())

    places = [shown.index(f"{number}{title}") for number, title in enumerate(STEPS, 1)]
    assert places == sorted(places)
    for end in ("Pre-provisioning succeeded", "resealed", "Desktop", "Everything has arrived:"):
        assert end in shown
    assert re.findall(r"(?:https?:)?//[^\"'<\s]+", text) == ["http://www.w3.org/2000/svg"]
