"""Compact JSON Web Signatures, as far as devices make and read them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.clients.blackbox.errors import Broken, demand


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _input(header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    return f"{encode(json.dumps(header).encode())}.{encode(json.dumps(payload).encode())}"


def signed(payload: Mapping[str, Any], key: rsa.RSAPrivateKey, **header: Any) -> str:
    """A token under RS256."""
    text = _input({"alg": "RS256", "typ": "JWT", **header}, payload)
    return f"{text}.{encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def unsigned(payload: Mapping[str, Any], **header: Any) -> str:
    """A token that says `alg: none`."""
    return _input({"alg": "none", "typ": "JWT", **header}, payload) + "."


def keyed(payload: Mapping[str, Any], secret: bytes, **header: Any) -> str:
    """A token under HS256."""
    text = _input({"alg": "HS256", "typ": "JWT", **header}, payload)
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def header_of(token: str) -> dict[str, Any]:
    """The header of a token."""
    return _part(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unproven."""
    return _part(token, 1)


def _part(token: str, number: int) -> dict[str, Any]:
    parts = token.split(".")
    demand(len(parts) == 3, f"a token has {len(parts)} parts, not three")
    document: dict[str, Any] = json.loads(decode(parts[number]))
    return document


def proven(token: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a token that one of the published keys (a JWKS document) signed."""
    header = header_of(token)
    demand(header["alg"] == "RS256", f"a token is signed by {header['alg']}")
    published = [key for key in keys["keys"] if key["kid"] == header.get("kid")]
    demand(len(published) == 1, f"{len(published)} published keys are called {header.get('kid')}")
    public = public_key(published[0])
    text, _, signature = token.rpartition(".")
    try:
        public.verify(decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise Broken("a token's signature is not that of the published key") from None
    return claims_of(token)


def public_key(published: Mapping[str, str]) -> rsa.RSAPublicKey:
    """The key that stands in a JWKS document."""
    exponent, modulus = (int.from_bytes(decode(published[name]), "big") for name in "en")
    demand(modulus.bit_length() >= 2048, f"a signing key has {modulus.bit_length()} bits")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()
