"""Servers and commands as processes of their own.

They are forked from one that has imported what they need, so that a test can afford many: each has its own
process id, process group, arguments, environment, directory, sockets and files, as if it had been started
from nothing; only the second or two are saved that Python takes for reading the code.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

from reseal.cli.app import run
from tests.support.private_network import follow, whereabouts

ROOT = Path(__file__).resolve().parents[2]
CONTOSO = ROOT / "examples" / "contoso"

PLAIN = {"NO_COLOR": "1", "COLUMNS": "200"}
"""How commands write in tests, wherever those are run."""

_PATIENCE = 60
"""Seconds after which a process that should have answered counts as hanging, however busy the machine is."""


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without the `RESEAL_*` of whoever runs the tests, and with `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESEAL_")}
    return {**kept, **PLAIN, **settings}


# --- processes ----------------------------------------------------------------------------------------------

Main = Callable[[Sequence[str]], int]
"""Runs a command line; its exit code."""


def forks() -> ForkServerContext:
    """What processes are made with; this process has one server that forks, whoever needs it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    return context


class Process(Protocol):
    """One under way."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None as long as it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended; the exit code."""

    def send_signal(self, number: int, /) -> None:
        """To the process, if it still runs."""


class Forked:
    """A command that is forked; it is in the network and the directory of the thread that asks for it."""

    def __init__(
        self,
        main: Main,
        arguments: Sequence[str | Path],
        *,
        out: Path,
        err: Path | None = None,
        cwd: Path = ROOT,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """What it tells is added to `out`, and what it tells people to `err`, if that is another file;
        `settings` are its RESEAL_* variables, and it has no others.
        """
        environment = clean_environment(**settings or {})
        for file in (out, err or out):
            file.touch(0o600)
        begin = _Begin(main, [*map(str, arguments)], out, err or out, cwd, environment, whereabouts())
        self._process = forks().Process(target=_run, args=(begin,), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """See `Process`."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """See `Process`."""
        self._process.join(timeout)
        code = self.returncode
        assert code is not None, f"the process {self.pid} has not ended after {timeout} seconds"
        return code

    def send_signal(self, number: int, /) -> None:
        """See `Process`."""
        if self.returncode is None:
            os.kill(self.pid, number)


class _Begin(NamedTuple):
    main: Main
    words: list[str]
    out: Path
    err: Path
    cwd: Path
    environment: dict[str, str]
    place: str


def _run(begin: _Begin) -> None:
    os.setsid()
    follow(begin.place)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for handle, number in ((nothing, 0), (_appended(begin.out), 1), (_appended(begin.err), 2)):
        os.dup2(handle, number)
    os.chdir(begin.cwd)
    os.environ.clear()
    os.environ.update(begin.environment)
    sys.exit(begin.main(begin.words))


def _appended(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_APPEND)


class Started:
    """A `reseal` command from nothing, as a person or a script starts it; what the dynamic linker is told
    counts too.
    """

    def __init__(self, arguments: Sequence[str | Path], *, out: Path, settings: Mapping[str, str]) -> None:
        with out.open("ab") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reseal.cli", *map(str, arguments)],
                env=clean_environment(**settings),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """See `Process`."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """See `Process`."""
        return self._process.wait(timeout)

    def send_signal(self, number: int, /) -> None:
        """See `Process`."""
        self._process.send_signal(number)


def kill(process: Process) -> None:
    """End its whole process group without warning, as the kernel does when memory runs out."""
    if process.returncode is None:
        for end in (os.killpg, os.kill):  # it may be too young to have a group
            with suppress(ProcessLookupError):
                end(process.pid, signal.SIGKILL)
        process.wait(_PATIENCE)


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its exit code, what it said to programs (`out`) and to people (`err`)."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON documents on stdout, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


def reseal(
    *arguments: str | Path,
    settings: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    patience: float = _PATIENCE,
    main: Main = run,
) -> Ended:
    """Run one `reseal` command, or a program like it, to its end, with `settings` as RESEAL_* variables."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(main, arguments, out=out, err=err, cwd=cwd, settings=settings)
        try:
            code = process.wait(patience)
        finally:
            kill(process)
        return Ended(code, out.read_text(), err.read_text())


# --- servers ------------------------------------------------------------------------------------------------


class ServerProcess:
    """A `reseal up`."""

    def __init__(self, data: Path, *options: str | Path, **settings: str) -> None:
        self.data = data
        self.process = self._begin(["up", "--data", data, *options], settings)

    def _begin(self, words: Sequence[str | Path], settings: Mapping[str, str]) -> Process:
        return Forked(run, words, out=self.log, settings=settings)

    @property
    def log(self) -> Path:
        """What it tells, and what earlier servers on the same directory told."""
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def ready_file(self) -> Path:
        """What commands are given to find this server."""
        return self.data / "ready.json"

    def wait_ready(self) -> dict[str, Any]:
        """The document of the ready file, once this process has written it."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self.process.returncode is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.said}")
            if (document := read_ready(self.ready_file)) and document["pid"] == self.process.pid:
                return document
            time.sleep(0.02)
        raise AssertionError(f"the server is not ready after {_PATIENCE} seconds:\n{self.said}")

    @property
    def said(self) -> str:
        """Its log, that of earlier servers on the same directory included."""
        return self.log.read_text()

    def wait_end(self) -> int:
        """The exit code, negative for a signal."""
        return self.process.wait(_PATIENCE)

    def stop(self) -> int:
        """Ask it to end, as a service manager does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end()

    def kill(self) -> None:
        """End it without warning."""
        kill(self.process)


class _StartedServer(ServerProcess):
    def _begin(self, words: Sequence[str | Path], settings: Mapping[str, str]) -> Process:
        return Started(words, out=self.log, settings=settings)


def read_ready(path: Path) -> dict[str, Any] | None:
    """A ready file's document, None if there is none yet."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return document


@contextmanager
def server(data: Path, *options: str | Path, **settings: str) -> Iterator[ServerProcess]:
    """A server that is ready, and is gone at the end whatever happened."""
    with _ready(ServerProcess(data, *options, **settings)) as running:
        yield running


@contextmanager
def server_from_nothing(data: Path, *options: str | Path, **settings: str) -> Iterator[ServerProcess]:
    """See `server`; nothing was read before."""
    with _ready(_StartedServer(data, *options, **settings)) as running:
        yield running


@contextmanager
def _ready(running: ServerProcess) -> Iterator[ServerProcess]:
    try:
        running.wait_ready()
        yield running
    finally:
        running.kill()
