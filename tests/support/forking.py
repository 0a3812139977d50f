"""Processes that are forked from one that has imported what they need, so that a test can afford many.

Each has its own process id, process group, sockets and files, as if it had been started from nothing; only
the second or two are saved that Python takes for reading the code.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

from reseal.cli.app import run
from tests.support.processes import ServerProcess

_PRELOADED = ["tests.support.crashing", "tests.support.heard_device", "reseal.cli.commands.up"]

Main = Callable[[Sequence[str]], int]
"""Runs a command line; its exit code."""


def forks() -> ForkServerContext:
    """What processes are made with; this process has one server that forks, whoever needs it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class Forked:
    """A command under way, with what is needed of `subprocess.Popen`."""

    def __init__(self, main: Main, arguments: Sequence[str | Path], *, log: Path, **settings: str) -> None:
        """What it tells is added to `log`; `settings` are its RESEAL_* variables, and it has no others."""
        words = [*map(str, arguments)]
        self._process = forks().Process(target=_begin, args=(main, words, log, settings), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None as long as it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended; the exit code."""
        self._process.join(timeout)
        code = self.returncode
        assert code is not None, f"the process {self.pid} has not ended after {timeout} seconds"
        return code

    def send_signal(self, number: int, /) -> None:
        """To the process, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)


class ForkedServer(ServerProcess):
    """A `reseal up`."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.process = Forked(run, ["up", "--data", data], log=self.log, **settings)


def _begin(main: Main, words: list[str], log: Path, settings: Mapping[str, str]) -> None:
    os.setsid()
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for handle, number in ((nothing, 0), (told, 1), (told, 2)):
        os.dup2(handle, number)
    for name in [name for name in os.environ if name.startswith("RESEAL_")]:
        del os.environ[name]
    os.environ |= settings
    sys.exit(main(words))
