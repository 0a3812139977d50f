"""A browser for the tests of a module, and servers with the sample tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browsing import chromium
from tests.support.first_start import copied
from tests.support.processes import ServerProcess, server


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def served(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of this module's own, with nothing on it but its first tenant."""
    folder: Path = tmp_path_factory.mktemp("pages")
    with server(copied(first_start, folder / "data")) as running:
        yield running
