"""PKCS#10: the certificate request of a device (RFC 2986, spec/mdm-wire.md 2.3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from reseal.wire.enrolment import der
from reseal.wire.enrolment.errors import refused_request

MOST_KEY_BITS: Final = 8192
"""Checking a signature of a longer key would take long."""

_COMMON_NAME: Final = "2.5.4.3"
_EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"
_DEVICE_ID: Final = "1.3.6.1.4.1.311.66.1.0"

RSA_SIGNATURES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}
"""The signatures that are taken, with their hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """A request as it was read. Nothing of it is proven before `proven_key`."""

    common_name: str
    """Of the subject; the issuer chooses the certificate's own."""
    public_key: bytes = field(repr=False)
    """DER of SubjectPublicKeyInfo."""
    extensions: Mapping[str, bytes] = field(repr=False)
    """What is asked for, by object identifier."""
    signed: bytes = field(repr=False)
    """What the signature is over."""
    algorithm: str
    """Object identifier of the signature's algorithm."""
    signature: bytes = field(repr=False)

    @property
    def device_id(self) -> str:
        """The device id that Windows writes into an extension; empty if there is none."""
        return self.extensions.get(_DEVICE_ID, b"").decode("ascii", errors="replace").rstrip("\0")


def read_certificate_request(data: bytes) -> CertificateRequest:
    """The request in `data` (DER), whatever characters its names hold. Raises EnrolmentError."""
    parts = der.read(data).inside(der.SEQUENCE)
    if len(parts) != 3:
        raise refused_request("is no PKCS#10 request")
    info, algorithm, signature = parts
    fields = info.inside(der.SEQUENCE)
    if len(fields) < 3:
        raise refused_request("is no PKCS#10 request")
    _, subject, public_key, *attributes = fields
    return CertificateRequest(
        common_name=_common_name(subject),
        public_key=public_key.encoded,
        extensions=_extensions(attributes),
        signed=info.encoded,
        algorithm=algorithm_of(algorithm),
        signature=signature.bits,
    )


def algorithm_of(value: der.Value) -> str:
    """The object identifier in an AlgorithmIdentifier. Raises EnrolmentError."""
    parts = value.inside(der.SEQUENCE)
    if not parts:
        raise refused_request("names no algorithm")
    return parts[0].identifier


def _common_name(subject: der.Value) -> str:
    for relative in subject.inside(der.SEQUENCE):
        for attribute in relative.inside(der.SET):
            kind, text = _pair(attribute)
            if kind == _COMMON_NAME:
                codec = "utf-16-be" if text.tag == der.BMP_STRING else "utf-8"
                return text.content.decode(codec, errors="replace").replace("\0", "")
    return ""


def _pair(value: der.Value) -> tuple[str, der.Value]:
    """What follows an object identifier: the last part, for there may be a flag between them."""
    parts = value.inside(der.SEQUENCE)
    if len(parts) < 2:
        raise refused_request("holds a name without a value")
    return parts[0].identifier, parts[-1]


def _extensions(fields: list[der.Value]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for attribute in fields[0].inside(der.CONTEXT_0) if fields else ():
        kind, values = _pair(attribute)
        if kind == _EXTENSION_REQUEST:
            for extensions in values.inside(der.SET):
                found |= {name: value.expect(der.OCTET_STRING) for name, value in _pairs(extensions)}
    return MappingProxyType(found)


def _pairs(extensions: der.Value) -> Iterator[tuple[str, der.Value]]:
    return map(_pair, extensions.inside(der.SEQUENCE))


def proven_key(request: CertificateRequest, *, least_bits: int) -> RSAPublicKey:
    """The key of a request, after its own signature has shown that the sender holds it.

    `least_bits` is what the certificate policy announced.
    Raises EnrolmentError (CertificateRequest): no RSA key, shorter than the policy says, another signature.
    """
    try:
        key = load_der_public_key(request.public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise refused_request("holds a public key that cannot be read") from error
    if not isinstance(key, RSAPublicKey):
        raise refused_request("holds a key that is not RSA")
    if not least_bits <= key.key_size <= MOST_KEY_BITS:
        raise refused_request(f"has a key of {key.key_size} bits; it takes {least_bits} to {MOST_KEY_BITS}")
    hash_algorithm = RSA_SIGNATURES.get(request.algorithm)
    if hash_algorithm is None:
        raise refused_request(f"is signed by the algorithm {request.algorithm}, not by RSA with SHA-256")
    try:
        key.verify(request.signature, request.signed, PKCS1v15(), hash_algorithm)
    except InvalidSignature as error:
        raise refused_request("is not signed by its own key") from error
    return key
