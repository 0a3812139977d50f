"""Contents on the disk and in memory."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reseal.kernel.blobs import CHUNK, LEFT_ALONE, Blobs, LocalBlobs, MemoryBlobs
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.errors import Fault, Invalid, NotFound, StorageFull
from reseal.kernel.workers import InlineWorkers, ThreadWorkers, Workers

CONTENT = bytes(range(256)) * 3000  # 768,000 bytes: three chunks, the last not full
DIGEST = hashlib.sha256(CONTENT).hexdigest()


async def pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def whole(blobs: Blobs, sha256: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(sha256, start, length)])


@pytest.fixture(params=["threads", "inline"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    """The workers of production and those of rehearsals."""
    chosen = ThreadWorkers(2) if request.param == "threads" else InlineWorkers()
    yield chosen
    chosen.close()


@pytest.fixture
def local(tmp_path: Path, workers: Workers) -> LocalBlobs:
    """Contents below a directory that does not exist yet."""
    return LocalBlobs(tmp_path / "blobs", workers, SystemEntropy())


@pytest.fixture(params=["local", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Each adapter in turn."""
    if request.param == "memory":
        return MemoryBlobs()
    return LocalBlobs(tmp_path / "blobs", InlineWorkers(), SystemEntropy())


def _files(directory: Path) -> list[Path]:
    return sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())


async def test_a_content_is_read_back_whole(blobs: Blobs) -> None:
    blob = await blobs.put(pieces(CONTENT), DIGEST.upper())

    assert (blob.sha256, blob.size) == (DIGEST, len(CONTENT))
    assert await blobs.size(DIGEST) == len(CONTENT)
    assert await whole(blobs, DIGEST) == CONTENT


async def test_an_empty_content_is_a_content(blobs: Blobs) -> None:
    blob = await blobs.put(pieces(b""))

    assert (blob.size, await whole(blobs, blob.sha256)) == (0, b"")


async def test_storing_again_changes_nothing(blobs: Blobs) -> None:
    assert await blobs.put(pieces(CONTENT)) == await blobs.put(pieces(CONTENT, 7919))
    assert await whole(blobs, DIGEST) == CONTENT


@pytest.mark.parametrize(
    "start, length",
    [(0, 1), (1, CHUNK), (CHUNK - 1, 2), (CHUNK, 2 * CHUNK), (5, None), (len(CONTENT), None), (7, 0)],
)
async def test_a_range_is_what_a_slice_would_be(blobs: Blobs, start: int, length: int | None) -> None:
    await blobs.put(pieces(CONTENT))

    expected = CONTENT[start:] if length is None else CONTENT[start : start + length]
    assert await whole(blobs, DIGEST, start, length) == expected


async def test_a_range_may_be_longer_than_the_content(blobs: Blobs) -> None:
    await blobs.put(pieces(CONTENT))

    assert await whole(blobs, DIGEST, 767_990, 99_999) == CONTENT[-10:]


@pytest.mark.parametrize("start, length", [(len(CONTENT) + 1, None), (-1, None), (0, -1)])
async def test_a_range_outside_is_refused(blobs: Blobs, start: int, length: int | None) -> None:
    await blobs.put(pieces(CONTENT))

    with pytest.raises(Invalid) as refused:
        await whole(blobs, DIGEST, start, length)
    assert refused.value.code == "RangeOutside"


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", DIGEST.upper()])
async def test_what_is_not_here_is_not_found(blobs: Blobs, name: str) -> None:
    assert await blobs.size(name) is None
    with pytest.raises(NotFound):
        await whole(blobs, name)


async def test_another_content_than_announced_is_refused_with_both_digests(
    local: LocalBlobs, tmp_path: Path
) -> None:
    announced = "1" * 64

    with pytest.raises(Invalid) as refused:
        await local.put(pieces(CONTENT), announced)

    assert refused.value.code == "ContentDigestDiffers"
    assert DIGEST in refused.value.message
    assert announced in refused.value.message
    assert _files(tmp_path) == []


# --- on the disk --------------------------------------------------------------------------------------------


async def test_files_are_fanned_out_and_private(local: LocalBlobs, tmp_path: Path) -> None:
    await local.put(pieces(CONTENT))

    (file,) = _files(tmp_path / "blobs")
    assert file == Path(DIGEST[:2], DIGEST)
    assert (tmp_path / "blobs" / file).stat().st_mode & 0o077 == 0


async def test_an_upload_that_breaks_off_leaves_nothing(local: LocalBlobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await local.put(broken())

    assert _files(tmp_path) == []


async def test_an_upload_that_is_cancelled_leaves_nothing(local: LocalBlobs, tmp_path: Path) -> None:
    partly_written = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield CONTENT
        partly_written.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(local.put(stalling()))
    await partly_written.wait()
    assert [file.parent.name for file in _files(tmp_path)] == ["unfinished"]
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert _files(tmp_path) == []


async def test_what_a_crash_left_is_cleaned_and_contents_stay(local: LocalBlobs, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    assert await local.clean(now) == 0
    await local.put(pieces(CONTENT))
    left = tmp_path / "blobs" / "unfinished" / "99.1"
    left.write_bytes(b"half")

    assert await local.clean(now + LEFT_ALONE - timedelta(minutes=1)) == 0
    assert left.is_file()
    assert await local.clean(now + LEFT_ALONE + timedelta(minutes=1)) == 1
    assert await whole(local, DIGEST) == CONTENT
    assert _files(tmp_path / "blobs") == [Path(DIGEST[:2], DIGEST)]


async def test_a_replica_that_starts_leaves_the_uploads_of_another_alone(
    local: LocalBlobs, tmp_path: Path
) -> None:
    partly_written, going_on = asyncio.Event(), asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield CONTENT[:CHUNK]
        partly_written.set()
        await going_on.wait()
        yield CONTENT[CHUNK:]

    upload = asyncio.create_task(local.put(halting()))
    await partly_written.wait()
    replica = LocalBlobs(tmp_path / "blobs", InlineWorkers(), SystemEntropy())
    assert await replica.clean(datetime.now(UTC)) == 0
    other = await replica.put(pieces(b"the replica's first upload, at the same time"))
    going_on.set()

    assert (await upload).sha256 == DIGEST
    assert await whole(replica, DIGEST) == CONTENT
    assert await local.size(other.sha256) == other.size


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("failing", ["write", "fsync", "open", "replace", "mkdir"])
async def test_a_full_disk_is_said_and_leaves_nothing(
    local: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, code: int
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    if failing in ("replace", "mkdir"):
        await local.put(pieces(b"first"))
        monkeypatch.setattr(Path, failing, full)
    else:
        monkeypatch.setattr(os, failing, full)
    with pytest.raises(StorageFull) as refused:
        await local.put(pieces(CONTENT))
    monkeypatch.undo()

    assert "space" in refused.value.remedy
    assert await local.size(DIGEST) is None
    assert "unfinished" not in {file.parent.name for file in _files(tmp_path)}
    await local.put(pieces(CONTENT))
    assert await whole(local, DIGEST) == CONTENT, "with space again, the same upload succeeds"


async def test_a_short_write_is_continued(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    write: Callable[[int, memoryview], int] = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:1000]))

    await local.put(pieces(CONTENT), DIGEST)

    assert await whole(local, DIGEST) == CONTENT


async def test_a_content_that_was_shortened_on_the_disk_is_not_served_as_whole(
    local: LocalBlobs, tmp_path: Path
) -> None:
    await local.put(pieces(CONTENT))
    reading = local.read(DIGEST)
    await anext(reading)
    os.truncate(tmp_path / "blobs" / DIGEST[:2] / DIGEST, CHUNK + 10)

    with pytest.raises(Fault) as damaged:
        await anext(reading)
    assert damaged.value.code == "ContentDamaged"


async def test_memory_does_not_grow_with_the_content(tmp_path: Path) -> None:
    local = LocalBlobs(tmp_path / "blobs", InlineWorkers(), SystemEntropy())
    megabyte = bytes(1024 * 1024)

    async def long() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield megabyte

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blob = await local.put(long())
    async for _ in local.read(blob.sha256):
        pass
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert blob.size == 200 * len(megabyte)
    assert grown < 50 * 1024, f"{grown} KiB more at its peak"


async def test_many_uploads_at_once_stay_apart(local: LocalBlobs) -> None:
    contents = [bytes([number]) * (number * 10_000) for number in range(20)]

    stored = await asyncio.gather(*(local.put(pieces(content)) for content in contents))

    for blob, content in zip(stored, contents, strict=True):
        assert await whole(local, blob.sha256) == content
