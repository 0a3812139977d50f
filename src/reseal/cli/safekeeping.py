"""A safe place for what a server tells once: passwords and secrets that cannot be read back from it.

The place is made, with room, before the server is asked. So a directory that does not exist or a full disk
ends the command while nothing has changed, and not when the only answer with the secrets is there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import msgspec

from reseal.kernel.errors import Conflict, Invalid, ResealError, Unavailable
from reseal.kernel.files import PRIVATE, disk_error, sync_directory

Keep = Callable[[Mapping[str, Any]], None]
"""Writes secrets to their place. If that fails after all, they are printed to stderr, and it raises."""


@contextmanager
def safe_place(
    file: Path, option: str, *, room: int, known: Mapping[str, Any] | None = None
) -> Iterator[Keep]:
    """Make `file`, for its owner alone, with room for secrets of so many bytes as JSON.

    `known` is what the file holds already: it keeps that, and is replaced only when the secrets are kept.
    None: the file must not exist. If no secrets are kept, nothing is left behind. `option` is what names the
    file. Raises `Conflict`, `Invalid` and `StorageFull`.
    """
    before = known or {}
    kept = False

    def keep(secrets: Mapping[str, Any]) -> None:
        nonlocal kept
        try:
            _write(handle, _json({**before, **secrets}))
            if place != file:
                place.replace(file)
                sync_directory(file.parent)
        except OSError as error:
            sys.stderr.write(_json(secrets).decode())
            raise _not_kept(file, error) from error
        kept = True

    handle, place = _made(file, option, is_new=known is None)
    try:
        _make_room(handle, file, option, room + len(_json(before)))
        yield keep
    finally:
        os.close(handle)
        if not kept:
            place.unlink(missing_ok=True)


def _json(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _made(file: Path, option: str, *, is_new: bool) -> tuple[int, Path]:
    """The file itself if it is to be new, else one beside it."""
    try:
        if is_new:
            return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), file
        handle, beside = mkstemp(prefix=f".{file.name}.", suffix=".tmp", dir=file.parent)
    except FileExistsError:
        raise Conflict(
            code="FileExists",
            message=f"{file} exists already; nothing was changed.",
            remedy=f"Name a new file with {option}: secrets are never overwritten.",
        ) from None
    except OSError as error:
        raise _no_place(file, option, error) from error
    return handle, Path(beside)


def _make_room(handle: int, file: Path, option: str, room: int) -> None:
    try:
        _write(handle, b" " * room)
        sync_directory(file.parent)
    except OSError as error:
        raise _no_place(file, option, error) from error


def _write(handle: int, data: bytes) -> None:
    """Make the data all that the file holds, durably and in the room that it has."""
    rest, at = memoryview(data), 0
    while at < len(rest):
        at += os.pwrite(handle, rest[at:], at)
    os.ftruncate(handle, len(data))
    os.fsync(handle)


def _no_place(file: Path, option: str, error: OSError) -> ResealError:
    return disk_error(error, file) or Invalid(
        code="NoPlaceForSecrets",
        message=f"Secrets could not be written to {file}: {error.strerror}. Nothing was changed.",
        remedy=f"Name a file in a directory that can be written to with {option}.",
    )


def _not_kept(file: Path, error: OSError) -> Unavailable:
    return Unavailable(
        code="SecretsNotKept",
        message=f"It was done, but its secrets could not be written to {file}: {error.strerror}.",
        remedy="They stand above, this once. Copy them to a safe place; the server does not tell them again.",
    )
