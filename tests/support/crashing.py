"""Servers that end without warning at one of their commits, or at one of the files they write.

They are forked from a process that has imported the server already, so that a test can afford a hundred of
them: each has its own process id, sockets and files, and is ended by SIGKILL, which no code can see coming.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.settings import DatabaseUrl, Settings
from reseal.server.datadir import write_json
from reseal.server.running import running
from reseal.signin.passwords import Passwords
from tests.support.processes import forks, read_ready

_PATIENCE = 60
_LOOK = 0.01

Moment = Literal["before", "after"]
Where = Literal["commit", "flush"]
Counts = dict[Where, int]
"""How many commits a process made, and how often it flushed a file or directory to the disk."""


@dataclass(frozen=True, slots=True)
class Crash:
    """Before or after the commit or flush of that number; each process counts from 1."""

    moment: Moment
    number: int
    of: Where = "commit"


class CrashingServer:
    """A server process; with a `crash` it kills itself there."""

    def __init__(self, data: Path, crash: Crash | None = None, database_url: str | None = None) -> None:
        self.data = data
        (data / "ready.json").unlink(missing_ok=True)
        self._process: ForkServerProcess = forks().Process(
            target=_run, args=(data, crash, database_url), daemon=True
        )
        self._process.start()

    async def ready(self) -> dict[str, Any] | None:
        """The document of the ready file; None if the process crashed before it was written."""
        for _ in range(round(_PATIENCE / _LOOK)):
            if document := read_ready(self.data / "ready.json"):
                return document
            if not self._process.is_alive():
                return read_ready(self.data / "ready.json")
            await asyncio.sleep(_LOOK)
        raise AssertionError(f"the server is not ready after {_PATIENCE} seconds:\n{self.said}")

    @property
    def crashed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self._process.exitcode == -signal.SIGKILL

    @property
    def said(self) -> str:
        """The log of this and earlier servers on the directory."""
        return _log_of(self.data).read_text()

    async def end(self) -> Counts:
        """Wait until it has crashed, or stop it if it has not; what it did, if it was stopped."""
        if self._process.is_alive():
            self._process.terminate()
        await asyncio.to_thread(self._process.join, _PATIENCE)
        assert self._process.exitcode in {0, -signal.SIGKILL}, self.said
        return {} if self.crashed else json.loads((self.data / "counts").read_text())

    def kill(self) -> None:
        """End it now, if it has not ended."""
        self._process.kill()
        self._process.join(_PATIENCE)
        self._process.close()


@contextmanager
def crashing_server(
    data: Path, crash: Crash | None = None, database_url: str | None = None
) -> Iterator[CrashingServer]:
    """A server process that is gone at the end whatever happened."""
    server = CrashingServer(data, crash, database_url)
    try:
        yield server
    finally:
        server.kill()


def _log_of(data: Path) -> Path:
    return data.with_name(f"{data.name}.log")


# --- in the process -----------------------------------------------------------------------------------------


def _run(data: Path, crash: Crash | None, database_url: str | None) -> None:
    log = os.open(_log_of(data), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    settings = Settings(data_directory=data, database_url=DatabaseUrl(database_url) if database_url else None)
    # Hashing passwords is slow on purpose, and a sweep over all commits hashes hundreds.
    with patch("reseal.server.running.Passwords", Passwords.cheap):
        asyncio.run(_serve(settings, crash))


async def _serve(settings: Settings, crash: Crash | None) -> None:
    counts: Counts = {}

    def passed(of: Where, moment: Moment) -> None:
        counts[of] = counts.get(of, 0) + (moment == "before")
        if crash == Crash(moment, counts[of], of):
            os.kill(os.getpid(), signal.SIGKILL)

    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    with _flushes_told(passed):
        clock, entropy = SystemClock(), SystemEntropy()
        probe = partial(_tell_commit, passed)
        async with running(settings, clock=clock, entropy=entropy, probe=probe) as ready:
            write_json(settings.data_directory / "ready.json", ready)
            await stopping.wait()
    (settings.data_directory / "counts").write_text(json.dumps(counts))


def _tell_commit(passed: Callable[[Where, Moment], None], moment: Moment, _number: int) -> None:
    passed("commit", moment)


@contextmanager
def _flushes_told(passed: Callable[[Where, Moment], None]) -> Iterator[None]:
    flush = os.fsync

    def fsync(handle: int) -> None:
        passed("flush", "before")
        flush(handle)
        passed("flush", "after")

    with patch("os.fsync", fsync):
        yield
