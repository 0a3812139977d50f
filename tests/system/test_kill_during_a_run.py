"""kill -9 in the middle of whole runs: servers and laptops as processes, everything over TLS.

A run is the technician flow, Reseal and the user flow of one laptop. On its way the server is killed when the
log has so many events more than at the beginning, and the laptop when the log has so many, or its installer's
journal so many lines; a seed decides how many. The server is started again on the same directory; before the
laptop somebody gives the same command again. What is asked at the end:

    the laptop    is at its desktop; each app has one `end` in the journal; policies, certificate, network and
                  files are read back and are those of the catalogue (`rehearsal.verdict`)
    the server    is at the same end; its blockers cover the run; no handler raised; the log verifies
    both          what was acknowledged is in the log since before it was acknowledged (`acknowledged`)
    a reader      of the log's stream, who comes back after each restart, saw each position once
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa

from reseal.cli import app as cli
from reseal.device import tpm
from reseal.device.folder import FolderDisk, look_at, make
from reseal.device.hardware import install, sample_endorsement_key, sample_laptop
from reseal.device.journal import read_journal
from reseal.directory.tenants import find_tenant
from reseal.kernel import events
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.events import SealedEvent
from reseal.kernel.events.chain import event
from reseal.kernel.locks import holder_of
from reseal.kernel.storage import open_database
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.record import all_events
from reseal.rehearsal.scenario import Expectation, Outcome
from reseal.rehearsal.standing import Standing, standing_of
from reseal.rehearsal.verdict import Case, causes
from tests.simulation.acknowledged import unpaid
from tests.simulation.crash_points import not_installed_once
from tests.support import heard_device
from tests.support.client import Client, automation
from tests.support.first_start import copied
from tests.support.forwarding import Forwarder, forwarding
from tests.support.hearing import Heard, LogBesideServer
from tests.support.postgres import Server
from tests.support.processes import CONTOSO, Forked, ServerProcess
from tests.system.following import Follower, following
from tests.system.sample import sample_document, upload_contents

SEEDS = range(30) if os.environ.get("RESEAL_SOAK") == "1" else range(6)
TRIES = 10
"""So often a command is given at most, whatever ends it."""
PATIENCE = 600
"""Seconds after which a run counts as hanging, however busy the machine is."""
LOOK = 0.01
MACHINE = sample_laptop("contoso", 1)

MANNER = ("--pace", "40", "--retries", "2", "--without", "parkedInstall")
"""Of the quirks of Windows that is left out for which the server waits, and it does not hurry."""
ADELE = "adele@contoso.example"

pytestmark = pytest.mark.slow

# --- where, and when ----------------------------------------------------------------------------------------

Flow = Literal["technician", "user"]
FLOWS: tuple[Flow, Flow] = ("technician", "user")


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Where something is killed: when so many events, or lines, have come since the flow began."""

    flow: Flow
    number: int
    of: Literal["event", "line"]
    victim: Literal["server", "laptop"]


KILLS: Mapping[Flow, Mapping[str, int]] = {
    "technician": {"server": 3, "laptop": 2},
    "user": {"server": 2, "laptop": 1},
}
"""At events of each flow; the laptop is killed at one line of each flow besides."""
EVENTS: Mapping[Flow, int] = {"technician": 40, "user": 20}
"""So many come to the log in every run, at least."""
LINES: Mapping[Flow, int] = {"technician": 4, "user": 2}
"""So many come to the journal: two for each app that its page waits for."""


def points(seed: int) -> list[Point]:
    """A run's points, all over the story."""
    chance = SeededEntropy(f"kills during run {seed}")
    chosen = []
    for flow in FLOWS:
        for victim in ("server", "laptop"):
            numbers = _spread(chance, EVENTS[flow], KILLS[flow][victim])
            chosen += [Point(flow, number, "event", victim) for number in numbers]
        chosen += [Point(flow, number, "line", "laptop") for number in _spread(chance, LINES[flow], 1)]
    return chosen


def _spread(chance: SeededEntropy, count: int, sample: int) -> list[int]:
    """So many numbers from 1 to `count`: a drawn one out of each of as many equal parts."""
    bounds = [1 + part * count // sample for part in range(sample + 1)]
    return [low + chance.below(high - low) for low, high in pairwise(bounds)]


# --- the run ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Laptop:
    """A laptop in its directory, what it is told of its server, and what is written beside it."""

    folder: Path
    ready: Path
    passwords: Path
    database_url: str

    @property
    def disk(self) -> FolderDisk:
        """For reading."""
        return look_at(self.folder)

    @property
    def notes(self) -> Path:
        """What it was acknowledged."""
        return self.folder.with_name("notes.jsonl")

    @property
    def log(self) -> Path:
        """What its commands told."""
        return self.folder.with_name("laptop.log")

    def switched_on(self, flow: Flow, *options: str | Path) -> Forked:
        """A `reseal device` command as a process."""
        told = [*options, *MANNER, "--ready-file", self.ready]
        command = [self.notes, self.database_url, "device", flow, self.folder, *told]
        return Forked(heard_device.run_heard, command, out=self.log)


@dataclass(slots=True)
class Run:
    """A run under way."""

    servers: list[ServerProcess]
    """The first one is killed; it comes again if it `returns`."""
    laptop: Laptop
    log: LogBesideServer
    left: list[Point]
    returns: bool = True
    killed: list[str] = field(default_factory=list)
    failures: int = 0
    """How often somebody had to come again because the laptop had failed."""
    _process: Forked | None = None
    _restart: asyncio.Task[None] | None = None

    async def play(self) -> None:
        """Both flows, with whatever is killed."""
        user = ("--upn", ADELE, "--password-file", self.laptop.passwords)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._flow("technician")
                await self._flow("user", *user)
                await self._up()
        except TimeoutError as error:
            raise AssertionError(f"the run hangs:\n{self.told}") from error

    async def _flow(self, flow: Flow, *options: str | Path) -> None:
        """Give the command until it has done what it is for; nobody comes again before the server is up."""
        begun = self._reached()
        for _ in range(TRIES):
            self._process = process = self.laptop.switched_on(flow, *options)
            while (code := process.returncode) is None:
                await self._kill(flow, begun)
                await asyncio.sleep(LOOK)
            if code == 0:
                return
            assert code in {-signal.SIGKILL, 2}, f"the {flow}'s command ended with {code}:\n{self.told}"
            self.failures += code == 2
            await self._up()
        raise AssertionError(f"the {flow} came to no end:\n{self.told}")

    def end(self) -> None:
        """No server is left."""
        for each in self.servers:
            each.kill()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    @property
    def told(self) -> str:
        """What all of them said."""
        return "\n".join([str(self.killed), self.laptop.log.read_text(), *(one.said for one in self.servers)])

    # --- killing

    def _reached(self) -> Counter[str]:
        return Counter(event=self.log.reached(), line=len(read_journal(self.laptop.disk)))

    async def _kill(self, flow: Flow, begun: Counter[str]) -> None:
        reached = self._reached()
        reached.subtract(begun)
        for point in [each for each in self.left if each.flow == flow and each.number <= reached[each.of]]:
            if self._kill_server() if point.victim == "server" else self._kill_laptop():
                self.left.remove(point)
                self.killed.append(f"{point.victim} at {point.of} {reached[point.of]} of the {flow} flow")

    def _kill_server(self) -> bool:
        """Unless it is not there."""
        if self._restart is not None and not self._restart.done():
            return False
        self.servers[0].kill()
        if self.returns:
            self._restart = asyncio.create_task(self._start_again())
        return True

    async def _start_again(self) -> None:
        data = self.servers[0].data
        self.servers[0] = ServerProcess(data)
        await asyncio.to_thread(self.servers[0].wait_ready)

    async def _up(self) -> None:
        if self._restart is not None:
            await self._restart

    def _kill_laptop(self) -> bool:
        """Unless it is off: the command has to have come to where it takes the laptop's disk."""
        process = self._process
        if process is None or process.returncode is not None or holder_of(self.laptop.folder) != process.pid:
            return False
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


# --- the end ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """What is in the database at the end."""

    standing: Standing | None
    log: list[SealedEvent]
    positions: dict[int, int]
    """Of the log's rows."""
    broken: str


def _find(tx: Tx) -> _Found:
    tenant = find_tenant(tx, "contoso.example")
    assert tenant is not None
    verified = events.verify(tx, tenant.id)
    rows = sa.select(event.c.id, event.c.position).where(event.c.tenant_id == tenant.id).order_by(event.c.id)
    return _Found(
        standing=standing_of(tx, tenant.id, MACHINE.serial),
        log=all_events(tx, tenant.id),
        positions={row.id: row.position for row in tx.rows(rows)},
        broken="" if verified.intact else verified.reason,
    )


async def wrong(run: Run, reader: Follower) -> list[str]:
    """What must not be, once everybody has come to an end and the servers were stopped."""
    laptop = run.laptop
    database = open_database(laptop.database_url, clock=SystemClock(), entropy=SeededEntropy("look"))
    found = await database.read(_find)
    await database.close()
    standing, log = found.standing, found.log
    assert standing is not None
    device = Evidence.of(laptop.disk, SystemClock())
    desktop = Expectation(Outcome.DESKTOP)
    heard = [_placed(one, found) for one in heard_device.read_notes(laptop.notes)]
    assert len(heard) > 20, "hardly anything was acknowledged"
    return [
        *causes(
            Case(
                expected=desktop,
                ended=desktop,
                message="",
                upn=ADELE,
                device=device,
                server=standing,
                log=tuple(log),
            )
        ),
        *not_installed_once(device, standing.shall),
        *unpaid(heard, log, standing.shall),
        *([found.broken] if found.broken else []),
        *(f"never killed: {point}" for point in run.left),
        *(line for one in run.servers for line in one.said.splitlines() if "Traceback" in line),
        *_misread(reader, log),
    ]


def _placed(one: Heard, found: _Found) -> Heard:
    """With the position of what had none yet."""
    return replace(one, position=found.positions.get(one.row, 0))


def _misread(reader: Follower, log: Sequence[SealedEvent]) -> list[str]:
    """A server works on after the reader had caught up and left: the log's last events are nobody's."""
    if reader.positions != list(range(1, len(reader.positions) + 1)):
        return [f"of {len(log)} events the reader saw {reader.positions}"]
    seen = [bytes.fromhex(each["digest"]) for each in reader.events]
    there = [each.digest for each in log[: len(seen)]]
    return [] if seen == there else ["the reader saw other events than there are"]


# --- one server, killed and started again -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """Copies of it begin the runs."""

    folder: Path

    @property
    def data(self) -> Path:
        """Of a server."""
        return self.folder / "data"

    @property
    def laptop(self) -> Path:
        """It was never switched on."""
        return self.folder / "laptop"

    @property
    def passwords(self) -> Path:
        """Of the users."""
        return self.folder / "passwords.json"


async def furnish(client: Client, stage: Stage) -> None:
    """Give the organisation what the sample tenant has, and make its first laptop."""
    await upload_contents(client)
    applied = await client.api("POST", "/blueprint/apply", json=sample_document())
    assert applied.status == 200, applied
    imported = await client.api("POST", "/imports", data=(CONTOSO / "devices.csv").read_bytes())
    assert imported.lines[-1]["done"]["refused"] == 0, imported
    stage.passwords.write_text(json.dumps(applied.json["passwords"]))
    disk = make(stage.laptop)
    tpm.fit(disk, sample_endorsement_key("contoso", 1))
    install(MACHINE, disk)


@pytest.fixture(scope="module")
async def furnished(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """On SQLite."""
    stage = Stage(tmp_path_factory.mktemp("furnished"))
    running = ServerProcess(copied(first_start, stage.data))
    try:
        async with automation(running.wait_ready()) as client:
            await furnish(client, stage)
        assert running.stop() == 0
    finally:
        running.kill()
    return stage


def _laptop(stage: Stage, folder: Path, ready: Path, database_url: str) -> Laptop:
    laptop = shutil.copytree(stage.laptop, folder / "laptop")
    return Laptop(laptop, ready, stage.passwords, database_url)


async def _verify(laptop: Laptop) -> None:
    command = Forked(cli.run, ["events", "verify", "--ready-file", laptop.ready], out=laptop.log)
    assert await asyncio.to_thread(command.wait) == 0, laptop.log.read_text()


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_run_goes_on_wherever_its_server_and_its_laptop_are_killed(
    seed: int, furnished: Stage, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(furnished.data, tmp_path / "data"))
    url = f"sqlite:///{data / 'reseal.db'}"
    with ExitStack() as stack:
        running = ServerProcess(data)
        stack.callback(running.kill)
        ready = await asyncio.to_thread(running.wait_ready)
        laptop = _laptop(furnished, tmp_path, running.ready_file, url)
        log = LogBesideServer(url)
        stack.callback(log.close)
        run = Run([running], laptop, log, points(seed))
        stack.callback(run.end)
        async with automation(ready) as client, following(client) as reader:
            await run.play()
            await reader.caught_up()
        await _verify(laptop)
        assert run.servers[0].stop() == 0

    found = await wrong(run, reader)
    assert not found, "\n".join([*found, run.told])
    assert Counter(each.split()[0] for each in run.killed) == {"server": 5, "laptop": 5}
    assert reader.answers > 3, "the reader hardly had to come back"


# --- two replicas, one of which dies ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Site:
    """Two replicas behind a balancer that leaves TLS alone."""

    replicas: list[ServerProcess]
    stage: Stage
    ready: Path
    """As who comes through the balancer knows the site."""
    browsers: Forwarder
    devices: Forwarder
    database_url: str


@pytest.fixture
async def site(first_start: Path, tmp_path: Path, postgresql_server: Server) -> AsyncIterator[Site]:
    """On PostgreSQL, furnished. Browsers come to the first replica as long as it lives, devices to both in
    turn.
    """
    name = f"kill_{os.getpid()}"
    postgresql_server.create(name, template="template1")
    (tmp_path / "key").write_text("5e" * 32)
    async with AsyncExitStack() as stack:
        browsers = await stack.enter_async_context(forwarding())
        devices = await stack.enter_async_context(forwarding(in_turn=True))
        settings = {
            "RESEAL_DATABASE_URL": postgresql_server.url(name),
            "RESEAL_KEY_FILE": str(tmp_path / "key"),
            "RESEAL_BLOB_DIR": str(tmp_path / "blobs"),
            "RESEAL_PUBLIC_URL": f"https://localhost:{browsers.port}",
            "RESEAL_DEVICE_URL": f"https://localhost:{devices.port}",
        }
        replicas = []
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir(mode=0o700)
            shutil.copytree(first_start / "tls", tmp_path / folder / "tls")
            replicas.append(ServerProcess(tmp_path / folder, **settings))
            stack.callback(replicas[-1].kill)
        ready = [await asyncio.to_thread(each.wait_ready) for each in replicas]
        ports = [json.loads((each.data / "ports.json").read_text()) for each in replicas]
        browsers.places = [each["browser"] for each in ports]
        devices.places = [each["device"] for each in ports]
        (found,) = filter(_knows_the_credentials, ready)
        (tmp_path / "ready.json").write_text(json.dumps(found))
        stage = Stage(tmp_path)
        async with automation(found) as client:
            await furnish(client, stage)
        yield Site(replicas, stage, tmp_path / "ready.json", browsers, devices, postgresql_server.url(name))
    postgresql_server.drop(name)


def _knows_the_credentials(ready: dict[str, str]) -> bool:
    """The replica that made the first tenant does."""
    return Path(ready["credentials_file"]).exists()


@pytest.mark.postgresql
async def test_a_run_goes_on_when_one_of_two_replicas_dies_for_good(site: Site, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    laptop = _laptop(site.stage, tmp_path / "run", site.ready, site.database_url)
    log = LogBesideServer(site.database_url)
    once = [each for each in points(0) if each.victim == "laptop"] + [
        Point("technician", 30, "event", "server")
    ]
    run = Run(site.replicas, laptop, log, once, returns=False)
    ready = json.loads(site.ready.read_text())
    async with automation(ready) as client, following(client) as reader:
        await run.play()
        await reader.caught_up()
    await _verify(laptop)
    log.close()
    assert site.replicas[1].stop() == 0

    found = await wrong(run, reader)
    assert not found, "\n".join([*found, run.told])
    assert len(run.killed) == 6
    assert site.replicas[0].process.returncode == -signal.SIGKILL
    assert min(site.devices.served[place] for place in site.devices.places) > 0, "one replica had no device"
    assert [site.browsers.served[place] > 0 for place in site.browsers.places] == [True, True]
