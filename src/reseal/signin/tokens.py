"""Access tokens: RS256 JWTs with Microsoft's claim names (spec/identity.md 1.3).

Keys are kept encrypted in the database, so that replicas sign alike; the newest signs, all verify.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from reseal.kernel.db import Tx
from reseal.kernel.errors import Unauthenticated
from reseal.kernel.keys import KeySource
from reseal.kernel.secretbox import SecretBox
from reseal.signin.tables import signing_key

LIFETIME = timedelta(hours=1)
AUDIENCE = "urn:reseal:api"
_PURPOSE = "token signing key"
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says: the tenant, the client acting, its permissions, and until when."""

    tenant_id: UUID
    client_id: UUID
    name: str
    permissions: frozenset[str]


class TokenSigner:
    """Signs and verifies with the keys it was given, newest first."""

    def __init__(self, keys: list[RSAKey]) -> None:
        self._keys = KeySet([*keys])
        self._signing = keys[0]

    def issue(self, claims: Claims, *, issuer: str, now: datetime, token_id: UUID) -> str:
        """An access token for a client, valid for `LIFETIME`."""
        issued = int(now.timestamp())
        payload = {
            "iss": issuer,
            "aud": AUDIENCE,
            "tid": str(claims.tenant_id),
            "sub": str(claims.client_id),
            "oid": str(claims.client_id),
            "appid": str(claims.client_id),
            "azp": str(claims.client_id),
            "app_displayname": claims.name,
            "idtyp": "app",
            "roles": sorted(claims.permissions),
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
            "uti": str(token_id),
            "ver": "2.0",
        }
        return jwt.encode({"alg": "RS256", "kid": self._signing.kid, "typ": "JWT"}, payload, self._signing)

    def verify(self, token: str, *, now: datetime) -> Claims:
        """What a token says, if one of our keys signed it for our API and it is in force.

        Raises `Unauthenticated` saying which of these does not hold.
        """
        try:
            claims: dict[str, Any] = jwt.decode(token, self._keys, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            raise _rejected("is not signed by this server") from None
        if claims.get("aud") != AUDIENCE or claims.get("idtyp") != "app":
            raise _rejected("is not meant for this API")
        moment = now.timestamp()
        if not claims["nbf"] - _SKEW.total_seconds() <= moment < claims["exp"]:
            raise _rejected("is expired or not valid yet")
        return Claims(
            UUID(claims["tid"]), UUID(claims["appid"]), claims["app_displayname"], frozenset(claims["roles"])
        )

    def public_keys(self) -> dict[str, Any]:
        """The key set (JWKS) that relying parties fetch."""
        published = [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"} for key in self._keys.keys]
        return {"keys": published}


def _rejected(why: str) -> Unauthenticated:
    return Unauthenticated(
        code="InvalidAuthenticationToken",
        message=f"The access token {why}.",
        remedy="Get a new one from the token endpoint.",
    )


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
    return RSAKey.import_key(pem, {"kid": kid})
