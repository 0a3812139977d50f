"""The token endpoint and its grants (spec/identity.md 1.2, 3.1)."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from reseal.directory.credentials import DeviceCredential, find_device_credential
from reseal.directory.model import Tenant
from reseal.directory.model_settings import default_mdm_urls
from reseal.directory.tenants import tenant_by_id
from reseal.kernel.db import Tx
from reseal.signin import errors
from reseal.signin.accounts import mdm_addresses
from reseal.signin.clients import Client, find_client
from reseal.signin.device_codes import poll
from reseal.signin.device_requests import DeviceRequest, read_request
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import find_first_party
from reseal.signin.grants import Grant, give_refresh, redeem_code, redeem_refresh
from reseal.signin.nonces import new_nonce, spend
from reseal.signin.parts import FORM_LIMIT, Parts, form_of, is_old, refused, uuid_or_none
from reseal.signin.resources import Resource, find_resource, names_resource, resource_asked
from reseal.signin.token_sets import ForDevice, ForUser, device_tokens, times, user_tokens
from reseal.signin.tokens import Claims
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Listener, Public, Route

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_SECRET_LIMIT = 256


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Turns secrets, codes, refresh tokens and signed requests into tokens."""

    parts: Parts

    def routes(self) -> tuple[Route, ...]:
        """The endpoint in its two places."""
        why = Public("proves who asks")
        return tuple(
            Route("POST", path, self.token, why, FORM_LIMIT, Listener.BOTH, any_case=True)
            for path in ("/{tenant}/oauth2/token", "/{tenant}/oauth2/v2.0/token")
        )

    async def token(self, call: Call) -> Response:
        """One request for tokens."""
        form = await form_of(call)
        try:
            return Json(await self._granted(call, form))
        except OAuthError as error:
            return refused(self.parts, call, error)

    async def _granted(self, call: Call, form: Mapping[str, str]) -> dict[str, Any]:
        match form.get("grant_type", ""):
            case "srv_challenge":
                nonce = new_nonce(self.parts.signer.seals, self.parts.entropy, self.parts.clock.now())
                return {"Nonce": nonce}
            case "client_credentials":
                return await self._for_client(call, form)
            case "authorization_code":
                return await self._for_code(call, form)
            case "refresh_token":
                return await self._for_refresh(call, form)
            case grant if grant in {DEVICE_CODE, "device_code"}:
                return await self._for_device_code(call, form)
            case grant if grant == JWT_BEARER and form.get("request"):
                return await self._for_device(call, form)
            case grant:
                raise errors.unsupported_grant(grant)

    # --- grants of a user -----------------------------------------------------------------------------------

    async def _for_code(self, call: Call, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = _public_client(form)
        code, redirect_uri, verifier = (
            _required(form, name) for name in ("code", "redirect_uri", "code_verifier")
        )
        tenant = await self.parts.tenant(call)
        _resource(form)  # before the code is used up

        def unit(tx: Tx) -> ForUser | OAuthError:
            grant = redeem_code(
                tx,
                code,
                client_id=client_id,
                redirect_uri=redirect_uri,
                verifier=verifier,
                tenant=tenant.id if tenant else None,
            )
            return grant if isinstance(grant, OAuthError) else self._entitled(tx, grant, None)

        return self._answer(call, form, await self.parts.db.write(unit))

    async def _for_refresh(self, call: Call, form: Mapping[str, str]) -> dict[str, Any]:
        client_id, text = _public_client(form), _required(form, "refresh_token")
        tenant = await self.parts.tenant(call)
        _resource(form)

        def unit(tx: Tx) -> ForUser | OAuthError:
            grant = redeem_refresh(tx, text, client_id=client_id, tenant=tenant.id if tenant else None)
            return grant if isinstance(grant, OAuthError) else self._entitled(tx, grant, None)

        return self._answer(call, form, await self.parts.db.write(unit))

    async def _for_device_code(self, call: Call, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = _public_client(form)
        text = form.get("device_code") or _required(form, "code")  # in v2's word, or in v1's
        tenant = await self.parts.tenant(call)
        _resource(form)

        def unit(tx: Tx) -> ForUser | OAuthError:
            key = tenant.id if tenant else None
            grant = poll(tx, text, client_id=client_id, tenant=key, old=is_old(call))
            return grant if isinstance(grant, OAuthError) else self._entitled(tx, grant, None)

        return self._answer(call, form, await self.parts.db.write(unit))

    def _entitled(self, tx: Tx, grant: Grant, device: DeviceCredential | None) -> ForUser:
        tenant = tenant_by_id(tx, grant.tenant)
        standard = default_mdm_urls(self.parts.device_url, self.parts.public_url)
        mdm = mdm_addresses(tx, tenant, grant.user.id, standard)
        return ForUser(tenant, grant, device, give_refresh(tx, grant), mdm)

    def _answer(self, call: Call, asked: Mapping[str, str], outcome: ForUser | OAuthError) -> dict[str, Any]:
        if isinstance(outcome, OAuthError):
            raise outcome
        resource = _resource(asked) or find_resource(outcome.grant.audience)
        if resource is None:  # it was taken out of the program since
            raise errors.unknown_resource(outcome.grant.audience)
        wanted = asked.get("client_info") == "1"
        return user_tokens(self.parts, outcome, resource, old=is_old(call), client_info=wanted)

    # --- requests signed by a device ------------------------------------------------------------------------

    async def _for_device(self, call: Call, form: Mapping[str, str]) -> dict[str, Any]:
        request = read_request(form["request"])
        tenant = await self.parts.tenant(call)
        if find_first_party(str(request.client_id)) is None:
            raise errors.unknown_client(str(request.client_id))
        device = await self.parts.db.read(find_device_credential, request.certificate)
        if device is None:
            raise errors.unknown_device()
        request.verify(self.parts.hosts(call))
        if tenant is not None and tenant.id != device.tenant:
            raise errors.other_tenants_grant()
        asked = {**form, "resource": request.resource, "scope": request.scope}
        match request.grant_type:
            case "device_token":
                return await self._device_token(call, request, device, asked)
            case "refresh_token":
                return await self._device_refresh(call, request, device, asked)
            case grant:
                raise errors.unsupported_grant(grant)

    async def _device_token(
        self, call: Call, request: DeviceRequest, device: DeviceCredential, asked: Mapping[str, str]
    ) -> dict[str, Any]:
        resource = _resource(asked)
        if resource is None:
            raise errors.missing("resource")

        def unit(tx: Tx) -> ForDevice:
            self._spend(tx, request)
            return ForDevice(tenant_by_id(tx, device.tenant), request.client_id, device)

        said = await self.parts.db.write(unit)
        return device_tokens(self.parts, said, resource, old=is_old(call))

    async def _device_refresh(
        self, call: Call, request: DeviceRequest, device: DeviceCredential, asked: Mapping[str, str]
    ) -> dict[str, Any]:
        _resource(asked)

        def unit(tx: Tx) -> ForUser | OAuthError:
            self._spend(tx, request)
            grant = redeem_refresh(
                tx, request.refresh, client_id=request.client_id, tenant=device.tenant, device=device
            )
            return grant if isinstance(grant, OAuthError) else self._entitled(tx, grant, device)

        return self._answer(call, asked, await self.parts.db.write(unit))

    def _spend(self, tx: Tx, request: DeviceRequest) -> None:
        if not spend(tx, self.parts.signer.seals, request.nonce):
            raise errors.bad_assertion("has no nonce of this server, or one that is too old or was used")

    # --- grants of an application ---------------------------------------------------------------------------

    async def _for_client(self, call: Call, form: Mapping[str, str]) -> dict[str, Any]:
        parts = self.parts
        tenant = await parts.tenant(call)
        if tenant is None:
            raise errors.unknown_tenant("common")
        client = await self._proven(tenant, *_credentials(call.request, form))
        now = parts.clock.now()
        token = parts.signer.issue(
            Claims(tenant.uuid, client.id, client.name, client.permissions),
            issuer=parts.issuer(tenant.uuid),
            now=now,
            token_id=parts.entropy.uuid(),
        )
        return {**times(int(now.timestamp()), old=is_old(call)), "access_token": token}

    async def _proven(self, tenant: Tenant, client_id: UUID | None, secret: str) -> Client:
        """The client, if it belongs to the tenant and the secret is its own."""
        parts = self.parts
        if client_id is None:
            raise errors.unproven_client()
        if locked := parts.lockout.remaining(client_id):
            raise errors.locked_client(math.ceil(locked.total_seconds()))
        client = await parts.db.read(find_client, client_id)
        known = client is not None and client.tenant == tenant.id
        stored = client.secret_hash if client is not None and known else None
        if not await parts.workers.run(parts.passwords.matches, stored, secret) or client is None:
            parts.lockout.failed(client_id)
            raise errors.unproven_client()
        parts.lockout.succeeded(client_id)
        return client


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise errors.missing(name)
    return form[name]


def _public_client(form: Mapping[str, str]) -> UUID:
    client = find_first_party(_required(form, "client_id"))
    if client is None:
        raise errors.unknown_client(form["client_id"])
    return client.id


def _resource(form: Mapping[str, str]) -> Resource | None:
    """The resource asked for; None if none is named. Raises `OAuthError` for one that does not exist."""
    resource, scope = form.get("resource", ""), form.get("scope", "")
    if not names_resource(resource, scope):
        return None
    asked = resource_asked(resource, scope)
    if asked is None:
        raise errors.unknown_resource(resource or scope)
    return asked


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[UUID | None, str]:
    """Client id and secret, from the form or from HTTP Basic authentication (RFC 6749 2.3.1)."""
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, ""
        name, secret = unquote_plus(name), unquote_plus(secret)
    return uuid_or_none(name), secret[:_SECRET_LIMIT]
