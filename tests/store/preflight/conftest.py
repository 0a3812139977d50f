"""These tests run under the reactors of the floors up to this one."""

from __future__ import annotations

import pytest

from reseal.kernel.changes import Reactor
from tests.store.autopilot.support import REACTORS


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to profiles and pages."""
    return REACTORS
