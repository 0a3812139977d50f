"""PostgreSQL: units in a bounded pool of threads and connections; several processes may share the database.

Isolation is READ COMMITTED: units that change causes of assignment serialise themselves by the tenant's lock,
which they take before they read. A unit that PostgreSQL cancels (deadlock, serialisation) is run again from
the start.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from reseal.kernel.db.database import Context, Stats, Unit, answered, commit, storage_error
from reseal.kernel.db.keymaker import KeyMaker, open_epoch
from reseal.kernel.db.schema import to_json
from reseal.kernel.db.tx import Tx
from reseal.kernel.errors import Invalid, Unavailable
from reseal.kernel.ids import TenantKey

T = TypeVar("T")

CONNECTIONS = 8
ATTEMPTS = 5
_RETRIED = {"40001", "40P01"}  # serialization_failure, deadlock_detected


def postgresql_engine(url: str, connections: int = CONNECTIONS) -> sa.Engine:
    """An engine on psycopg with a bounded pool."""
    return sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        json_serializer=to_json,
        json_deserializer=msgspec.json.decode,
    )


class _StaleConnection(Exception):
    """A connection of the pool was cut while nobody used it; its unit has not done anything yet.

    To ask each connection before its use whether it is still there would cost as much as a small query.
    """


def _no_connection(url: str) -> Unavailable:
    return Unavailable(
        code="StorageUnavailable",
        message=f"Connections to the database {url} are cut as soon as they are made.",
        remedy="Check the database server, then try again; the change was not made.",
    )


def _odd_text(error: sa.exc.DBAPIError) -> Invalid | None:
    """A text that PostgreSQL does not take; somebody sent it, on a way where nobody looked at it before."""
    if not (isinstance(error, sa.exc.DataError) and "NUL" in str(error.orig)):
        return None
    return Invalid(
        code="ControlCharacter",
        message="A text holds a NUL character, which nothing on this server has.",
        remedy="Leave it out.",
    )


@contextmanager
def _noticing_stale(tx: Tx) -> Iterator[None]:
    """Raises `_StaleConnection` if the connection turns out to be gone at the first statement."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated and tx.statements <= 1:
            raise _StaleConnection from error
        raise


class PostgresDatabase:
    """A database that replicas share."""

    seals_in_commit = False

    def __init__(self, url: str, context: Context, connections: int = CONNECTIONS) -> None:
        self.url = sa.make_url(url).render_as_string(hide_password=True)
        self.stats = Stats()
        self.bells = context.bells
        self._context = context
        self._engine = postgresql_engine(url, connections)
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="reseal-postgres")
        self._keys: KeyMaker | None = None
        self._keys_lock = threading.Lock()

    async def write(
        self,
        unit: Callable[..., T],
        /,
        *args: Any,
        causes: TenantKey | None = None,
        **kwargs: Any,
    ) -> T:
        work = Unit(unit, args, kwargs, causes)
        result: T = await answered(self._submit(self._write, work), work)
        return result

    async def read(self, unit: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        result: T = await asyncio.wrap_future(self._submit(self._read, Unit(unit, args, kwargs)))
        return result

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, partial(self._pool.shutdown, wait=True))
        self._engine.dispose()

    def _submit(self, work: Callable[[Unit], Any], unit: Unit) -> Future[Any]:
        return self._pool.submit(self._guarded, work, unit)

    def _guarded(self, work: Callable[[Unit], Any], unit: Unit) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return work(unit)
            except _StaleConnection as stale:
                if attempt == ATTEMPTS:
                    raise _no_connection(self.url) from stale
            except sa.exc.DBAPIError as error:
                if failure := storage_error(error, self.url) or _odd_text(error):
                    raise failure from error
                if getattr(error.orig, "sqlstate", None) not in _RETRIED:
                    raise
                if attempt == ATTEMPTS:
                    raise Unavailable(
                        code="TooMuchContention",
                        message=f"The change was cancelled {ATTEMPTS} times: others changed the same rows.",
                        remedy="Try again.",
                    ) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _write(self, unit: Unit) -> Any:
        keys = self._key_maker()
        with self._engine.connect() as connection, connection.begin() as transaction:
            tx = self._context.tx(connection, keys)
            with _noticing_stale(tx):
                result = unit.run(tx)
            self.stats.commits += 1
            number = self.stats.commits
            if self._context.probe:
                self._context.probe("before", number)
            commit(transaction, self.url)
        if self._context.probe:
            self._context.probe("after", number)
        self.stats.write_units += 1
        self.stats.statements += tx.statements
        return result

    def _read(self, unit: Unit) -> Any:
        with self._reading.connect() as connection, connection.begin():
            tx = self._context.tx(connection, None)
            with _noticing_stale(tx):
                result = unit.function(tx, *unit.args, **unit.kwargs)
            self.stats.read_units += 1
            self.stats.statements += tx.statements
            return result

    def _key_maker(self) -> KeyMaker:
        with self._keys_lock:
            if self._keys is None:
                with self._engine.begin() as connection:
                    self._keys = open_epoch(connection)
            return self._keys
