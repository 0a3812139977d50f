"""One process at a time: a lock on a directory that names its holder, and is free again when that dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK_FILE = "lock"


class Held(Exception):
    """Another process has the directory. `holder` is its id, as far as it can be read."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class DirectoryLock:
    """The lock of one directory, which must exist; kept in its file `lock`."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / LOCK_FILE
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take it and write down who has it. Raises `Held` if another process has."""
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _written(handle)
            os.close(handle)
            raise Held(holder or "unknown") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Let it go."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.ftruncate(handle, 0)
            os.close(handle)


def holder_of(directory: Path) -> int | None:
    """The process that holds the directory now, without asking for the lock; None if nobody does."""
    try:
        handle = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        written = _written(handle)
    finally:
        os.close(handle)
    return int(written) if written.isdecimal() and _lives(int(written)) else None


def _written(handle: int) -> str:
    return os.pread(handle, 32, 0).decode(errors="replace").strip()


def _lives(process: int) -> bool:
    """Whether there is such a process; one that was killed leaves its number behind."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
