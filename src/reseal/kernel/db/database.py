"""The door to the database: units of work, run one way on three adapters.

    await db.write(f, *args)    f(tx, *args) inside a transaction; answered after COMMIT
    await db.read(f, *args)     f(tx, *args) on a consistent snapshot

A unit is a plain function of a transaction. If it raises, it is rolled back alone and the exception reaches
the caller. It must take time and chance from `tx` only: PostgreSQL may ask for it to be run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import sqlalchemy as sa

from reseal.kernel.bells import Bells
from reseal.kernel.changes import Reactor
from reseal.kernel.clock import Clock
from reseal.kernel.db.keymaker import KeyMaker
from reseal.kernel.db.tx import Tx
from reseal.kernel.entropy import Entropy
from reseal.kernel.errors import ResealError, StorageFull, Unavailable
from reseal.kernel.ids import TenantKey

T = TypeVar("T")

CommitProbe = Callable[[Literal["before", "after"], int], None]
"""Called around every numbered commit of this process; a test kills the process there."""


@dataclass(slots=True)
class Stats:
    """What the database did since it was opened, for budgets and metrics."""

    write_units: int = 0
    read_units: int = 0
    commits: int = 0
    statements: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """What every adapter needs to make a `Tx`; `seal` gives the events of a commit their positions."""

    clock: Clock
    entropy: Entropy
    seal: Callable[[Tx], None]
    reactors: Sequence[Reactor] = ()
    probe: CommitProbe | None = None
    bells: Bells = field(default_factory=Bells)

    def tx(self, connection: sa.Connection, keys: KeyMaker | None) -> Tx:
        """A transaction for one unit."""
        return Tx(
            connection,
            now=self.clock.now(),
            entropy=self.entropy,
            keys=keys,
            reactors=self.reactors,
            bells=self.bells,
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of work with its arguments, ready to be run in a transaction."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    causes: TenantKey | None = None
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    def run(self, tx: Tx) -> Any:
        """Run the function, then the reactors, under the tenant's lock if causes of assignment change."""
        self.afterwards.clear()
        if self.causes is not None:
            tx.lock(f"causes:{self.causes}")
        result = self.function(tx, *self.args, **self.kwargs)
        tx.settle()
        self.afterwards.extend(tx.after_commit)
        return result

    def committed(self) -> None:
        """Do what the unit asked for after its commit; called on the event loop."""
        for action in self.afterwards:
            action()


async def answered(answer: Future[T], unit: Unit) -> T:
    """The answer of a unit that runs in a thread, once it is committed; then what it asked for is done.

    That is done too if the caller is cancelled while the unit runs: it is committed all the same.
    """
    try:
        result = await asyncio.wrap_future(answer)
    except asyncio.CancelledError:
        loop = asyncio.get_running_loop()
        answer.add_done_callback(lambda done: loop.call_soon_threadsafe(_committed_late, done, unit))
        raise
    unit.committed()
    return result


def _committed_late(answer: Future[Any], unit: Unit) -> None:
    if not answer.cancelled() and answer.exception() is None:
        unit.committed()


class Database(Protocol):
    """The facade that services' callers hold."""

    stats: Stats
    url: str
    bells: Bells
    seals_in_commit: bool
    """Whether events get their positions in the commit itself; if not, a `Sealer` has to run."""

    async def write(
        self,
        unit: Callable[..., T],
        /,
        *args: Any,
        causes: TenantKey | None = None,
        **kwargs: Any,
    ) -> T:
        """Run a unit that may change rows. `causes` names the tenant whose causes of assignment it edits."""

    async def read(self, unit: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Run a unit that only reads."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then release files and connections."""


def commit(transaction: sa.Transaction, url: str) -> None:
    """COMMIT. Trouble with the storage is raised as what it means for people; whether the change was made is
    then not known, because only the answer may be what was lost.
    """
    try:
        transaction.commit()
    except sa.exc.DBAPIError as error:
        if failure := storage_error(error, url, committing=True):
            raise failure from error
        raise


def storage_error(error: sa.exc.DBAPIError, url: str, *, committing: bool = False) -> ResealError | None:
    """What a driver's error means for people, if it is about the storage and not about our statement."""
    original = error.orig
    code = getattr(original, "sqlite_errorname", "") or getattr(original, "sqlstate", "") or ""
    if code.startswith("SQLITE_FULL") or code == "53100":
        return StorageFull(
            code="StorageFull",
            message=f"The disk that holds the database {url} is full; the change was not made.",
            remedy="Free some space; nothing needs to be repaired, the server goes on by itself.",
        )
    if code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")) or _is_out_of_reach(error):
        first, *_ = str(original).splitlines() or [""]
        return Unavailable(
            code="StorageUnavailable",
            message=f"The database {url} cannot be used: {first.strip().rstrip('.')}.",
            remedy="Check the disk or the database server, then look whether the change was made: the "
            "answer to its COMMIT is missing."
            if committing
            else "Check the disk or the database server, then try again; the change was not made.",
        )
    return None


def _is_out_of_reach(error: sa.exc.DBAPIError) -> bool:
    """Whether PostgreSQL says that it goes, or says nothing: then the driver's error has no SQLSTATE."""
    state = getattr(error.orig, "sqlstate", "")
    silent = state is None and isinstance(error, sa.exc.OperationalError)
    return silent or error.connection_invalidated or (state or "")[:2] in {"08", "57"}
