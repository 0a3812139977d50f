"""`reseal export`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from reseal.blueprint.files import MAIN_FILE, layout
from reseal.cli.connection import Connection, Server, connect
from reseal.cli.output import people, print_json, results
from reseal.kernel.errors import Conflict, Invalid, Unavailable
from reseal.kernel.files import PUBLIC, disk_error, sync_directory, write_file

_DEFAULT_SERVER = Server()


async def export(
    directory: Path,
    /,
    *,
    server: Server = _DEFAULT_SERVER,
    force: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a tenant as files that `reseal apply` reads.

    The directory gets tenant.yaml and the contents it refers to: packages, certificates, images. It holds no
    password of a user, but a wireless network may hold its key. Applied to a new tenant, the files make an
    equal one.

    Examples
    --------
    reseal export contoso-today --ready-file data/ready.json

    Parameters
    ----------
    directory
        Where to write; made if it does not exist.
    force
        Write into a directory that holds files already, over those of the same name.
    json
        Print the names of the files as JSON.
    """
    _require_empty(directory, force=force)
    async with connect(server) as connection:
        document: dict[str, Any] = await connection.json("GET", "/blueprint")
        found = layout(document)
        with _withdrawn_if_unfinished(directory, found.files, force=force):
            await _download(connection, directory, found.files)
            # Written last: a directory with a tenant.yaml is complete.
            main = directory / MAIN_FILE
            with _told(main):
                write_file(_place_for(main), found.text.encode(), PUBLIC)
    written = [MAIN_FILE, *found.files]
    if json:
        print_json({"directory": str(directory), "files": written})
    else:
        for name in written:
            results.print(escape(str(directory / name)))
        people.print(f"{len(written)} files written.")
    return 0


def _require_empty(directory: Path, *, force: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise Conflict(
            code="NotADirectory", message=f"{directory} is a file.", remedy="Name a directory to write to."
        )
    if not force and directory.exists() and any(directory.iterdir()):
        raise Conflict(
            code="DirectoryNotEmpty",
            message=f"{directory} holds files already; nothing was written.",
            remedy="Name a new directory, or add --force to write over files of the same name.",
        )


@contextmanager
def _withdrawn_if_unfinished(directory: Path, names: Iterable[str], *, force: bool) -> Iterator[None]:
    """What comes to no end leaves the directory as empty as it was, so that it can be tried again.

    With `force` there may be files of others under the same names: what was written stays.
    """
    try:
        yield
    except BaseException:
        for name in () if force else names:
            _withdraw(directory / name, directory)
        raise


def _withdraw(file: Path, directory: Path) -> None:
    """Remove a file, and the folders below the directory that are empty then."""
    with suppress(OSError):  # it was never made, or others are in its folder still
        file.unlink(missing_ok=True)
        for folder in takewhile(directory.__ne__, file.parents):
            folder.rmdir()


async def _download(connection: Connection, directory: Path, files: Mapping[str, str]) -> None:
    for name, digest in files.items():
        target = directory / name
        with people.status(f"Downloading {escape(name)}"), _told(target):
            await _fetch(connection, digest, _place_for(target))


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """What the disk refuses is told with a sentence."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, target) or Invalid(
            code="UnwritableFile",
            message=f"{target} cannot be written: {error.strerror}.",
            remedy="Name a directory that can be written to.",
        ) from error


def _place_for(file: Path) -> Path:
    """The file's own path, once the directories that lead to it are made durably."""
    missing = list(takewhile(lambda folder: not folder.exists(), file.parents))
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_directory(folder.parent)
    return file


async def _fetch(connection: Connection, digest: str, target: Path) -> None:
    """Write a content to a file; it appears under its name once it is whole, right and on the disk."""
    seen = hashlib.sha256()
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            async for chunk in connection.chunks(f"/content/{digest}"):
                seen.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if seen.hexdigest() != digest:
            raise Unavailable(
                code="ContentDamaged",
                message=f"{target.name} arrived damaged: its SHA-256 is not {digest[:12]}...",
                remedy="Try again; if it stays so, run reseal doctor on the server.",
            )
        partial.replace(target)
        sync_directory(target.parent)
    finally:
        partial.unlink(missing_ok=True)
