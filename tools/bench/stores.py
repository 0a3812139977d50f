"""The databases of one run, in a folder of its own."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.storage import open_database
from reseal.server import wiring
from reseal.server.schema import ensure_schema
from tests.support import postgres
from tests.support.system_parts import postgresql_programs


class Store(Protocol):
    """One kind of database."""

    name: str
    is_remote: bool
    """Whether statements are sent to another process."""

    def empty(self) -> str:
        """The URL of a database with every table and no row."""

    def drop(self, url: str) -> None:
        """Remove a database that nobody has open."""

    def settle(self, url: str) -> None:
        """Do what the database would have done by itself some time after much was loaded into it."""


class SqliteStore:
    """Files in a folder."""

    name = "SQLite"
    is_remote = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def empty(self) -> str:
        url = f"sqlite:///{self._folder}/{next(self._numbers)}.db"
        ensure_schema(url)
        return url

    def drop(self, url: str) -> None:
        _file(url).unlink()

    def settle(self, url: str) -> None:
        """SQLite does nothing by itself."""


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


class PostgresStore:
    """Databases of the server that the tests use too. It does not wait for the disk, which costs no CPU."""

    name = "PostgreSQL"
    is_remote = True

    def __init__(self, folder: Path, programs: Path) -> None:
        self._server = postgres.shared_server(
            folder / "postgresql", programs, owner=os.getpid(), fill_template=_make_tables
        )
        self._numbers = itertools.count(1)

    def empty(self) -> str:
        name = f"measured_{next(self._numbers)}"
        self._server.create(name)
        return self._server.url(name)

    def drop(self, url: str) -> None:
        self._server.drop(_name(url))

    def settle(self, url: str) -> None:
        """What autovacuum does within minutes: statistics for the planner."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


def _name(url: str) -> str:
    return url.removeprefix("postgresql://reseal@/").partition("?")[0]


def _make_tables(url: str) -> None:
    ensure_schema(url)


def stores(folder: Path, wanted: str) -> list[Store]:
    """SQLite, PostgreSQL or both; where the programs of PostgreSQL are missing, this is said instead."""
    found: list[Store] = []
    if wanted in {"sqlite", "both"}:
        found.append(SqliteStore(folder))
    if wanted in {"postgresql", "both"}:
        if programs := postgresql_programs():
            found.append(PostgresStore(folder, programs))
        else:
            print("PostgreSQL is left out: its server programs are not installed", file=sys.stderr)
    return found


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database as a server has it: with its clock, entropy and reactors."""
    db = open_database(url, clock=SystemClock(), entropy=SystemEntropy(), reactors=wiring.REACTORS)
    try:
        yield db
    finally:
        await db.close()
