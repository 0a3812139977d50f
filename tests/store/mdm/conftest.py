"""These tests run under the reactors of the floors up to this one."""

from __future__ import annotations

import pytest

from reseal.kernel.keys import OpenSslKeys
from tests.conformance.conftest import OneKey
from tests.store.mdm.sessions_bench import bench_fixture, reactors_fixture

reactors = reactors_fixture()
bench = bench_fixture()


@pytest.fixture(scope="session")
def signing_keys() -> OpenSslKeys:
    """The key with which tokens are signed, in all tests."""
    return OneKey()
