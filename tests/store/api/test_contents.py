"""Who gets the contents that an organisation refers to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reseal.directory.model import Role
from reseal.directory.model_roles import AUTOMATION_PERMISSIONS, permissions_of
from reseal.server import wiring
from tests.conformance.office import Office
from tests.store.api.callers import token_of

pytestmark = pytest.mark.anyio

CONTOSO = Path(__file__).parents[3] / "examples" / "contoso"
WIFI = (CONTOSO / "wifi" / "contoso-office.xml").read_bytes()
KEYLESS = WIFI[: WIFI.index(b"      <sharedKey>")] + WIFI[WIFI.index(b"    </security>") :]


async def _apply_wifi(office: Office, content: bytes) -> str:
    """Make a wireless network; its digest."""
    file = await office.upload("office.xml", content)
    await office.apply(wifi=[{"name": "Office", "file": file, "assign": [{"all": "devices"}]}])
    return str(file["sha256"])


async def _ask(office: Office, token: str, method: str, digest: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await office.http.request(method, f"/api/v1/content/{digest}", headers=headers)


async def test_the_key_of_a_network_is_not_for_readers(office: Office, parts: wiring.Parts) -> None:
    digest = await _apply_wifi(office, WIFI)
    reader = await token_of(office, parts, permissions_of([Role.GLOBAL_READER]))
    refused = await _ask(office, reader, "GET", digest)
    assert refused.status_code == 403
    assert "DeviceManagementConfiguration.ReadWrite.All" in refused.json()["error"]["message"]
    assert "only a sample" not in refused.text
    told = await _ask(office, reader, "HEAD", digest)
    assert (told.status_code, told.headers["content-length"]) == (200, str(len(WIFI)))


@pytest.mark.parametrize(
    "permissions",
    [permissions_of([Role.GLOBAL_ADMINISTRATOR]), permissions_of([Role.INTUNE_ADMINISTRATOR])],
    ids=["global", "intune"],
)
async def test_whoever_sets_the_key_of_a_network_gets_it(
    office: Office, parts: wiring.Parts, permissions: frozenset[str]
) -> None:
    digest = await _apply_wifi(office, WIFI)
    answer = await _ask(office, await token_of(office, parts, permissions), "GET", digest)
    assert (answer.status_code, answer.content) == (200, WIFI)
    assert answer.headers["etag"] == f'"{digest}"'


async def test_a_network_without_a_key_is_for_readers(office: Office, parts: wiring.Parts) -> None:
    digest = await _apply_wifi(office, KEYLESS)
    reader = await token_of(office, parts, permissions_of([Role.GLOBAL_READER]))
    answer = await _ask(office, reader, "GET", digest)
    assert (answer.status_code, answer.content) == (200, KEYLESS)


async def test_an_export_leaves_no_copy_of_a_key(office: Office, parts: wiring.Parts) -> None:
    await _apply_wifi(office, b"\xef\xbb\xbf" + WIFI)  # kept without the mark, so under another digest
    document: dict[str, Any] = await office.get("/blueprint")
    digest = document["wifi"][0]["file"]["sha256"]
    assert digest == hashlib.sha256(WIFI).hexdigest()
    script = await token_of(office, parts, AUTOMATION_PERMISSIONS)
    assert (await _ask(office, script, "GET", digest)).content == WIFI
    assert await parts.blobs.size(digest) is None


async def test_what_is_held_is_not_asked_for_under_another_name(office: Office) -> None:
    await _apply_wifi(office, b"\xef\xbb\xbf" + WIFI)
    file = (await office.get("/blueprint"))["wifi"][0]["file"]
    await office.apply(wifi=[{"name": "Canteen", "file": file}])
    networks = (await office.get("/blueprint"))["wifi"]
    assert {entry["name"]: entry["file"]["sha256"] for entry in networks} == {
        "Canteen": file["sha256"],
        "Office": file["sha256"],
    }
