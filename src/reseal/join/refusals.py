"""Why a device does not join: what goes over the wire, and what a person reads (spec/identity.md 2.4, 9)."""

from __future__ import annotations

from typing import Final

from reseal.directory.model_joining import JoinDecision, JoinReason
from reseal.kernel.errors import Denied

MESSAGE_FORMAT: Final = "801c0001"
AUTHENTICATION: Final = "801c0002"
AUTHORIZATION: Final = "801c0003"
NO_DEVICE_OBJECT: Final = "801c03f3"


class JoinRefused(Denied):
    """A join that is refused. `code` is what the device shows, in the spelling of device registration
    (`801c0003`), `error_type` the name of the kind of error in its documents.
    """

    status = 400

    def __init__(self, error_type: str, code: str, message: str, remedy: str) -> None:
        super().__init__(code=code, message=message, remedy=remedy)
        self.error_type = error_type

    @property
    def hresult(self) -> str:
        """The code as our own channel and the reports write it: `0x801C0003`."""
        return f"0x{self.code.upper()}"


class NotProven(JoinRefused):
    """Whoever asks has not proven who they are."""

    status = 401

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__("AuthenticationError", AUTHENTICATION, message, remedy)


def malformed(message: str, remedy: str) -> JoinRefused:
    """The request is not as it should be."""
    return JoinRefused("InvalidRequest", MESSAGE_FORMAT, message, remedy)


def not_authorized(message: str, remedy: str) -> JoinRefused:
    """The user, or this device, may not join."""
    return JoinRefused("AuthorizationError", AUTHORIZATION, message, remedy)


def decided(decision: JoinDecision) -> JoinRefused:
    """A decision against the user."""
    kind = "DeviceQuotaExceeded" if decision.reason is JoinReason.QUOTA else "AuthorizationError"
    return JoinRefused(kind, decision.code, decision.message, decision.remedy)


def no_device_object() -> JoinRefused:
    """The registration, or its directory device, is gone."""
    return JoinRefused(
        "DirectoryError",
        NO_DEVICE_OBJECT,
        message="The directory has no device object for this device: it was deleted or deregistered.",
        remedy="Register the device again from its hardware hash, then start over.",
    )
