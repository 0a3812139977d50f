"""The world of a rehearsal: one clock, one network, one database, and on them one server process after
another.

The server is what `reseal up` runs, built in process from the same `wiring`: only its ports differ (inline
database, contents in memory, cheap passwords, seeded keys). It can be killed at any numbered commit, before
it or between it and its answer (`kill_at`); after a pause the next process starts on what was committed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from cryptography import x509

from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.catalog.model import AppBody, Kind
from reseal.catalog.service import find_item
from reseal.directory.tenants import tenant_by_uuid
from reseal.kernel import ca
from reseal.kernel.blobs import MemoryBlobs
from reseal.kernel.clock import VirtualClock
from reseal.kernel.db import Database, metadata
from reseal.kernel.deadlines import Ticker
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import NotFound
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import PooledKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.settings import DnsName, Settings
from reseal.kernel.storage import open_database
from reseal.kernel.workers import InlineWorkers
from reseal.rehearsal.administrator import Administrator
from reseal.rehearsal.exchange import ServerKilled
from reseal.rehearsal.faults import NO_FAULTS, Faults
from reseal.rehearsal.link import Link
from reseal.rehearsal.network import Listener, Network
from reseal.server import wiring
from reseal.signin.passwords import Passwords
from reseal.web import routes as web
from reseal.web.refusals import telling

START: Final = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)
"""A Monday morning."""
BROWSER: Final = "login.reseal.example"
DEVICE: Final = "mdm.reseal.example"
DEFAULT_DOMAIN: Final = "contoso.example"

Moment = Literal["before", "after"]

_RESTART: Final = timedelta(seconds=5)
_databases = itertools.count(1)


class _Blobs(MemoryBlobs):
    """Contents in memory, which can be damaged."""

    def damage(self, sha256: str) -> None:
        """Flip a bit in the middle of a content; it keeps its name."""
        content = bytearray(self._contents[sha256])
        content[len(content) // 2] ^= 1
        self._contents[sha256] = bytes(content)


@dataclass(slots=True)
class _Process:
    """One run of the server."""

    parts: wiring.Parts
    listeners: tuple[Listener, ...]
    ticker: asyncio.Task[None]


class World:
    """Use as `async with World.open(entropy) as world`; then `admin` configures, `link` joins devices."""

    def __init__(
        self, entropy: SeededEntropy, start: datetime, domain: str, names: Mapping[str, str]
    ) -> None:
        self.entropy = entropy
        self.clock = VirtualClock(asyncio.get_running_loop(), start)
        self.keys = PooledKeys(entropy.fork("keys"))
        self.network = Network(self.clock, names)
        self.blobs = _Blobs()
        self.domain = domain
        self.commits = 0
        """Commits so far, over all processes."""
        self.kills = 0
        self._entropy = entropy.fork("server")
        self._box_key = self._entropy.bytes(32)
        self._authority, self._chains = self._certificates()
        self._url = f"sqlite:///file:rehearsal-{next(_databases)}?mode=memory&cache=shared&uri=true"
        self._keeper = sa.create_engine(self._url, poolclass=sa.pool.StaticPool)
        self._process: _Process | None = None
        self._processes = 0
        self._killed = 0
        """Number of the last process that was killed."""
        self._strikes: Callable[[Moment, int], bool] = lambda _moment, _number: False
        self._restarting: asyncio.Task[None] | None = None
        self._passwords = Passwords.cheap()
        self._admin: Administrator | None = None
        self._tenant: TenantKey | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        entropy: SeededEntropy,
        *,
        start: datetime = START,
        domain: str = DEFAULT_DOMAIN,
        access_points: Mapping[str, str] | None = None,
    ) -> AsyncIterator[World]:
        """A world with a running server and one organisation of that domain, not yet configured."""
        world = cls(entropy, start, domain, access_points or {})
        try:
            with world._keeper.connect() as connection:
                metadata.create_all(connection)
                connection.commit()
            await world._start()
            await world._first_tenant()
            yield world
        finally:
            await world._close()

    # --- what others use ------------------------------------------------------------------------------------

    @property
    def db(self) -> Database:
        """The database of the running process."""
        return self.parts.db

    @property
    def parts(self) -> wiring.Parts:
        """The ports of the running process."""
        if self._process is None:
            raise RuntimeError("the server is down")
        return self._process.parts

    @property
    def tenant(self) -> TenantKey:
        """The organisation."""
        assert self._tenant is not None
        return self._tenant

    @property
    def admin(self) -> Administrator:
        """Who configures the organisation; holds the passwords of its users."""
        assert self._admin is not None
        return self._admin

    @property
    def anchors(self) -> tuple[x509.Certificate, ...]:
        """What devices trust."""
        return (self._authority.root,)

    @property
    def device_url(self) -> str:
        """How devices reach the server."""
        return f"https://{DEVICE}"

    def link(
        self,
        name: str,
        *,
        faults: Faults = NO_FAULTS,
        clock: VirtualClock | None = None,
        cable: bool = True,
    ) -> Link:
        """A way to the network for the device called `name`, with dice of its own."""
        return Link(
            self.network,
            name,
            anchors=self.anchors,
            clock=clock or self.clock,
            entropy=self.entropy.fork(f"link {name}"),
            faults=faults,
            cable=cable,
        )

    async def damage(self, app: str) -> None:
        """Flip a bit in the stored file of an app. Raises `NotFound` if there is none of that name."""
        found = await self.db.read(find_item, self.tenant, Kind.APP, app)
        if found is None or not isinstance(found.body, AppBody):
            raise NotFound(code="NoSuchApp", message=f"There is no app {app!r}.", remedy="Name one.")
        self.blobs.damage(found.body.sha256)

    def committed(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """What a statement finds in everything that is committed: read beside the server, taking no time."""
        with self._keeper.connect() as connection:
            return connection.execute(statement).all()

    def kill_at(self, moment: Moment, commit: int) -> None:
        """Have the server killed at commit number `commit` (counted by `commits`), before it or after."""
        self.kill_when(lambda when, number: (when, number) == (moment, commit))

    def kill_when(self, strikes: Callable[[Moment, int], bool]) -> None:
        """Have the server killed before or after each commit for which `strikes` says so, asked by number."""
        self._strikes = strikes

    def kill(self) -> None:
        """Kill the server now, or while it starts; it comes again by itself after some seconds."""
        if self._processes == self._killed:
            return
        self._killed = self._processes
        self.kills += 1
        process, self._process = self._process, None
        if process is None:
            return
        for listener in process.listeners:
            self.network.kill(listener)
        process.ticker.cancel()
        loop = asyncio.get_running_loop()
        self._restarting = loop.create_task(self._restart(process), name="the server's keeper")

    async def up(self) -> None:
        """Wait until the server runs."""
        while self._process is None:
            await self.clock.sleep(timedelta(seconds=1))

    # --- processes ------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        self._processes += 1
        entropy = self._entropy.fork(f"process {self._processes}")
        db = open_database(
            self._url,
            clock=self.clock,
            entropy=entropy,
            reactors=wiring.REACTORS,
            probe=partial(self._probe, self._processes),
            mode="inline",
        )
        try:
            parts = await self._parts(db, entropy)
        except ServerKilled:
            await db.close()
            raise
        ticker = Ticker(db, self.clock, wiring.DEADLINES, recheck=None)
        loop = asyncio.get_running_loop()
        running = loop.create_task(ticker.run(), name=f"deadlines of process {self._processes}")
        self._process = _Process(parts, self._listeners(parts), running)
        for listener, name in zip(self._process.listeners, (BROWSER, DEVICE), strict=True):
            self.network.listen(name, listener)

    async def _parts(self, db: Database, entropy: SeededEntropy) -> wiring.Parts:
        box = SecretBox([self._box_key], entropy)
        keys = self.keys.fork(f"process {self._processes}")
        return wiring.Parts(
            db=db,
            blobs=self.blobs,
            workers=InlineWorkers(),
            passwords=self._passwords,
            clock=self.clock,
            entropy=entropy,
            settings=Settings(data_directory=Path("rehearsal"), tenant_domain=DnsName(self.domain)),
            keyring=await db.write(wiring.load_keyring, box, keys, self.clock, self.device_url),
            public_url=f"https://{BROWSER}",
            device_url=self.device_url,
        )

    def _listeners(self, parts: wiring.Parts) -> tuple[Listener, Listener]:
        routes, authenticate = wiring.routes(parts)

        def listener(kind: web.Listener, name: str) -> Listener:
            app = web.application(
                routes,
                listener=kind,
                hosts=lambda: frozenset({BROWSER, DEVICE}),
                authenticate=authenticate,
                entropy=parts.entropy,
                tell=telling(kind),
            )
            return Listener(app, self._chains[name], asks_certificate=kind is web.Listener.DEVICE)

        return listener(web.Listener.BROWSER, BROWSER), listener(web.Listener.DEVICE, DEVICE)

    def _probe(self, process: int, moment: Moment, _number: int) -> None:
        """Called by the database of a process around each commit. A killed one commits nothing more."""
        if process <= self._killed:
            raise ServerKilled
        if moment == "before":
            self.commits += 1
        if self._strikes(moment, self.commits):
            self.kill()
            raise ServerKilled

    async def _restart(self, process: _Process) -> None:
        await self._bury(process)
        while self._process is None:
            await self.clock.sleep(_RESTART)
            with suppress(ServerKilled):  # in the middle of its start
                await self._start()

    async def _bury(self, process: _Process) -> None:
        """See the end of everything a process had under way."""
        await asyncio.gather(process.ticker, return_exceptions=True)
        for listener in process.listeners:
            for exchange in list(listener.running):
                await exchange.ended()
        await process.parts.db.close()

    async def _close(self) -> None:
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        process, self._process = self._process, None
        if process is not None:
            process.ticker.cancel()
            for listener in process.listeners:
                self.network.kill(listener)
            await self._bury(process)
        self._keeper.dispose()

    # --- the organisation -----------------------------------------------------------------------------------

    async def _first_tenant(self) -> None:
        parts = self.parts
        secrets = await make_secrets(parts.entropy, parts.passwords, parts.workers)
        made = await parts.db.write(
            create_tenancy, parts.settings.tenant_name, self.domain, secrets, permissions=(PLATFORM,)
        )
        self._tenant = (await parts.db.read(tenant_by_uuid, made.tenant_id)).id
        credentials: dict[str, Any] = made.credentials(secrets)
        self._admin = Administrator(self.link("administrator"), f"https://{BROWSER}", credentials)

    def _certificates(self) -> tuple[ca.Authority, dict[str, tuple[x509.Certificate, ...]]]:
        make: dict[str, Any] = {"clock": self.clock, "entropy": self._entropy.fork("certificates")}
        names = ca.Names(dns=(BROWSER, DEVICE))
        root = ca.make_root(
            "Rehearsal TLS root", self.keys.rsa(), purposes=(ca.SERVER_AUTH,), names=names, **make
        )
        issuing = ca.make_intermediate(root, "Rehearsal TLS issuing", self.keys.rsa(), **make)
        return root, {
            name: (
                ca.issue(issuing, self.keys.rsa().public_key(), ca.server_profile([name]), **make),
                issuing.certificate,
            )
            for name in (BROWSER, DEVICE)
        }
