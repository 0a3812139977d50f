"""RequestSecurityToken (MS-WSTEP): a device asks for its certificate (spec/mdm-wire.md 2.3, 2.7)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from reseal.wire.enrolment import der
from reseal.wire.enrolment.elements import (
    attribute,
    canonical_guid,
    child,
    children,
    decode_base64,
    number,
    required,
    text_in,
    truth,
)
from reseal.wire.enrolment.errors import EnrolmentError, refused_request, wrong
from reseal.wire.enrolment.faults import expect
from reseal.wire.enrolment.names import (
    CONTEXT,
    TOKEN_TYPE,
    EnrollmentType,
    RequestType,
    ValueType,
)
from reseal.wire.enrolment.security import Security, write_security, write_token
from reseal.wire.enrolment.soap import REQUEST, Envelope, Header, write_envelope
from reseal.wire.xml import Element, Markup, element, escape, text_of


class ContextName(StrEnum):
    """The context items that are known. A server demands at most the first three."""

    DEVICE_ID = "DeviceID"
    HARDWARE_ID = "HWDevID"
    ENROLLMENT_TYPE = "EnrollmentType"
    DEVICE_TYPE = "DeviceType"
    OS_EDITION = "OSEdition"
    OS_VERSION = "OSVersion"
    OS_PLATFORM = "OSPlatform"
    APPLICATION_VERSION = "ApplicationVersion"
    DEVICE_NAME = "DeviceName"
    MAC = "MAC"
    MAC_ADDRESS = "MACAddress"
    """The same as MAC, in older messages."""
    IMEI = "IMEI"
    LOCALE = "Locale"
    UX_INITIATED = "UXInitiated"
    TARGETED_USER_LOGGED_IN = "TargetedUserLoggedIn"
    NOT_IN_OOBE = "NotInOobe"
    REQUEST_VERSION = "RequestVersion"
    ENROLLMENT_DATA = "EnrollmentData"
    MANUFACTURER = "Manufacturer"
    DEVICE_MODEL = "DeviceModel"
    SERIAL_NUMBER = "SerialNumber"
    ZERO_TOUCH_PROVISIONING = "ZeroTouchProvisioning"
    """The ZTDID of the registration."""
    OFFLINE_CORRELATOR = "OfflineAutoPilotEnrollmentCorrelator"
    """Correlation id of an offline profile."""
    BULK_JOIN = "BulkAADJ"
    BOOTSTRAP_DOMAIN_JOIN = "BootstrapDomainJoin"
    """A hybrid join in OOBE; DomainName names the domain."""
    DOMAIN_NAME = "DomainName"
    VM_EXTENSION_JOIN = "AzVMIAMExtensionJoin"


@dataclass(frozen=True, slots=True)
class AdditionalContext:
    """What a device says of itself, as name and value in the order of the message.

    Unknown names and repeated ones are kept, values with the white space around them. Names are compared
    without regard to letter case.
    """

    items: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, items: Iterable[tuple[ContextName, str | int | bool]]) -> "AdditionalContext":
        """The items of a device; truth values are written `true` and `false`."""
        return cls(tuple((name.value, _context_text(value)) for name, value in items))

    def every(self, name: ContextName) -> tuple[str, ...]:
        """All values of a name, trimmed, in order."""
        wanted = name.casefold()
        return tuple(value.strip() for key, value in self.items if key.casefold() == wanted)

    def text(self, name: ContextName) -> str:
        """The first value of a name, trimmed; empty if there is none."""
        return next(iter(self.every(name)), "")

    def flag(self, name: ContextName) -> bool | None:
        """Whether the item says true; None if it is missing. Raises EnrolmentError."""
        text = self.text(name)
        return truth(name, text) if text else None

    def number(self, name: ContextName) -> int | None:
        """The item as a number; None if it is missing. Raises EnrolmentError."""
        text = self.text(name)
        return number(name, text) if text else None

    def guid(self, name: ContextName) -> str:
        """A GUID in lower case with dashes; a value that is none as it stands; empty if it is missing."""
        return canonical_guid(self.text(name))

    @property
    def device_id(self) -> str:
        """DeviceID, equal for equal GUIDs however they are written; becomes the Source of sessions."""
        return self.guid(ContextName.DEVICE_ID)

    @property
    def hardware_id(self) -> str:
        """HWDevID in lower case: the same machine says the same."""
        return self.text(ContextName.HARDWARE_ID).lower()

    @property
    def enrollment_type(self) -> EnrollmentType | None:
        """None if it is missing. Raises EnrolmentError for a type that is not known."""
        text = self.text(ContextName.ENROLLMENT_TYPE)
        if not text:
            return None
        known = _ENROLLMENT_TYPES.get(text.casefold())
        if known is None:
            raise wrong(ContextName.ENROLLMENT_TYPE, text, "is not known")
        return known

    @property
    def in_oobe(self) -> bool:
        """Whether the machine says that it is in OOBE (NotInOobe false): the page has to be served."""
        return self.flag(ContextName.NOT_IN_OOBE) is False

    @property
    def enrollment_data(self) -> str:
        """The blob of the terms-of-use page; empty if there is none, which clients also write `null`."""
        text = self.text(ContextName.ENROLLMENT_DATA)
        return "" if text == "null" else text

    @property
    def mac_addresses(self) -> tuple[str, ...]:
        """As written, under either name."""
        return self.every(ContextName.MAC) + self.every(ContextName.MAC_ADDRESS)


_ENROLLMENT_TYPES: Final = {known.casefold(): known for known in EnrollmentType}


def _context_text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSecurityToken:
    """The wish for a certificate."""

    request_type: RequestType = RequestType.ISSUE
    value_type: ValueType
    """PKCS10, or PKCS7: a PKCS#10 request for the new key, signed with the old one."""
    content: bytes = field(repr=False)
    """DER; see `pkcs10.read_certificate_request` and `pkcs7.read_signed_request`."""
    context: AdditionalContext = AdditionalContext()


def read_request(envelope: Envelope) -> RequestSecurityToken:
    """The content of a RequestSecurityToken.

    Both names of PKCS#7 and both of its encodings are taken. Raises EnrolmentError, with the code
    CertificateRequest if the request inside is at fault.
    """
    request = expect(envelope, "RequestSecurityToken")
    token = required(request, "BinarySecurityToken")
    value_type = ValueType.of(attribute(token, "ValueType"))
    if value_type is not ValueType.PKCS10 and value_type is not ValueType.PKCS7:
        raise refused_request("is neither PKCS#10 nor PKCS#7")
    try:
        content = der.unwrapped(decode_base64("certificate request", text_of(token)))
    except EnrolmentError as error:
        raise refused_request("is not base64 of DER") from error
    return RequestSecurityToken(
        request_type=_request_type(text_in(request, "RequestType"), value_type),
        value_type=value_type,
        content=content,
        context=_context(child(request, "AdditionalContext")),
    )


def _request_type(text: str, value_type: ValueType) -> RequestType:
    """What kind of request it is; one that does not say is told by what it holds."""
    if not text:
        return RequestType.RENEW if value_type is ValueType.PKCS7 else RequestType.ISSUE
    known = _REQUEST_TYPES.get(text.rpartition("/")[2].casefold())
    if known is None:
        raise wrong("RequestType", text, "is not known")
    return known


_REQUEST_TYPES: Final = {"issue": RequestType.ISSUE, "renew": RequestType.RENEW}


def _context(found: Element | None) -> AdditionalContext:
    items = () if found is None else children(found, "ContextItem")
    pairs = ((attribute(item, "Name"), _value(item)) for item in items)
    return AdditionalContext(tuple((name, value) for name, value in pairs if name))


def _value(item: Element) -> str:
    found = child(item, "Value")
    return "" if found is None else found.text or ""


def write_request(request: RequestSecurityToken, header: Header, security: Security) -> bytes:
    """The request of a device. Raises XmlError."""
    content = element(
        "wst:RequestSecurityToken",
        element("wst:TokenType", escape(TOKEN_TYPE)),
        element("wst:RequestType", escape(request.request_type)),
        write_token("wsse:BinarySecurityToken", request.value_type, request.content),
        element("ac:AdditionalContext", *_item_markup(request.context), xmlns=CONTEXT),
    )
    return write_envelope(header, content, prefixes=REQUEST, security=write_security(security))


def _item_markup(context: AdditionalContext) -> list[Markup]:
    return [
        element("ac:ContextItem", element("ac:Value", escape(value)), Name=name)
        for name, value in context.items
    ]
