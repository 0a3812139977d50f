"""What a device keeps through a power cut, and what it may lose.

A `Disk` has small files by name. `replace` is atomic and durable when it returns; `append` is durable only
after `sync`. A power cut keeps what is durable and may drop the rest: `MemoryDisk.power_cut` does just that,
so that a simulation shows whether whoever writes has synced in time. `writes` numbers every operation that
changes the disk; a probe called around each may end the device there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

Probe = Callable[[Literal["before", "after"], int], None]
"""Called before and after each numbered write; raises to cut the power there."""


class Disk(Protocol):
    """Files of one device."""

    def read(self, name: str) -> bytes | None:
        """The file as it stands, unsynced appends included; None if there is none."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Write the whole file: after a power cut it is the old one or this one."""
        ...

    def append(self, name: str, content: bytes) -> None:
        """Add to a file, which is made if needed. Not durable before `sync`."""
        ...

    def sync(self, name: str) -> None:
        """Make appends to the file durable."""
        ...

    def delete(self, name: str) -> None:
        """Remove the file if it exists; durable."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """Names of files that begin with `prefix`, sorted."""
        ...


class MemoryDisk:
    """A disk in memory for rehearsals."""

    def __init__(self, probe: Probe | None = None) -> None:
        self.probe = probe
        self.writes = 0
        self._durable: dict[str, bytes] = {}
        self._tails: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        if name not in self._durable and name not in self._tails:
            return None
        return self._durable.get(name, b"") + self._tails.get(name, b"")

    def replace(self, name: str, content: bytes) -> None:
        def write() -> None:
            self._durable[name] = content
            self._tails.pop(name, None)

        self._numbered(write)

    def append(self, name: str, content: bytes) -> None:
        def write() -> None:
            self._tails[name] = self._tails.get(name, b"") + content

        self._numbered(write)

    def sync(self, name: str) -> None:
        def write() -> None:
            if name in self._tails:
                self._durable[name] = self._durable.get(name, b"") + self._tails.pop(name)

        self._numbered(write)

    def delete(self, name: str) -> None:
        def write() -> None:
            self._durable.pop(name, None)
            self._tails.pop(name, None)

        self._numbered(write)

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in {*self._durable, *self._tails} if name.startswith(prefix))

    def power_cut(self) -> None:
        """Drop everything that was not made durable."""
        self._tails.clear()

    def wipe(self) -> None:
        """An empty disk."""
        self._durable.clear()
        self._tails.clear()

    def _numbered(self, write: Callable[[], None]) -> None:
        self.writes += 1
        number = self.writes
        if self.probe is not None:
            self.probe("before", number)
        write()
        if self.probe is not None:
            self.probe("after", number)
