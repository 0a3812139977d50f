"""The server's sessions and the modelled Windows device, on virtual time, on a line that may be bad."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from cryptography import x509

from reseal.deployment import budgets, invariant
from reseal.deployment.facts import Enrolled, Joined
from reseal.deployment.model import Deployment
from reseal.deployment.service import blockers_of, latest, observe
from reseal.device.disk import MemoryDisk
from reseal.device.hints import PlainHints
from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.status_page import Outcome
from reseal.device.transport import Failure, Request, TransportError
from reseal.esp.profiles import list_esps, update_esp
from reseal.kernel.blobs import MemoryBlobs
from reseal.kernel.clock import VirtualClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.deadlines import Ticker
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.simulation.loop import run
from reseal.kernel.storage import open_database
from reseal.managed.certificates import keep_certificate
from reseal.managed.content import ContentUrls
from reseal.managed.model import Enrolment
from reseal.managed.routes import ContentDoor
from reseal.mdm.sessions.door import SessionDoor
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.signin.lockout import Lockout
from reseal.signin.tokens import TokenSigner, load_signer
from reseal.web.routes import Listener, application
from reseal.wire.csp import LocURI
from reseal.wire.syncml import LoginStatus
from tests.conformance.conftest import OneKey
from tests.store.managed.world import CAMERA, WALLPAPER, WIFI, World, app, policy
from tests.store.mdm.sessions_bench import REACTORS, SHOWN, claims_of, nobody, with_certificate
from tests.support.scripted_server import ADDRESS, Answer, document, issued
from tests.support.scripted_server import MACHINE as MACHINE_FACTS

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
HOST = urlsplit(ADDRESS).hostname or ""
CONTENT = bytes(range(256)) * 400
_KEYS = OneKey()
AGENT = replace(app(1), sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))


@dataclass
class Line:
    """A device's way to the server; some messages or answers are lost."""

    http: httpx2.AsyncClient
    chance: SeededEntropy | None = None
    requests: int = 0
    exchanges: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Messages that reached the server, each with its answer."""

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        self.requests += 1
        roll = 99 if self.chance is None else self.chance.below(100)
        if roll < 4:
            raise TransportError(Failure.CUT, "lost on the way")
        url = urlsplit(request.url)
        path = f"{url.path}?{url.query}" if url.query else url.path
        answer = None
        for _ in range(2 if 8 <= roll < 12 else 1):
            got = await self.http.request(
                request.method, path, headers=list(request.headers), content=request.body
            )
            answer = Answer(got.status_code, list(got.headers.items()), got.content)
            if request.method == "POST":
                self.exchanges.append((request.body, got.content))
        if roll < 8:
            raise TransportError(Failure.CUT, "the answer was lost")
        assert answer is not None
        yield answer


@dataclass
class Stage:
    """A server and one device, both on virtual time."""

    clock: VirtualClock
    database: Database
    world: World
    signer: TokenSigner
    parts: Parts
    enrolment: Enrolment
    device: Management
    line: Line

    async def story(self) -> Deployment:
        """Where the story stands; nothing in it is unaccounted for."""
        found = await self.database.read(latest, self.world.tenant, self.world.registration.id)
        assert found is not None
        blockers = await self.database.read(blockers_of, self.world.tenant, found.id)
        invariant.require(found, blockers)
        return found

    async def watch(self, phase: str, most: timedelta = timedelta(minutes=90)) -> Outcome:
        """Show a page until it ends."""
        began = self.clock.monotonic()
        while (elapsed := self.clock.monotonic() - began) < most:
            shown = self.device.page(phase, elapsed)
            if shown.outcome.is_end:
                return shown.outcome
            await self.device.changed(timedelta(seconds=10))
        return shown.outcome

    async def technician(self, linger: timedelta = timedelta(minutes=4)) -> Outcome:
        """Everything between the join and the green page, which is looked at for a while."""
        self.device.bootstrap = True
        self.device.begin_pages()
        while not await self.device.sync():
            await self.clock.sleep(timedelta(seconds=20))
        return await self._during(self._green(linger))

    async def retry(self) -> Outcome:
        """Press Retry on the red page."""
        self.device.begin_pages()
        assert await self.device.sync()
        return await self._during(self._green(timedelta(minutes=4)))

    def hints(self, **changes: Any) -> None:
        """From now on installations go differently."""
        hints = self.parts.hints
        assert isinstance(hints, PlainHints)
        for name, value in changes.items():
            mapping = getattr(hints, name)
            mapping.clear()
            mapping.update(value)

    async def _green(self, linger: timedelta) -> Outcome:
        outcome = await self.watch("device")
        await self.clock.sleep(linger)
        return outcome

    async def user(
        self,
        *,
        restart: bool = True,
        login_after: timedelta = timedelta(seconds=40),
        with_token: bool = True,
    ) -> Outcome:
        """Everything between the sign-in and the desktop."""
        if restart:
            restored = Management.restored(self.parts)
            assert restored is not None
            self.device = restored
        self.device.begin_pages()

        async def give() -> str | None:
            return await self.token() if with_token else None

        self.device.user_token = give
        return await self._during(self._pages(login_after))

    async def _pages(self, login_after: timedelta) -> Outcome:
        outcome = await self.watch("device")
        if outcome is not Outcome.SUCCEEDED:
            return outcome
        await self.clock.sleep(login_after)
        self.device.user = "adele@contoso.test"
        self.device.login = LoginStatus.USER
        outcome = await self.watch("account")
        await self.clock.sleep(timedelta(minutes=8))
        return outcome

    async def _during(self, what: Any) -> Outcome:
        """The device polls and installs meanwhile."""
        task = asyncio.create_task(self.device.run())
        try:
            outcome: Outcome = await what
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return outcome

    async def token(self) -> str:
        """Of adele."""
        claims = await self.database.read(claims_of, self.world, "adele")
        return self.signer.issue_access(
            claims, issuer=f"https://{HOST}", now=self.clock.now(), token_id=UUID(int=1)
        )

    def has(self, uri: str) -> str | None:
        """What the device's tree holds."""
        user = uri.startswith("./User/")
        before, self.device.tree.user = self.device.tree.user, "adele@contoso.test" if user else None
        try:
            return self.device.tree.read(LocURI.parse(uri))
        finally:
            self.device.tree.user = before


async def _stage(quirks: Iterable[Quirk], loss: str, hints: PlainHints, handling: Handling) -> Stage:
    clock = VirtualClock(asyncio.get_running_loop(), START)
    entropy = SeededEntropy(f"stage {loss}")
    database = open_database("sqlite://", clock=clock, entropy=entropy, reactors=REACTORS, mode="inline")
    world = World()
    await database.write(world.open)
    box = SecretBox([b"k" * 32], entropy)
    signer = await database.write(load_signer, box, _KEYS)
    urls = ContentUrls([b"c" * 32], f"https://{HOST}")
    blobs = MemoryBlobs()

    async def content() -> AsyncIterator[bytes]:
        yield CONTENT

    await blobs.put(content())
    routes = (
        *SessionDoor(database, clock, signer, box, urls, Lockout(clock), handling).routes(),
        *ContentDoor(database, blobs, clock, urls).routes(),
    )
    served = application(
        routes,
        listener=Listener.DEVICE,
        hosts=lambda: frozenset({HOST}),
        authenticate=nobody,
        entropy=entropy,
    )
    client = x509.load_der_x509_certificate(issued().client)
    transport = httpx2.ASGITransport(with_certificate(served, client), raise_app_exceptions=True)
    http = httpx2.AsyncClient(transport=transport, base_url=f"https://{HOST}")
    line = Line(http, SeededEntropy(loss) if loss else None)
    parts = Parts(
        disk=MemoryDisk(),
        transport=line,
        clock=clock,
        entropy=SeededEntropy(7),
        keys=OpenSslKeys(),
        quirks=frozenset(quirks),
        hints=hints,
    )

    def assign(tx: Tx) -> Enrolment:
        update_esp(tx, world.tenant, list_esps(tx, world.tenant)[-1].id, settings=SHOWN)
        world.item(tx, "Camera", policy(CAMERA), "devices")
        world.item(tx, "Wi-Fi", WIFI, "devices")
        world.item(tx, "Agent", AGENT, "devices")
        world.item(tx, "Wallpaper", policy(WALLPAPER), "users")
        enrolment = world.enrol(tx)
        keep_certificate(tx, world.tenant, enrolment.id, issued().client, "System")
        observe(tx, world.tenant, world.registration.id, Joined(None))
        observe(tx, world.tenant, world.registration.id, Enrolled(enrolment.id, None, True))
        return enrolment

    world.enrolment = enrolment = await database.write(assign, causes=world.tenant)
    device = Management.enrolled(parts, document(), issued().key, MACHINE_FACTS)
    return Stage(clock, database, world, signer, parts, enrolment, device, line)


def play(
    story: Any,
    quirks: Iterable[Quirk] = (),
    loss: str = "",
    hints: PlainHints | None = None,
    handling: Handling = HANDLING,
) -> None:
    """Run a story with the deadlines of the server."""

    async def main() -> None:
        stage = await _stage(quirks, loss, hints or PlainHints(), handling)
        ticker = asyncio.create_task(
            Ticker(stage.database, stage.clock, budgets.HANDLERS, recheck=None).run()
        )
        try:
            await story(stage)
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)

    run(main())
