"""A document reaches the contents of its own organisation only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reseal.catalog.tables import content_upload
from reseal.server import wiring
from tests.conformance.office import Office, Refused, both_databases

pytestmark = [pytest.mark.anyio, both_databases]

PACKAGE = next((Path(__file__).parents[3] / "examples" / "contoso" / "apps").glob("*.msi")).read_bytes()
UNKNOWN = {"sha256": "0" * 64, "size": len(PACKAGE), "fileName": "agent.msi"}


def _app(file: Mapping[str, Any], name: str = "Agent") -> dict[str, Any]:
    return {"reseal": 1, "apps": [{"name": name, "file": file}]}


async def _refusal(office: Office, act: str, file: Mapping[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(Refused) as refused:
        await office.post(f"/blueprint/{act}", _app(file))
    digest = str(file["sha256"])[:12]
    return [
        {name: value.replace(digest, "...") for name, value in each.items()} for each in refused.value.details
    ]


@pytest.mark.parametrize("act", ["plan", "apply"])
async def test_a_digest_does_not_open_what_another_organisation_sent(office: Office, act: str) -> None:
    fabrikam = await office.neighbour("Fabrikam")
    file = await office.upload("agent.msi", PACKAGE)
    unknown = await _refusal(fabrikam, act, UNKNOWN)
    assert [each["code"] for each in unknown] == ["ContentMissing"]
    assert await _refusal(fabrikam, act, file) == unknown, "sent there, and not used yet"
    await office.post("/blueprint/apply", _app(file))
    assert await _refusal(fabrikam, act, file) == unknown, "used there"
    await fabrikam.upload("agent.msi", PACKAGE)
    await fabrikam.post(f"/blueprint/{act}", _app(file))


async def test_what_was_sent_twice_is_known_once(office: Office) -> None:
    file = await office.upload("agent.msi", PACKAGE)
    assert await office.upload("agent.msi", PACKAGE) == file
    await office.post("/blueprint/apply", _app(file))


async def test_what_an_organisation_uses_need_not_be_sent_again(office: Office, parts: wiring.Parts) -> None:
    file = await office.upload("agent.msi", PACKAGE)
    await office.post("/blueprint/apply", _app(file))
    await parts.db.write(lambda tx: tx.execute(sa.delete(content_upload)))  # as if uploaded in the console
    await office.post("/blueprint/apply", _app(file, "Assistant"))
    assert [app["name"] for app in (await office.get("/blueprint"))["apps"]] == ["Agent", "Assistant"]
