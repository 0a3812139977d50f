"""Canonical JSON: one value, one string of bytes (RFC 8785, without floats).

Keys are ASCII, so their order by code point is the order that RFC 8785 asks for; numbers are integers that
every JSON reader keeps exactly; strings are written as ECMAScript writes them, in UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from reseal.kernel.errors import Invalid
from reseal.kernel.secrecy import looks_secret

JsonValue: TypeAlias = "bool | int | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

LARGEST = 2**53 - 1
"""The largest integer that a reader with double-precision numbers keeps apart from its neighbours."""
DEEPEST = 32

Path = tuple[str | int, ...]

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical_json(value: JsonValue) -> bytes:
    """The canonical bytes of a JSON value.

    Raises `Invalid` (`NotCanonical`), naming the place, for a float, an integer beyond ±(2^53 - 1), a key
    that is not ASCII text, text with half a surrogate pair, nesting deeper than 32, and everything that is
    not JSON.
    """
    return _encode(_checked(value, ())).encode()


def trusted_json(value: Mapping[str, object]) -> bytes:
    """The canonical bytes of a value that is known to be allowed."""
    return _encode(value).encode()


def refuse_secrets(value: JsonValue, path: Path = ()) -> None:
    """Raise `Invalid` (`SecretInEvent`) if a text stands under a name that means a secret, at any depth."""
    match value:
        case str() | int() | None:  # most values are; what follows asks more
            return
        case dict() | Mapping():
            for name, inner in value.items():
                if isinstance(inner, str) and inner and looks_secret(name):
                    raise _secret((*path, name))
                refuse_secrets(inner, (*path, name))
        case list() | tuple():
            for index, item in enumerate(value):
                refuse_secrets(item, (*path, index))


def _secret(path: Path) -> Invalid:
    return Invalid(
        code="SecretInEvent",
        message=f"The payload of an event holds a secret at {_place(path)}.",
        remedy="Record that it exists or changed, or its id, never its value: events are kept.",
    )


def _checked(value: object, path: Path) -> object:
    """The value made of plain dicts and lists, every part of it allowed."""
    match value:
        case str():
            return _checked_text(value, path)
        case None | bool():
            return value
        case int():
            if -LARGEST <= value <= LARGEST:
                return value
            raise _refused(path, f"{value} is beyond ±(2^53 - 1)", "Write it as text.")
        case dict() | Mapping():
            _check_depth(path)
            return {_checked_key(key, path): _checked(inner, (*path, key)) for key, inner in value.items()}
        case list() | tuple():
            _check_depth(path)
            return [_checked(item, (*path, index)) for index, item in enumerate(value)]
        case float():
            raise _refused(path, f"{value} is a float", "Use an integer of a smaller unit, or text.")
        case _:
            raise _refused(path, f"{type(value).__name__} is not JSON", "Convert it to text first.")


def _check_depth(path: Path) -> None:
    if len(path) >= DEEPEST:
        raise _refused(path, f"it is nested deeper than {DEEPEST}", "Make it flatter.")


def _checked_text(text: str, path: Path) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refused(path, f"{text!r} holds half a character", "Repair the text where it enters.") from None
    return text


def _checked_key(key: object, path: Path) -> str:
    if isinstance(key, str) and key.isascii():
        return key
    raise _refused(path, f"the key {key!r} is not ASCII text", "Put it into the value.")


def _refused(path: Path, problem: str, remedy: str) -> Invalid:
    return Invalid(
        code="NotCanonical",
        message=f"A value cannot be written as canonical JSON: at {_place(path)}, {problem}.",
        remedy=remedy,
    )


def _place(path: Path) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
