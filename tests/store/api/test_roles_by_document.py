"""Whoever may edit the directory may not make administrators by a document."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.directory.model_roles import AUTOMATION_PERMISSIONS
from reseal.directory.tenants import list_tenants
from reseal.kernel.db import Tx
from reseal.server import wiring
from reseal.signin.clients import Client, create_client
from tests.conformance.office import Office

pytestmark = pytest.mark.anyio

SECRET = "known to the script"
PLAIN = {"reseal": 1, "users": [{"upn": "adele", "displayName": "Adele Vance"}]}
MIGHTY = {
    "reseal": 1,
    "users": [{"upn": "adele", "displayName": "Adele Vance", "roles": ["Global Administrator"]}],
}


@pytest.fixture
async def token(office: Office, parts: wiring.Parts) -> str:
    """The token of a client that may edit everything but roles."""

    def make(tx: Tx) -> Client:
        tenant = list_tenants(tx)[0].id
        stored = parts.passwords.hash(SECRET, parts.entropy)
        return create_client(
            tx, tenant, name="Script", secret_hash=stored, permissions=AUTOMATION_PERMISSIONS
        )

    client = await parts.db.write(make)
    form = {
        "grant_type": "client_credentials",
        "client_id": str(client.id),
        "client_secret": SECRET,
    }
    answer = await office.http.post(f"/{office.id}/oauth2/v2.0/token", data=form)
    return str(answer.json()["access_token"])


async def _apply(office: Office, token: str, document: dict[str, Any]) -> Any:
    return await office.http.post(
        "/api/v1/blueprint/apply", json=document, headers={"Authorization": f"Bearer {token}"}
    )


async def test_users_may_be_made_but_not_with_a_role(office: Office, token: str) -> None:
    refused = await _apply(office, token, MIGHTY)
    assert refused.status_code == 403
    assert "RoleManagement.ReadWrite.Directory" in refused.json()["error"]["message"]
    assert (await _apply(office, token, PLAIN)).status_code == 200


async def test_a_refused_document_leaves_nothing_behind(office: Office, token: str) -> None:
    await _apply(office, token, MIGHTY)
    users = (await office.call("GET", "/users")).json()["value"]
    assert [user["userPrincipalName"] for user in users] == [office.upn("admin")]


async def test_a_role_can_neither_be_given_to_nor_taken_from_who_is_there(office: Office, token: str) -> None:
    assert (await _apply(office, token, PLAIN)).status_code == 200
    assert (await _apply(office, token, MIGHTY)).status_code == 403
    await office.call("POST", "/blueprint/apply", json=MIGHTY)
    assert (await _apply(office, token, PLAIN)).status_code == 403
