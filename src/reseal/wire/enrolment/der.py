"""Just enough DER to read certificate requests (X.690).

A strict library refuses the requests of Windows: their names hold characters that the declared kind of text
does not have (spec/mdm-wire.md 2.3).
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from reseal.wire.enrolment.errors import refused_request

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
BMP_STRING: Final = 0x1E
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0: Final = 0xA0

_LONGEST_IDENTIFIER: Final = 64
"""Bytes; the ones in use have about ten."""
_MOST_VALUES: Final = 256
"""In one sequence or set; requests have about ten."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its tag, what it holds, and the whole as it was encoded."""

    tag: int
    content: bytes
    encoded: bytes

    def inside(self, tag: int) -> tuple["Value", ...]:
        """The values in this one, which must have the tag. Raises EnrolmentError."""
        data = self.expect(tag)
        found: list[Value] = []
        start = 0
        while start < len(data):
            if len(found) == _MOST_VALUES:
                raise refused_request(f"holds more than {_MOST_VALUES} values side by side")
            found.append(_value_at(data, start))
            start += len(found[-1].encoded)
        return tuple(found)

    def expect(self, tag: int) -> bytes:
        """The content of this value, which must have the tag. Raises EnrolmentError."""
        if self.tag != tag:
            raise refused_request(f"has the tag {self.tag:#04x} where {tag:#04x} belongs")
        return self.content

    @property
    def identifier(self) -> str:
        """An object identifier in dots. Raises EnrolmentError."""
        data = self.expect(OBJECT_IDENTIFIER)
        if not 0 < len(data) <= _LONGEST_IDENTIFIER or data[-1] & 0x80:
            raise refused_request("holds a damaged object identifier")
        arcs: list[int] = []
        arc = 0
        for byte in data:
            arc = arc << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    @property
    def bits(self) -> bytes:
        """A bit string of whole bytes. Raises EnrolmentError."""
        data = self.expect(BIT_STRING)
        if not data.startswith(b"\0"):
            raise refused_request("holds a bit string that does not end with a byte")
        return data[1:]


def read(data: bytes) -> Value:
    """The one value in `data`. Raises EnrolmentError."""
    value = _value_at(data, 0)
    if len(value.encoded) < len(data):
        raise refused_request(f"is followed by {len(data) - len(value.encoded)} further bytes")
    return value


def _value_at(data: bytes, start: int) -> Value:
    head = data[start : start + 6]
    if len(head) < 2 or head[0] & 0x1F == 0x1F:
        raise refused_request("is not DER")
    size, length = 2, head[1]
    if length & 0x80:
        size += length & 0x7F
        if not 2 < size <= len(head):
            raise refused_request("is not DER")
        length = int.from_bytes(head[2:size], "big")
    end = start + size + length
    if len(data) < end:
        raise refused_request("is cut short")
    return Value(head[0], data[start + size : end], data[start:end])


def unwrapped(data: bytes) -> bytes:
    """A sequence in DER, which may be wrapped in base64 once more (spec/mdm-wire.md 2.7).

    Raises EnrolmentError.
    """
    if data[:1] != b"\x30":
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error as error:
            raise refused_request("is neither DER nor base64 of DER") from error
    read(data).expect(SEQUENCE)
    return data
