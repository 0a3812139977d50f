"""One server process: starting, being found, stopping, starting again."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from socket import socket as Socket  # noqa: N812

import aiohttp
import pytest

from tests.support.client import Client, automation, connected, credentials_of
from tests.support.processes import ServerProcess, read_ready, reseal, server, server_from_nothing
from tests.system.sample import device_csv

pytestmark = pytest.mark.slow


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_leaves_secrets_to_the_owner_alone(first_start: Path) -> None:
    assert _mode(first_start) == 0o700
    for name in ("credentials.json", "ready.json", "secret.key", "lock", "tls/server.key"):
        assert _mode(first_start / name) == 0o600, name
    assert [file.name for file in first_start.rglob("*.tmp")] == []


def test_the_ready_file_holds_what_the_contract_says(first_start: Path) -> None:
    ready = json.loads((first_start / "ready.json").read_text())
    credentials = json.loads((first_start / "credentials.json").read_text())

    assert list(ready) == [
        "version",
        "browser_url",
        "device_url",
        "ca_file",
        "tenant_id",
        "tenant_domain",
        "credentials_file",
        "pid",
    ]
    assert ready["version"] == credentials["version"] == 1
    assert ready["tenant_id"] == credentials["tenant_id"]
    assert Path(ready["ca_file"]).is_absolute()
    assert list(credentials) == ["version", "tenant_id", "tenant_domain", "administrator", "client"]


async def test_a_restarted_server_is_the_same_to_its_clients(data: Path) -> None:
    """Ports, certificate authority, credentials, and even tokens of before are good."""
    with server(data) as first:
        before = first.wait_ready()
        async with automation(before) as client:
            tenant = (await client.api("GET", "/tenant")).json
            token = client.token
        assert first.stop() == 0
    with server(data) as second:
        after = second.wait_ready()
        async with connected(before) as client:
            assert (await client.holding(token).api("GET", "/tenant")).json == tenant
            assert (await client.signed_in(credentials_of(before))).token != token

    assert {**after, "pid": 0} == {**before, "pid": 0}
    assert after["pid"] != before["pid"]


def test_a_port_in_use_is_named_with_what_to_do(data: Path) -> None:
    with server(data) as first:
        ready = first.wait_ready()
        taken = ready["browser_url"].rpartition(":")[2]
        other = data.with_name("other")
        refused = reseal("up", "--data", other, "--browser-listen", f"127.0.0.1:{taken}")
        first.stop()

    assert (refused.code, refused.out) == (2, "")
    assert f"127.0.0.1:{taken}" in refused.err
    assert "--browser-listen" in refused.err


def test_both_listeners_at_one_address_are_refused(data: Path) -> None:
    """Nobody listens there before: the second listener meets the first."""
    with Socket(AF_INET, SOCK_STREAM) as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    other = data.with_name("other")
    refused = reseal("up", "--data", other, "--browser-listen", address, "--device-listen", address)

    assert (refused.code, refused.out) == (2, "")
    assert address in refused.err
    assert not (other / "ready.json").exists()


def test_in_a_directory_that_was_there_before_nobody_else_reads_the_database(data: Path) -> None:
    there = data.with_name("there")
    there.mkdir(mode=0o755)
    with server(there) as running:
        running.wait_ready()
        open_to_others = {path.name for path in there.iterdir() if path.is_file() and _mode(path) & 0o077}
        assert running.stop() == 0
    assert open_to_others == set()


def test_a_second_server_on_the_directory_is_refused_with_the_pid_of_the_first(data: Path) -> None:
    with server(data) as first:
        refused = reseal("up", "--data", data)

        assert (refused.code, refused.out) == (2, "")
        assert f" {first.process.pid}." in refused.err
        assert first.process.returncode is None
        assert read_ready(first.ready_file) == first.wait_ready()
        assert first.stop() == 0
    with server(data) as next_one:
        assert next_one.stop() == 0


def test_a_directory_of_a_killed_server_is_free(data: Path) -> None:
    with server(data) as first:
        first.kill()
    with server(data) as second:
        assert second.stop() == 0


@pytest.mark.parametrize("begun", [server, server_from_nothing])
def test_up_tells_programs_when_it_is_ready(
    begun: Callable[..., AbstractContextManager[ServerProcess]], data: Path, tmp_path: Path
) -> None:
    also = tmp_path / "also.json"
    with begun(data, "--json", "--ready-file", also) as running:
        ready = running.wait_ready()
        running.stop()
        said = running.said

    assert json.loads(said[said.index("\n{\n") : said.rindex("\n}\n") + 2]) == ready
    assert json.loads(also.read_text()) == ready
    assert _mode(also) == 0o600


def test_settings_that_nobody_knows_are_refused_with_the_nearest(tmp_path: Path) -> None:
    refused = reseal("up", "--data", tmp_path / "data", settings={"RESEAL_TENANT_DOMAINS": "x.example"})

    assert (refused.code, refused.out) == (2, "")
    assert "RESEAL_TENANT_DOMAIN" in refused.err
    assert not (tmp_path / "data").exists()


# --- stopping -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listener", ["browser", "device"])
async def test_sigterm_ends_an_idle_server_with_open_connections(data: Path, listener: str) -> None:
    with server(data) as running:
        async with connected(running.wait_ready(), listener) as client:
            assert (await client("GET", "/health")).status == 200
            assert await asyncio.to_thread(running.stop) == 0


async def test_sigterm_lets_a_request_under_way_end(data: Path) -> None:
    """An upload goes on after the server was told to stop, and is acknowledged; nobody else is let in."""
    stopping, refused = asyncio.Event(), asyncio.Event()
    content = [b"first half ", b"second half"]

    async def halves() -> AsyncIterator[bytes]:
        yield content[0]
        stopping.set()
        await refused.wait()
        yield content[1]

    with server(data) as running:
        ready = running.wait_ready()
        async with automation(ready) as client:
            name = sha256(b"".join(content)).hexdigest()
            uploading = asyncio.create_task(client.api("PUT", f"/content/{name}", data=halves()))
            await stopping.wait()
            ending = asyncio.create_task(asyncio.to_thread(running.stop))
            await _nobody_is_let_in(running)
            refused.set()
            answer = await uploading
            assert await ending == 0

    assert (answer.status, answer.json["sha256"]) == (201, name)
    assert (data / "blobs" / name[:2] / name).read_bytes() == b"".join(content)
    assert '"message": "stopped"' in running.said


async def _nobody_is_let_in(running: ServerProcess) -> None:
    async with connected(running.wait_ready()) as client:
        while True:
            try:
                await client("GET", "/health", headers={"Connection": "close"})
            except aiohttp.ClientConnectorError:
                return
            await asyncio.sleep(0.02)


async def test_sigterm_ends_an_open_stream_and_its_reader_goes_on_with_the_next_server(data: Path) -> None:
    """A reader that comes back with the last id sees each position of the log once, kill -9 or not."""
    positions: list[int] = []
    log: list[int] = []
    for number, ends in enumerate(("stop", "kill", "stop")):
        with server(data) as running:
            async with automation(running.wait_ready()) as client:
                following = asyncio.create_task(_follow(client, positions))
                await client.api("POST", "/imports", data=device_csv([number]))
                told = (await client.api("GET", "/events", params={"top": "1000"})).json["value"]
                log = [each["position"] for each in told]
                while positions[-1:] != log[-1:]:
                    assert not following.done(), following.result()
                    await asyncio.sleep(0.02)
                if ends == "kill":
                    running.kill()
                    assert await following == "cut"
                else:
                    assert await asyncio.to_thread(running.stop) == 0
                    assert await following == "ended"

    assert positions == log == list(range(1, len(log) + 1))


async def _follow(client: Client, positions: list[int]) -> str:
    """Read the stream of the log behind the last position; how it ended."""
    last = {"Last-Event-ID": str(positions[-1])} if positions else {}
    headers = {"Authorization": f"Bearer {client.token}", **last}
    try:
        async with client.session.get(client.url + "/api/v1/events/live", headers=headers) as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            async for line in response.content:
                positions += [int(line[4:])] if line.startswith(b"id: ") else []
    except aiohttp.ClientError:
        return "cut"
    return "ended"
