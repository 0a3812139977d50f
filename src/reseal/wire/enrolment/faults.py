"""Faults: how a server declines, and the error that Windows shows for it (spec/mdm-wire.md 2.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from reseal.wire.enrolment.elements import child, is_called, text_in
from reseal.wire.enrolment.errors import EnrolmentError, missing
from reseal.wire.enrolment.names import ENROLMENT
from reseal.wire.enrolment.soap import Envelope, Header, write_envelope
from reseal.wire.errors import WireError
from reseal.wire.xml import Element, Markup, element, escape, local_name


class Hresult(IntEnum):
    """Errors of enrolment as Windows shows them, with Microsoft's names."""

    MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR = 0x80180001
    MENROLL_E_DEVICE_AUTHENTICATION_ERROR = 0x80180002
    MENROLL_E_DEVICE_AUTHORIZATION_ERROR = 0x80180003
    MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR = 0x80180004
    MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR = 0x80180005
    MENROLL_E_DEVICE_INTERNALSERVICE_ERROR = 0x80180006
    MENROLL_E_DEVICE_INVALIDSECURITY_ERROR = 0x80180007
    MENROLL_E_DEVICE_UNKNOWN_ERROR = 0x80180008
    MENROLL_E_ENROLLMENT_IN_PROGRESS = 0x80180009
    MENROLL_E_DEVICE_ALREADY_ENROLLED = 0x8018000A
    MENROLL_E_DISCOVERY_SEC_CERT_DATE_INVALID = 0x8018000D
    MENROLL_E_PASSWORD_NEEDED = 0x8018000E
    MENROLL_E_WAB_ERROR = 0x8018000F
    """The sign-in page failed."""
    MENROLL_E_CONNECTIVITY = 0x80180010
    MENROLL_E_INVALIDSSLCERT = 0x80180012
    MENROLL_E_DEVICECAPREACHED = 0x80180013
    MENROLL_E_DEVICENOTSUPPORTED = 0x80180014
    MENROLL_E_NOTSUPPORTED = 0x80180015
    MENROLL_E_NOTELIGIBLETORENEW = 0x80180016
    MENROLL_E_INMAINTENANCE = 0x80180017
    MENROLL_E_USERLICENSE = 0x80180018
    MENROLL_E_ENROLLMENTDATAINVALID = 0x80180019
    MENROLL_E_CUSTOMSERVERERROR = 0x80180032

    @property
    def hex(self) -> str:
        """As it is shown: `0x80180001`."""
        return f"0x{self.value:08X}"


class Subcode(StrEnum):
    """What kind of thing went wrong, as the fault names it."""

    MESSAGE_FORMAT = "s:MessageFormat"
    AUTHENTICATION = "s:Authentication"
    AUTHORIZATION = "s:Authorization"
    CERTIFICATE_REQUEST = "s:CertificateRequest"
    ENROLLMENT_SERVER = "s:EnrollmentServer"
    INTERNAL_SERVICE_FAULT = "a:InternalServiceFault"
    INVALID_SECURITY = "a:InvalidSecurity"

    @property
    def hresult(self) -> Hresult:
        """The error that Windows shows for it."""
        return _OF_SUBCODES[self]


class ErrorType(StrEnum):
    """What exactly went wrong, in the detail of a fault; wins over the subcode."""

    DEVICE_CAP_REACHED = "DeviceCapReached"
    """The user has as many devices as allowed."""
    DEVICE_NOT_SUPPORTED = "DeviceNotSupported"
    """Refused by an enrolment restriction, or as a second technician flow."""
    NOT_SUPPORTED = "NotSupported"
    NOT_ELIGIBLE_TO_RENEW = "NotEligibleToRenew"
    IN_MAINTENANCE = "InMaintenance"
    USER_LICENSE = "UserLicense"
    INVALID_ENROLLMENT_DATA = "InvalidEnrollmentData"
    CUSTOM_SERVER_ERROR = "CustomServerError"
    """A text of the server's own; older builds do not know it."""

    @property
    def hresult(self) -> Hresult:
        """The error that Windows shows for it."""
        return _OF_ERROR_TYPES[self]


_OF_SUBCODES: Final[Mapping[Subcode, Hresult]] = {
    Subcode.MESSAGE_FORMAT: Hresult.MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR,
    Subcode.AUTHENTICATION: Hresult.MENROLL_E_DEVICE_AUTHENTICATION_ERROR,
    Subcode.AUTHORIZATION: Hresult.MENROLL_E_DEVICE_AUTHORIZATION_ERROR,
    Subcode.CERTIFICATE_REQUEST: Hresult.MENROLL_E_DEVICE_CERTIFICATEREQUEST_ERROR,
    Subcode.ENROLLMENT_SERVER: Hresult.MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR,
    Subcode.INTERNAL_SERVICE_FAULT: Hresult.MENROLL_E_DEVICE_INTERNALSERVICE_ERROR,
    Subcode.INVALID_SECURITY: Hresult.MENROLL_E_DEVICE_INVALIDSECURITY_ERROR,
}
_OF_ERROR_TYPES: Final[Mapping[ErrorType, Hresult]] = {
    ErrorType.DEVICE_CAP_REACHED: Hresult.MENROLL_E_DEVICECAPREACHED,
    ErrorType.DEVICE_NOT_SUPPORTED: Hresult.MENROLL_E_DEVICENOTSUPPORTED,
    ErrorType.NOT_SUPPORTED: Hresult.MENROLL_E_NOTSUPPORTED,
    ErrorType.NOT_ELIGIBLE_TO_RENEW: Hresult.MENROLL_E_NOTELIGIBLETORENEW,
    ErrorType.IN_MAINTENANCE: Hresult.MENROLL_E_INMAINTENANCE,
    ErrorType.USER_LICENSE: Hresult.MENROLL_E_USERLICENSE,
    ErrorType.INVALID_ENROLLMENT_DATA: Hresult.MENROLL_E_ENROLLMENTDATAINVALID,
    ErrorType.CUSTOM_SERVER_ERROR: Hresult.MENROLL_E_CUSTOMSERVERERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A refusal. `subcode` and `error_type` are None only when a server wrote one that is not known."""

    subcode: Subcode | None
    reason: str
    """What happened, in English; it also becomes the message of the detail."""
    remedy: str = ""
    """What to do about it. It follows the reason where the fault tells that, and is missing in the detail:
    so a device can tell them apart, and any other has both.
    """
    error_type: ErrorType | None = None
    trace_id: str = ""
    """By which the server finds what happened in its log."""

    @property
    def hresult(self) -> Hresult:
        """The error that Windows shows for it."""
        cause = self.error_type or self.subcode
        return Hresult.MENROLL_E_DEVICE_UNKNOWN_ERROR if cause is None else cause.hresult


class FaultReceived(EnrolmentError):
    """The server declined; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        message = f"The server declined ({fault.hresult.hex} {fault.hresult.name}): {fault.reason}"
        super().__init__(code="Fault", message=message, remedy="Ask who runs the server")
        self.fault = fault


_SUBCODES_OF_ERRORS: Final = {
    "InvalidSecurity": Subcode.INVALID_SECURITY,
    "CertificateRequest": Subcode.CERTIFICATE_REQUEST,
}


def fault_for(error: WireError, *, trace_id: str = "") -> Fault:
    """The answer to a request that could not be read."""
    subcode = _SUBCODES_OF_ERRORS.get(error.code, Subcode.MESSAGE_FORMAT)
    return Fault(subcode=subcode, reason=error.message, trace_id=trace_id)


def expect(envelope: Envelope, name: str) -> Element:
    """The content of an envelope, which must be called `name`.

    Raises FaultReceived if it is a fault, else EnrolmentError.
    """
    content = envelope.content
    if is_called(content, name):
        return content
    if is_called(content, "Fault"):
        raise FaultReceived(read_fault(content))
    message = f"The message holds {local_name(content)!a:.80} where {name} was expected"
    remedy = "Send each message to its own address"
    raise EnrolmentError(code="WrongMessage", message=message, remedy=remedy)


# --- reading


def read_fault(found: Element) -> Fault:
    """A fault; what it does not say, or says in unknown words, is left out."""
    code, reason, detail = child(found, "Code"), child(found, "Reason"), child(found, "Detail")
    subcode = None if code is None else child(code, "Subcode")
    error = None if detail is None else child(detail, "DeviceEnrollmentServiceError")
    error_text = "" if error is None else text_in(error, "ErrorType")
    message = "" if error is None else text_in(error, "Message")
    told = ("" if reason is None else text_in(reason, "Text")) or message
    has_remedy = bool(message) and told.startswith(f"{message} ")
    return Fault(
        subcode=None if subcode is None else _SUBCODES.get(_plain(text_in(subcode, "Value"))),
        reason=message if has_remedy else told,
        remedy=told[len(message) + 1 :] if has_remedy else "",
        error_type=_ERROR_TYPES.get(error_text.casefold()),
        trace_id="" if error is None else text_in(error, "TraceId"),
    )


def _plain(name: str) -> str:
    return name.rpartition(":")[2].casefold()


_SUBCODES: Final = {_plain(known): known for known in Subcode}
_ERROR_TYPES: Final = {known.casefold(): known for known in ErrorType}

# --- writing


def write_fault(fault: Fault, header: Header) -> bytes:
    """The envelope of a fault; `header` is the request's `reply_header`.

    Raises EnrolmentError if the fault has no subcode.
    """
    if fault.subcode is None:
        raise missing("subcode", "the fault")
    reason = _sendable(f"{fault.reason} {fault.remedy}" if fault.remedy else fault.reason)
    subcode = element("s:Subcode", element("s:Value", escape(fault.subcode)))
    code = element("s:Code", element("s:Value", escape("s:Receiver")), subcode)
    text = element("s:Text", reason, **{"xml:lang": "en-us"})
    parts = [code, element("s:Reason", text), *_detail(fault, _sendable(fault.reason))]
    return write_envelope(header, element("s:Fault", *parts))


def _detail(fault: Fault, message: Markup) -> list[Markup]:
    if fault.error_type is None and not fault.trace_id:
        return []
    parts = [element("Message", message), element("TraceId", _sendable(fault.trace_id))]
    if fault.error_type is not None:
        parts.insert(0, element("ErrorType", escape(fault.error_type)))
    return [element("s:Detail", element("DeviceEnrollmentServiceError", *parts, xmlns=ENROLMENT))]


_UNSENDABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _sendable(text: str) -> Markup:
    """A fault must always reach the device: what XML cannot say is replaced."""
    return escape(_UNSENDABLE.sub("\ufffd", text))
