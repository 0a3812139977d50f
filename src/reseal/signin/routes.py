"""The token endpoint, the discovery document and the key set (spec/identity.md 1.1-1.3).

The tenant in a URL is its id or one of its domains; the endpoints that answers name always hold the id.
"""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.directory.model_roles import expand
from reseal.directory.tenants import find_tenant, tenant_by_uuid
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import NotFound, Unauthenticated
from reseal.kernel.workers import Workers
from reseal.signin.clients import Client, find_client
from reseal.signin.errors import OAuthError, locked_client, unknown_tenant, unproven_client
from reseal.signin.lockout import Lockout
from reseal.signin.passwords import Passwords
from reseal.signin.tokens import LIFETIME, Claims, TokenSigner
from reseal.web.answers import Json
from reseal.web.calls import Call, Caller
from reseal.web.routes import KIB, Listener, Public, Route

_SECRET_LIMIT = 256


@dataclass(frozen=True, slots=True)
class SignIn:
    """The authorization server: what its endpoints need. `public_url` is the browser listener's."""

    db: Database
    signer: TokenSigner
    passwords: Passwords
    workers: Workers
    clock: Clock
    entropy: Entropy
    lockout: Lockout
    public_url: str

    def routes(self) -> tuple[Route, ...]:
        """Every endpoint, in Microsoft's old (v1) and new (v2.0) places."""
        token, keys = Public("proves who asks"), Public("public keys")
        metadata = Public("names of endpoints")
        return (
            *(
                Route("POST", path, self.token, token, 16 * KIB, Listener.BOTH)
                for path in ("/{tenant}/oauth2/token", "/{tenant}/oauth2/v2.0/token")
            ),
            *(
                Route("GET", path, self.key_set, keys, 0, Listener.BOTH)
                for path in ("/{tenant}/discovery/keys", "/{tenant}/discovery/v2.0/keys")
            ),
            *(
                Route("GET", path, self.metadata, metadata, 0, Listener.BOTH)
                for path in (
                    "/{tenant}/.well-known/openid-configuration",
                    "/{tenant}/v2.0/.well-known/openid-configuration",
                )
            ),
        )

    async def token(self, call: Call) -> Response:
        """The token endpoint. Raises `OAuthError`."""
        form = dict(parse_qsl((await call.body()).decode("utf-8", "replace"), keep_blank_values=True))
        grant = form.get("grant_type", "")
        if grant != "client_credentials":
            raise OAuthError(
                "unsupported_grant_type",
                70003,
                f"The grant type {grant!r} is not supported here.",
                remedy="This server grants client_credentials.",
            )
        tenant = await self._tenant(call)
        client = await self._proven(tenant, *_credentials(call.request, form))
        claims = Claims(tenant.uuid, client.id, client.name, client.permissions)
        token = self.signer.issue(
            claims, issuer=self._issuer(tenant), now=self.clock.now(), token_id=self.entropy.uuid()
        )
        seconds = int(LIFETIME.total_seconds())
        return Json(
            {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": token,
            }
        )

    async def key_set(self, call: Call) -> Response:
        """The keys that verify our tokens (JWKS)."""
        await self._tenant(call)
        return Json(self.signer.public_keys())

    async def metadata(self, call: Call) -> Response:
        """The OpenID discovery document, as far as this slice serves its endpoints."""
        tenant = await self._tenant(call)
        base = f"{self.public_url}/{tenant.uuid}"
        return Json(
            {
                "issuer": self._issuer(tenant),
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authenticate(self, request: Request) -> Caller:
        """The caller that a request's bearer token proves. Raises `Unauthenticated`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(
                code="InvalidAuthenticationToken",
                message="The request has no access token.",
                remedy="Send the header Authorization: Bearer with a token from the token endpoint.",
            )
        claims = self.signer.verify(token.strip(), now=self.clock.now())
        return await self.db.read(_caller, claims)

    async def _tenant(self, call: Call) -> Tenant:
        name = str(call.request.path_params["tenant"])
        tenant = await self.db.read(_tenant_named, name)
        if tenant is None:
            raise unknown_tenant(name)
        return tenant

    async def _proven(self, tenant: Tenant, client_id: UUID | None, secret: str) -> Client:
        """The client, if it belongs to the tenant and the secret is its own."""
        if client_id is None:
            raise unproven_client()
        if locked := self.lockout.remaining(client_id):
            raise locked_client(math.ceil(locked.total_seconds()))
        client = await self.db.read(find_client, client_id)
        known = client is not None and client.tenant == tenant.id
        stored = client.secret_hash if client is not None and known else None
        if not await self.workers.run(self.passwords.matches, stored, secret) or client is None:
            self.lockout.failed(client_id)
            raise unproven_client()
        self.lockout.succeeded(client_id)
        return client

    def _issuer(self, tenant: Tenant) -> str:
        return f"{self.public_url}/{tenant.uuid}/v2.0"


def _tenant_named(tx: Tx, name: str) -> Tenant | None:
    try:
        tenant_id = UUID(name)
    except ValueError:
        return find_tenant(tx, name)
    return _tenant_with_id(tx, tenant_id)


def _tenant_with_id(tx: Tx, tenant_id: UUID) -> Tenant | None:
    try:
        return tenant_by_uuid(tx, tenant_id)
    except NotFound:
        return None


def _caller(tx: Tx, claims: Claims) -> Caller:
    """The token's client as it is now: once deleted it has no say, whatever its token says."""
    client = find_client(tx, claims.client_id)
    tenant = _tenant_with_id(tx, claims.tenant_id)
    if client is None or tenant is None or client.tenant != tenant.id:
        raise Unauthenticated(
            code="InvalidAuthenticationToken",
            message="The client that the access token was given to does not exist any more.",
            remedy="Register a client and get a new token.",
        )
    held = expand(client.permissions & claims.permissions)
    return Caller(tenant.id, tenant.uuid, client.id, client.name, held)


def _credentials(request: Request, form: dict[str, str]) -> tuple[UUID | None, str]:
    """Client id and secret from the Authorization header or the form; no id if it does not look like one."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, ""
        name, secret = unquote_plus(name), unquote_plus(secret)
    try:
        return UUID(name), secret[:_SECRET_LIMIT]
    except ValueError:
        return None, ""
