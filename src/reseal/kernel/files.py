"""Small files that must never be half there: keys, certificates, settings written by the server.

These functions block; on the event loop they run through `Workers`.
"""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path

from reseal.kernel.errors import ResealError, StorageFull

PRIVATE = 0o600
PUBLIC = 0o644

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_numbers = itertools.count(1)


def write_file(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Replace the file at `path` atomically and durably; after a crash the old or the new content is there.

    Raises `StorageFull` if the disk is full; the old file then stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_numbers)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path) or error from error
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make names in the directory durable: a rename is lost in a power cut until its directory is synced."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(error: OSError, path: Path) -> ResealError | None:
    """The error for people if the disk (or the quota) that holds `path` is full, else None."""
    if error.errno not in _DISK_FULL:
        return None
    return StorageFull(
        code="StorageFull",
        message=f"The disk that holds {path.parent} is full; {path.name} was not written.",
        remedy="Free some space and try again; nothing needs to be repaired.",
    )
