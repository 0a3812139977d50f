"""Chance as an input: every random byte comes from an `Entropy` that the entry point chose.

A seeded source replays a run exactly. `fork(name)` gives each actor a stream of its own, so that one actor
drawing more does not shift what the others draw.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol
from uuid import UUID


class Entropy(Protocol):
    """A stream of random bytes and what is made of them."""

    def bytes(self, count: int) -> bytes:
        """`count` random bytes."""

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1, each equally likely; `limit` must be positive."""

    def uuid(self) -> UUID:
        """A random (version 4) UUID."""

    def fork(self, name: str) -> Entropy:
        """An independent stream for the actor called `name`; the same name gives the same stream."""


def _uuid4(raw: bytes) -> UUID:
    return UUID(bytes=raw, version=4)


class SystemEntropy:
    """The operating system's generator."""

    def bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)

    def uuid(self) -> UUID:
        return _uuid4(secrets.token_bytes(16))

    def fork(self, name: str) -> SystemEntropy:
        return self


class SeededEntropy:
    """A replayable stream: SHA-256 over a key and a counter. Never for secrets of a real server."""

    def __init__(self, seed: int | str | bytes) -> None:
        material = seed if isinstance(seed, bytes) else str(seed).encode()
        self._key = hashlib.sha256(b"reseal seeded entropy\0" + material).digest()
        self._block = 0
        self._buffer = b""

    def bytes(self, count: int) -> bytes:
        parts = [self._buffer]
        missing = count - len(self._buffer)
        while missing > 0:
            block = hashlib.sha256(self._key + self._block.to_bytes(8, "big")).digest()
            self._block += 1
            parts.append(block)
            missing -= len(block)
        drawn = b"".join(parts)
        self._buffer = drawn[count:]
        return drawn[:count]

    def below(self, limit: int) -> int:
        if limit <= 0:
            raise ValueError(f"below({limit}): the limit must be positive")
        width = (limit.bit_length() + 7) // 8
        ceiling = (256**width // limit) * limit
        while (drawn := int.from_bytes(self.bytes(width), "big")) >= ceiling:
            pass
        return drawn % limit

    def uuid(self) -> UUID:
        return _uuid4(self.bytes(16))

    def fork(self, name: str) -> SeededEntropy:
        return SeededEntropy(self._key + b"\0" + name.encode())
