"""Commands that begin at once: one process has imported everything, and forks for each of them.

A command run so has arguments, environment, directory, input and output of its own, and the entry point is
the one that its package installs; only the seconds that Python takes to import it are saved.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_CALL = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    asked = {{"arguments": sys.argv[1:], "directory": os.getcwd(), "environment": dict(os.environ)}}
    text = json.dumps(asked).encode()
    socket.send_fds(line, [len(text).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(text)
    code = line.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextmanager
def quick_program(
    folder: Path,
    environment: dict[str, str],
    *,
    entry: str = "reseal.cli:main",
    python: Path = Path(sys.executable),
    first: Sequence[str] = ("tests.support.preloaded",),
) -> Iterator[Path]:
    """A program that does what the one at `entry` does (module:function), as long as the context lasts.

    `python` is the interpreter of its environment, and `first` are modules that it imports beforehand.
    """
    address, program = folder / "line", folder / "program"
    program.write_text(f"#!{sys.executable} -SE\n{_CALL.format(address=str(address))}")
    program.chmod(0o755)
    with subprocess.Popen(
        [python, "-m", "tests.support.command_line", address, entry, *first], env=environment
    ) as process:
        try:
            while not address.exists():
                assert process.poll() is None
                time.sleep(0.02)
            yield program
        finally:
            process.kill()


def _serve(address: str, entry: str, *first: str) -> None:
    module, _, name = entry.partition(":")
    for each in (*first, module):
        importlib.import_module(each)
    main = getattr(sys.modules[module], name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen()
        os.rename(f"{address}.new", address)
        while True:
            line, _ = listener.accept()
            with line:
                if os.fork() == 0:
                    _run(line, main)


def _run(line: socket.socket, main: Callable[[], int | None]) -> None:
    """One command, in a process of its own, to its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, files, _, _ = socket.recv_fds(line, 8, 3)
    text = b""
    while len(text) < int.from_bytes(length, "big"):
        text += line.recv(1 << 20)
    asked = json.loads(text)
    for target, file in enumerate(files):
        os.dup2(file, target)
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv[1:] = asked["arguments"]
    code = 1
    try:
        code = _ended(main)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(bytes([code]))
        os._exit(code)


def _ended(main: Callable[[], int | None]) -> int:
    """The exit code, as the script of a package comes to it."""
    try:
        sys.exit(main())
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    _serve(*sys.argv[1:])
