"""Device names and the templates that make them (spec/autopilot.md 4.2).

A name has at most 15 characters: letters, digits and hyphens, not digits only. A template may hold the macros
`%SERIAL%` (the hardware serial) and `%RAND:x%` (x random digits), both in upper case.

Where the documents are silent (spec/autopilot.md 11, choice 18): characters of a serial that a name cannot
hold are dropped, and the *last* characters are kept so that the whole fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Invalid

NAME_LIMIT: Final = 15
"""Characters of a device name, all macros expanded."""

_PIECE: Final = re.compile(r"%SERIAL%|%RAND:(?P<digits>[0-9]{1,9})%|(?P<text>[^%]+)|(?P<stray>%)")
_ANY_MACRO: Final = re.compile(r"%(serial|rand:[0-9]+)%", re.IGNORECASE)
_ALLOWED: Final = re.compile(r"[A-Za-z0-9-]*\Z")
_FORBIDDEN_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Literal:
    """Characters taken as they stand."""

    text: str


@dataclass(frozen=True, slots=True)
class RandomDigits:
    """`%RAND:x%`."""

    count: int


@dataclass(frozen=True, slots=True)
class SerialNumber:
    """`%SERIAL%`."""


Part = Literal | RandomDigits | SerialNumber


def parse_template(template: str) -> tuple[Part, ...]:
    """The parts of a name template.

    Raises `Invalid` with code `DeviceNameTemplate` if the template cannot make a valid name.
    """
    parts = tuple(_part(template, match) for match in _PIECE.finditer(template))
    fixed = sum(_fixed_length(part) for part in parts)
    serials = parts.count(SerialNumber())
    if not parts:
        raise _refused(template, "it is empty", "Leave the template switched off, or write a name.")
    if serials > 1:
        raise _refused(template, "%SERIAL% stands in it more than once", "Use %SERIAL% once.")
    if fixed + serials > NAME_LIMIT:
        raise _refused(
            template,
            f"it makes names longer than {NAME_LIMIT} characters",
            f"Shorten it; a name has at most {NAME_LIMIT} characters with all macros expanded.",
        )
    if not serials and not _has_letter_or_hyphen(parts):
        raise _refused(template, "it makes names of digits only", "Add a letter.")
    return parts


def expand_template(template: str, serial: str, entropy: Entropy) -> str:
    """The name that `template` makes for the hardware with `serial`.

    Raises `Invalid`: `DeviceNameTemplate` for a template that is not valid, `DeviceName` if this serial makes
    no valid name (digits only, or nothing left of it).
    """
    return _expand(template, serial, lambda: entropy.below(10))


def sample_name(template: str, serial: str) -> str:
    """What `expand_template` would make if all random digits were zero; raises what that raises."""
    return _expand(template, serial, lambda: 0)


def check_device_name(name: str) -> None:
    """Raise `Invalid` with code `DeviceName` unless `name` can be the name of a device."""
    reason = None
    if not name:
        reason = "is empty"
    elif len(name) > NAME_LIMIT:
        reason = f"has {len(name)} characters"
    elif not _ALLOWED.match(name):
        reason = "holds other characters than letters, digits and hyphens"
    elif name.isdigit():
        reason = "consists of digits only"
    if reason is not None:
        raise Invalid(
            code="DeviceName",
            message=f"The device name '{name}' {reason}.",
            remedy=f"Use at most {NAME_LIMIT} letters, digits and hyphens, not digits only.",
        )


def serial_part(serial: str, room: int) -> str:
    """What `%SERIAL%` becomes: illegal characters dropped, of the rest the last `room` characters."""
    usable = _FORBIDDEN_CHARACTERS.sub("", serial)
    return usable[-room:] if room > 0 else ""


def _part(template: str, match: re.Match[str]) -> Part:
    if match["stray"] is not None:
        raise _refused(template, *_stray_reason(template))
    if match["digits"] is not None:
        count = int(match["digits"])
        if count == 0:
            raise _refused(template, "%RAND:0% makes no digits", "Ask for one digit or more.")
        return RandomDigits(count)
    if match["text"] is None:
        return SerialNumber()
    if not _ALLOWED.match(match["text"]):
        raise _refused(
            template,
            "it holds other characters than letters, digits and hyphens",
            "Use letters, digits and hyphens; no blanks.",
        )
    return Literal(match["text"])


def _stray_reason(template: str) -> tuple[str, str]:
    macro = _ANY_MACRO.search(template)
    if macro is not None and macro[0] != macro[0].upper():
        return f"the macro {macro[0]} is not in upper case", f"Write {macro[0].upper()}."
    return (
        "a percent sign does not belong to %SERIAL% or %RAND:x%",
        "Use these two macros only, in upper case.",
    )


def _fixed_length(part: Part) -> int:
    match part:
        case Literal(text):
            return len(text)
        case RandomDigits(count):
            return count
        case SerialNumber():
            return 0


def _has_letter_or_hyphen(parts: tuple[Part, ...]) -> bool:
    return any(isinstance(part, Literal) and not part.text.isdigit() for part in parts)


def _expand(template: str, serial: str, digit: Callable[[], int]) -> str:
    parts = parse_template(template)
    room = NAME_LIMIT - sum(_fixed_length(part) for part in parts)
    name = "".join(_expanded(part, serial, room, digit) for part in parts)
    check_device_name(name)
    return name


def _expanded(part: Part, serial: str, room: int, digit: Callable[[], int]) -> str:
    match part:
        case Literal(text):
            return text
        case RandomDigits(count):
            return "".join(str(digit()) for _ in range(count))
        case SerialNumber():
            return serial_part(serial, room)


def _refused(template: str, reason: str, remedy: str) -> Invalid:
    return Invalid(
        code="DeviceNameTemplate",
        message="An error occurred while creating Autopilot profile: "
        f"the name template '{template}' cannot be used, {reason}.",
        remedy=remedy,
    )
