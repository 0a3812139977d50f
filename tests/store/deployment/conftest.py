"""These tests run under the reactors of the floors up to this one."""

from __future__ import annotations

import pytest

from reseal.deployment import reacting
from reseal.kernel.changes import Reactor
from reseal.managed import desired
from tests.store.autopilot.support import REACTORS


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to deployments."""
    return (*REACTORS, desired.REACTOR, reacting.REACTOR)
