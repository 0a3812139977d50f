"""What every test may ask for. The helpers behind these fixtures are in `tests/support`.

What needs a database is imported where it is used: unit tests start without it.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from reseal.kernel.entropy import SeededEntropy
from tests.support.clock import ManualClock
from tests.support.logs import log_plainly
from tests.support.scratch import write_to_memory
from tests.support.statements import share_compiled_statements
from tests.support.system_parts import miss, postgresql_programs

if TYPE_CHECKING:
    from reseal.kernel.changes import Reactor
    from reseal.kernel.db import Database
    from tests.support.postgres import Server

# A test must not fail because the machine was busy, nor pass or fail by the luck of the day.
settings.register_profile("reseal", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("reseal")

_RUN_FOLDER = "RESEAL_TEST_RUN_FOLDER"
_RUN_OWNER = "RESEAL_TEST_RUN_OWNER"
_OWN_DATABASE = f"test_{os.getpid()}"  # of this worker, on each server


def pytest_configure(config: pytest.Config) -> None:
    """The main process of a run makes one folder for what its workers share; the environment names it."""
    share_compiled_statements()
    log_plainly()
    # A run that was begun in the background ignores Ctrl-C, and so would what its tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        write_to_memory()
        folder = tempfile.mkdtemp(prefix="reseal-tests-")
        Path(folder).chmod(0o755)  # PostgreSQL's account has to pass through
        os.environ[_RUN_FOLDER] = folder
        os.environ[_RUN_OWNER] = str(os.getpid())


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage; looking through them again and again takes a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    """What the run left in its folder goes; a server still in there ends and tidies up by itself."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[_RUN_FOLDER], ignore_errors=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def first_start() -> Path:
    """A data directory as the first start of a server leaves it; to be copied, not used."""
    from tests.support.first_start import first_start_in

    return first_start_in(Path(os.environ[_RUN_FOLDER]))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture
def entropy() -> SeededEntropy:
    """The same random numbers in every run."""
    return SeededEntropy("test")


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """What reacts inside units of work: the server's wiring. A package's own tests override it with fewer."""
    from reseal.server.wiring import REACTORS

    return REACTORS


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with every table and no row."""
    from tests.support.databases import create_tables

    path = tmp_path_factory.mktemp("template") / "template.db"
    create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite file with every table and no row."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'reseal.db')}"


def _server(*, durable: bool) -> Server:
    from tests.support import postgres
    from tests.support.databases import create_tables

    programs = postgresql_programs()
    if programs is None:
        miss("PostgreSQL's server programs", "postgresql")
    postgres.keep_connections()
    server = postgres.shared_server(
        Path(os.environ[_RUN_FOLDER], "durable" if durable else "fast"),
        programs,
        owner=int(os.environ[_RUN_OWNER]),
        fill_template=create_tables,
        durable=durable,
    )
    server.create(_OWN_DATABASE)
    return server


def _fresh_database(server: Server) -> str:
    server.empty(_OWN_DATABASE)
    return server.url(_OWN_DATABASE)


@pytest.fixture(scope="session")
def postgresql_server() -> Server:
    """The run's PostgreSQL server; it acknowledges before the disk has written."""
    return _server(durable=False)


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """A fresh PostgreSQL database with every table and no row."""
    return _fresh_database(postgresql_server)


@pytest.fixture(scope="session")
def durable_postgresql_server() -> Server:
    """A second server, for tests of what survives a crash: it writes to the disk before it acknowledges."""
    return _server(durable=True)


@pytest.fixture
def durable_postgresql_url(durable_postgresql_server: Server) -> str:
    """A fresh database on the durable server."""
    return _fresh_database(durable_postgresql_server)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with every table and no row, on each kind of database in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(
    database_url: str, clock: ManualClock, entropy: SeededEntropy, reactors: tuple[Reactor, ...]
) -> AsyncIterator[Database]:
    """An open database, on each kind in turn, with the test's clock, entropy and reactors."""
    from reseal.kernel.storage import open_database

    opened = open_database(database_url, clock=clock, entropy=entropy, reactors=reactors)
    yield opened
    await opened.close()
