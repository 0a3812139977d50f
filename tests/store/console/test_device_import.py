"""Device lists that are imported in the browser, and through the API beside it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from reseal.autopilot.import_records import ImportRecord, batches, records
from reseal.directory.tenants import list_tenants
from reseal.kernel.db import Tx
from reseal.kernel.deadlines import Ticker
from reseal.server import wiring
from tests.conformance.office import Office, device_list, row
from tests.store.api.callers import token_of

pytestmark = pytest.mark.anyio

_READ = "DeviceManagementServiceConfig.Read.All"
_WRITE = "DeviceManagementServiceConfig.ReadWrite.All"


async def _upload(office: Office, parts: wiring.Parts, file: bytes) -> str:
    """Import a device list in the browser, and let the jobs do their work; the page of all imports."""
    headers = {"Authorization": f"Bearer {await token_of(office, parts, [_READ, _WRITE])}"}
    files = {"file": ("laptops.csv", file, "text/csv")}
    answer = await office.http.request("POST", "/set-up/devices", headers=headers, files=files)
    assert answer.status_code == 303, answer.text
    await Ticker(parts.db, parts.clock, wiring.DEADLINES).drain()
    return (await office.http.request("GET", "/set-up/devices", headers=headers)).text


def _records(tx: Tx) -> list[ImportRecord]:
    return records(tx, list_tenants(tx)[0].id)


def _imports(tx: Tx) -> int:
    return len(batches(tx, list_tenants(tx)[0].id))


@pytest.mark.parametrize("settings", [{"import_record_days": 3}], indirect=True)
async def test_what_an_import_did_is_kept_as_long_as_the_server_is_told(
    office: Office, parts: wiring.Parts
) -> None:
    await office.register(1)
    page = await _upload(office, parts, device_list(row(2)))
    assert "is kept for 3 days;" in re.sub(r"\s+", " ", page)

    ticker = Ticker(parts.db, parts.clock, wiring.DEADLINES)
    office.clock.pass_silently(timedelta(days=3, seconds=-1))
    await ticker.drain()
    assert (await parts.db.read(_imports), len(await parts.db.read(_records))) == (2, 2)
    office.clock.pass_silently(timedelta(seconds=1))
    await ticker.drain()
    assert (await parts.db.read(_imports), await parts.db.read(_records)) == (0, [])
    assert len(await office.values("/registrations")) == 2
