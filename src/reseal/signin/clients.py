"""Client registrations: programs that act for a tenant under permissions of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.signin.tables import client


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; `id` is its client id."""

    id: UUID
    tenant: TenantKey
    name: str
    secret_hash: str
    permissions: frozenset[str]


def create_client(
    tx: Tx, tenant: TenantKey, *, name: str, secret_hash: str, permissions: Iterable[str]
) -> Client:
    """Register a client whose secret has that hash (`passwords.hash_secret`)."""
    created = Client(tx.new_uuid(), tenant, name, secret_hash, frozenset(permissions))
    named = sorted(created.permissions)
    tx.execute(
        client.insert().values(
            tenant_id=tenant,
            id=tx.new_key(),
            uuid=created.id,
            name=name,
            secret_hash=secret_hash,
            permissions=named,
            created_at=tx.now,
        )
    )
    subject = events.Subject("client", created.id)
    events.record(tx, tenant, "client.created", subject, {"name": name, "permissions": named})
    return created


def find_client(tx: Tx, client_id: UUID) -> Client | None:
    """The client with that id, of whichever tenant."""
    row = tx.row(_by_id, {"client_id": client_id})
    if row is None:
        return None
    return Client(row.uuid, TenantKey(row.tenant_id), row.name, row.secret_hash, frozenset(row.permissions))


_by_id = sa.select(client).where(client.c.uuid == sa.bindparam("client_id", type_=sa.Uuid))
