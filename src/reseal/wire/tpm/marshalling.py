"""Integers and sized buffers, as TPMs write them (TPM 2.0 Library, Part 2, 4 and 10.4).

TPMs write big endian. The event log and the claims of Windows are little endian and are read with the same
`Reader`.
"""

from typing import Literal

from reseal.wire.tpm.errors import cut_short, trailing, wrong

Order = Literal["big", "little"]


class Reader:
    """Takes fields off the front of `data`; `what` names the structure in refusals.

    Every method raises TpmError where the field does not fit into what is left.
    """

    __slots__ = ("_data", "_order", "_what", "offset")

    def __init__(self, data: bytes, what: str, order: Order = "big") -> None:
        self._data = data
        self._what = what
        self._order: Order = order
        self.offset = 0
        """Bytes read so far."""

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self.offset

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise cut_short(self._what, size, self.left, self.offset)
        start = self.offset
        self.offset += size
        return self._data[start : self.offset]

    def _integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), self._order)

    def u8(self) -> int:
        """An unsigned integer of one byte."""
        return self._integer(1)

    def u16(self) -> int:
        """An unsigned integer of two bytes."""
        return self._integer(2)

    def u32(self) -> int:
        """An unsigned integer of four bytes."""
        return self._integer(4)

    def u64(self) -> int:
        """An unsigned integer of eight bytes."""
        return self._integer(8)

    def sized(self) -> bytes:
        """The content of a TPM2B: a size of two bytes and as many bytes."""
        return self.take(self.u16())

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Raises TpmError if anything is left."""
        if self.left:
            raise trailing(self._what, self.left, self.offset)


def u8(value: int) -> bytes:
    """One byte. Raises TpmError if `value` does not fit; so do the others."""
    return _integer(value, 1)


def u16(value: int) -> bytes:
    """Two bytes, big endian."""
    return _integer(value, 2)


def u32(value: int) -> bytes:
    """Four bytes, big endian."""
    return _integer(value, 4)


def u64(value: int) -> bytes:
    """Eight bytes, big endian."""
    return _integer(value, 8)


def sized(content: bytes) -> bytes:
    """A TPM2B: the size of `content` in two bytes, then `content`. Raises TpmError above 65,535 bytes."""
    return u16(len(content)) + content


def _integer(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as error:
        raise wrong("number", value, f"does not fit into {size} bytes") from error
