"""Namespaces, addresses and other fixed strings of enrolment (spec/mdm-wire.md 0.1, 0.2)."""

import re
from enum import StrEnum
from typing import Final, NamedTuple, Self

from reseal.wire.enrolment.errors import wrong

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING: Final = "http://www.w3.org/2005/08/addressing"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
UTILITY: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TRUST: Final = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
CONTEXT: Final = "http://schemas.xmlsoap.org/ws/2006/12/authorization"
DISCOVERY: Final = "http://schemas.microsoft.com/windows/management/2012/01/enrollment"
POLICY: Final = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"
ENROLMENT: Final = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
DIAGNOSTICS: Final = "http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics"
SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"

_MICROSOFT: Final = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/"
TOKEN_TYPE: Final = _MICROSOFT + "DeviceEnrollmentToken"
ENCODING: Final = WSSE + "#base64binary"
ANONYMOUS: Final = ADDRESSING + "/anonymous"
PASSWORD_TEXT: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
)
USERNAME_TOKEN_ID: Final = "uuid-cc1ccc1f-2fba-4bcf-b063-ffc0cac77917-4"
"""Windows writes the same id in every message."""

CONTENT_TYPE: Final = "application/soap+xml; charset=utf-8"
"""Of requests and responses."""
FAULT_STATUS: Final = 200
"""HTTP status of a fault (open point O-3)."""

DISCOVERY_PATH: Final = "/EnrollmentServer/Discovery.svc"
"""Fixed: devices build the discovery address themselves. The other paths are the server's choice."""
POLICY_PATH: Final = "/EnrollmentServer/Policy.svc"
ENROLMENT_PATH: Final = "/EnrollmentServer/Enrollment.svc"
AUTHENTICATION_PATH: Final = "/EnrollmentServer/Authenticate"
TERMS_PATH: Final = "/TermsOfUse"


class Action(StrEnum):
    """What a message is: the text of `a:Action`. Devices send no `SOAPAction` in HTTP."""

    DISCOVER = DISCOVERY + "/IDiscoveryService/Discover"
    DISCOVER_RESPONSE = DISCOVERY + "/IDiscoveryService/DiscoverResponse"
    GET_POLICIES = POLICY + "/IPolicy/GetPolicies"
    GET_POLICIES_RESPONSE = POLICY + "/IPolicy/GetPoliciesResponse"
    REQUEST_TOKEN = ENROLMENT + "/RST/wstep"
    REQUEST_TOKEN_RESPONSE = ENROLMENT + "/RSTRC/wstep"


class ValueType(StrEnum):
    """What a BinarySecurityToken holds."""

    USER_TOKEN = _MICROSOFT + "DeviceEnrollmentUserToken"
    """What the server's own sign-in page handed over."""
    JWT = "urn:ietf:params:oauth:token-type:jwt"
    """A token of the directory: of a user, or of the device alone."""
    X509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
    PKCS10 = ENROLMENT + "#PKCS10"
    PKCS7 = WSSE + "#PKCS7"
    """A renewal; older clients say it with the namespace of PKCS10."""
    PROVISIONING_DOCUMENT = _MICROSOFT + "DeviceEnrollmentProvisionDoc"

    @classmethod
    def of(cls, text: str) -> "ValueType | None":
        """The value type that `text` means; its last part decides. None if it is not known."""
        return _VALUE_TYPES.get(_last_part(text))


def _last_part(text: str) -> str:
    return re.split("[#/]", text)[-1].casefold()


_VALUE_TYPES: Final = {_last_part(known): known for known in ValueType}


class RequestType(StrEnum):
    """Whether a certificate is asked for the first time."""

    ISSUE = TRUST + "/Issue"
    RENEW = TRUST + "/Renew"


class AuthPolicy(StrEnum):
    """How a device proves for whom it enrols (spec/mdm-wire.md 1.7)."""

    ON_PREMISE = "OnPremise"
    FEDERATED = "Federated"
    CERTIFICATE = "Certificate"


class EnrollmentType(StrEnum):
    """Context item EnrollmentType; decides where the certificate goes (spec/mdm-wire.md 1.7)."""

    FULL = "Full"
    """A user's enrolment: store My/User."""
    DEVICE = "Device"
    """By joining the directory, as in Autopilot: store My/System."""
    LITE = "Lite"


_VERSION: Final = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?")


class ProtocolVersion(NamedTuple):
    """RequestVersion and EnrollmentVersion; newer ones are greater."""

    major: int
    minor: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """The version that `text` (`5.0`) says. Raises EnrolmentError if it is none."""
        if found := _VERSION.fullmatch(text):
            return cls(int(found[1]), int(found[2] or 0))
        raise wrong("version", text, "is not a version like 5.0")

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST_VERSION: Final = ProtocolVersion(3)
"""What a client speaks that does not say its version."""
OUR_VERSION: Final = ProtocolVersion(5)
"""The newest version that this package writes."""


def answered_version(requested: ProtocolVersion) -> ProtocolVersion:
    """The EnrollmentVersion to answer: ours, but never above what the device asked for."""
    return min(requested, OUR_VERSION)
