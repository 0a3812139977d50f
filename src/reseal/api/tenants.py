"""Organisations: making one (platform), and reading one's own settings."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from reseal.api.parts import Declare, Parts
from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.directory.model_settings import MdmUrls, default_mdm_urls
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
    standard = default_mdm_urls(parts.device_url, parts.public_url)
    return Json(await parts.db.read(_tenant_answer, call.caller.tenant, standard))


def _tenant_answer(tx: Tx, key: TenantKey, standard: MdmUrls) -> dict[str, Any]:
    tenant = tenant_by_id(tx, key)
    return {
        "id": tenant.uuid,
        "displayName": tenant.name,
        "createdDateTime": tenant.created_at,
        "domains": [{"name": one.name, "isDefault": one.is_default} for one in domains(tx, key)],
        "settings": tenant.settings.to_json(),
        "mdmUrls": _mdm_urls(tenant.settings.mdm_urls, standard),
    }


def _mdm_urls(own: MdmUrls, standard: MdmUrls) -> list[dict[str, Any]]:
    """The addresses that a joining device is given, and whether each is the server's own."""
    given = own.or_default(standard)
    return [
        {"name": "discovery", "url": given.discovery, "isDefault": own.discovery is None},
        {"name": "termsOfUse", "url": given.terms_of_use, "isDefault": own.terms_of_use is None},
        {"name": "compliance", "url": given.compliance, "isDefault": own.compliance is None},
    ]
