"""Callers who may do some things only."""

from __future__ import annotations

from collections.abc import Iterable

from reseal.directory.tenants import list_tenants
from reseal.kernel.db import Tx
from reseal.server import wiring
from reseal.signin.clients import Client, create_client
from tests.conformance.office import Office

_SECRET = "known to the script"


async def token_of(office: Office, parts: wiring.Parts, permissions: Iterable[str]) -> str:
    """The token of a client with these permissions, of the oldest organisation."""

    def make(tx: Tx) -> Client:
        stored = parts.passwords.hash(_SECRET, parts.entropy)
        tenant = list_tenants(tx)[0].id
        return create_client(tx, tenant, name="Script", secret_hash=stored, permissions=permissions)

    client = await parts.db.write(make)
    form = {"grant_type": "client_credentials", "client_id": str(client.id), "client_secret": _SECRET}
    answer = await office.http.post(f"/{office.id}/oauth2/v2.0/token", data=form)
    return str(answer.json()["access_token"])
