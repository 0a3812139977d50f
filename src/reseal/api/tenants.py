"""Organisations: making one (platform), and reading one's own settings."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from reseal.api.parts import Declare, Parts
from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.directory.tenants import domains, tenant_by_id
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Route


class NewTenant(msgspec.Struct, forbid_unknown_fields=True):
    """What making an organisation takes."""

    name: str
    domain: str


def tenant_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of organisations."""
    return (
        declare("POST", "/tenants", _new_tenant, PLATFORM),
        declare("GET", "/tenant", _tenant, "Organization.Read.All"),
    )


async def _new_tenant(parts: Parts, call: Call) -> Response:
    asked = await call.json(NewTenant)
    secrets = await make_secrets(parts.entropy, parts.passwords, parts.workers)
    made = await parts.db.write(create_tenancy, asked.name, asked.domain, secrets, actor=call.caller.name)
    return Json(made.credentials(secrets), status_code=201)


async def _tenant(parts: Parts, call: Call) -> Response:
    return Json(await parts.db.read(_tenant_answer, call.caller.tenant))


def _tenant_answer(tx: Tx, key: TenantKey) -> dict[str, Any]:
    tenant = tenant_by_id(tx, key)
    return {
        "id": tenant.uuid,
        "displayName": tenant.name,
        "createdDateTime": tenant.created_at,
        "domains": [{"name": one.name, "isDefault": one.is_default} for one in domains(tx, key)],
        "settings": tenant.settings.to_json(),
    }
