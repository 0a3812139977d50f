"""PKCS#7: a certificate request for a new key, signed with the old one (RFC 5652, spec/mdm-wire.md 2.7).

A device makes one with `cryptography`'s `PKCS7SignatureBuilder`; that library does not check any.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from reseal.wire.enrolment import der
from reseal.wire.enrolment.errors import EnrolmentError, refused_request
from reseal.wire.enrolment.pkcs10 import (
    RSA_SIGNATURES,
    CertificateRequest,
    algorithm_of,
    read_certificate_request,
)

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_RSA: Final = "1.2.840.113549.1.1.1"
_CONSTRUCTED_OCTETS: Final = 0x24
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A signed request as it was read. Nothing of it is proven before `require_signed_by`."""

    request: CertificateRequest
    content: bytes = field(repr=False)
    """What was signed: the request, perhaps as base64."""
    certificates: tuple[bytes, ...] = field(repr=False)
    """DER, in the order of the message; the signer's is usually the first."""
    digest_algorithm: str
    signature_algorithm: str
    attributes: der.Value | None = field(repr=False)
    """What was signed in place of the content; holds the content's digest."""
    signature: bytes = field(repr=False)


def read_signed_request(data: bytes) -> SignedRequest:
    """The signed request in `data` (DER), which has one signer. Raises EnrolmentError."""
    kind, wrapped = _exactly(2, der.read(data).inside(der.SEQUENCE))
    if kind.identifier != _SIGNED_DATA:
        raise _no_signed_data()
    (signed_data,) = _exactly(1, wrapped.inside(der.CONTEXT_0))
    parts = signed_data.inside(der.SEQUENCE)
    if len(parts) < 4:
        raise _no_signed_data()
    content = _content(parts[2])
    (signer,) = _exactly(1, parts[-1].inside(der.SET))
    fields = signer.inside(der.SEQUENCE)
    if len(fields) < 4:
        raise _no_signed_data()
    attributes = fields[3] if fields[3].tag == der.CONTEXT_0 else None
    end = fields[3:] if attributes is None else fields[4:]
    if len(end) < 2:
        raise _no_signed_data()
    return SignedRequest(
        request=read_certificate_request(der.unwrapped(content)),
        content=content,
        certificates=tuple(_certificates(parts[3])),
        digest_algorithm=algorithm_of(fields[2]),
        signature_algorithm=algorithm_of(end[0]),
        attributes=attributes,
        signature=end[1].expect(der.OCTET_STRING),
    )


def _no_signed_data() -> EnrolmentError:
    return refused_request("is no signed PKCS#7 message")


def _exactly(count: int, values: tuple[der.Value, ...]) -> tuple[der.Value, ...]:
    if len(values) != count:
        raise _no_signed_data()
    return values


def _content(encapsulated: der.Value) -> bytes:
    _, wrapped = _exactly(2, encapsulated.inside(der.SEQUENCE))
    (octets,) = _exactly(1, wrapped.inside(der.CONTEXT_0))
    if octets.tag == _CONSTRUCTED_OCTETS:
        return b"".join(part.expect(der.OCTET_STRING) for part in octets.inside(_CONSTRUCTED_OCTETS))
    return octets.expect(der.OCTET_STRING)


def _certificates(part: der.Value) -> Iterator[bytes]:
    if part.tag == der.CONTEXT_0:
        yield from (certificate.encoded for certificate in part.inside(der.CONTEXT_0))


def require_signed_by(signed: SignedRequest, key: RSAPublicKey) -> None:
    """Make sure that the holder of `key` signed the request.

    That the new key is held as well is for `pkcs10.proven_key`. Raises EnrolmentError (CertificateRequest).
    """
    algorithm = _HASHES.get(signed.digest_algorithm)
    if algorithm is None or signed.signature_algorithm not in {_RSA, *RSA_SIGNATURES}:
        raise refused_request("is signed by an algorithm other than RSA with SHA-256")
    message = signed.content
    if signed.attributes is not None:
        digest = hashes.Hash(algorithm)
        digest.update(signed.content)
        if _stated_digest(signed.attributes) != digest.finalize():
            raise refused_request("does not have the digest that was signed")
        # As a member of the message the set has another tag than the one that was signed.
        message = bytes([der.SET]) + signed.attributes.encoded[1:]
    try:
        key.verify(signed.signature, message, PKCS1v15(), algorithm)
    except InvalidSignature as error:
        raise refused_request("is not signed by the certificate in use") from error


def _stated_digest(attributes: der.Value) -> bytes:
    for attribute in attributes.inside(der.CONTEXT_0):
        kind, values = _exactly(2, attribute.inside(der.SEQUENCE))
        if kind.identifier == _MESSAGE_DIGEST:
            (digest,) = _exactly(1, values.inside(der.SET))
            return digest.expect(der.OCTET_STRING)
    raise refused_request("does not say which digest was signed")
