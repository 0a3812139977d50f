"""Whole processes: how soon a server is ready, what the command line costs before it does anything.

CPU time is that of the process until it has ended. Python's bytecode was written by an earlier start; where
none may be written (`PYTHONDONTWRITEBYTECODE`), each start costs about twice as much.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.bench.figures import Figure
from tools.bench.measuring import Cost, percentile
from tools.bench.sizes import Sizes

START, HELP = 2.0, 0.3
"""Budgets in seconds of CPU."""

_PATIENCE = 60.0
_RESEAL = (sys.executable, "-m", "reseal.cli")


def figures(folder: Path, sizes: Sizes) -> Iterator[Figure]:
    """Starts of a server, fresh and again, and the help; the median of several."""
    environment = _environment(folder)
    if sizes.starts > 1:
        _server(folder / "warm-up", environment)
    fresh = [_server(folder / f"data {number}", environment) for number in range(sizes.starts)]
    yield _figure("reseal up, first start of a data directory", fresh, START, "elapsed until ready")
    again = [_server(folder / f"data {number}", environment) for number in range(sizes.starts)]
    yield _figure("reseal up, started again", again, START, "elapsed until ready")
    yield _figure("reseal --help", [_help(environment) for _ in range(sizes.starts)], HELP)


def _figure(what: str, costs: list[Cost], budget: float, note: str = "") -> Figure:
    cost = percentile(costs, 0.5)
    return Figure(what, "", cost.cpu, budget, cost.elapsed, note=note)


def _environment(folder: Path) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RESEAL_")}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**inherited, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def _server(data: Path, environment: Mapping[str, str]) -> Cost:
    """One start until the ready file is there; then the server is asked to stop."""
    ready = data.with_suffix(".ready")
    ready.unlink(missing_ok=True)
    listen = ("--browser-listen", "127.0.0.1:0", "--device-listen", "127.0.0.1:0")
    command = [*_RESEAL, "up", "--data", str(data), *listen, "--ready-file", str(ready)]
    started = time.perf_counter()
    process = _start(command, environment)
    while not ready.exists():
        if process.poll() is not None or time.perf_counter() - started > _PATIENCE:
            raise RuntimeError(f"{' '.join(command)} did not become ready")
        time.sleep(0.002)
    elapsed = time.perf_counter() - started
    process.send_signal(signal.SIGTERM)
    return Cost(cpu=_cpu_of(process), elapsed=elapsed)


def _help(environment: Mapping[str, str]) -> Cost:
    started = time.perf_counter()
    cpu = _cpu_of(_start([*_RESEAL, "--help"], environment))
    return Cost(cpu=cpu, elapsed=time.perf_counter() - started)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _cpu_of(process: subprocess.Popen[bytes]) -> float:
    """The CPU time of a process, in seconds, once it has ended; raises if it did not end well."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
