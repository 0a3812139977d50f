"""Refusals of enrolment: what the device is told, as a fault, and a sentence for people."""

from __future__ import annotations

from reseal.kernel.errors import ResealError
from reseal.wire.enrolment.faults import ErrorType, Fault, Subcode

NO_DEVICE_OBJECT = "0x801C03F3"
"""What Windows calls a device that is not in the directory any more; a fault can only say it in words."""


class EnrolmentRefused(ResealError):
    """The device is declined. `code` is the HRESULT that it shows, `subcode` and `error_type` how the fault
    says it.
    """

    status = 403

    def __init__(self, cause: Subcode | ErrorType, message: str, remedy: str = "") -> None:
        super().__init__(code=cause.hresult.hex, message=message, remedy=remedy)
        self.subcode = cause if isinstance(cause, Subcode) else Subcode.AUTHORIZATION
        self.error_type = cause if isinstance(cause, ErrorType) else None

    def fault(self, trace_id: str) -> Fault:
        """The fault that tells it; `trace_id` is what the log has it under."""
        return Fault(
            subcode=self.subcode,
            reason=self.message,
            remedy=self.remedy,
            error_type=self.error_type,
            trace_id=trace_id,
        )


def unproven(message: str, remedy: str = "Sign in again.") -> EnrolmentRefused:
    """Token or password are wrong."""
    return EnrolmentRefused(Subcode.AUTHENTICATION, message, remedy)


def insecure(message: str, remedy: str) -> EnrolmentRefused:
    """The security header holds nothing that could prove anybody."""
    return EnrolmentRefused(Subcode.INVALID_SECURITY, message, remedy)


def no_device(device_id: object) -> EnrolmentRefused:
    """The token is of a device that is not in the directory, or is disabled there."""
    return EnrolmentRefused(
        Subcode.AUTHORIZATION,
        f"There is no directory device {device_id}, or it is disabled ({NO_DEVICE_OBJECT}).",
        "Join the device again; if it was deleted, register it again.",
    )


def not_renewable(message: str, remedy: str = "Enrol the device again.") -> EnrolmentRefused:
    """The certificate cannot be renewed with what was sent."""
    return EnrolmentRefused(ErrorType.NOT_ELIGIBLE_TO_RENEW, message, remedy)
