"""Why set-up cannot go on, in the codes that Windows shows for the same causes (spec/autopilot.md 8.2)."""

from __future__ import annotations

from typing import Final

from reseal.device.causes import cause_of
from reseal.device.codes import Part
from reseal.device.transport import Failure, TransportError
from reseal.kernel.errors import ResealError
from reseal.web.phrases import say

TIMED_OUT: Final = "0x800705B4"
TOO_MANY_ATTESTATIONS: Final = "0x81039001"
ATTESTATION_FAILED: Final = "0x801C03EA"
NO_DEVICE_OBJECT: Final = "0x801C03F3"
JOIN_FAILED: Final = "0x801C0006"
NOT_IN_MDM_SCOPE: Final = "0x8018002B"
NO_CONNECTION_TO_MDM: Final = "0x80180010"
CERTIFICATE_OF_MDM: Final = "0x80180012"
SIGN_IN_FAILED: Final = "0x8018000F"
NO_SIGN_IN_SERVICE: Final = "0x80070422"
NO_TPM_FOR_KEYS: Final = "0x80090030"
NOT_PROVEN: Final = "0x80180002"
UNEXPECTED_ANSWER: Final = "0x80004005"
NOT_REGISTERED: Final = "807"
NO_PROFILE: Final = "815"

_NETWORK_CODES: Final = {
    Failure.NO_NETWORK: "0x80072EE7",
    Failure.REFUSED: "0x80072EFD",
    Failure.CUT: "0x80072EFE",
    Failure.UNTRUSTED: "0x80072F0D",
    Failure.WRONG_NAME: "0x80072F06",
}


class SetupFailed(ResealError):
    """A step of set-up that failed. `code` is an HRESULT (`0x80180005`) or an event number (`807`).

    What neither `message` nor `remedy` says, pages say from the table of codes. `opening` is what a page says
    before them, `trace` by what the server finds the failure in its log.
    """

    def __init__(
        self, *, code: str, message: str, remedy: str = "", opening: str = "", trace: str = ""
    ) -> None:
        super().__init__(code=code, message=message, remedy=remedy)
        self.opening = opening
        self.trace = trace


class NetworkFailed(SetupFailed):
    """A step that failed for want of a connection; the request may have been carried out."""


def explained(code: str, part: Part | None = None) -> SetupFailed:
    """What the table of codes says is all that there is to say."""
    cause = cause_of(code, part)
    return SetupFailed(code=code, message=cause.cause, remedy=cause.remedy)


def network_failed(error: TransportError, what: str) -> NetworkFailed:
    """`what` could not be done for want of a connection."""
    return NetworkFailed(
        code=_NETWORK_CODES[error.failure],
        message=say("{what} failed: {why}.", what=what, why=error.message),
        remedy=cause_of(_NETWORK_CODES[error.failure]).remedy,
    )


def unanswered(what: str, status: int, url: str = "") -> SetupFailed:
    """The server answered with a status that nobody can follow."""
    if url:
        return unexpected(what, say("the server answered {status} for {url}", status=status, url=url))
    return unexpected(what, say("the server answered {status}", status=status))


def unexpected(what: str, why: str) -> SetupFailed:
    """The server answered with what nobody can follow."""
    return SetupFailed(
        code=UNEXPECTED_ANSWER,
        message=say("{what} failed: {why}.", what=what, why=why),
        remedy=cause_of(UNEXPECTED_ANSWER).remedy,
    )
