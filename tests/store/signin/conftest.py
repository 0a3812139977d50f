"""Contoso with its people, and a browser in front of the authorization server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from reseal.kernel.blobs import MemoryBlobs
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.workers import InlineWorkers
from reseal.signin.lockout import Lockout
from reseal.signin.passwords import Passwords
from reseal.signin.routes import SignIn
from reseal.signin.tokens import load_signer
from tests.store.signin.world import Town, app_of
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of


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
async def signin(
    database: Database, clock: ManualClock, entropy: SeededEntropy, signing_keys: OneKey
) -> SignIn:
    """The authorization server."""
    return SignIn(
        db=database,
        signer=await database.write(load_signer, SecretBox([b"k" * 32], entropy), signing_keys),
        passwords=Passwords.cheap(),
        workers=InlineWorkers(),
        clock=clock,
        entropy=entropy,
        lockout=Lockout(clock),
        public_url=f"https://{HOST}",
        device_url=f"https://devices.{HOST}",
        blobs=MemoryBlobs(),
    )


@pytest.fixture
async def town(signin: SignIn, clock: ManualClock) -> AsyncIterator[Town]:
    """Two organisations and their people, seen by browsers."""
    app = app_of(signin)
    async with client_of(app) as http:
        town = Town(signin, clock, http, app)
        await town.settle()
        yield town
