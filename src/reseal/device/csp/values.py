"""Whether data fits the format of a leaf (spec/mdm-wire.md 3.5)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from reseal.wire.syncml import Format, StatusCode

_ALIKE: Final = (frozenset({Format.CHR, Format.XML}), frozenset({Format.B64, Format.BIN}))
_FORMATS: Final = {str(known): known for known in Format}
_MOST_DIGITS: Final = 10


def format_of(written: str, wanted: Format | None) -> Format | None:
    """The format of a value whose Meta says `written`, in a leaf that wants one; None if they do not agree.

    Without Meta a value is taken for what the leaf wants.
    """
    name = written.strip().lower()
    if not name:
        return wanted or Format.CHR
    given = _FORMATS.get(name)
    if given is None or wanted is None or given is wanted:
        return given
    return wanted if any({given, wanted} <= alike for alike in _ALIKE) else None


def refusal_of(text: str, leaf_format: Format, lowest: int, highest: int) -> StatusCode | None:
    """Why `text` cannot be a value: 415 if it is not of its format, 500 if it is out of range."""
    match leaf_format:
        case Format.INT:
            return _refusal_of_number(text.strip(), lowest, highest)
        case Format.BOOL:
            fits = text.strip().lower() in {"true", "false"}
        case Format.B64 | Format.BIN:
            fits = _is_base64(text)
        case Format.NODE | Format.NULL:
            fits = not text.strip()
        case _:
            fits = True
    return None if fits else StatusCode.UNSUPPORTED_TYPE_OR_FORMAT


def tidied(text: str, leaf_format: Format) -> str:
    """A value as it is stored and read back."""
    match leaf_format:
        case Format.BOOL:
            return text.strip().lower()
        case Format.INT:
            return text.strip()
        case _:
            return text


def _refusal_of_number(text: str, lowest: int, highest: int) -> StatusCode | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        return StatusCode.UNSUPPORTED_TYPE_OR_FORMAT
    return None if lowest <= int(text) <= highest else StatusCode.COMMAND_FAILED


def _is_base64(text: str) -> bool:
    try:
        b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
