"""Discovery: where the endpoints are, which keys sign, and that this server is an authority (spec/identity.md
1.1).

Every address is made from the configured URL and holds the tenant's id, however the caller named the tenant:
clients take the id out of the path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from reseal.signin.accounts import tenant_named
from reseal.signin.errors import OAuthError
from reseal.signin.parts import ANY_TENANT, Parts, is_old
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

_ANY_ISSUER = "{tenantid}"
"""What stands in the issuer of `common`'s document: tokens name the tenant of their user."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The documents that clients read before they sign anybody in."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """Discovery in its old (v1) and new (v2.0) places."""
        keys, names = Public("public keys"), Public("names of endpoints")
        return (
            *(
                Route("GET", path, self.key_set, keys, 0, Listener.BOTH, any_case=True)
                for path in ("/{tenant}/discovery/keys", "/{tenant}/discovery/v2.0/keys")
            ),
            *(
                Route("GET", path, self.configuration, names, 0, Listener.BOTH, any_case=True)
                for path in (
                    "/{tenant}/.well-known/openid-configuration",
                    "/{tenant}/v2.0/.well-known/openid-configuration",
                )
            ),
            Route("GET", "/common/discovery/instance", self.instance, names, 0, Listener.BOTH, any_case=True),
        )

    async def key_set(self, call: Call) -> Response:
        """The keys that verify our tokens (JWKS); the same for every tenant."""
        await self.parts.tenant(call)
        return Json(self.parts.signer.public_keys())

    async def configuration(self, call: Call) -> Response:
        """The OpenID configuration (OpenID Connect Discovery 3, MS-OIDCE 2.2.3.2)."""
        tenant = await self.parts.tenant(call)
        any_tenant = str(call.request.path_params["tenant"]).lower()
        return Json(self._configuration(str(tenant.uuid) if tenant else "", any_tenant, old=is_old(call)))

    async def instance(self, call: Call) -> Response:
        """Whether an authority that a client does not know is one: msal goes where this answer points."""
        asked = urlsplit(call.query("authorization_endpoint"))
        if asked.netloc.lower() not in self.parts.hosts(call):
            raise OAuthError(
                "invalid_instance",
                50049,
                "The authorization endpoint is not one of this server.",
                remedy="Use the URL that the server printed.",
            )
        name = asked.path.strip("/").partition("/")[0] or "common"
        tenant = None if name.lower() in ANY_TENANT else await self.parts.db.read(tenant_named, name)
        own = str(tenant.uuid) if tenant else "common"
        host = urlsplit(self.parts.public_url).netloc
        return Json(
            {
                "tenant_discovery_endpoint": f"{self.parts.public_url}/{own}/v2.0/.well-known/"
                "openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {
                        "preferred_network": host,
                        "preferred_cache": host,
                        "aliases": sorted({host, asked.netloc.lower()}),
                    }
                ],
            }
        )

    def _configuration(self, tenant_id: str, any_tenant: str, *, old: bool) -> dict[str, Any]:
        url = self.parts.public_url
        host = urlsplit(url).netloc
        base, version = f"{url}/{tenant_id or any_tenant}", "" if old else "/v2.0"
        return {
            "issuer": self.parts.issuer(tenant_id or _ANY_ISSUER, old=old),
            "authorization_endpoint": f"{base}/oauth2{version}/authorize",
            "token_endpoint": f"{base}/oauth2{version}/token",
            "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
            "end_session_endpoint": f"{base}/oauth2{version}/logout",
            "jwks_uri": f"{base}/discovery{version}/keys",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                *("authorization_code", "refresh_token", "client_credentials"),
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "claims_supported": [
                *("sub", "iss", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "amr", "ver"),
                *("tid", "oid", "upn", "unique_name", "preferred_username", "name", "deviceid"),
            ],
            "frontchannel_logout_supported": False,
            "frontchannel_logout_session_supported": False,
            "microsoft_multi_refresh_token": True,
            "access_token_issuer": self.parts.issuer(tenant_id or _ANY_ISSUER, old=True),
            "capabilities": [],
            "tenant_region_scope": "WW",
            "cloud_instance_name": host,
            "cloud_graph_host_name": host,
            "msgraph_host": host,
        }
