"""Contents: large byte strings under the SHA-256 of their bytes (apps, scripts, uploads).

A content never changes, so its digest is its name, its ETag and its check. `LocalBlobs` keeps files below
one directory, two levels deep; a file appears under its name only when it is whole and on the disk.
Everything streams: memory stays the same for a kilobyte and for ten gigabytes. Nothing here knows what a
content is, or whose.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import Fault, Invalid, NotFound
from reseal.kernel.files import PRIVATE, disk_error, sync_directory
from reseal.kernel.workers import Workers

CHUNK = 256 * 1024
"""Bytes per read and per write."""

LEFT_ALONE = timedelta(days=1)
"""An upload that nobody has written to for so long was cut off."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored content: its SHA-256 in lower-case hex and its length in bytes."""

    sha256: str
    size: int


class Blobs(Protocol):
    """Where contents are kept."""

    async def put(self, chunks: AsyncIterator[bytes], expected_sha256: str | None = None) -> Blob:
        """Store a content; storing it again changes nothing.

        Raises `Invalid` (`ContentDigestDiffers`) if it is not the expected one, `StorageFull` if the disk is
        full; nothing is left behind then.
        """
        ...

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` on, at most `length` of them, in chunks.

        Raises `NotFound` (`ContentNotFound`) at the first chunk if it is not here, `Invalid` for a range that
        begins behind the end.
        """
        ...

    async def size(self, sha256: str) -> int | None:
        """The content's length in bytes; None if it is not here."""
        ...


class LocalBlobs:
    """Contents as files below a directory, which several processes may share."""

    def __init__(self, directory: Path, workers: Workers, entropy: Entropy) -> None:
        self._directory = directory
        self._unfinished = directory / "unfinished"
        self._workers = workers
        self._start = entropy.bytes(8).hex()  # a process id is not enough: in containers all have the same
        self._numbers = itertools.count(1)

    async def clean(self, now: datetime) -> int:
        """Remove what uploads left that a crash cut off, and say how many; to be called at start.

        What was written to within `LEFT_ALONE` stays: another process may be about to finish it.
        """
        return await self._workers.run(self._clean, now - LEFT_ALONE)

    async def put(self, chunks: AsyncIterator[bytes], expected_sha256: str | None = None) -> Blob:
        temporary = self._unfinished / f"{self._start}.{next(self._numbers)}"
        upload = await self._workers.run(_Upload.begin, temporary)
        try:
            async for chunk in chunks:
                if upload.take(chunk):
                    await self._workers.run(upload.flush)
            blob = await self._workers.run(upload.finish)
            _check_expected(blob, expected_sha256)
            await self._workers.run(self._keep, upload, blob)
        finally:
            await self._workers.run(upload.discard)
        return blob

    async def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        size = await self.size(sha256)
        if size is None:
            raise _not_found(sha256)
        for position, count in _pieces(size, start, length):
            yield await self._workers.run(_read_at, self._path(sha256), position, count)

    async def size(self, sha256: str) -> int | None:
        if not _DIGEST.fullmatch(sha256):
            return None
        return await self._workers.run(_size, self._path(sha256))

    def _path(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / sha256

    def _clean(self, before: datetime) -> int:
        if not self._unfinished.is_dir():
            return 0
        stale = [file for file in sorted(self._unfinished.iterdir()) if _untouched_since(file, before)]
        for file in stale:
            file.unlink(missing_ok=True)
        return len(stale)

    def _keep(self, upload: _Upload, blob: Blob) -> None:
        path = self._path(blob.sha256)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                sync_directory(self._directory)
            upload.rename(path)
        except OSError as error:
            raise disk_error(error, path) or error from error


class _Upload:
    """One content on its way to the disk. Used by one worker at a time, except `discard`, which may
    overtake.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._size = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._handle: int | None = handle

    @classmethod
    def begin(cls, path: Path) -> _Upload:
        """Open a new file."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        except OSError as error:
            raise disk_error(error, path) or error from error

    def take(self, chunk: bytes) -> bool:
        """Keep a chunk in memory; True when enough has come together to be written."""
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        return self._waiting_bytes >= CHUNK

    def flush(self) -> None:
        """Write what was taken."""
        data = memoryview(b"".join(self._waiting))
        self._waiting.clear()
        self._waiting_bytes = 0
        self._digest.update(data)
        self._size += len(data)
        with self._lock:
            if self._handle is None:
                return
            try:
                while data:
                    data = data[os.write(self._handle, data) :]
            except OSError as error:
                raise disk_error(error, self._path) or error from error

    def finish(self) -> Blob:
        """Write the rest and wait until the disk has it."""
        self.flush()
        with self._lock:
            if self._handle is not None:
                try:
                    os.fsync(self._handle)
                except OSError as error:
                    raise disk_error(error, self._path) or error from error
        return Blob(self._digest.hexdigest(), self._size)

    def rename(self, path: Path) -> None:
        """Let the content appear under its name."""
        with self._lock:
            self._path.replace(path)
        sync_directory(path.parent)

    def discard(self) -> None:
        """Close the file, and remove it unless it was renamed."""
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None
            self._path.unlink(missing_ok=True)


def _untouched_since(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:  # its own process finished it meanwhile
        return False


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read_at(path: Path, position: int, count: int) -> bytes:
    # Opened for each chunk: a reader that goes away between two chunks leaves nothing open.
    try:
        with path.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), count, position)
    except FileNotFoundError:
        raise _not_found(path.name) from None
    if len(data) != count:
        raise Fault(
            code="ContentDamaged",
            message=f"The file of content {path.name} ends at byte {position + len(data)}, too early.",
            remedy="Restore the contents' directory from the backup, or upload the content again.",
        )
    return data


class MemoryBlobs:
    """Contents in memory, for tests and rehearsals."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    async def put(self, chunks: AsyncIterator[bytes], expected_sha256: str | None = None) -> Blob:
        content = b"".join([chunk async for chunk in chunks])
        blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
        _check_expected(blob, expected_sha256)
        self._contents[blob.sha256] = content
        return blob

    async def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        content = self._contents.get(sha256)
        if content is None:
            raise _not_found(sha256)
        for position, count in _pieces(len(content), start, length):
            yield content[position : position + count]

    async def size(self, sha256: str) -> int | None:
        content = self._contents.get(sha256)
        return None if content is None else len(content)


def _pieces(size: int, start: int, length: int | None) -> Iterator[tuple[int, int]]:
    if start < 0 or start > size or (length is not None and length < 0):
        raise Invalid(
            code="RangeOutside",
            message=f"The range of {length} bytes from byte {start} is not in a content of {size} bytes.",
            remedy="Ask for a range that begins inside the content.",
        )
    end = size if length is None else min(size, start + length)
    for position in range(start, end, CHUNK):
        yield position, min(CHUNK, end - position)


def _check_expected(blob: Blob, expected_sha256: str | None) -> None:
    if expected_sha256 is not None and expected_sha256.lower() != blob.sha256:
        raise Invalid(
            code="ContentDigestDiffers",
            message=f"The content that arrived has SHA-256 {blob.sha256}, announced was {expected_sha256}.",
            remedy="Send it again; if it happens again, the file is not the one that was meant.",
        )


def _not_found(sha256: str) -> NotFound:
    return NotFound(
        code="ContentNotFound",
        message=f"There is no content with SHA-256 {sha256}.",
        remedy="Upload it again, or restore the contents' directory from the backup.",
    )
