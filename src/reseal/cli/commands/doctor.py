"""`reseal doctor`."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from reseal.cli.connection import Connection, Server, connect
from reseal.cli.output import print_json, results
from reseal.kernel.clock import SystemClock
from reseal.kernel.errors import ResealError

_DEFAULT_SERVER = Server()
_ROOM_WANTED = 1024**3
_SKEW_ALLOWED = timedelta(minutes=5)
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"}


class Grade(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it is, and what to do if it is not good."""

    check: str
    grade: Grade
    found: str
    remedy: str = ""


async def doctor(
    *,
    server: Server = _DEFAULT_SERVER,
    data: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Check an installation from outside: the data directory, the running server, the event log.

    Nothing is changed. Exit code 2 if something is bad.

    Examples
    --------
    reseal doctor --data data --ready-file data/ready.json

    Parameters
    ----------
    data
        Also look into this data directory; the server may be running.
    json
        Print the findings as JSON.
    """
    findings = [_python()]
    if data is not None:
        findings += _of_directory(data)
    if server != _DEFAULT_SERVER:
        findings += await _of_server(server)
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
    return 2 if any(finding.grade is Grade.BAD for finding in findings) else 0


def _show(finding: Finding) -> None:
    colour = {Grade.GOOD: "green", Grade.WARNING: "yellow", Grade.BAD: "red"}[finding.grade]
    results.print(f"[{colour}]{finding.grade:8}[/] {escape(f'{finding.check}: {finding.found}')}")
    if finding.remedy:
        results.print(f"         {escape(finding.remedy)}")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", Grade.GOOD, f"{version}, SQLite {sqlite3.sqlite_version}")


# --- the data directory -------------------------------------------------------------------------------------


def _of_directory(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        remedy = "Name the --data directory that reseal up uses."
        yield Finding("data directory", Grade.BAD, f"{data} does not exist", remedy)
        return
    checks: tuple[Callable[[Path], Finding], ...] = (_rights, _room, _file_system, _database)
    for check in checks:
        yield check(data)


def _rights(data: Path) -> Finding:
    open_to_others = [
        file.name
        for file in (data, data / "credentials.json", data / "secret.key")
        if file.exists() and file.stat().st_mode & 0o077
    ]
    if open_to_others:
        found = f"others may read {', '.join(open_to_others)}"
        return Finding("rights", Grade.BAD, found, f"chmod -R go= {data}")
    return Finding("rights", Grade.GOOD, "only the owner may read secrets")


def _room(data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    found = f"{free / 1024**3:.1f} GiB free"
    if free < _ROOM_WANTED:
        return Finding("disk", Grade.WARNING, found, "Free some space; the server refuses changes when full.")
    return Finding("disk", Grade.GOOD, found)


def _file_system(data: Path) -> Finding:
    kind = _kind_of(data.resolve())
    if kind in _NETWORK_FILE_SYSTEMS:
        remedy = "SQLite needs a local disk: move the directory, or use PostgreSQL."
        return Finding("file system", Grade.BAD, f"{data} is on {kind}", remedy)
    return Finding("file system", Grade.GOOD, kind or "unknown")


def _kind_of(path: Path) -> str:
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounted = {fields[1]: fields[2] for fields in (line.split() for line in lines) if len(fields) > 2}
    holders = [point for point in mounted if path.is_relative_to(point)]
    return mounted[max(holders, key=len)] if holders else ""


def _database(data: Path) -> Finding:
    file = data / "reseal.db"
    if not file.exists():
        return Finding("database", Grade.WARNING, "no reseal.db here", "Right if PostgreSQL is configured.")
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        return Finding("database", Grade.BAD, verdict, "Restore a backup; keep the damaged file.")
    return Finding("database", Grade.GOOD, f"{file.stat().st_size / 1024**2:.1f} MiB, intact")


# --- the running server -------------------------------------------------------------------------------------


async def _of_server(server: Server) -> list[Finding]:
    try:
        async with connect(server) as connection:
            return [
                Finding("server", Grade.GOOD, "answers, and knows the client"),
                await _clock(connection),
                await _log(connection),
            ]
    except ResealError as error:
        return [Finding("server", Grade.BAD, error.message, error.remedy)]


async def _clock(connection: Connection) -> Finding:
    async with connection.request("GET", "/tenant") as response:
        told: datetime = parsedate_to_datetime(response.headers["Date"])
    skew = abs(told - SystemClock().now())
    if skew > _SKEW_ALLOWED:
        found = f"the server's differs from this machine's by {skew}"
        return Finding("clock", Grade.WARNING, found, "Set both by NTP; tokens and attestation need it.")
    return Finding("clock", Grade.GOOD, "agrees with this machine's")


async def _log(connection: Connection) -> Finding:
    found = await connection.json("GET", "/events/verify")
    if found["brokenAt"] is not None:
        text = f"broken at position {found['brokenAt']}: {found['reason']}"
        return Finding("event log", Grade.BAD, text, "Find out who wrote to the database.")
    return Finding("event log", Grade.GOOD, f"{found['count']} events, the chain holds")
