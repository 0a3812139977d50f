"""The office of the checks of enrolment, as a fixture for their modules."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from tests.store.managed.world import REACTORS
from tests.support.clock import ManualClock
from tests.support.enrolling import Office

__all__ = ["office", "reactors"]


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to enrolments."""
    return REACTORS


@pytest.fixture
async def office(database: Database, clock: ManualClock, entropy: SeededEntropy) -> AsyncIterator[Office]:
    """Contoso, whose devices may enrol."""
    office = Office(database, clock, entropy)
    await office.open()
    async with office.http:
        yield office
