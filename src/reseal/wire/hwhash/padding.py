"""Base64 of hardware hashes: devices leave the padding away, the service wants it."""

import binascii
from typing import Final

from reseal.wire.errors import WireError

HASH_CODE: Final = "InvalidZtdHardwareHash"
"""The documented name of everything that is wrong with a hardware hash (spec/autopilot.md 2.3)."""

_LONGEST_TEXT: Final = 100_000
"""Characters. The length field of a blob has 16 bits; a hash of Windows has 4,000 characters."""

_RECAPTURE: Final = "Capture the hash again on the device and use the text unchanged"


class HardwareHashError(WireError):
    """Text or bytes that are no hardware hash, or fields that do not fit into one."""

    def __init__(self, message: str, *, remedy: str = _RECAPTURE, offset: int | None = None) -> None:
        super().__init__(code=HASH_CODE, message=message, remedy=remedy, offset=offset)


def repair_base64(text: str) -> str:
    """`text` with the padding that its length asks for; returned as it is if it decodes already.

    The documented repair is a loop: while decoding fails, replace a final `==` by `A`, else append `=`. It
    comes to this: without padding, text that is one character over a multiple of four gets an `A`, then the
    padding. So `Q29udG9zbwAAA` becomes `Q29udG9zbwAAAA==` (spec/autopilot.md 2.1 and check 19). Raises
    HardwareHashError if no padding makes it base64.
    """
    return _repaired(text)[0]


def decode_base64(text: str) -> bytes:
    """The bytes of base64 `text`, repaired where needed. Raises HardwareHashError."""
    return _repaired(text)[1]


def _repaired(text: str) -> tuple[str, bytes]:
    if len(text) > _LONGEST_TEXT:
        raise HardwareHashError(
            f"The hardware hash has {len(text)} characters; the longest possible has {_LONGEST_TEXT}"
        )
    repaired = text.rstrip("=")
    if len(repaired) % 4 == 1:
        repaired += "A"
    repaired += "=" * (-len(repaired) % 4)
    try:
        return repaired, binascii.a2b_base64(repaired, strict_mode=True)
    except ValueError as error:  # raised for characters outside ASCII too
        raise HardwareHashError("The hardware hash is not base64, and padding does not repair it") from error
