"""What the README and the pages for people say to type, typed; and what they say one sees, seen.

A block of a page that is marked `sh` is run, from the page's first to its last, by one shell in a folder of
its own, against a real server. A block marked `text` after it is what the commands print: numbers and line
breaks may differ, a line of `...` stands for some lines, and `…` for the rest of a word. Everything that the
test does otherwise than a reader would stands in the tables below, with the reason.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from reseal.kernel import ca
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.keys import OpenSslKeys
from tests.support.command_line import quick_program
from tests.support.first_start import copied
from tests.support.markdown import blocks
from tests.support.processes import ROOT, clean_environment, read_ready

NOT_RUN = {
    "make setup": "makes the environment that this test runs in",
    "make demo": "goes on until Ctrl-C; test_demo.py plays the same command with --headless",
    "make test": "runs this test",
    "reseal device screen": "goes on until Ctrl-C; pages/test_laptop.py operates it",
    "make bench": "minutes of measuring; test_bench.py runs each figure in small",
    "curl --no-buffer": "goes on until it is stopped; test_timeline.py reads the same stream",
    "RESEAL_DATABASE_URL=postgresql://": "needs PostgreSQL at db.example; see test_two_servers.py",
    "reseal up --data /var/lib/reseal": "needs the same; test_behind_haproxy.py runs two replicas",
}
"""Commands that begin so are not run."""

ELSEWHERE = {
    "docs/operator/lab.md": "takes root and a network of its own; clients/test_roadtx.py does what it says",
}
"""Pages that another test reads."""

REPLACED = {
    "--pace 60": ("--pace 120", "nobody watches; faster, and a busy machine runs into the page's time-out"),
    ":8443": (":{port}", "the port may be taken"),
    "/etc/reseal/": ("./etc/", "takes root"),
}
"""What is typed instead."""

PREPARED: dict[str, Callable[[Path], None]] = {}
"""What the reader of a page has beforehand, besides the examples and, if the page starts none, a server."""

PAGES = [
    ROOT / "README.md",
    *(page for name in ("tutorial", "operator", "administrator", "technician")
      for page in sorted((ROOT / "docs" / name).rglob("*.md"))),
    *sorted((ROOT / "examples").rglob("*.md")),
]  # fmt: skip
PAGES = [page for page in PAGES if str(page.relative_to(ROOT)) not in ELSEWHERE]
COMMANDS = tuple("reseal |.venv/|make |export |curl |kill |sqlite3 |cp |RESEAL_|git |$ ".split("|"))
PATIENCE = 120
ENVIRONMENT = clean_environment(PYTHONUNBUFFERED="1")

pytestmark = pytest.mark.slow


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _commands(page: Path) -> str:
    """What of a page is run."""
    text = "\n".join(block.text for block in blocks(page) if block.language == "sh")
    return "\n".join(line for line in text.splitlines() if not line.startswith(tuple(NOT_RUN)))


def _prepared(page: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def keep(function: Callable[[Path], None]) -> Callable[[Path], None]:
        PREPARED[page] = function
        return function

    return keep


@_prepared("docs/operator/certificates.md")
def _a_certificate_from_elsewhere(folder: Path) -> None:
    keys, seen = OpenSslKeys(), {"clock": SystemClock(), "entropy": SystemEntropy()}
    root = ca.make_root("elsewhere", keys.p256(), purposes=[ca.SERVER_AUTH], **seen)
    key = keys.p256()
    leaf = ca.issue(root, key.public_key(), ca.server_profile(["localhost"]), **seen)
    (folder / "etc").mkdir()
    (folder / "etc" / "mdm.pem").write_bytes(ca.pem_chain([leaf, root.certificate]))
    ca.save_key(key, folder / "etc" / "mdm.key")


@_prepared("docs/operator/running-a-server.md")
def _a_configuration_and_contents(folder: Path) -> None:
    (folder / "reseal.toml").write_text('browser_listen = "127.0.0.1:0"\n')
    (folder / "data" / "blobs").mkdir()


# --- nothing escapes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_command_stands_in_a_block_that_is_run(page: Path) -> None:
    for block in blocks(page):
        if block.language != "sh":
            assert [line for line in block.text.splitlines() if line.startswith(COMMANDS)] == [], (
                f"{_name(page)}:{block.line}: mark a block of commands with sh"
            )


def test_what_is_not_run_or_replaced_stands_somewhere() -> None:
    text = "\n".join(block.text for page in PAGES for block in blocks(page) if block.language == "sh")
    assert [one for one in NOT_RUN if not re.search(f"^{re.escape(one)}", text, re.MULTILINE)] == []
    assert [one for one in REPLACED if one not in text] == []


# --- everything runs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`reseal`, but quicker to start."""
    with quick_program(tmp_path_factory.mktemp("program"), ENVIRONMENT) as program:
        yield program


@pytest.mark.parametrize("page", [page for page in PAGES if _commands(page)], ids=_name)
def test_what_a_page_says_to_type_works(page: Path, program: Path, first_start: Path, tmp_path: Path) -> None:
    with _Reader(tmp_path, program) as reader:
        if page.parent.name != "tutorial":  # the tutorial is about a first start; others have it behind them
            copied(first_start, tmp_path / "data")
        if "ready.json" in _commands(page) and "reseal up" not in _commands(page):
            reader.start("reseal up --data ./data")
        if prepare := PREPARED.get(_name(page)):
            prepare(tmp_path)
        for block in blocks(page):
            place = f"{_name(page)}:{block.line}"
            if block.language == "sh":
                reader.type(block.text, place)
            elif block.language == "text":
                reader.look(block.text, place)


class _Reader:
    """Somebody who does what a page says, in a folder of their own; leaves no process behind."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder = folder
        self._program = program
        self._exports = folder / ".exports"
        self._printed: str | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    def __enter__(self) -> Self:
        programs = self._folder / "bin"
        programs.mkdir()
        _program(
            programs / "reseal",
            f'[ "$1" = up ] && exec "{sys.executable}" -m reseal.cli "$@"\nexec "{self._program}" "$@"',
        )
        if shutil.which("sqlite3") is None:  # the library is there wherever Python is
            code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])"
            _program(programs / "sqlite3", f'exec "{sys.executable}" -c \'{code}\' "$@"')
        self._exports.write_text(f'export PATH="{programs}:$PATH"\n')
        (self._folder / "examples").symlink_to(ROOT / "examples")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(PATIENCE)

    def type(self, text: str, place: str) -> None:
        """Type a block of commands; each has to succeed."""
        if text.startswith(tuple(NOT_RUN)):
            self._printed = None
            text = "\n".join(line for line in text.splitlines() if not line.startswith(tuple(NOT_RUN)))
        for said, (typed, _) in REPLACED.items():
            text = text.replace(said, typed.format(port=self._port))
        if "reseal up" in text:
            for command in text.replace("\\\n", " ").splitlines():
                self.start(command)
        elif text:
            script = f". {self._exports}\n{text}\nexport -p > {self._exports}\n"
            done = subprocess.run(
                ["sh", "-e", "-c", script],
                env=ENVIRONMENT,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            self._printed = done.stdout
            assert done.returncode == 0, f"{place} ends with {done.returncode}:\n{done.stdout}"

    def look(self, text: str, place: str) -> None:
        """Compare what the last commands printed with what the page shows."""
        if self._printed is None:
            return
        printed, at = _plain(self._printed), 0
        for part in re.split(r"^ *\.\.\.$", text, flags=re.MULTILINE):
            found = re.compile(re.escape(_plain(part)).replace("…", r"\S*")).search(printed, at)
            assert found, f"{place}: this was not printed:\n{part}\nbut this was:\n{self._printed}"
            at = found.end()

    def start(self, command: str) -> None:
        """Start a server, in place of the one that runs, and wait until it answers."""
        (data,) = re.findall(r"--data (\S+)", command)
        ready = self._folder / data / "ready.json"
        self._stop()
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                ["sh", "-e", "-c", f". {self._exports}\n{command}"],
                env=ENVIRONMENT,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        former = read_ready(ready)
        deadline = time.monotonic() + PATIENCE
        while read_ready(ready) == former:
            assert self._server.poll() is None, f"{command} ends:\n{self._log.read_text()}"
            assert time.monotonic() < deadline, f"{command} is not ready:\n{self._log.read_text()}"
            time.sleep(0.02)
        self._printed = None

    def _stop(self) -> None:
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGTERM)
            assert self._server.wait(PATIENCE) in {0, -signal.SIGTERM}, self._log.read_text()


def _program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)


def _plain(text: str) -> str:
    """Without line breaks, with all numbers alike."""
    return re.sub(r"\d+", "0", " ".join(text.split()))
