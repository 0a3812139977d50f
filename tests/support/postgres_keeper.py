"""Runs a PostgreSQL server for as long as the test run lives.

    postgres_keeper.py OWNER FOLDER ACCOUNT COMMAND...

A process of its own, because no worker of a run outlives all others, and a run that is killed cleans up
nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

_LOOK_SECONDS = 0.2
_STOP_SECONDS = 10


def keep(owner: int, folder: str, account: str | None, command: list[str]) -> None:
    """Run `command` as `account` until it ends or process `owner` is gone, then remove `folder`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    server = subprocess.Popen(command, cwd=folder, user=account, group=account)
    try:
        while server.poll() is None and _alive(owner):
            time.sleep(_LOOK_SECONDS)
    finally:
        if server.poll() is None:
            _stop(server)
            shutil.rmtree(folder, ignore_errors=True)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGQUIT)  # "immediate shutdown": nobody wants these data any more
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    keep(int(sys.argv[1]), sys.argv[2], sys.argv[3] or None, sys.argv[4:])
