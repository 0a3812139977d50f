"""These tests run under the reactors of the floors up to this one."""

from __future__ import annotations

import pytest

from reseal.kernel.changes import Reactor
from tests.store.managed.world import REACTORS, World


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to enrolments."""
    return REACTORS


@pytest.fixture
def world() -> World:
    """An organisation to be opened by the first unit of a test."""
    return World()
