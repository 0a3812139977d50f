"""The disk fills up while a server works: changes are refused with a sentence, everything else goes on."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.storage import open_database
from reseal.server.wiring import REACTORS
from tests.support.client import Answer, Client, automation
from tests.support.first_start import copied
from tests.support.processes import ServerProcess, reseal, server
from tests.support.small_disk import SmallDisk, small_disk
from tests.system.sample import device_csv, sample_document, upload_contents
from tests.system.wholeness import problems

pytestmark = pytest.mark.slow

READS = (
    "/tenant",
    "/users",
    "/groups",
    "/devices",
    "/profiles",
    "/enrollment-status-pages",
    "/registrations/unassigned",
    "/events",
    "/events/verify",
    "/blueprint",
)
PER_FILE = 40


@pytest.fixture
def disk(tmp_path: Path, first_start: Path) -> Iterator[SmallDisk]:
    """A small disk with a data directory on it."""
    with small_disk(tmp_path / "disk", mebibytes=24) as disk:
        copied(first_start, disk.path / "data")
        yield disk


def _rows(file: int) -> bytes:
    return device_csv(range(file * PER_FILE, (file + 1) * PER_FILE))


async def _import(client: Client, file: int) -> Answer:
    return await client.api("POST", "/imports", data=_rows(file))


def _refusal(answer: Answer) -> dict[str, Any] | None:
    """The error of an import, whether it came as the answer's status or within its stream."""
    last = answer.lines[-1]
    assert ("error" in last) or answer.status == 200
    refusal: dict[str, Any] | None = last.get("error")
    return refusal


def _assert_says_full(error: dict[str, Any] | None) -> None:
    assert error is not None
    assert error["code"] == "StorageFull"
    assert "is full" in error["message"]
    assert "Free some space" in error["remedy"]


async def _serials(client: Client) -> int:
    """How many registrations there are, read page by page."""
    count, path = 0, "/registrations?top=1000"
    while path:
        page = (await client.api("GET", path)).json
        count += len(page["value"])
        path = page.get("nextLink", "").removeprefix("/api/v1")
    return count


async def _assert_reads_work(client: Client, registered: int) -> None:
    for path in READS:
        assert (await client.api("GET", path)).status == 200, path
    assert (await client.api("GET", "/events/verify")).json["brokenAt"] is None
    assert await _serials(client) == registered


async def _put(client: Client, content: bytes) -> Answer:
    name = hashlib.sha256(content).hexdigest()
    return await client.api("PUT", f"/content/{name}", data=io.BytesIO(content))


async def test_a_full_disk_refuses_changes_and_nothing_else(disk: SmallDisk) -> None:
    with server(disk.path / "data") as running:
        async with automation(running.wait_ready()) as client:
            await _apply_sample(client)
            registered = await _import_until_full(client, disk)
            disk.fill()
            _assert_says_full(_refusal(await _import(client, 900)))
            await _assert_reads_work(client, registered)
            _assert_command_says_full(running, disk)

            assert '"code": "StorageFull"' in running.said, "the operator is not told"

            disk.free()
            assert _refusal(await _import(client, 901)) is None
            registered += PER_FILE
            await _assert_reads_work(client, registered)

            disk.fill()
        assert running.stop() == 0
    await _assert_starts_once_there_is_room(disk, registered)


async def _apply_sample(client: Client) -> None:
    await upload_contents(client)
    assert (await client.api("POST", "/blueprint/apply", json=sample_document())).status == 200


async def _import_until_full(client: Client, disk: SmallDisk) -> int:
    """How many registrations were acknowledged before the disk was full."""
    disk.fill(leaving=1_000_000)
    for file in range(100):
        answer = await _import(client, file)
        if error := _refusal(answer):
            _assert_says_full(error)
            assert file > 0
            return file * PER_FILE
        assert answer.lines[-1] == {"done": {"imported": PER_FILE, "refused": 0}}
    raise AssertionError("the disk was never full")


def _assert_command_says_full(running: ServerProcess, disk: SmallDisk) -> None:
    """On the command line it is a sentence, and the server's own fault."""
    file = disk.path.with_name("more.csv")
    file.write_bytes(_rows(902))
    said = reseal("import", file, "--ready-file", running.ready_file)
    assert said.code == 1
    assert "is full" in said.err
    assert "Free some space" in said.err


async def _assert_starts_once_there_is_room(disk: SmallDisk, registered: int) -> None:
    refused = reseal("up", "--data", disk.path / "data")
    assert (refused.code, refused.out) == (1, "")
    assert "is full" in refused.err

    disk.free()
    with server(disk.path / "data") as running:
        async with automation(running.wait_ready()) as client:
            await _assert_reads_work(client, registered)
        assert running.stop() == 0
    database = open_database(
        f"sqlite:///{disk.path / 'data' / 'reseal.db'}",
        clock=SystemClock(),
        entropy=SeededEntropy("look"),
        reactors=REACTORS,
    )
    assert await database.write(problems) == []
    await database.close()


async def test_a_full_disk_refuses_contents_and_leaves_no_piece_of_them(disk: SmallDisk) -> None:
    small, large = b"small" * 1000, b"large" * 1_000_000
    blobs = disk.path / "data" / "blobs"
    with server(disk.path / "data") as running:
        async with automation(running.wait_ready()) as client:
            disk.fill(leaving=1_000_000)
            refused = await _put(client, large)
            assert refused.status == 507
            _assert_says_full(refused.error)
            assert [file for file in blobs.rglob("*") if file.is_file()] == []
            assert (await _put(client, small)).status == 201

            disk.fill()
            again = await _put(client, large)
            assert again.status == 507
            _assert_says_full(again.error)

            disk.free()
            assert (await _put(client, large)).status == 201
        assert running.stop() == 0
    kept = {file.name: file.read_bytes() for file in blobs.rglob("*") if file.is_file()}
    assert kept == {hashlib.sha256(content).hexdigest(): content for content in (small, large)}
