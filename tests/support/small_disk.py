"""A disk so small that a test can fill it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.system_parts import miss


class SmallDisk:
    """A mounted disk; `fill` takes the room that is left, `free` gives it back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, leaving: int = 0) -> None:
        """Take all room but about `leaving` bytes."""
        room = os.statvfs(self.path)
        with self._filler.open("ab", buffering=0) as file:
            missing = room.f_bavail * room.f_frsize - leaving
            if missing > 0:
                os.posix_fallocate(file.fileno(), file.tell(), missing)

    def free(self) -> None:
        """Give back what was taken."""
        self._filler.unlink()


@contextmanager
def small_disk(path: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """A disk of that size at `path`, for as long as the context lasts.

    Where mounting is not allowed the test is skipped; with `CI=true` it fails.
    """
    path.mkdir()
    options = f"size={mebibytes}m,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "reseal-test", str(path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        miss("the right to mount a small disk (be root)", "mount")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
