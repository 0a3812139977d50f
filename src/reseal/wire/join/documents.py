"""Reading the loosely written JSON of device registration: names in any letter case, bytes in base64."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from reseal.wire.join.errors import bad_document

Value: TypeAlias = Any
"""What stands behind a name in a JSON document."""


class Document:
    """A JSON object whose names are found in any letter case; `name` names it in refusals.

    A field that is missing or null is empty; every method raises JoinError for a field of another type.
    """

    __slots__ = ("_fields", "_name")

    def __init__(self, fields: Mapping[str, Value], name: str) -> None:
        self._fields = {key.lower(): value for key, value in fields.items()}
        self._name = name

    def text(self, field: str) -> str:
        """A text."""
        return str(self._typed(field, str, ""))

    def number(self, field: str, default: int) -> int:
        """A whole number, which may stand in quotes."""
        value = self._fields.get(field.lower())
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
            value = int(value)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(field, "is no whole number")
        return value

    def binary(self, field: str) -> bytes:
        """Bytes in base64; line breaks are passed over."""
        try:
            return base64.b64decode("".join(self.text(field).split()), validate=True)
        except (binascii.Error, ValueError):
            raise self._wrong(field, "is not base64") from None

    def inner(self, field: str) -> "Document":
        """An object within this one."""
        return Document(self._typed(field, dict, {}), f"field {field} of the {self._name}")

    def each(self, field: str) -> "tuple[Document, ...]":
        """The objects in a list."""
        items = self._typed(field, list, [])
        if not all(isinstance(item, dict) for item in items):
            raise self._wrong(field, "is no list of objects")
        return tuple(Document(item, f"field {field} of the {self._name}") for item in items)

    def texts(self, field: str) -> tuple[str, ...]:
        """The texts in a list."""
        items = self._typed(field, list, [])
        if not all(isinstance(item, str) for item in items):
            raise self._wrong(field, "is no list of texts")
        return tuple(items)

    def pairs(self) -> dict[str, str]:
        """All fields that are text, by their names in lower case."""
        return {name: value for name, value in self._fields.items() if isinstance(value, str)}

    def _typed(self, field: str, kind: type, empty: Value) -> Value:
        value = self._fields.get(field.lower())
        if value is None:
            return empty
        if not isinstance(value, kind):
            raise self._wrong(field, f"is no {kind.__name__}")
        return value

    def _wrong(self, field: str, why: str) -> Exception:
        return bad_document(self._name, f"has a field {field} that {why}")


def read(data: bytes, name: str) -> Document:
    """The JSON object in `data`. Raises JoinError."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise bad_document(name, "is not JSON") from None
    if not isinstance(fields, dict):
        raise bad_document(name, "is no JSON object")
    return Document(fields, name)


def write(fields: Mapping[str, Value]) -> bytes:
    """The object as JSON, ASCII only: some readers know nothing else."""
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def base64_text(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode("ascii")
