"""Trusted certificates: reading what an administrator uploads, PEM or DER (spec/mdm-wire.md 5.3)."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.catalog.model import CertificateBody, CertificateStore
from reseal.kernel.errors import Invalid

UPLOAD_LIMIT: Final = 65_536
"""Bytes of an uploaded certificate."""


def read_certificate(upload: bytes, store: CertificateStore) -> CertificateBody:
    """The certificate in `upload`, PEM or DER.

    Raises `Invalid` with code `Certificate` for anything else, for several certificates in one file, for a
    private key beside it, and for a certificate that may not sign others (it could anchor nothing in these
    stores).
    """
    certificate = _one_certificate(upload)
    subject = certificate.subject.rfc4514_string()
    if not _is_authority(certificate):
        raise _bad_certificate(
            f"The certificate of {subject} does not belong to a certification authority.",
            "Upload the root or the intermediate certificate of the authority.",
        )
    if store is CertificateStore.ROOT and certificate.subject != certificate.issuer:
        raise _bad_certificate(
            f"The certificate of {subject} was issued by another authority.",
            "Put it into the store CA, or upload the root certificate.",
        )
    return CertificateBody(
        store=store,
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),
        subject=subject,
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _one_certificate(upload: bytes) -> x509.Certificate:
    if len(upload) > UPLOAD_LIMIT:
        raise _bad_certificate(
            f"The file has {len(upload)} bytes.", f"Upload one certificate, at most {UPLOAD_LIMIT} bytes."
        )
    if b"PRIVATE KEY-----" in upload:
        raise _bad_certificate(
            "The file holds a private key.", "Upload the certificate alone, and keep the key secret."
        )
    if upload.count(b"-----BEGIN CERTIFICATE-----") > 1:
        raise _bad_certificate("The file holds several certificates.", "Upload them one by one.")
    try:
        if b"-----BEGIN" in upload:
            return x509.load_pem_x509_certificate(upload)
        return x509.load_der_x509_certificate(upload)
    except ValueError as error:
        raise _bad_certificate(
            "The file is not a certificate.", "Upload a certificate in PEM or DER form."
        ) from error


def _is_authority(certificate: x509.Certificate) -> bool:
    """By its basic constraints; an old self-issued root may come without them."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return certificate.subject == certificate.issuer
    return constraints.value.ca


def _bad_certificate(message: str, remedy: str) -> Invalid:
    return Invalid(code="Certificate", message=message, remedy=remedy)
