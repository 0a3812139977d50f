"""A device in a directory: its disk as files of one owner, and one process at a time that switches it on.

    DIR/lock         who has switched it on
    DIR/disk/...     one file for each file of the device, called as that one is, percent-encoded

`FolderDisk` keeps the promises of `Disk` through a kill and through a power cut of the machine it is on: what
`replace`, `sync` and `delete` have done is there afterwards, whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from reseal.device import hardware
from reseal.device.disk import Probe
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.files import PRIVATE, disk_error, sync_directory, write_file
from reseal.kernel.locks import DirectoryLock, Held

PRIVATE_FOLDER: Final = 0o700
LONGEST_NAME: Final = 200
"""Bytes of an encoded name. File systems take 255, and while a file is written its name is longer."""

_DISK: Final = "disk"
_PLAIN: Final = "@{}~=,+!#'^"
"""What stays as it is beside letters, digits and `_.-`."""


class FolderDisk:
    """See `device.disk.Disk`. Only files of the device are in the directory, which must exist."""

    def __init__(self, path: Path, probe: Probe | None = None) -> None:
        self.probe = probe
        self.writes = 0
        self._path = path
        self._durable: set[str] = set()
        """Names that outlast a power cut for certain."""

    def read(self, name: str) -> bytes | None:
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        def write() -> None:
            write_file(self._file(name), content)
            self._durable.add(name)

        self._numbered(write)

    def append(self, name: str, content: bytes) -> None:
        self._numbered(lambda: _append(self._file(name), content))

    def sync(self, name: str) -> None:
        def write() -> None:
            try:
                handle = os.open(self._file(name), os.O_WRONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            if name not in self._durable:
                sync_directory(self._path)
                self._durable.add(name)

        self._numbered(write)

    def delete(self, name: str) -> None:
        def write() -> None:
            self._durable.discard(name)
            try:
                self._file(name).unlink()
            except FileNotFoundError:
                return
            sync_directory(self._path)

        self._numbered(write)

    def names(self, prefix: str = "") -> list[str]:
        found = (unquote(file) for file in os.listdir(self._path) if not file.startswith("."))
        return sorted(name for name in found if name.startswith(prefix))

    def clean(self) -> None:
        """Remove what a process that was killed while it wrote has left behind."""
        for file in self._path.glob(".*.tmp"):
            file.unlink()

    def _file(self, name: str) -> Path:
        return self._path / encoded(name)

    def _numbered(self, write: Callable[[], None]) -> None:
        self.writes += 1
        number = self.writes
        if self.probe is not None:
            self.probe("before", number)
        write()
        if self.probe is not None:
            self.probe("after", number)


def encoded(name: str) -> str:
    """The name of the file that holds a device's file; no two have the same.

    Raises `ValueError` for a name that is empty or too long.
    """
    file = quote(name, safe=_PLAIN)
    file = f"%2E{file[1:]}" if file.startswith(".") else file
    if not 0 < len(file) <= LONGEST_NAME:
        raise ValueError(f"a device's file cannot be called {name[:LONGEST_NAME]!r}")
    return file


def _append(file: Path, content: bytes) -> None:
    """Add to a file, all or nothing as far as the disk's space goes."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE)
    try:
        before = os.fstat(handle).st_size
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(handle, left) :]
        except OSError as error:
            os.ftruncate(handle, before)
            raise disk_error(error, file) or error from error
    finally:
        os.close(handle)


# --- whole devices ------------------------------------------------------------------------------------------


def make(path: Path) -> FolderDisk:
    """The empty disk of a new device. Raises `Conflict` if the directory is there and not empty."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise Conflict(
            code="FolderNotEmpty",
            message=f"{path} is not empty: a new device needs a directory of its own.",
            remedy="Name another directory, or remove this one.",
        )
    disk = path / _DISK
    disk.mkdir(mode=PRIVATE_FOLDER)
    sync_directory(path)
    return FolderDisk(disk)


def look_at(path: Path) -> FolderDisk:
    """The disk of a device for reading, switched on or not. Raises `NotFound` if there is none."""
    disk = FolderDisk(path / _DISK)
    if not (path / _DISK).is_dir() or hardware.installed(disk) is None:
        raise NotFound(
            code="NoSuchDevice",
            message=f"There is no device in {path}.",
            remedy="Make one with reseal device new.",
        )
    return disk


@contextmanager
def switched_on(path: Path) -> Iterator[FolderDisk]:
    """The disk of a device for as long as this process has it switched on.

    Raises `NotFound` if there is none, `Conflict` if another process has switched it on.
    """
    disk = look_at(path)
    lock = DirectoryLock(path)
    try:
        lock.acquire()
    except Held as held:
        raise Conflict(
            code="DeviceInUse",
            message=f"The device in {path} is switched on already, by the process {held.holder}.",
            remedy="Wait until that has ended, or stop it: the device goes on where it stood.",
        ) from None
    try:
        disk.clean()
        yield disk
    finally:
        lock.release()
