"""Making an organisation that can be used at once: its administrator, its automation client, its defaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from reseal.directory.model import Role
from reseal.directory.model_roles import PERMISSIONS
from reseal.directory.roles import assign_role
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user, set_password_hash
from reseal.esp.profiles import ensure_default
from reseal.kernel.db import Tx
from reseal.kernel.entropy import Entropy
from reseal.kernel.workers import Workers
from reseal.signin.clients import create_client
from reseal.signin.passwords import Passwords, make_password

PLATFORM = "Reseal.Platform.ReadWrite"
"""The permission to make organisations; the client of the first start holds it, no role gives it."""

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """A new administrator's password and a new client's secret, with the hashes that are stored."""

    password: str
    password_hash: str
    client_secret: str
    client_secret_hash: str


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What was made: ids and names, no secrets."""

    tenant_id: UUID
    domain: str
    administrator: str
    client_id: UUID

    def credentials(self, secrets: Secrets) -> dict[str, Any]:
        """The credentials document of the contract for scripts; the only place that shows the secrets."""
        return {
            "version": 1,
            "tenant_id": str(self.tenant_id),
            "tenant_domain": self.domain,
            "administrator": {"upn": self.administrator, "password": secrets.password},
            "client": {"id": str(self.client_id), "secret": secrets.client_secret},
        }


async def make_secrets(entropy: Entropy, passwords: Passwords, workers: Workers) -> Secrets:
    """Fresh secrets; hashing is slow on purpose and runs in the workers."""
    password, secret = make_password(entropy), entropy.bytes(_SECRET_BYTES).hex()
    return Secrets(
        password,
        await workers.run(passwords.hash, password, entropy),
        secret,
        await workers.run(passwords.hash, secret, entropy),
    )


def create_tenancy(
    tx: Tx,
    name: str,
    domain: str,
    secrets: Secrets,
    *,
    permissions: Iterable[str] = (),
    actor: str = "system",
) -> Tenancy:
    """An organisation with its default ESP, `admin@domain` as Global Administrator, and an automation client.

    The client is as mighty as the administrator beside whose password its secret stands; `permissions` are
    given to it beyond that. Raises what `create_tenant` raises.
    """
    tenant = create_tenant(tx, name, domain, actor=actor)
    ensure_default(tx, tenant.id)
    administrator = create_user(tx, tenant.id, f"admin@{domain}", "Administrator", actor=actor)
    set_password_hash(tx, tenant.id, administrator.id, secrets.password_hash)
    assign_role(tx, tenant.id, administrator.id, Role.GLOBAL_ADMINISTRATOR, actor=actor)
    client = create_client(
        tx,
        tenant.id,
        name="Automation",
        secret_hash=secrets.client_secret_hash,
        permissions=PERMISSIONS | frozenset(permissions),
    )
    return Tenancy(tenant.uuid, domain, administrator.upn, client.id)
