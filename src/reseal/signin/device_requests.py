"""Requests signed by a device: the JWS in `request` of the jwt-bearer grant (spec/identity.md 3.1, 2 and 7).

The header carries the device's certificate in `x5c`, as one text or as a list; the payload says what is
asked. Nothing in it counts before `verify` was called with the certificate's own key, and the certificate
proves a device only if it is on record.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from reseal.signin import errors

MICROSOFTS_NAME = "login.microsoftonline.com"
"""Clients write this in `aud` whatever host they speak to."""


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device signed. `grant_type` is `device_token` or `refresh_token`."""

    certificate: bytes
    grant_type: str
    client_id: UUID
    nonce: str
    resource: str
    scope: str
    refresh: str
    audience: str
    signed: bytes
    signature: bytes

    def verify(self, hosts: Collection[str]) -> None:
        """Raise `OAuthError` unless the certificate's key signed the request for one of these `hosts`."""
        key = _certificate(self.certificate).public_key()
        if not isinstance(key, RSAPublicKey):
            raise errors.bad_assertion("has a certificate without an RSA key")
        try:
            key.verify(self.signature, self.signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise errors.bad_signature() from None
        named = urlsplit(self.audience).netloc or self.audience
        if named and named.lower() not in {MICROSOFTS_NAME, *hosts}:
            raise errors.bad_assertion(f"is meant for {named[:80]!r}")


def read_request(text: str) -> DeviceRequest:
    """A request as it was sent, not yet verified. Raises `OAuthError`."""
    parts = text.split(".")
    if len(parts) != 3:
        raise errors.bad_assertion("is no signed JSON web token")
    header, payload = _document(parts[0]), _document(parts[1])
    if header.get("alg") != "RS256":
        raise errors.bad_assertion(f"is not signed with RS256 but {str(header.get('alg'))[:20]!r}")
    return DeviceRequest(
        certificate=_first_certificate(header.get("x5c")),
        grant_type=_text(payload, "grant_type"),
        client_id=_id(_text(payload, "client_id")),
        nonce=_text(payload, "request_nonce") or _text(payload, "nonce"),
        resource=_text(payload, "resource"),
        scope=_text(payload, "scope"),
        refresh=_text(payload, "refresh_token"),
        audience=_text(payload, "aud"),
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=_bytes(parts[2]),
    )


def _document(part: str) -> dict[str, Any]:
    try:
        document = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise errors.bad_assertion("has a part that is no JSON object")
    return document


def _first_certificate(x5c: Any) -> bytes:
    first = x5c[0] if isinstance(x5c, list) and x5c else x5c
    if not isinstance(first, str):
        raise errors.bad_assertion("has no certificate in x5c")
    return _bytes("".join(first.split()))


def _certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise errors.bad_assertion("has bytes in x5c that are no certificate") from None


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name, "")
    return value if isinstance(value, str) else ""


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise errors.unknown_client(text) from None


def _bytes(text: str) -> bytes:
    """Base64 in either alphabet, with padding or without."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise errors.bad_assertion("has a part that is not base64") from None
