"""These tests run under the reactors of the floors up to this one."""

from __future__ import annotations

import pytest

from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.signin.tokens import TokenSigner, load_signer
from tests.conformance.conftest import OneKey
from tests.store.mdm.sessions_bench import bench_fixture, reactors_fixture

reactors = reactors_fixture()
bench = bench_fixture()


@pytest.fixture(scope="session")
def signing_keys() -> OpenSslKeys:
    """The key with which tokens are signed, in all tests."""
    return OneKey()


@pytest.fixture
async def signer(database: Database, entropy: SeededEntropy, signing_keys: OpenSslKeys) -> TokenSigner:
    """Who signs the tokens of users."""
    return await database.write(load_signer, SecretBox([b"k" * 32], entropy), signing_keys)
