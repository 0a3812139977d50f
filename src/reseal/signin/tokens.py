"""Tokens: RS256 JWTs with Microsoft's claim names (spec/identity.md 1.3).

Keys are kept encrypted in the database, so that replicas sign alike; the newest signs, all verify. Three
kinds of token exist, and none passes for another: an application's (`issue`), a user's or device's
(`issue_access`), and what a client is told of its user (`issue_id`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jws, jwt
from joserfc.jwk import KeySet, RSAKey

from reseal.kernel.db import Tx
from reseal.kernel.errors import Unauthenticated
from reseal.kernel.keys import KeySource
from reseal.kernel.secretbox import SecretBox
from reseal.signin.claims import AccessClaims, Claims, Hint, IdClaims
from reseal.signin.resources import DRS_AUDIENCES, MDM_AUDIENCES
from reseal.signin.tables import signing_key
from reseal.web.seals import Seals

__all__ = [
    "AUDIENCE",
    "DRS_AUDIENCES",
    "HINT_LIFETIME",
    "LIFETIME",
    "MDM_AUDIENCES",
    "AccessClaims",
    "Claims",
    "Hint",
    "IdClaims",
    "TokenSigner",
    "load_signer",
]

LIFETIME = timedelta(hours=1)
HINT_LIFETIME = timedelta(minutes=15)
AUDIENCE = "urn:reseal:api"
_PURPOSE = "token signing key"
_HINT = "sign-in hint"
_SKEW = timedelta(minutes=5)
_KNOWN = 1024
"""Tokens whose signature was found good; one comes with each request for an hour, and its times are looked at
each time.
"""


class TokenSigner:
    """Signs and verifies with the keys it was given, newest first; `seals` has keys derived from them."""

    def __init__(self, keys: list[RSAKey]) -> None:
        self._keys = KeySet([*keys])
        self._signing = keys[0]
        self._signed_claims = lru_cache(maxsize=_KNOWN)(self._read)
        self.seals = Seals([_derived(key) for key in keys])

    def issue(self, claims: Claims, *, issuer: str, now: datetime, token_id: UUID) -> str:
        """An access token for a client, valid for `LIFETIME`."""
        payload = {
            "aud": AUDIENCE,
            "tid": str(claims.tenant_id),
            "sub": str(claims.client_id),
            "oid": str(claims.client_id),
            "appid": str(claims.client_id),
            "azp": str(claims.client_id),
            "app_displayname": claims.name,
            "idtyp": "app",
            "roles": sorted(claims.permissions),
        }
        return self._signed(payload, issuer, now, token_id)

    def issue_access(self, claims: AccessClaims, *, issuer: str, now: datetime, token_id: UUID) -> str:
        """An access token for a user, or a device without one, valid for `LIFETIME`."""
        return self._signed(claims.to_json(), issuer, now, token_id)

    def issue_id(self, claims: IdClaims, *, issuer: str, now: datetime, token_id: UUID) -> str:
        """An ID token, valid for `LIFETIME`."""
        return self._signed(claims.to_json(), issuer, now, token_id)

    def verify(self, token: str, *, now: datetime) -> Claims:
        """What an application's token says, if one of our keys signed it for our API and it is in force.

        Raises `Unauthenticated` saying which of these does not hold.
        """
        claims = self._verified(token, now, {"app"}, {AUDIENCE})
        return Claims(
            UUID(claims["tid"]), UUID(claims["appid"]), claims["app_displayname"], frozenset(claims["roles"])
        )

    def verify_access(self, token: str, *, now: datetime, audiences: Collection[str]) -> AccessClaims:
        """What a user's or device's token says, if one of our keys signed it for one of `audiences` and it is
        in force. Whether user and device still exist is for the caller to look up.

        Raises `Unauthenticated`.
        """
        return AccessClaims.from_json(self._verified(token, now, {"user", "device"}, audiences))

    def client_of(self, id_token: str) -> str:
        """The client that an ID token was given to, whether or not it is still in force; empty for anything
        that is no ID token of this server.
        """
        try:
            claims = self._signed_claims(id_token)
        except ValueError:
            return ""
        return "" if "idtyp" in claims else str(claims.get("aud", ""))

    def sign_hint(self, upn: str, greeting: str, registration: UUID, *, now: datetime) -> str:
        """A text for `reseal_hint` of the authorize endpoint; it counts for `HINT_LIFETIME`."""
        return self.seals.seal_until(_HINT, [upn, greeting, str(registration)], now + HINT_LIFETIME)

    def read_hint(self, text: str, *, now: datetime) -> Hint | None:
        """The hint, if this server gave it out and it still counts."""
        said = self.seals.still_said(_HINT, text, now)
        if said is None:
            return None
        upn, greeting, registration = said
        return Hint(upn, greeting, UUID(registration))

    def public_keys(self) -> dict[str, Any]:
        """The key set (JWKS) that relying parties fetch."""
        published = [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"} for key in self._keys.keys]
        return {"keys": published}

    def _signed(self, claims: dict[str, Any], issuer: str, now: datetime, token_id: UUID) -> str:
        """A JWS of three parts. Its payload is ASCII: the set-up of Windows decodes it by hand, and whatever
        else it finds there ends in 80004005 (spec/identity.md 1.3).
        """
        issued = int(now.timestamp())
        payload = {
            "iss": issuer,
            **claims,
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
            "uti": str(token_id),
            "ver": "2.0" if issuer.endswith("/v2.0") else "1.0",
        }
        text = json.dumps(payload, ensure_ascii=True, separators=(",", ":"))
        header = {"alg": "RS256", "kid": self._signing.kid, "typ": "JWT"}
        return jws.serialize_compact(header, text, self._signing)

    def _verified(
        self, token: str, now: datetime, kinds: Collection[str], audiences: Collection[str]
    ) -> Mapping[str, Any]:
        try:
            claims = self._signed_claims(token)
        except ValueError:
            raise _rejected("is not signed by this server") from None
        if claims.get("idtyp") not in kinds or claims.get("aud") not in audiences:
            raise _rejected("is not meant for this API")
        moment = now.timestamp()
        if not claims["nbf"] - _SKEW.total_seconds() <= moment < claims["exp"]:
            raise _rejected("is expired or not valid yet")
        return claims

    def _read(self, token: str) -> Mapping[str, Any]:
        """What a token says that one of our keys signed. Raises ValueError for any other text."""
        try:
            claims: dict[str, Any] = jwt.decode(token, self._keys, algorithms=["RS256"]).claims
        except Exception as error:  # the library has no common error for odd headers
            raise ValueError("no token of this server") from error
        return claims


def _rejected(why: str) -> Unauthenticated:
    return Unauthenticated(
        code="InvalidAuthenticationToken",
        message=f"The access token {why}.",
        remedy="Get a new one from the token endpoint.",
    )


def _derived(key: RSAKey) -> bytes:
    """A key for seals that whoever has the signing key knows, and nobody else."""
    private = key.private_key
    assert isinstance(private, RSAPrivateKey)
    exponent = private.private_numbers().d
    material = exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")
    return HKDF(SHA256(), 32, salt=None, info=b"reseal seals").derive(material)


def load_signer(tx: Tx, box: SecretBox, keys: KeySource) -> TokenSigner:
    """The signer of this installation; the very first call makes its key."""
    tx.lock("signin:signing-keys")
    rows = tx.rows(sa.select(signing_key).order_by(signing_key.c.created_at.desc(), signing_key.c.id.desc()))
    stored = [(row.kid, box.decrypt(row.private_key, _PURPOSE)) for row in rows]
    return TokenSigner([_import(kid, pem) for kid, pem in stored or [_first_key(tx, box, keys)]])


def _first_key(tx: Tx, box: SecretBox, keys: KeySource) -> tuple[str, bytes]:
    pem = keys.rsa().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    kid = str(tx.new_uuid())
    row = {
        "id": tx.new_key(),
        "kid": kid,
        "private_key": box.encrypt(pem, _PURPOSE),
        "created_at": tx.now,
    }
    tx.execute(signing_key.insert(), row)
    return kid, pem


def _import(kid: str, pem: bytes) -> RSAKey:
    # The box vouches for what it opened: OpenSSL need not prove the primes once more, which takes 50 ms.
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return RSAKey(key, pem, {"kid": kid})
