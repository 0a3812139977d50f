"""The request to join: what a device sends to `POST /EnrollmentServer/device/` (spec/identity.md 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reseal.wire.join import documents
from reseal.wire.join.documents import base64_text
from reseal.wire.join.errors import bad_document

REQUEST_NAME: Final = "7E980AD9-B86D-4306-9425-9AC066FB014A"
"""The CN that every certificate request bears; the certificate gets the device id."""

TICKET: Final = "msa-ddid"
"""Name (folded) of the attribute that binds a join to its Autopilot registration."""

RUN_PREFIX: Final = "reseal-run."
"""Begins a ticket that this product's profile channel gave out; others are Microsoft's, and mean nothing to
us.
"""

_NAME: Final = "join request"


class JoinType(IntEnum):
    """What becomes of the device."""

    JOIN = 0
    REGISTER = 4
    HYBRID = 6
    JOIN_TOO = 8
    """Seen in clients without more; the same as JOIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """What a device asks. Nothing of it is proven."""

    certificate_request: bytes = field(repr=False)
    """PKCS#10, DER."""
    transport_key: bytes = field(default=b"", repr=False)
    """BCRYPT_RSAKEY_BLOB, or a JWK as JSON; empty if none was sent."""
    join_type: int = JoinType.JOIN
    """A `JoinType`, or a number that is none."""
    device_type: str = "Windows"
    os_version: str = ""
    device_name: str = ""
    target_domain: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case; values are texts."""

    @property
    def ticket(self) -> bytes:
        """What ties the device to its registration (`MSA-DDID`); empty if there is none. Raises JoinError."""
        return documents.Document(self.attributes, _NAME).binary(TICKET)

    @property
    def reuses_device(self) -> bool:
        """Whether the device wants to be the directory device that it was."""
        return self.attributes.get("reusedevice", "").lower() == "true"


def read_join_request(data: bytes) -> JoinRequest:
    """The request in a body. Raises JoinError."""
    document = documents.read(data, _NAME)
    wanted = document.inner("CertificateRequest")
    if wanted.text("Type").lower() not in ("", "pkcs10"):
        raise bad_document(_NAME, f"asks for a certificate with {wanted.text('Type')[:40]!r}, not pkcs10")
    if not (request := wanted.binary("Data")):
        raise bad_document(_NAME, "holds no certificate request")
    return JoinRequest(
        certificate_request=request,
        transport_key=document.binary("TransportKey"),
        join_type=document.number("JoinType", JoinType.JOIN),
        device_type=document.text("DeviceType"),
        os_version=document.text("OSVersion"),
        device_name=document.text("DeviceDisplayName"),
        target_domain=document.text("TargetDomain"),
        attributes=MappingProxyType(document.inner("Attributes").pairs()),
    )


def write_join_request(request: JoinRequest, *, ticket: bytes = b"") -> bytes:
    """The body to post; `ticket` becomes the attribute `MSA-DDID`."""
    attributes: dict[str, str] = {"ReturnClientSid": "true", **request.attributes}
    if ticket:
        attributes["MSA-DDID"] = base64_text(ticket)
    fields: dict[str, Any] = {
        "CertificateRequest": {"Type": "pkcs10", "Data": base64_text(request.certificate_request)},
        "TransportKey": base64_text(request.transport_key),
        "TargetDomain": request.target_domain,
        "DeviceType": request.device_type,
        "OSVersion": request.os_version,
        "DeviceDisplayName": request.device_name,
        "JoinType": int(request.join_type),
        "Attributes": attributes,
    }
    return documents.write(fields)


def certificate_request(key: RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    """The PKCS#10 request (DER) for `key`; the same key gives the same bytes."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, REQUEST_NAME)])
    repeatable = True if isinstance(key, EllipticCurvePrivateKey) else None
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=repeatable).public_bytes(Encoding.DER)
