"""Enrolment into management as Windows does it (MS-MDE2): discovery, policy, certificate.

The key is made and kept before the request names it, so an enrolment whose answer was lost is asked for again
for the same key. A fault of the server becomes the error that Windows shows for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reseal.device.causes import cause_of
from reseal.device.disk import Disk
from reseal.device.errors import (
    CERTIFICATE_OF_MDM,
    NO_CONNECTION_TO_MDM,
    NetworkFailed,
    SetupFailed,
    unanswered,
    unexpected,
)
from reseal.device.hardware import Hardware
from reseal.device.http import Http
from reseal.device.transport import Failure, TransportError
from reseal.kernel.entropy import Entropy
from reseal.kernel.keys import KeySource
from reseal.web.phrases import say
from reseal.wire.enrolment.discovery import Discover, read_discover_response, write_discover
from reseal.wire.enrolment.faults import FaultReceived
from reseal.wire.enrolment.names import (
    CONTENT_TYPE,
    OUR_VERSION,
    Action,
    AuthPolicy,
    EnrollmentType,
    ValueType,
)
from reseal.wire.enrolment.policy import GetPolicies, read_get_policies_response, write_get_policies
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.request import (
    AdditionalContext,
    ContextName,
    RequestSecurityToken,
    write_request,
)
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.security import BinarySecurityToken, Security
from reseal.wire.enrolment.soap import Envelope, Header, read_envelope, request_header
from reseal.wire.errors import WireError

_WHAT: Final = say("Registering for mobile management")
_KEY: Final = "windows/mdm-key"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who enrols: the machine, the directory device, and on whose word."""

    hardware: Hardware
    device_id: str
    device_name: str
    registration: str
    """The ZTDID; empty for a device that nobody registered."""
    token: str = field(repr=False)
    """An access token for management: of the device, or of a user."""
    upn: str = ""
    """Empty: the token is the device's own."""
    locale: str = "en-US"
    correlator: str = ""
    """Of the profile on the disk by which the device was set up; empty for none."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The provisioning document, and the key that its certificate is for."""

    document: bytes = field(repr=False)
    key: RSAPrivateKey = field(repr=False)


async def enrol(
    http: Http, disk: Disk, keys: KeySource, entropy: Entropy, discovery_url: str, applicant: Applicant
) -> Enrolled:
    """Enrol at the discovery address that the directory gave. Raises `SetupFailed`."""
    soap = _Soap(http, entropy)
    token = BinarySecurityToken(value_type=ValueType.JWT, data=applicant.token.encode("ascii"))
    security = Security(token=token)
    try:
        header = soap.header(Action.DISCOVER, discovery_url)
        found = read_discover_response(await soap.ask(header, write_discover(_discover(applicant), header)))
        if found.policy_url:
            header = soap.header(Action.GET_POLICIES, found.policy_url)
            policies = write_get_policies(GetPolicies(), header, security)
            read_get_policies_response(await soap.ask(header, policies))
        key = mdm_key(disk, keys)
        header = soap.header(Action.REQUEST_TOKEN, found.enrollment_url)
        wish = RequestSecurityToken(
            value_type=ValueType.PKCS10,
            content=_certificate_request(key, applicant.device_id),
            context=_context(applicant),
        )
        answer = read_response(await soap.ask(header, write_request(wish, header, security)))
        read_provisioning(answer.document)
    except FaultReceived as error:
        raise _declined(error) from error
    except WireError as error:
        raise unexpected(_WHAT, error.message) from error
    return Enrolled(answer.document, key)


def mdm_key(disk: Disk, keys: KeySource) -> RSAPrivateKey:
    """The key of the MDM certificate, made at the first use and kept."""
    kept = disk.read(_KEY)
    if kept is None:
        kept = keys.rsa().private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        disk.replace(_KEY, kept)
    key = serialization.load_der_private_key(kept, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


class _Soap:
    def __init__(self, http: Http, entropy: Entropy) -> None:
        self._http = http
        self._entropy = entropy

    def header(self, action: Action, to: str) -> Header:
        return request_header(action, message_id=f"urn:uuid:{self._entropy.uuid()}", to=to)

    async def ask(self, header: Header, message: bytes) -> Envelope:
        try:
            answer = await self._http.post(header.to, message, CONTENT_TYPE)
        except TransportError as error:
            raise _unreachable(error) from error
        if not answer.ok and "xml" not in answer.header("Content-Type"):
            raise unanswered(_WHAT, answer.status, answer.url)
        return read_envelope(answer.body)


def _discover(applicant: Applicant) -> Discover:
    return Discover(
        email_address=applicant.upn,
        request_version=OUR_VERSION,
        device_type="CIMClient_Windows",
        application_version=applicant.hardware.os_version,
        os_edition=applicant.hardware.os_edition,
        auth_policies=(AuthPolicy.ON_PREMISE, AuthPolicy.FEDERATED),
    )


def _context(applicant: Applicant) -> AdditionalContext:
    hardware = applicant.hardware
    name = ContextName
    items: list[tuple[ContextName, str | int | bool]] = [
        (name.UX_INITIATED, bool(applicant.upn)),
        (name.HARDWARE_ID, hardware.hardware_id.upper()),
        (name.LOCALE, applicant.locale),
        (name.TARGETED_USER_LOGGED_IN, False),
        (name.OS_EDITION, hardware.os_edition),
        (name.DEVICE_NAME, applicant.device_name),
        *((name.MAC, address) for address in hardware.mac_addresses),
        (name.DEVICE_ID, applicant.device_id),
        (name.ENROLLMENT_TYPE, EnrollmentType.DEVICE.value),
        (name.DEVICE_TYPE, "CIMClient_Windows"),
        (name.OS_VERSION, hardware.os_version),
        (name.APPLICATION_VERSION, hardware.os_version),
        (name.NOT_IN_OOBE, False),
        (name.REQUEST_VERSION, str(OUR_VERSION)),
        (name.MANUFACTURER, hardware.manufacturer),
        (name.DEVICE_MODEL, hardware.model),
        (name.SERIAL_NUMBER, hardware.serial),
        (name.ENROLLMENT_DATA, ""),
    ]
    if applicant.registration:
        items.append((name.ZERO_TOUCH_PROVISIONING, applicant.registration))
    if applicant.correlator:
        items.append((name.OFFLINE_CORRELATOR, applicant.correlator))
    return AdditionalContext.of(items)


def _certificate_request(key: RSAPrivateKey, device_id: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.add_extension(purposes, critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def _declined(error: FaultReceived) -> SetupFailed:
    fault = error.fault
    return SetupFailed(
        code=fault.hresult.hex, message=fault.reason, remedy=fault.remedy, trace=fault.trace_id
    )


def _unreachable(error: TransportError) -> SetupFailed:
    message = say("{what} failed: {why}.", what=_WHAT, why=error.message)
    if error.failure in (Failure.UNTRUSTED, Failure.WRONG_NAME):
        remedy = cause_of(CERTIFICATE_OF_MDM).remedy
        return SetupFailed(code=CERTIFICATE_OF_MDM, message=message, remedy=remedy)
    remedy = cause_of(NO_CONNECTION_TO_MDM).remedy
    return NetworkFailed(code=NO_CONNECTION_TO_MDM, message=message, remedy=remedy)
