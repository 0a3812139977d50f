"""Hashes of passwords and client secrets: argon2id (RFC 9106, low-memory profile), as slow as the machine
allows.

Hashing takes a tenth of a second and 64 MiB on purpose; callers run it through `Workers`, which bounds how
many run at once.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from argon2.profiles import RFC_9106_LOW_MEMORY

from reseal.kernel.entropy import Entropy

_SALT_BYTES = 16
_LENGTH = 20
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


def make_password(entropy: Entropy) -> str:
    """A password of 20 letters and digits that nobody confuses: 116 bits."""
    return "".join(_LETTERS[entropy.below(len(_LETTERS))] for _ in range(_LENGTH))


class Passwords:
    """Hashes with one cost; verifies whatever cost a stored hash names."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody = _hash_of_nothing(self._hasher)

    @classmethod
    def cheap(cls) -> Passwords:
        """The least cost there is, for rehearsals and tests."""
        return cls(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    def hash(self, secret: str, entropy: Entropy) -> str:
        """The encoded hash with a fresh salt."""
        return self._hasher.hash(_plain(secret), salt=entropy.bytes(_SALT_BYTES))

    def matches(self, stored: str | None, secret: str) -> bool:
        """Whether the secret belongs to the stored hash; without one (nobody) it takes as long."""
        try:
            self._hasher.verify(stored or self._nobody, _plain(secret))
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """An encoded hash that takes as long as any to compare with, and that no password has been found for."""
    salt, digest = (
        b64encode(bytes(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


def _plain(secret: str) -> str:
    """One form of what looks alike: keyboards differ in how they write accents (SP 800-63B)."""
    return unicodedata.normalize("NFKC", secret)
