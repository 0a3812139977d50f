"""Two server processes on one PostgreSQL, with data directories of their own and one key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import Entropy, SeededEntropy
from reseal.kernel.storage import open_database
from reseal.server.wiring import REACTORS
from tests.support.client import Client, connected, credentials_of
from tests.support.postgres import Server
from tests.support.processes import CONTOSO, ServerProcess, reseal
from tests.system.sample import sample_document, upload_contents
from tests.system.wholeness import problems

ROUNDS = 15
TAGS = ("sales", "lab", "")

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers started at the same moment on an empty database."""

    servers: tuple[ServerProcess, ServerProcess]
    database_url: str

    @property
    def ready(self) -> list[dict[str, Any]]:
        """Their ready files."""
        return [server.wait_ready() for server in self.servers]

    @property
    def credentials(self) -> dict[str, Any]:
        """The credentials of the one that made the first tenant."""
        (found,) = [ready for ready in self.ready if Path(ready["credentials_file"]).exists()]
        return credentials_of(found)

    @asynccontextmanager
    async def clients(self) -> AsyncIterator[list[Client]]:
        """A client of each, with one token between them."""
        first, second = self.ready
        async with connected(first) as one, connected(second) as other:
            signed_in = await one.signed_in(self.credentials)
            yield [signed_in, other.holding(signed_in.token)]


@pytest.fixture
def pair(tmp_path: Path, postgresql_server: Server) -> Iterator[Pair]:
    """Both servers; they share contents and the key that protects secrets."""
    name = "two_servers"
    postgresql_server.create(name, template="template1")
    key = tmp_path / "key"
    key.write_text("5e" * 32)
    settings = {
        "RESEAL_DATABASE_URL": postgresql_server.url(name),
        "RESEAL_KEY_FILE": str(key),
        "RESEAL_BLOB_DIR": str(tmp_path / "blobs"),
    }
    with ExitStack() as stack:
        servers = [ServerProcess(tmp_path / folder, **settings) for folder in ("one", "two")]
        for server in servers:
            stack.callback(server.kill)
        yield Pair((servers[0], servers[1]), settings["RESEAL_DATABASE_URL"])
        for server in servers:
            if server.process.returncode is None:
                assert server.stop() == 0
    postgresql_server.drop(name)


async def test_two_servers_are_one_to_their_clients(pair: Pair) -> None:
    """One tenant, tokens good on both, edits seen at once by the other, one order of events."""
    assert len({ready["tenant_id"] for ready in pair.ready}) == 1
    async with pair.clients() as clients:
        await upload_contents(clients[0])
        applied = await clients[1].api("POST", "/blueprint/apply", json=sample_document())
        assert applied.status == 200
        imported = await clients[0].api("POST", "/imports", data=(CONTOSO / "devices.csv").read_bytes())
        assert imported.lines[-1] == {"done": {"imported": 20, "refused": 0}}
        assert await _names(clients[1], "/registrations") == await _names(clients[0], "/registrations")

        chance = SeededEntropy("rounds")
        devices = [one["id"] for one in (await clients[0].api("GET", "/registrations")).json["value"][:4]]
        for _ in range(ROUNDS):
            await _round(clients, devices, chance)

    await _assert_one_log(pair)


async def _names(client: Client, path: str) -> list[str]:
    return [one["serialNumber"] for one in (await client.api("GET", path)).json["value"]]


async def _round(clients: list[Client], devices: list[str], chance: Entropy) -> None:
    """A group tag is edited on one server while the rule that reads it is edited on the other."""
    device, tag, named = (options[chance.below(len(options))] for options in (devices, TAGS, TAGS[:2]))
    document = sample_document(rule=("[OrderID]:sales", f"[OrderID]:{named}"))
    tagging, ruling = clients if chance.below(2) else reversed(clients)

    edited, applied = await asyncio.gather(
        tagging.api("PATCH", f"/registrations/{device}", json={"groupTag": tag}),
        ruling.api("POST", "/blueprint/apply", json=document),
    )

    assert (edited.status, applied.status) == (200, 200), (edited, applied)
    for client in clients:
        for one in devices:
            seen = (await client.api("GET", f"/registrations/{one}")).json
            wanted = "Contoso sales" if seen["groupTag"] == named else "Contoso standard"
            assert seen["profile"]["name"] == wanted


async def _assert_one_log(pair: Pair) -> None:
    for server in pair.servers:
        assert server.stop() == 0
    database = open_database(
        pair.database_url, clock=SystemClock(), entropy=SeededEntropy("look"), reactors=REACTORS
    )
    assert await database.write(problems) == []
    await database.close()


def test_a_server_without_the_key_of_the_others_is_refused(pair: Pair, tmp_path: Path) -> None:
    """It could not sign tokens that the others accept."""
    assert pair.ready
    refused = reseal("up", "--data", tmp_path / "three", settings={"RESEAL_DATABASE_URL": pair.database_url})

    assert (refused.code, refused.out) == (1, "")
    assert "encryption key" in refused.err
    assert "key_file" in refused.err
