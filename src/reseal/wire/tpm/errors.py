"""What is wrong with a structure of a TPM."""

from typing import Final

from reseal.wire.errors import WireError


class TpmError(WireError):
    """Bytes that are not the structure they should be, or values that must not be written.

    `code` is CutShort, TrailingData, WrongValue, Unsupported (an algorithm or structure that is not read
    here), BadKey (numbers that are no key), Signature (it does not hold) or Credential (it cannot be opened).
    """


_AGAIN: Final = "Let the device send it again; if it stays so, update the firmware of its TPM"


def cut_short(what: str, wanted: int, left: int, offset: int) -> TpmError:
    """`what` ends before a field of `wanted` bytes."""
    message = f"The {what} ends early: a field of {wanted} bytes starts where {left} are left"
    return TpmError(code="CutShort", message=message, remedy=_AGAIN, offset=offset)


def trailing(what: str, count: int, offset: int) -> TpmError:
    """`count` bytes follow the end of `what`."""
    message = f"{count} bytes follow the end of the {what}"
    return TpmError(code="TrailingData", message=message, remedy=_AGAIN, offset=offset)


def wrong(name: str, value: object, why: str, offset: int | None = None) -> TpmError:
    """`value` cannot be the value of `name`."""
    message = f"The {name} {value!s:.80} {why}"
    return TpmError(code="WrongValue", message=message, remedy=_AGAIN, offset=offset)


def unsupported(name: str, value: int | str, offset: int | None = None) -> TpmError:
    """A `name` that the TPM's specification may know and Reseal does not read."""
    shown = f"0x{value:04X}" if isinstance(value, int) else value
    remedy = "Use RSA 2048 to 4096 or NIST P-256, P-384 or P-521 with SHA-256, SHA-384 or SHA-512"
    return TpmError(
        code="Unsupported", message=f"The {name} {shown} is not supported", remedy=remedy, offset=offset
    )


def bad_key(why: str) -> TpmError:
    """Numbers that do not make a key."""
    return TpmError(code="BadKey", message=f"This is no usable public key: {why}", remedy=_AGAIN)
