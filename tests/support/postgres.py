"""A PostgreSQL server for one test run, from the operating system's own programs.

It listens on a Unix socket in a folder of its own and on nothing else. All workers of a run share it: whoever
needs it first starts it, under a lock; `postgres_keeper` ends it when the run's main process is gone, however
that died.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

from reseal.kernel.db import postgresql
from tests.support import postgres_keeper
from tests.support.scratch import locked

TEMPLATE = "reseal_template"
_START_SECONDS = 60
_keepers: list[subprocess.Popen[bytes]] = []  # nobody waits for them: they outlive this process
_KEPT = "kept by a test run"  # the name that connections of `keep_connections` give the server
_DISCONNECT_OTHERS = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (application_name <> '{_KEPT}' OR state <> 'idle')
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_WIPE = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
        FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
        LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', name); END LOOP;
    END $$
"""
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the folder of its socket."""

    folder: Path

    def url(self, database: str) -> str:
        """The address of one database, as `open_database` takes it."""
        return f"postgresql://reseal@/{database}?host={self.folder}"

    def create(self, database: str, template: str = TEMPLATE) -> str:
        """Make a database as a copy of `template`; returns its address."""
        self._execute("CREATE DATABASE {} TEMPLATE {}", database, template)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._execute("DROP DATABASE {} WITH (FORCE)", database)

    def empty(self, database: str) -> None:
        """Make a used database as good as new: nobody at work in it, no row, sequences at their start.

        This takes a fiftieth of the time of a new copy, which is made only after a test that made or dropped
        tables.
        """
        if not self._wipe(database):
            self.drop(database)
            _forget_connections(self.url(database))
            self.create(database)

    def _wipe(self, database: str) -> bool:
        connection = _kept(self.url(database))
        with connection.transaction():
            if connection.execute(_DISCONNECT_OTHERS).rowcount:
                _forget_connections(self.url(database))
            tables = _names(connection, _TABLES)
            if tables != self._template_file().read_text().splitlines():
                return False
            connection.execute("SET LOCAL session_replication_role = replica")  # whoever refers to whom
            connection.execute(_WIPE)
            return True

    def is_ready(self) -> bool:
        """Whether it was started and its template filled."""
        return self._template_file().exists()

    def remember_template(self) -> None:
        """Write down which tables the template has, now that it is filled."""
        with psycopg.connect(self.url(TEMPLATE)) as connection:
            self._template_file().write_text("\n".join(_names(connection, _TABLES)))

    def _template_file(self) -> Path:
        return self.folder / "tables-of-template"

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _names(connection: psycopg.Connection[tuple[str]], query: str) -> list[str]:
    return [name for (name,) in connection.execute(query)]


_kept_connections: dict[str, psycopg.Connection[tuple[str]]] = {}


def _kept(url: str) -> psycopg.Connection[tuple[str]]:
    """A connection that lives as long as this process: a new one would have to get to know every table."""
    connection = _kept_connections.get(url)
    if connection is not None and _is_alive(connection):
        return connection
    if connection is None:
        atexit.register(lambda: _kept_connections.pop(url).close())
    else:  # the database was dropped and made anew
        connection.close()
    _kept_connections[url] = psycopg.connect(url, autocommit=True)
    return _kept_connections[url]


def _is_alive(connection: psycopg.Connection[tuple[str]]) -> bool:
    with suppress(psycopg.OperationalError):
        connection.execute("SELECT 1")
        return True
    return False


_kept_engines: dict[tuple[str, int], sa.Engine] = {}


@functools.cache
def keep_connections() -> None:
    """From now on, databases that this process opens at the same address share their connections, which stay
    open, as those of a server that lives on: a new one has to get to know every table, for each test anew.
    """
    make = postgresql.postgresql_engine

    def kept(url: str, connections: int = postgresql.CONNECTIONS) -> sa.Engine:
        if (url, connections) not in _kept_engines:
            named = sa.make_url(url).update_query_dict({"application_name": _KEPT})
            engine = make(named.render_as_string(hide_password=False), connections)
            engine.dispose = lambda close=True: None  # type: ignore[method-assign]
            _kept_engines[url, connections] = engine
        return _kept_engines[url, connections]

    postgresql.postgresql_engine = kept


def _forget_connections(url: str) -> None:
    """Some of those that were kept to this address are cut."""
    for (address, _), engine in _kept_engines.items():
        if address == url:
            engine.pool.dispose()
            engine.pool = engine.pool.recreate()


def shared_server(
    folder: Path, programs: Path, *, owner: int, fill_template: Callable[[str], None], durable: bool = False
) -> Server:
    """The server in `folder`, started if this is the first call of the run.

    `owner` is the process id of the run: the server ends with it. `fill_template` makes the tables in the
    database at the address it is given; every test's database is a copy of that one. A `durable` server waits
    for the disk before it acknowledges; the others do not, which is several times faster.
    """
    server = Server(folder)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not server.is_ready():
            if folder.exists():
                raise RuntimeError(
                    "PostgreSQL could not be prepared for this run; the first test to use it says why"
                )
            _start(folder, programs, owner=owner, settings=() if durable else _FAST)
            fill_template(server.create(TEMPLATE, template="template1"))
            server.remember_template()
    return server


def _start(folder: Path, programs: Path, *, owner: int, settings: tuple[str, ...]) -> None:
    account = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to be run by root
    folder.mkdir()
    if account:
        shutil.chown(folder, account, account)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "reseal", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        user=account,
        group=account,
    )
    options = ["listen_addresses=", f"unix_socket_directories={folder}", "max_connections=300", *settings]
    command = [str(programs / "postgres"), "-D", str(data)]
    for option in options:
        command += ["-c", option]
    with (folder / "log").open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, postgres_keeper.__file__, str(owner), str(folder), account or "", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _keepers.append(keeper)
    _await_ready(folder, keeper)


def _await_ready(folder: Path, keeper: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(Server(folder).url("postgres")).close()
        except psycopg.OperationalError as error:
            if keeper.poll() is not None or time.monotonic() > deadline:
                log = (folder / "log").read_text()
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{log}") from error
            time.sleep(0.05)
        else:
            return
