"""kill -9 before and after every commit of a run: what was acknowledged is there, nothing is half there.

The run is the first start, the sample tenant, its twenty devices and some edits. First it is played without
a crash, and what people see after each step is kept. Then it is played again for every commit, with a server
that kills itself there: the next server must show the picture of before or after the interrupted step, whole,
and with that step repeated the run must end in the same picture as ever.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.storage import open_database
from reseal.server.schema import ensure_schema
from reseal.server.wiring import REACTORS
from tests.support.client import Answer, Client, automation
from tests.support.crashing import Crash, CrashingServer, Moment, Where, crashing_server
from tests.support.postgres import Server
from tests.support.processes import CONTOSO
from tests.system.sample import device_csv, sample_document, upload_contents
from tests.system.wholeness import picture, problems

SOAK = os.environ.get("RESEAL_SOAK") == "1"
SAMPLE = {"sqlite": 8, "postgresql": 3, "files": 4}
"""So many crashes, chosen by a seed, are tried where there is no time for all of them."""
pytestmark = pytest.mark.slow

# --- the run ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the run; `repeated` are the further statuses with which it may answer when its effect
    is there already.
    """

    name: str
    send: Callable[[Client], Awaitable[Answer]]
    repeated: tuple[int, ...] = ()


async def _upload(client: Client) -> Answer:
    await upload_contents(client)
    return await client.api("GET", "/tenant")


async def _import(client: Client) -> Answer:
    answer = await client.api("POST", "/imports", data=(CONTOSO / "devices.csv").read_bytes())
    done = answer.lines[-1]["done"]
    assert done["imported"] in {0, 20}
    return answer


def _apply(document: Mapping[str, Any]) -> Callable[[Client], Awaitable[Answer]]:
    return lambda client: client.api("POST", "/blueprint/apply", json=document)


def _edit(serial: str, **changes: str) -> Callable[[Client], Awaitable[Answer]]:
    async def send(client: Client) -> Answer:
        return await client.api("PATCH", f"/registrations/{await _ztdid(client, serial)}", json=changes)

    return send


async def _deregister(client: Client) -> Answer:
    return await client.api("DELETE", f"/registrations/{await _ztdid(client, 'RSL-0020')}")


async def _ztdid(client: Client, serial: str) -> str:
    """The id of the registration; one that nobody has if it is not there."""
    found = (await client.api("GET", "/registrations", params={"serial": serial})).json["value"]
    return str(found[0]["id"]) if found else "00000000-0000-4000-8000-000000000000"


async def _add_pilot(client: Client) -> Answer:
    return await client.api(
        "POST", f"/groups/{await _pilots(client)}/members", json={"device": await _device(client)}
    )


async def _remove_pilot(client: Client) -> Answer:
    member = f"/groups/{await _pilots(client)}/members/device/{await _device(client)}"
    return await client.api("DELETE", member)


async def _pilots(client: Client) -> str:
    found = await client.api("GET", "/groups", params={"search": "Pilots"})
    return str(found.json["value"][0]["id"])


async def _device(client: Client) -> str:
    found = await client.api("GET", f"/registrations/{await _ztdid(client, 'RSL-0001')}")
    return str(found.json["device"]["id"])


STEPS = (
    Step("upload", _upload),
    Step("apply", _apply(sample_document())),
    Step("import", _import),
    Step("another group tag", _edit("RSL-0009", groupTag="sales")),
    Step("another user", _edit("RSL-0015", assignedUser="adele@contoso.example")),
    Step("into a group", _add_pilot, (409,)),
    Step("another rule", _apply(sample_document(rule=("[OrderID]:sales", "[OrderID]:vertrieb")))),
    Step("out of the group", _remove_pilot, (404,)),
    Step("deregister", _deregister, (404,)),
    Step("back again", _apply(sample_document())),
)


# --- playing it ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where one playing of the run keeps its data."""

    data: Path
    database_url: str | None

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The database, looked at from beside the server."""
        url = self.database_url or f"sqlite:///{self.data / 'reseal.db'}"
        opened = open_database(url, clock=SystemClock(), entropy=SeededEntropy("look"), reactors=REACTORS)
        yield opened
        await opened.close()

    async def looked_at(self) -> tuple[list[dict[str, Any]], list[str]]:
        """What people see, and what is half there."""
        async with self.database() as database:
            return await database.read(picture), await database.write(problems)


Setting = Callable[[], Place]


async def _play(place: Place, server: CrashingServer, steps: Sequence[Step], *, again: bool = False) -> int:
    """Do the steps until the end or the crash; how many were acknowledged, -1 if not even the start was."""
    ready = await server.ready()
    if ready is None:
        return -1
    done = 0
    try:
        async with automation(ready) as client:
            for step in steps:
                answer = await step.send(client)
                allowed = {200, 201, 204, *(step.repeated if again and not done else ())}
                assert answer.status in allowed, (step.name, answer)
                done += 1
    except aiohttp.ClientError:
        assert not await _lives(server), "the connection broke, but the server lives"
    return done


async def _lives(server: CrashingServer) -> bool:
    await server.end()
    return not server.crashed


async def _undisturbed(place: Place) -> tuple[list[Any], int]:
    """The pictures before the first step and after each, and the number of commits of the whole run."""
    pictures = []
    with crashing_server(place.data, None, place.database_url) as server:
        for count in range(len(STEPS) + 1):
            assert await _play(place, server, STEPS[count - 1 : count]) == min(count, 1)
            seen, wrong = await place.looked_at()
            assert wrong == []
            pictures.append(seen)
        return pictures, (await server.end())["commit"]


async def _with_crash(place: Place, crash: Crash, pictures: Sequence[Any]) -> None:
    with crashing_server(place.data, crash, place.database_url) as server:
        acknowledged = await _play(place, server, STEPS)
        await server.end()
        assert server.crashed or acknowledged == len(STEPS), crash

    with crashing_server(place.data, None, place.database_url) as server:
        assert await server.ready() is not None, crash
        seen, wrong = await place.looked_at()
        assert wrong == [], crash
        before = max(acknowledged, 0)
        assert seen in pictures[before : before + 2], f"{crash}: neither before nor after step {before}"
        rest = STEPS[before:]
        assert await _play(place, server, rest, again=True) == len(rest), crash
        assert await place.looked_at() == (pictures[-1], []), crash
        await server.end()
        assert not server.crashed


# --- on both databases --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, first_start: Path) -> Path:
    """A data directory with empty tables and certificates, before the first tenant: to be copied."""
    data = tmp_path_factory.mktemp("untouched") / "data"
    data.mkdir(mode=0o700)
    shutil.copytree(first_start / "tls", data / "tls")
    ensure_schema(f"sqlite:///{data / 'reseal.db'}")
    return data


@pytest.fixture
def on_sqlite(untouched: Path, tmp_path: Path) -> Setting:
    """A fresh place on SQLite at each call."""
    numbers = iter(range(1_000_000))
    return lambda: Place(Path(shutil.copytree(untouched, tmp_path / f"data{next(numbers)}")), None)


@pytest.fixture
def on_postgresql(untouched: Path, tmp_path: Path, postgresql_server: Server) -> Setting:
    """A fresh place on PostgreSQL at each call."""
    template = f"untouched_{os.getpid()}"
    postgresql_server.create(template, template="template1")
    ensure_schema(postgresql_server.url(template))
    numbers = iter(range(1_000_000))

    def place() -> Place:
        number = next(numbers)
        name = f"crash_{os.getpid()}_{number}"
        postgresql_server.create(name, template=template)
        data = Path(shutil.copytree(untouched, tmp_path / f"data{number}"))
        return Place(data, postgresql_server.url(name))

    return place


def _chosen(crashes: list[Crash], sample: int) -> list[Crash]:
    """All of them in a soak run, else a sample that a seed decides."""
    if not SOAK:
        chance = SeededEntropy("crashes")
        while len(crashes) > sample:
            crashes.pop(chance.below(len(crashes)))
    return crashes


def _around(count: int, of: Where) -> list[Crash]:
    moments: tuple[Moment, ...] = ("before", "after")
    return [Crash(moment, number, of) for number in range(1, count + 1) for moment in moments]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(
    kind: str, request: pytest.FixtureRequest
) -> None:
    place: Setting = request.getfixturevalue(f"on_{kind}")
    pictures, commits = await _undisturbed(place())
    assert commits >= len(STEPS)
    assert len({json.dumps(seen, sort_keys=True) for seen in pictures}) >= len(STEPS) - 1

    for crash in _chosen(_around(commits, "commit"), SAMPLE[kind]):
        await _with_crash(place(), crash, pictures)


@pytest.mark.parametrize("crash", [Crash("after", 4), Crash("before", 6)], ids=["first", "last"])
async def test_a_row_whose_verdict_was_sent_is_registered(on_sqlite: Setting, crash: Crash) -> None:
    """A long import is committed in parts; each part's verdicts are sent once it is on the disk."""
    place, rows = on_sqlite(), device_csv(range(1100))
    with crashing_server(place.data, crash) as server:
        ready = await server.ready()
        assert ready is not None
        async with automation(ready) as client:
            sent = await _verdicts_until_the_end(client, rows)
        await server.end()
        assert server.crashed

    with crashing_server(place.data) as server:
        ready = await server.ready()
        assert ready is not None
        (seen,), wrong = await place.looked_at()
        assert wrong == []
        assert sent <= seen["registrations"].keys()
        assert len(seen["registrations"]) in {500, 1000}
        async with automation(ready) as client:
            again = await client.api("POST", "/imports", data=io.BytesIO(rows))
        assert again.lines[-1]["done"]["imported"] == 1100 - len(seen["registrations"])
        await server.end()


async def _verdicts_until_the_end(client: Client, rows: bytes) -> set[str]:
    """The serial numbers of the rows that the server said to be registered before it was killed."""
    sent: set[str] = set()
    url, headers = f"{client.url}/api/v1/imports", {"Authorization": f"Bearer {client.token}"}
    try:
        async with client.session.post(url, data=io.BytesIO(rows), headers=headers) as response:
            async for line in response.content:
                answer = json.loads(line)
                if answer.get("code") == 0:
                    sent.add(answer["serial"])
    except aiohttp.ClientError:
        return sent
    raise AssertionError("the import came to its end")


async def test_a_first_start_killed_at_any_file_it_writes_can_be_begun_again(tmp_path: Path) -> None:
    """Keys, certificates, ports and credentials: the next start gets by with what it finds."""
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    ensure_schema(f"sqlite:///{empty / 'reseal.db'}")
    with crashing_server(Path(shutil.copytree(empty, tmp_path / "undisturbed"))) as server:
        await server.ready()
        flushes = (await server.end())["flush"]
    assert flushes > 10

    for number, crash in enumerate(_chosen(_around(flushes, "flush"), SAMPLE["files"])):
        data = Path(shutil.copytree(empty, tmp_path / str(number)))
        with crashing_server(data, crash) as server:
            await server.ready()
            await server.end()
            assert server.crashed, crash
        with crashing_server(data) as server:
            ready = await server.ready()
            assert ready is not None, (crash, server.said)
            async with automation(ready) as client:
                assert (await client.api("GET", "/tenant")).json["id"] == ready["tenant_id"], crash
            await server.end()
            assert not server.crashed, crash
