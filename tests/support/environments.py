"""Programs of others from the package index, each in an environment of its own, apart from the product's.

What goes in stands in a file with the version of every package (`pip freeze`). An environment is made once,
below the product's own, and made anew when that file changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT
from tests.support.system_parts import miss

_PLACE = ROOT / ".venv" / "clients"
_PATIENCE = 600
"""Seconds that an index may take."""


def environment(pinned: Path) -> Path:
    """The folder with the programs of the packages that the file `pinned` names.

    Where they cannot be had the test is skipped; with `CI=true` it fails.
    """
    folder = _PLACE / pinned.stem
    mark = folder / "complete"
    digest = hashlib.sha256(bytes(folder) + pinned.read_bytes()).hexdigest()  # programs know their place
    with _held(_PLACE / f"{pinned.stem}.lock"):
        if not mark.is_file() or mark.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            try:
                _make(folder, pinned)
            except subprocess.SubprocessError as error:
                sys.stderr.write(f"{error}\n{getattr(error, 'stderr', None) or ''}")
                miss(f"{pinned.stem}, or the package index to have it from,", "python3-venv")
            mark.write_text(digest)
    return folder / "bin"


def _make(folder: Path, pinned: Path) -> None:
    """By uv, which is in the product's own environment and takes a fraction of the time; by pip where uv
    cannot reach the index.
    """
    uv = Path(sys.executable).with_name("uv")
    try:
        _run(uv, "venv", "--quiet", "--python", sys.executable, folder)
        _run(uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--requirement", pinned)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", folder)
        quick = ("--quiet", "--disable-pip-version-check", "--retries", "2", "--timeout", "20")
        _run(folder / "bin" / "python", "-m", "pip", "install", *quick, "--requirement", pinned)


def _run(*command: str | Path) -> None:
    subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE,
        env={**os.environ, "UV_SYSTEM_CERTS": "true"},  # this machine may have an authority of its own
    )


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """One worker of a run at a time."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
