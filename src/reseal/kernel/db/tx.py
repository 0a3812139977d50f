"""The transaction that a unit of work receives: statements, keys, time, chance, announcements."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from reseal.kernel.bells import Bells
from reseal.kernel.changes import Change, Reactor, settle
from reseal.kernel.db.keymaker import KeyMaker
from reseal.kernel.entropy import Entropy

T = TypeVar("T")

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Tx:
    """One unit's view of the database, with `now` and `entropy` fixed for the unit.

    A unit uses nothing else of the world, so that it may be run again after a serialisation failure and
    replayed from a seed. `statements` counts what was executed, for the budgets; `recorded` counts the
    events.
    """

    def __init__(
        self,
        connection: sa.Connection,
        *,
        now: datetime,
        entropy: Entropy,
        keys: KeyMaker | None,
        reactors: Sequence[Reactor] = (),
        bells: Bells | None = None,
    ) -> None:
        self.conn = connection
        self.now = now
        self.entropy = entropy
        self.statements = 0
        self.recorded = 0
        self.after_commit: list[Callable[[], None]] = []
        self._bells = bells or Bells()
        self._rung: set[str] = set()
        self._keys = keys
        self._reactors = reactors
        self._announced: list[Change] = []

    @property
    def on_postgresql(self) -> bool:
        """Whether statements run on PostgreSQL, for the few that differ."""
        return self.conn.dialect.name == "postgresql"

    def execute(self, statement: sa.Executable, parameters: Parameters = None) -> sa.CursorResult[Any]:
        """Run one statement; a list of parameter sets runs it for each (one executemany)."""
        self.statements += 1
        result = self.conn.execute(statement, parameters)
        assert isinstance(result, sa.CursorResult)
        return result

    def rows(self, statement: sa.Executable, parameters: Parameters = None) -> Sequence[sa.Row[Any]]:
        """All rows."""
        return self.execute(statement, parameters).all()

    def row(self, statement: sa.Executable, parameters: Parameters = None) -> sa.Row[Any] | None:
        """The only row, or None; more than one is an error."""
        return self.execute(statement, parameters).one_or_none()

    def value(self, statement: sa.Executable, parameters: Parameters = None) -> Any:
        """The first column of the only row, or None."""
        return self.execute(statement, parameters).scalar_one_or_none()

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT with `on_conflict_do_update` and `on_conflict_do_nothing`, which both databases know."""
        return postgresql.insert(table) if self.on_postgresql else sqlite.insert(table)

    def insert_plain(
        self, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[int | str, ...]]
    ) -> None:
        """Insert many rows of numbers and texts with one statement; each row has the values of `columns`.

        For tables that get a dozen rows for every device. It goes past SQLAlchemy's work on each value, which
        takes several times as long as the database does.
        """
        if not rows:
            return
        self.statements += 1
        names = self.conn.dialect.identifier_preparer
        into = f"INSERT INTO {names.format_table(table)} ({', '.join(map(names.quote, columns))})"
        if self.on_postgresql:
            arrays = [f"%s::{table.c[name].type.compile(self.conn.dialect)}[]" for name in columns]
            lists = tuple(list(values) for values in zip(*rows, strict=True))
            self.conn.exec_driver_sql(f"{into} SELECT * FROM unnest({', '.join(arrays)})", lists)
        else:
            self.conn.exec_driver_sql(f"{into} VALUES ({', '.join('?' * len(columns))})", list(rows))

    def new_key(self) -> int:
        """A fresh internal key; raises `RuntimeError` in a read unit, which has nothing to insert."""
        if self._keys is None:
            raise RuntimeError("a read unit makes no keys; use Database.write")
        return self._keys.next()

    def new_uuid(self) -> UUID:
        """A fresh public id."""
        return self.entropy.uuid()

    def lock(self, name: str) -> None:
        """Hold the lock called `name` until the unit ends, against every process.

        SQLite has one writer, so a write unit holds every lock there already.
        """
        if self.on_postgresql:
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
            self.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def afterwards(self, action: Callable[[], None]) -> None:
        """Call `action` on the event loop once this unit is committed; never if it is rolled back."""
        self.after_commit.append(action)

    def ring(self, name: str) -> None:
        """Ring a bell after the commit, once however often the unit asks for it."""
        if name not in self._rung:
            self._rung.add(name)
            self.afterwards(partial(self._bells.ring, name))

    def announce(self, change: Change) -> None:
        """Tell the reactors of a changed cause; a change of nothing is not announced."""
        if change.ids or change.attributes:
            self._announced.append(change)

    def settle(self) -> list[Change]:
        """Run the reactors over what was announced so far and return every change, theirs included.

        The end of a write unit does this; a unit calls it itself to read effects of its own edits.
        """
        log = self._announced  # what reactors announce joins it, for the later ones
        if log:
            settle(self, self._reactors, log)
        self._announced = []
        return log

    @contextmanager
    def preview(self) -> Iterator[None]:
        """Do something and take it back: everything inside, effects included, is rolled back at the end."""
        self.settle()
        recorded, actions, rung = self.recorded, len(self.after_commit), set(self._rung)
        savepoint = self.conn.begin_nested()
        try:
            yield
        finally:
            self._announced = []
            self.recorded, self._rung = recorded, rung
            del self.after_commit[actions:]
            savepoint.rollback()


def chunks(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Successive lists of at most `size` items: no IN list or executemany grows without bound."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
