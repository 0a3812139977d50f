"""SQLite: one writer thread with group commit, a few read-only connections.

Units that wait are run in one transaction, each in a SAVEPOINT of its own: one fsync acknowledges them all,
and a unit that fails takes nobody with it. Callers are answered after COMMIT. Events get their positions in
the same transaction, because the only writer knows their order.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from reseal.kernel.db.database import Context, Stats, Unit, answered, commit, storage_error
from reseal.kernel.db.keymaker import KeyMaker, open_epoch
from reseal.kernel.db.schema import to_json
from reseal.kernel.db.tx import Tx
from reseal.kernel.ids import TenantKey

T = TypeVar("T")

GROUP_LIMIT = 64
READERS = 4


def sqlite_engine(url: str, *, read_only: bool = False) -> sa.Engine:
    """An engine whose connections run WAL with full durability and leave BEGIN to us."""
    engine = sa.create_engine(
        url,
        poolclass=sa.pool.StaticPool if in_memory(url) else sa.pool.QueuePool,
        connect_args={"check_same_thread": False},
        json_serializer=to_json,
        json_deserializer=msgspec.json.decode,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    words = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    def begin(connection: Any) -> None:
        connection.execute(words)

    # A listener for `begin` would do it too, but as a statement, which costs as much as a small query.
    engine.dialect.do_begin = begin  # type: ignore[method-assign, assignment]
    return engine


_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "foreign_keys=ON",
    "cache_size=-32000",
    "temp_store=MEMORY",
)


def in_memory(url: str) -> bool:
    """Whether the URL names a database that lives in this process's memory."""
    return sa.make_url(url).database in (None, "", ":memory:")


@dataclass(frozen=True, slots=True)
class _Job:
    unit: Unit
    answer: Future[Any]


class Writer:
    """Runs units on one connection, several to a commit. One thread (or the loop) owns it."""

    def __init__(self, engine: sa.Engine, context: Context, stats: Stats, url: str) -> None:
        self._connection = engine.connect()
        self._context = context
        self._stats = stats
        self._url = url
        self._keys: KeyMaker | None = None

    def run(self, units: Sequence[Unit]) -> list[Callable[[], Any]]:
        """Run the units in one transaction; for each, a function that returns its result or raises."""
        try:
            return self._run(units)
        except sa.exc.DBAPIError as error:
            self._connection.rollback()
            failure = storage_error(error, self._url) or error
            return [partial(_raise, failure)] * len(units)
        except BaseException:
            self._connection.rollback()
            raise

    def _run(self, units: Sequence[Unit]) -> list[Callable[[], Any]]:
        if self._keys is None:
            with self._connection.begin():
                keys = open_epoch(self._connection)
            self._keys = keys
        with self._connection.begin() as transaction:
            outcomes: list[Callable[[], Any]] = []
            recorded = 0
            for unit in units:
                tx = self._context.tx(self._connection, self._keys)
                outcomes.append(self._attempt(unit, tx))
                recorded += tx.recorded
                self._stats.statements += tx.statements
            if recorded:
                self._context.seal(self._context.tx(self._connection, self._keys))
            self._stats.commits += 1
            number = self._stats.commits
            if self._context.probe:
                self._context.probe("before", number)
            commit(transaction, self._url)
        if self._context.probe:
            self._context.probe("after", number)
        self._stats.write_units += len(units)
        return outcomes

    def _attempt(self, unit: Unit, tx: Tx) -> Callable[[], Any]:
        """One unit in its savepoint. Trouble with the storage itself is raised: it hits the whole group."""
        driver: Any = self._connection.connection.driver_connection  # `begin_nested` takes five times as long
        driver.execute("SAVEPOINT unit")
        try:
            result = unit.run(tx)
        except Exception as error:
            if isinstance(error, sa.exc.DBAPIError) and storage_error(error, self._url):
                raise
            driver.execute("ROLLBACK TO unit")
            driver.execute("RELEASE unit")
            tx.recorded = 0
            return partial(_raise, error)
        driver.execute("RELEASE unit")
        return lambda: result

    def read(self, unit: Unit) -> Any:
        """Run a reading unit on the writer's own connection, between two transactions."""
        with self._connection.begin():
            return _read(self._connection, self._context, self._stats, unit)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def _raise(error: Exception) -> Any:
    raise error


class _Readers:
    """A few threads, each with a connection of its own that cannot write."""

    def __init__(self, url: str, context: Context, stats: Stats) -> None:
        self._engine = sqlite_engine(url, read_only=True)
        self._context = context
        self._stats = stats
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="reseal-reader")
        self._own = threading.local()
        self._opened: list[sa.Connection] = []

    async def read(self, unit: Unit) -> Any:
        """Run a reading unit on a snapshot of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, unit)

    def _read(self, unit: Unit) -> Any:
        connection = self._connection()
        with connection.begin():
            return _read(connection, self._context, self._stats, unit)

    def _connection(self) -> sa.Connection:
        """That of this thread; to take one out of a pool for each unit costs as much as a small query."""
        found: sa.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = self._engine.connect()
            self._opened.append(found)
        return found

    def close(self) -> None:
        """Let what runs end, then give the connections back."""
        self._threads.shutdown(wait=True)
        for connection in self._opened:
            connection.close()
        self._engine.dispose()


class SqliteDatabase:
    """The default database: a file, embedded in the process that holds its directory's lock."""

    seals_in_commit = True

    def __init__(self, url: str, context: Context) -> None:
        self.url = url
        self.stats = Stats()
        self.bells = context.bells
        self._context = context
        self._engine = sqlite_engine(url)
        self._writer = Writer(self._engine, context, self.stats, url)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = _Readers(url, context, self.stats)
        self._thread = threading.Thread(target=self._work, name="reseal-writer", daemon=True)
        self._thread.start()
        self._closed = False

    async def write(
        self,
        unit: Callable[..., T],
        /,
        *args: Any,
        causes: TenantKey | None = None,
        **kwargs: Any,
    ) -> T:
        if self._closed:
            raise RuntimeError("the database is closed")
        job = _Job(Unit(unit, args, kwargs, causes), Future())
        self._jobs.put(job)
        result: T = await answered(job.answer, job.unit)
        return result

    async def read(self, unit: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        result: T = await self._readers.read(Unit(unit, args, kwargs))
        return result

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._readers.close()
        self._engine.dispose()

    def _work(self) -> None:
        running = True
        while running:
            group = [self._jobs.get()]
            while len(group) < GROUP_LIMIT and not self._jobs.empty():
                group.append(self._jobs.get_nowait())
            running = None not in group
            jobs = [job for job in group if job is not None and job.answer.set_running_or_notify_cancel()]
            if jobs:
                self._serve(jobs)
        self._writer.close()

    def _serve(self, jobs: Sequence[_Job]) -> None:
        try:
            outcomes = self._writer.run([job.unit for job in jobs])
        except BaseException as error:  # every caller learns of it; the writer goes on with the next group
            outcomes = [partial(_raise, error)] * len(jobs)  # type: ignore[arg-type]
        for job, outcome in zip(jobs, outcomes, strict=True):
            try:
                job.answer.set_result(outcome())
            except BaseException as error:  # handed to the caller, whatever it is
                job.answer.set_exception(error)


def _read(connection: sa.Connection, context: Context, stats: Stats, unit: Unit) -> Any:
    tx = context.tx(connection, None)
    result = unit.function(tx, *unit.args, **unit.kwargs)
    stats.read_units += 1
    stats.statements += tx.statements
    return result
