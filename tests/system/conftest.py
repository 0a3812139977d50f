"""Servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.settings import Settings
from reseal.server.running import running
from tests.support.client import Client, connected
from tests.support.clock import ShiftedClock
from tests.support.first_start import copied
from tests.system.organisations import Organisation, found

UPLOAD_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class House:
    """A running server in this process, with real sockets and real TLS, and two organisations on it.

    `contoso` and `fabrikam` have one of everything; what is done with an organisation's client is seen by the
    other tests of the module.
    """

    ready: dict[str, Any]
    clock: ShiftedClock
    settings: Settings
    contoso: Organisation
    fabrikam: Organisation
    browser: Client
    device: Client

    async def client_of(self, organisation: Organisation) -> Client:
        """A client of the browser listener with a fresh token of the organisation."""
        return await self.browser.signed_in(organisation.credentials)


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server for a module."""
    settings = Settings(
        data_directory=tmp_path_factory.mktemp("house") / "data", max_upload_bytes=UPLOAD_LIMIT
    )
    settings.data_directory.mkdir()
    contoso, fabrikam = await found(settings.database)
    clock = ShiftedClock()
    async with (
        running(settings, clock=clock, entropy=SystemEntropy()) as ready,
        connected(ready) as browser,
        connected(ready, "device") as device,
    ):
        house = House(ready, clock, settings, contoso, fabrikam, browser, device)
        for organisation in (contoso, fabrikam):
            client = await house.client_of(organisation)
            await client.api("PUT", f"/content/{organisation.digest}", data=organisation.content)
        yield house


@pytest.fixture
def data(first_start: Path, tmp_path: Path) -> Path:
    """A data directory whose server was started once before: starting it again takes a moment only."""
    return copied(first_start, tmp_path / "data")
