"""Whoever may edit the directory may not make administrators by a document."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.directory.model_roles import AUTOMATION_PERMISSIONS
from reseal.server import wiring
from tests.conformance.office import Office
from tests.store.api.callers import token_of

pytestmark = pytest.mark.anyio

PLAIN = {"reseal": 1, "users": [{"upn": "adele", "displayName": "Adele Vance"}]}
MIGHTY: dict[str, Any] = {
    "reseal": 1,
    "users": [{"upn": "adele", "displayName": "Adele Vance", "roles": ["Global Administrator"]}],
}


@pytest.fixture
async def token(office: Office, parts: wiring.Parts) -> str:
    """The token of a client that may edit everything but roles."""
    return await token_of(office, parts, AUTOMATION_PERMISSIONS)


async def _apply(office: Office, token: str, document: dict[str, Any], *, prune: bool = False) -> Any:
    return await office.http.post(
        "/api/v1/blueprint/apply",
        params={"prune": str(prune).lower()},
        json=document,
        headers={"Authorization": f"Bearer {token}"},
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


async def _users(office: Office) -> list[Any]:
    users: list[Any] = (await office.get("/blueprint")).get("users", [])
    return users


@pytest.mark.parametrize(
    "change", [{"accountEnabled": False}, {"displayName": "Nobody"}, {"licensed": False}, {"city": "Ulm"}]
)
async def test_who_holds_a_role_is_not_changed_without_the_permission(
    office: Office, token: str, change: dict[str, Any]
) -> None:
    await office.call("POST", "/blueprint/apply", json=MIGHTY)
    edited = {**MIGHTY, "users": [{**MIGHTY["users"][0], **change}]}
    refused = await _apply(office, token, edited)
    assert refused.status_code == 403
    assert "RoleManagement.ReadWrite.Directory" in refused.json()["error"]["message"]
    assert await _users(office) == MIGHTY["users"]
    await office.call("POST", "/blueprint/apply", json=edited)
    assert await _users(office) == edited["users"]


async def test_who_holds_a_role_is_not_deleted_without_the_permission(office: Office, token: str) -> None:
    await office.call("POST", "/blueprint/apply", json=MIGHTY)
    refused = await _apply(office, token, {"reseal": 1}, prune=True)
    assert refused.status_code == 403
    assert await _users(office) == MIGHTY["users"]
    await office.call("POST", "/blueprint/apply", json={"reseal": 1}, params={"prune": "true"})
    assert await _users(office) == []


async def test_everything_else_is_changed_beside_who_holds_a_role(office: Office, token: str) -> None:
    both = {**MIGHTY, "users": [*MIGHTY["users"], {"upn": "bianca", "displayName": "Bianca Pisani"}]}
    await office.call("POST", "/blueprint/apply", json=both)
    both["users"][1]["accountEnabled"] = False
    assert (await _apply(office, token, both)).status_code == 200
    assert (await _apply(office, token, MIGHTY, prune=True)).status_code == 200
    assert await _users(office) == MIGHTY["users"]
