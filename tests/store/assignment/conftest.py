"""An organisation in a database whose units react as far as assignment."""

from __future__ import annotations

import pytest

from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database
from tests.store.assignment.world import REACTORS, Announced, World


@pytest.fixture
def announced() -> Announced:
    """What the reactor of assignment announces."""
    return Announced()


@pytest.fixture
def reactors(announced: Announced) -> tuple[Reactor, ...]:
    """Membership, effective sets, and somebody who listens."""
    return (*REACTORS, announced.reactor)


@pytest.fixture
async def world(database: Database, announced: Announced) -> World:
    """A new organisation."""
    return await World.open(database, announced)
