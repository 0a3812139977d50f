"""These tests run under the reactors of the floors up to this one."""

from __future__ import annotations

import pytest

from reseal.deployment import reacting
from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database
from tests.store.deployment.device import Device
from tests.store.managed import world as managed
from tests.support.clock import ManualClock


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to deployments."""
    return (*managed.REACTORS, reacting.REACTOR)


@pytest.fixture
async def device(database: Database, clock: ManualClock) -> Device:
    """A registered device that was never seen."""
    return await Device.register(database, clock)
