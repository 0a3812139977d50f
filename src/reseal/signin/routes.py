"""The authorization server as one thing: its routes, and how a bearer token proves a caller."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from reseal.directory.model_roles import expand
from reseal.directory.tenants import tenant_by_uuid
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound, Unauthenticated
from reseal.signin import device_page
from reseal.signin.authorize_endpoint import AuthorizeEndpoint
from reseal.signin.clients import find_client
from reseal.signin.device_code_endpoint import MOST, WINDOW, DeviceCodeEndpoint
from reseal.signin.device_page import DevicePage
from reseal.signin.logout_endpoint import LogoutEndpoint
from reseal.signin.look import BrandingFiles
from reseal.signin.metadata import Metadata
from reseal.signin.pages import HANDOVER_SCRIPT, SHEET
from reseal.signin.parts import Parts
from reseal.signin.realm import Realm
from reseal.signin.token_endpoint import TokenEndpoint
from reseal.signin.tokens import Claims
from reseal.web.calls import Caller
from reseal.web.pace import Pace
from reseal.web.routes import Route


@dataclass(frozen=True, slots=True)
class SignIn(Parts):
    """The authorization server."""

    def routes(self) -> tuple[Route, ...]:
        """Every endpoint and page."""
        return (
            *TokenEndpoint(self).routes(),
            *AuthorizeEndpoint(self).routes(),
            *DeviceCodeEndpoint(self, Pace(self.clock, MOST, WINDOW)).routes(),
            *DevicePage(self, Pace(self.clock, device_page.MOST, device_page.WINDOW)).routes(),
            *LogoutEndpoint(self).routes(),
            *Metadata(self).routes(),
            *Realm(self).routes(),
            *BrandingFiles(self.db, self.blobs).routes(),
            SHEET.route(),
            HANDOVER_SCRIPT.route(),
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


def _caller(tx: Tx, claims: Claims) -> Caller:
    """The token's client as it is now: once deleted it has no say, whatever its token says."""
    client = find_client(tx, claims.client_id)
    try:
        tenant = tenant_by_uuid(tx, claims.tenant_id)
    except NotFound:
        tenant = None
    if client is None or tenant is None or client.tenant != tenant.id:
        raise Unauthenticated(
            code="InvalidAuthenticationToken",
            message="The client that the access token was given to does not exist any more.",
            remedy="Register a client and get a new token.",
        )
    held = expand(client.permissions & claims.permissions)
    return Caller(tenant.id, tenant.uuid, client.id, client.name, held)
