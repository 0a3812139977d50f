"""Device lists that are imported in the browser, and through the API beside it."""

from __future__ import annotations

import random
import re
import string
from datetime import timedelta

import pytest

from reseal.autopilot.import_records import ImportRecord, batches, records
from reseal.autopilot.importing import submit_file
from reseal.autopilot.model import ImportStatus
from reseal.autopilot.model_import import ImportRow
from reseal.directory.tenants import list_tenants
from reseal.kernel.db import Tx
from reseal.kernel.deadlines import Ticker
from reseal.server import wiring
from tests.conformance.office import Office, both_databases, device_list, row
from tests.store.api.callers import token_of
from tests.support.hardware import hash_text

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


# --- hashes that hold odd texts -----------------------------------------------------------------------------

_LONG = "".join(random.Random(7).choices(string.ascii_letters, k=1_500))
_WITH_ODD = [
    row(1),
    f"SN-00002,,{hash_text(2, serial=chr(1) + 'S' * 257)},,",
    row(3, model=_LONG),
    row(4),
]
"""A hash whose own serial number cannot name a device, and one whose model is no attribute of one."""


@both_databases
async def test_hashes_that_hold_odd_texts_spoil_no_import_of_the_api(office: Office) -> None:
    imported = await office.import_csv(device_list(*_WITH_ODD))

    assert (imported.problems(), imported.done) == ([], {"imported": 4, "refused": 0})
    assert (await office.registration(3))["model"] == _LONG


@both_databases
async def test_hashes_that_hold_odd_texts_spoil_no_import_in_the_browser(
    office: Office, parts: wiring.Parts
) -> None:
    await _upload(office, parts, device_list(*_WITH_ODD))

    assert [one.status for one in await parts.db.read(_records)] == [ImportStatus.COMPLETE] * 4
    assert len(await office.values("/registrations")) == 4


@pytest.mark.parametrize("serial", [chr(1) + "SN", "S" * 257])
async def test_a_row_that_takes_a_serial_number_that_cannot_be_is_refused_alone_when_its_turn_comes(
    office: Office, parts: wiring.Parts, serial: str
) -> None:
    odd, good = ImportRow(1, "", hash_text(2, serial=serial)), ImportRow(2, "", hash_text(3))

    def submitted(tx: Tx) -> None:
        submit_file(tx, list_tenants(tx)[0].id, [odd, good], file_name="waiting.csv")

    await parts.db.write(submitted)
    await Ticker(parts.db, parts.clock, wiring.DEADLINES).drain()

    refused, complete = await parts.db.read(_records)
    assert (refused.status, refused.code) == (ImportStatus.ERROR, 802)
    assert "serial number in the hash" in refused.message
    assert complete.status is ImportStatus.COMPLETE
    assert len(await office.values("/registrations")) == 1
