"""The whole server as its own wiring makes it: its device listener, for messages that we did not write, and
its browser listener, for the pages of enrolment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from reseal.catalog.model import Body
from reseal.directory.joining import set_mdm_scope
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user, set_password_hash
from reseal.esp.profiles import ensure_default
from reseal.kernel.blobs import MemoryBlobs
from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.settings import Settings
from reseal.kernel.workers import InlineWorkers
from reseal.mdm.sessions.door import MEDIA_TYPE, PATH
from reseal.server import wiring
from reseal.web.routes import Listener, application
from tests.store.managed.world import World
from tests.store.signin.world import Browser
from tests.support.clock import ManualClock
from tests.support.enrolling import URL, Office, SameKeys
from tests.support.http import HOST, client_of

__all__ = ["OTHER_HOST", "Server", "reactors", "server"]


OTHER_HOST = f"www.{HOST}"
"""Another name under which the server may be called."""


class Server(Office):
    """Contoso's server with every door; besides contoso.test there is contoso.com, of published messages."""

    def __init__(
        self, database: Database, clock: ManualClock, entropy: SeededEntropy, directory: Path
    ) -> None:
        super().__init__(database, clock, entropy)
        self.directory = directory
        self.world = World()
        self.browser: Browser

    async def open(self) -> None:
        """Start it, with the organisations and their users."""
        keyring = await self.database.write(wiring.load_keyring, self.box, SameKeys(), self.clock, URL)
        self.signer, self.authorities = keyring.signer, keyring.authorities
        await self.database.write(self._furnish)
        await self.database.write(self._furnish_published)
        self.world.tenant = self.tenant
        parts = wiring.Parts(
            db=self.database,
            blobs=MemoryBlobs(),
            workers=InlineWorkers(),
            passwords=self.passwords,
            clock=self.clock,
            entropy=self.entropy,
            settings=Settings(data_directory=self.directory),
            keyring=keyring,
            public_url=URL,
            device_url=URL,
        )
        routes, authenticate = wiring.routes(parts)
        devices, browsers = (
            application(
                routes,
                listener=listener,
                hosts=lambda: frozenset({HOST, OTHER_HOST}),
                authenticate=authenticate,
                entropy=self.entropy,
            )
            for listener in (Listener.DEVICE, Listener.BROWSER)
        )
        self.http = client_of(self._showing_certificates(devices))
        self.browser = Browser(client_of(browsers))

    def _furnish_published(self, tx: Tx) -> None:
        tenant = create_tenant(tx, "Contoso Phone", "contoso.com").id
        ensure_default(tx, tenant)
        set_mdm_scope(tx, tenant, MdmScope.ALL)
        user = create_user(tx, tenant, "user@contoso.com", "User")
        set_password_hash(tx, tenant, user.id, self.passwords.hash("mypassword", self.entropy))

    async def deliver(self, name: str, body: Body, whom: str = "devices") -> None:
        """Have the organisation deliver something to all `devices` or `users`."""
        await self.database.write(self.world.item, name, body, whom, causes=self.tenant)

    async def say(self, message: bytes, **headers: str) -> httpx2.Response:
        """Send a message of a session."""
        return await self.http.post(PATH, content=message, headers={"Content-Type": MEDIA_TYPE, **headers})


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """All of them, as the server has them."""
    return wiring.REACTORS


@pytest.fixture
async def server(
    database: Database, clock: ManualClock, entropy: SeededEntropy, tmp_path: Path
) -> AsyncIterator[Server]:
    """The server, started."""
    server = Server(database, clock, entropy, tmp_path)
    await server.open()
    async with server.http, server.browser.http:
        yield server
