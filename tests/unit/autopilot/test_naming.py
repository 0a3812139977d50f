"""Device names and their templates (spec/autopilot.md 4.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.autopilot.model_naming import (
    Literal,
    RandomDigits,
    SerialNumber,
    check_device_name,
    expand_template,
    parse_template,
    sample_name,
    serial_part,
)
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Invalid


@pytest.mark.parametrize(
    "template, parts",
    [
        ("MYPC-%RAND:6%", (Literal("MYPC-"), RandomDigits(6))),
        ("%SERIAL%", (SerialNumber(),)),
        ("A%SERIAL%B%RAND:2%", (Literal("A"), SerialNumber(), Literal("B"), RandomDigits(2))),
        ("KIOSK", (Literal("KIOSK"),)),
        ("-%RAND:14%", (Literal("-"), RandomDigits(14))),
        ("12345678901234A", (Literal("12345678901234A"),)),
        ("12345678901234%SERIAL%", (Literal("12345678901234"), SerialNumber())),
        ("1%RAND:1%X%RAND:2%", (Literal("1"), RandomDigits(1), Literal("X"), RandomDigits(2))),
    ],
)
def test_a_template_is_literals_and_macros(template: str, parts: tuple[object, ...]) -> None:
    assert parse_template(template) == parts


@pytest.mark.parametrize(
    "template, reason",
    [
        ("", "it is empty"),
        ("ABCDEFGHIJKLMNOP", "longer than 15"),
        ("ABCDEFGHIJKLMNO%SERIAL%", "longer than 15"),
        ("ABC%RAND:13%", "longer than 15"),
        ("%RAND:999999999%A", "longer than 15"),
        ("%serial%", "the macro %serial% is not in upper case"),
        ("PC-%rand:4%", "the macro %rand:4% is not in upper case"),
        ("PC %SERIAL%", "other characters than letters, digits and hyphens"),
        ("PC_1", "other characters than letters, digits and hyphens"),
        ("BÜRO", "other characters than letters, digits and hyphens"),
        ("PC\n", "other characters than letters, digits and hyphens"),
        ("12345", "digits only"),
        ("%RAND:5%", "digits only"),
        ("1%RAND:5%", "digits only"),
        ("PC-%RAND:0%", "makes no digits"),
        ("PC-%SERIAL%%SERIAL%", "more than once"),
        ("PC-50%", "a percent sign does not belong"),
        ("PC-%RAND:x%", "a percent sign does not belong"),
        ("PC-%RAND%", "a percent sign does not belong"),
        ("%SERIAL%%", "a percent sign does not belong"),
    ],
)
def test_autopilot_098_unfit_templates_are_refused_with_their_reason(template: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_template(template)
    assert refused.value.code == "DeviceNameTemplate"
    assert reason in refused.value.message
    assert refused.value.remedy


def test_the_remedy_names_the_macro_in_upper_case() -> None:
    with pytest.raises(Invalid) as refused:
        parse_template("PC-%Rand:4%")
    assert refused.value.remedy == "Write %RAND:4%."


def test_autopilot_099_macros_are_expanded_within_15_characters() -> None:
    name = expand_template("MYPC-%RAND:6%", "ABC", SeededEntropy("names"))
    assert name.startswith("MYPC-")
    assert len(name) == 11
    assert name[5:].isdigit()
    assert expand_template("%SERIAL%", "PF2ABC", SeededEntropy("names")) == "PF2ABC"
    assert expand_template("C-%SERIAL%", "5CG1234567890XYZ", SeededEntropy("names")) == "C-1234567890XYZ"


def test_random_digits_are_drawn_one_by_one() -> None:
    drawn = {expand_template("A%RAND:1%", "", SeededEntropy(seed)) for seed in range(200)}
    assert drawn == {f"A{digit}" for digit in range(10)}
    assert expand_template("A%RAND:8%", "", SeededEntropy(1)) != expand_template(
        "A%RAND:8%", "", SeededEntropy(2)
    )


@pytest.mark.parametrize(
    "serial, room, expected",
    [
        ("PF2ABC", 15, "PF2ABC"),
        ("PF2ABC", 3, "ABC"),
        ("VMware-56 4d/1", 15, "VMware-564d1"),
        ("a b-c.d_e", 4, "-cde"),
        ("Ünïcode", 15, "ncode"),
        ("...", 15, ""),
        ("ABC", 0, ""),
    ],
)
def test_a_serial_loses_illegal_characters_and_keeps_its_end(serial: str, room: int, expected: str) -> None:
    assert serial_part(serial, room) == expected


@pytest.mark.parametrize(
    "template, serial, code",
    [
        ("%SERIAL%", "...", "DeviceName"),
        ("%SERIAL%", "123456", "DeviceName"),
        ("%SERIAL%%RAND:3%", "77", "DeviceName"),
        ("%serial%", "ABC", "DeviceNameTemplate"),
    ],
)
def test_a_serial_that_makes_no_valid_name_is_refused(template: str, serial: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        expand_template(template, serial, SeededEntropy(1))
    assert refused.value.code == code
    with pytest.raises(Invalid) as refused:
        sample_name(template, serial)
    assert refused.value.code == code


def test_a_sample_has_zeros_for_random_digits() -> None:
    assert sample_name("A-%RAND:4%-%SERIAL%", "XYZ") == "A-0000-XYZ"


@pytest.mark.parametrize("name", ["A", "LAPTOP-ADA", "123456789012-AB", "-", "a1"])
def test_fit_device_names(name: str) -> None:
    check_device_name(name)


@pytest.mark.parametrize(
    "name, reason",
    [
        ("", "is empty"),
        ("ABCDEFGHIJKLMNOP", "has 16 characters"),
        ("has blank", "other characters"),
        ("Büro", "other characters"),
        ("PC\n", "other characters"),
        ("12345", "digits only"),
    ],
)
def test_unfit_device_names(name: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_device_name(name)
    assert refused.value.code == "DeviceName"
    assert reason in refused.value.message


@given(
    parts=st.lists(st.sampled_from(["AB", "-", "7", "%SERIAL%", "%RAND:3%", "%", " "]), max_size=6),
    serial=st.text(max_size=20),
)
def test_whatever_a_template_expands_to_is_a_valid_name(parts: list[str], serial: str) -> None:
    try:
        name = expand_template("".join(parts), serial, SeededEntropy(0))
    except Invalid:
        return
    check_device_name(name)
    assert 1 <= len(name) <= 15
