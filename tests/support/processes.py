"""Servers and commands as processes of their own, started as a person or a script starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]
CONTOSO = ROOT / "examples" / "contoso"

_PATIENCE = 60
"""Seconds after which a process that should have answered counts as hanging, however busy the machine is."""


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without the `RESEAL_*` of whoever runs the tests, and with `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESEAL_")}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "200", **settings}


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
    cwd: Path | None = None,
    patience: float = _PATIENCE,
    module: str = "reseal.cli",
) -> Ended:
    """Run one `reseal` command, or a program like it, to its end, with `settings` as RESEAL_* variables."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=clean_environment(**(settings or {})),
        cwd=cwd or ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


# --- servers ------------------------------------------------------------------------------------------------


class Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    pid: int

    @property
    def returncode(self) -> int | Any:
        """The exit code, negative for a signal; None as long as it runs, or as nobody has asked."""

    def poll(self) -> int | None:
        """The exit code; None as long as it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""

    def send_signal(self, number: int, /) -> None:
        """To the process, if it still runs."""


class ServerProcess:
    """A `reseal up`, or a program like it, in a process group of its own."""

    process: Process

    def __init__(self, data: Path, *options: str | Path, module: str = "reseal.cli", **settings: str) -> None:
        self.data = data
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "up", "--data", str(data), *map(str, options)],
                env=clean_environment(**settings),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

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
            if self.process.poll() is not None:
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
        """End its whole process group without warning, as the kernel does when memory runs out."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.wait_end()


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
    running = ServerProcess(data, *options, **settings)
    try:
        running.wait_ready()
        yield running
    finally:
        running.kill()
