"""The answer of the token endpoint, in the shapes of v1 and v2.0 (spec/identity.md 1.2).

v1 writes its numbers as text and names the resource, v2.0 writes numbers and names the scope. The names of
what is left out (a device has no ID token) are missing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from reseal.directory.credentials import DeviceCredential
from reseal.directory.model import Tenant
from reseal.signin.claims import AccessClaims, IdClaims
from reseal.signin.grants import Grant
from reseal.signin.parts import Parts
from reseal.signin.resources import Resource
from reseal.signin.tokens import LIFETIME

_HELD_KEY = "rsa"
"""In `amr`: the request was signed by a key that a certificate vouches for."""


@dataclass(frozen=True, slots=True)
class ForUser:
    """A user's tokens. `refresh` is the next refresh token, `mdm` the addresses for the ID token."""

    tenant: Tenant
    grant: Grant
    device: DeviceCredential | None
    refresh: str
    mdm: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ForDevice:
    """The token of a device without a user."""

    tenant: Tenant
    client_id: UUID
    device: DeviceCredential


def user_tokens(
    parts: Parts, said: ForUser, resource: Resource, *, old: bool, client_info: bool
) -> dict[str, Any]:
    """Access, refresh and ID token."""
    grant, tenant = said.grant, said.tenant
    access = AccessClaims(
        tenant_id=tenant.uuid,
        audience=resource.audience,
        client_id=grant.client_id,
        user_id=grant.user.uuid,
        upn=grant.user.upn,
        device_id=None if said.device is None else said.device.device_id,
        scopes=resource.scopes,
        amr=grant.amr if said.device is None else (*grant.amr, _HELD_KEY),
        name=grant.user.display_name,
    )
    identity = IdClaims(
        tenant_id=tenant.uuid,
        client_id=grant.client_id,
        user_id=grant.user.uuid,
        upn=grant.user.upn,
        name=grant.user.display_name,
        nonce=grant.nonce,
        signed_in_at=grant.signed_in_at,
        amr=access.amr,
        mdm=said.mdm,
    )
    answer = access_answer(parts, access, resource, old=old)
    answer["refresh_token"] = said.refresh
    answer["id_token"] = parts.signer.issue_id(
        identity,
        issuer=parts.issuer(tenant.uuid, old=old),
        now=parts.clock.now(),
        token_id=parts.entropy.uuid(),
    )
    if client_info:
        answer["client_info"] = _client_info(grant.user.uuid, tenant.uuid)
    return answer


def device_tokens(parts: Parts, said: ForDevice, resource: Resource, *, old: bool) -> dict[str, Any]:
    """An access token without a user."""
    access = AccessClaims(
        tenant_id=said.tenant.uuid,
        audience=resource.audience,
        client_id=said.client_id,
        user_id=None,
        upn="",
        device_id=said.device.device_id,
        amr=(_HELD_KEY,),
    )
    return access_answer(parts, access, resource, old=old)


def access_answer(parts: Parts, access: AccessClaims, resource: Resource, *, old: bool) -> dict[str, Any]:
    """The answer with the access token alone."""
    now = parts.clock.now()
    token = parts.signer.issue_access(
        access, issuer=parts.issuer(access.tenant_id, old=old), now=now, token_id=parts.entropy.uuid()
    )
    return {**times(int(now.timestamp()), old=old), **_meant_for(resource, old), "access_token": token}


def times(issued: int, *, old: bool) -> dict[str, Any]:
    """`token_type` and how long a token counts that was issued at that second."""
    seconds = int(LIFETIME.total_seconds())
    if not old:
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds}
    return {
        "token_type": "Bearer",
        "expires_in": str(seconds),
        "ext_expires_in": str(seconds),
        "not_before": str(issued),
        "expires_on": str(issued + seconds),
    }


def _meant_for(resource: Resource, old: bool) -> dict[str, str]:
    if old:
        return {"resource": resource.audience, "scope": " ".join(resource.scopes)}
    named = [f"{resource.audience.rstrip('/')}/{scope}" for scope in resource.scopes]
    return {"scope": " ".join([*named, "openid", "profile", "offline_access"])}


def _client_info(user_id: UUID, tenant_id: UUID) -> str:
    """What msal makes the key of its cache from."""
    said = json.dumps({"uid": str(user_id), "utid": str(tenant_id)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).rstrip(b"=").decode()
