"""Where tests write what nobody needs after them."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30
"""Bytes that must be free: a whole run leaves less than half of it, were nothing removed in between."""


def write_to_memory() -> None:
    """Let temporary files of this process, and of those that it starts, lie in memory where there is room.

    Servers write to the disk before they answer, and a test that waits for a disk learns nothing by it: what
    a crash leaves behind is tested on disks that forget. Whoever sets TMPDIR has chosen already.
    """
    if "TMPDIR" not in os.environ and _has_room(_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One worker of a run at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _has_room(folder: Path) -> bool:
    """Programs must run from there too: containers may forbid it, or leave a few megabytes only."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize >= _ENOUGH and not there.f_flag & os.ST_NOEXEC
