"""What every endpoint of the sign-in needs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from starlette.responses import Response

from reseal.directory.model import Tenant
from reseal.kernel.blobs import Blobs
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database
from reseal.kernel.entropy import Entropy
from reseal.kernel.workers import Workers
from reseal.signin.accounts import tenant_named
from reseal.signin.errors import OAuthError, unknown_tenant
from reseal.signin.lockout import Lockout
from reseal.signin.passwords import Passwords
from reseal.signin.tokens import TokenSigner
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import KIB

ANY_TENANT = frozenset({"common", "organizations"})
"""In place of a tenant in a path: the tenant is that of the user."""

FORM_LIMIT = 64 * KIB
_MOST_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports and keys of the authorization server.

    `public_url` is the browser listener's and names the endpoints, `device_url` the device listener's: the
    management addresses in ID tokens lead there. `blobs` holds the images of brandings.
    """

    db: Database
    signer: TokenSigner
    passwords: Passwords
    workers: Workers
    clock: Clock
    entropy: Entropy
    lockout: Lockout
    public_url: str
    device_url: str
    blobs: Blobs

    def issuer(self, tenant_id: UUID | str, *, old: bool = False) -> str:
        """Who signs tokens, as v2.0 says it, or `old`: as v1 does."""
        return f"{self.public_url}/{tenant_id}/{'' if old else 'v2.0'}"

    def hosts(self, call: Call) -> frozenset[str]:
        """The names under which this request's server may be meant."""
        named = (urlsplit(url).netloc for url in (self.public_url, self.device_url))
        return frozenset(name.lower() for name in (*named, call.request.headers.get("host", "")) if name)

    async def tenant(self, call: Call) -> Tenant | None:
        """The tenant in the path; None for all of them. Raises `OAuthError` for an unknown one."""
        name = str(call.request.path_params["tenant"])
        if name.lower() in ANY_TENANT:
            return None
        tenant = await self.db.read(tenant_named, name)
        if tenant is None:
            raise unknown_tenant(name)
        return tenant


def refused(parts: Parts, call: Call, error: OAuthError) -> Response:
    """The error with the numbers that lead to this request."""
    trace = parts.entropy.uuid()
    correlation = uuid_or_none(call.request.headers.get("client-request-id", "")) or trace
    document = error.traced(parts.clock.now(), trace, str(correlation))
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return Json(document, status_code=error.status, headers=headers)


def uuid_or_none(text: str) -> UUID | None:
    """The id that a client wrote, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def address_of(call: Call) -> str:
    """The network address that asks."""
    return call.request.client.host if call.request.client else ""


def is_old(call: Call) -> bool:
    """Whether the path is v1's."""
    return "/v2.0/" not in call.request.url.path.lower()


async def form_of(call: Call) -> dict[str, str]:
    """The fields of a posted form; the last counts if one is repeated."""
    body = (await call.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
