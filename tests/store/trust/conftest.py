"""The bench, under the reactors of the floors up to the doors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database
from tests.store.autopilot.support import REACTORS
from tests.store.join.bench import Bench, Laptop, open_bench
from tests.support.clock import ManualClock


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to profiles and pages."""
    return REACTORS


@pytest.fixture
async def bench(database: Database, clock: ManualClock) -> AsyncIterator[Bench]:
    """An organisation whose laptops come to the doors."""
    async with open_bench(database, clock) as opened:
        yield opened


@pytest.fixture
def laptop(clock: ManualClock) -> Laptop:
    """A laptop, switched on."""
    return Laptop.made(1, clock)
