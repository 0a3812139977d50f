"""Hashes of secrets: who is asked for does not show in how long it takes."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from reseal.kernel.entropy import SeededEntropy
from reseal.signin.passwords import Passwords


class _Watched(PasswordHasher):
    """Remembers what a secret was compared with."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002, as its base has it
        self.compared.append(hash)
        return super().verify(hash, password)


@pytest.fixture
def hasher() -> _Watched:
    return _Watched()


def test_a_secret_matches_its_own_hash_alone(hasher: _Watched) -> None:
    passwords = Passwords(hasher)
    stored = passwords.hash("Pa55wörd", SeededEntropy("one"))
    assert passwords.matches(stored, "Pa55wo\u0308rd")
    assert not passwords.matches(stored, "Pa55word")
    assert stored != passwords.hash("Pa55wörd", SeededEntropy("two"))


def test_nobody_takes_as_long_as_somebody(hasher: _Watched) -> None:
    passwords = Passwords(hasher)
    stored = passwords.hash("secret", SeededEntropy("one"))
    assert not passwords.matches(None, "secret")
    (nobody,) = hasher.compared
    assert extract_parameters(str(nobody)) == extract_parameters(stored)


def test_servers_hash_as_the_rfc_recommends() -> None:
    assert extract_parameters(Passwords().hash("secret", SeededEntropy("one"))) == RFC_9106_LOW_MEMORY


def test_what_is_no_hash_matches_nothing(hasher: _Watched) -> None:
    assert not Passwords(hasher).matches("no hash", "secret")
