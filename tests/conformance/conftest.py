"""The office in which the numbered checks are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from starlette.types import ASGIApp

from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.kernel.blobs import MemoryBlobs
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.settings import Settings
from reseal.kernel.workers import InlineWorkers
from reseal.server import wiring
from reseal.signin.passwords import Passwords
from reseal.web.routes import Listener, application
from tests.conformance.office import Office
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of

DEVICE_URL = f"https://devices.{HOST}"


class OneKey(OpenSslKeys):
    """Always the same RSA key: making one takes as long as a whole test."""

    def __init__(self) -> None:
        self._key = super().rsa()

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        return self._key


@pytest.fixture(scope="session")
def signing_keys() -> OneKey:
    """The key with which tokens are signed, in all tests."""
    return OneKey()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh SQLite database, or of the kind that `both_databases` says."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    return url


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """The server's settings; a test may give some as an indirect parameter."""
    given: dict[str, Any] = getattr(request, "param", {})
    return Settings(data_directory=tmp_path, **given)


@pytest.fixture
async def parts(
    database: Database, clock: ManualClock, entropy: SeededEntropy, settings: Settings, signing_keys: OneKey
) -> wiring.Parts:
    """What a server process has: everything real but contents in memory and passwords hashed in a moment."""
    return wiring.Parts(
        db=database,
        blobs=MemoryBlobs(),
        workers=InlineWorkers(),
        passwords=Passwords.cheap(),
        clock=clock,
        entropy=entropy,
        settings=settings,
        keyring=await database.write(
            wiring.load_keyring, SecretBox([b"k" * 32], entropy), signing_keys, clock, DEVICE_URL
        ),
        public_url=f"https://{HOST}",
        device_url=DEVICE_URL,
    )


@pytest.fixture
async def office(parts: wiring.Parts, clock: ManualClock) -> AsyncIterator[Office]:
    """Contoso, with nothing but its administrator."""
    secrets = await make_secrets(parts.entropy, parts.passwords, parts.workers)
    made = await parts.db.write(
        create_tenancy, "Contoso", "contoso.example", secrets, permissions=(PLATFORM,)
    )
    async with client_of(_browser_listener(parts)) as http:
        yield Office(http, parts.db, clock, made.credentials(secrets))


def _browser_listener(parts: wiring.Parts) -> ASGIApp:
    routes, authenticate = wiring.routes(parts)
    return application(
        routes,
        listener=Listener.BROWSER,
        hosts=lambda: frozenset({HOST}),
        authenticate=authenticate,
        entropy=parts.entropy,
    )
