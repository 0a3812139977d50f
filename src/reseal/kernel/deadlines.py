"""Deadlines: what happens at a moment if nothing else happens first.

A unit of work sets a deadline for a subject under a kind (a blocker's `until`, an ESP budget, a ticket's
expiry); setting it again moves it, cancelling removes it. The `Ticker` runs what is due, at start and
whenever the next moment comes: the row is removed and its handler called in one unit of work, so a deadline
takes effect exactly once however often the server is killed. A handler that raises is rolled back alone;
its row keeps the error and is tried again, later each time. Nothing is lost, and no deadline holds up
another.

Moments are wall-clock UTC. A handler may set the same deadline again, which is how daily work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx, Utc, metadata
from reseal.kernel.errors import Fault
from reseal.kernel.ids import TenantKey
from reseal.kernel.logs import get_logger

log = get_logger(__name__)

CHANGED = "deadlines changed"
"""Bell: a deadline was set and committed."""

FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(minutes=15)
BATCH = 100

deadline = sa.Table(
    "deadline",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("subject_kind", sa.Text, primary_key=True),
    sa.Column("subject_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("try_at", Utc, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Index(None, "try_at"),
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline that is set. `generation` counts how often it was moved, `attempts` how often it failed."""

    tenant: TenantKey
    subject_kind: str
    subject_id: int
    kind: str
    due_at: datetime
    generation: int
    attempts: int = 0
    last_error: str | None = None


Handler = Callable[[Tx, Deadline], None]
"""What to do when the moment has come. Runs under the tenant's lock for causes, so it may change anything."""


def set_deadline(
    tx: Tx, tenant: TenantKey, subject_kind: str, subject_id: int, kind: str, due_at: datetime
) -> None:
    """Have the handler of `kind` called for the subject at `due_at` (UTC); an earlier setting is replaced."""
    values = {
        "tenant_id": tenant,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "kind": kind,
        "due_at": due_at,
        "generation": 1,
        "try_at": due_at,
        "attempts": 0,
    }
    tx.execute(_SET[tx.conn.dialect.name], values)
    tx.ring(CHANGED)


def _or_replace(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["tenant_id", "subject_kind", "subject_id", "kind"],
        set_={
            "due_at": new.due_at,
            "generation": deadline.c.generation + 1,
            "try_at": new.try_at,
            "attempts": new.attempts,
            "last_error": None,
        },
    )


_SET = {
    "sqlite": _or_replace(sqlite.insert(deadline)),
    "postgresql": _or_replace(postgresql.insert(deadline)),
}


def cancel(tx: Tx, tenant: TenantKey, subject_kind: str, subject_id: int, kind: str) -> None:
    """Remove a deadline; it need not exist."""
    at = {"at_tenant": tenant, "at_subject_kind": subject_kind, "at_subject": subject_id, "at_kind": kind}
    tx.execute(_CANCEL, at)


_CANCEL = deadline.delete().where(
    deadline.c.tenant_id == sa.bindparam("at_tenant"),
    deadline.c.subject_kind == sa.bindparam("at_subject_kind"),
    deadline.c.subject_id == sa.bindparam("at_subject"),
    deadline.c.kind == sa.bindparam("at_kind"),
)


def cancel_all(tx: Tx, tenant: TenantKey, subject_kind: str, subject_id: int) -> None:
    """Remove every deadline of a subject, for when the subject itself is removed."""
    tx.execute(
        deadline.delete().where(
            deadline.c.tenant_id == tenant,
            deadline.c.subject_kind == subject_kind,
            deadline.c.subject_id == subject_id,
        )
    )


def due(tx: Tx, now: datetime, limit: int = BATCH) -> list[Deadline]:
    """At most `limit` deadlines to be run at `now`, the longest overdue first."""
    order = (deadline.c.try_at, *deadline.primary_key)
    rows = tx.rows(sa.select(deadline).where(deadline.c.try_at <= now).order_by(*order).limit(limit))
    return [_deadline(row) for row in rows]


def failing(tx: Tx, tenant: TenantKey, limit: int = BATCH) -> list[Deadline]:
    """Deadlines of a tenant whose handler raised and that wait for the next try, for people to see."""
    order = (deadline.c.try_at, *deadline.primary_key)
    failed = (deadline.c.tenant_id == tenant, deadline.c.attempts > 0)
    return [
        _deadline(row) for row in tx.rows(sa.select(deadline).where(*failed).order_by(*order).limit(limit))
    ]


def next_moment(tx: Tx) -> datetime | None:
    """When the next deadline is to be run; None if there is none."""
    moment: datetime | None = tx.value(sa.select(sa.func.min(deadline.c.try_at, type_=Utc)))
    return moment


def run_deadline(tx: Tx, one: Deadline, handler: Handler) -> bool:
    """Remove the deadline and call its handler. False if it was moved, cancelled or run in the meantime."""
    if tx.execute(deadline.delete().where(*_is(one))).rowcount == 0:
        return False
    handler(tx, one)
    return True


def record_failure(tx: Tx, one: Deadline, error: str) -> None:
    """Keep what went wrong with a deadline and when it is tried again (5 s, doubling up to 15 min)."""
    pause = min(FIRST_RETRY * 2 ** min(one.attempts, 16), LAST_RETRY)
    tx.execute(
        deadline.update()
        .where(*_is(one))
        .values(attempts=one.attempts + 1, last_error=error, try_at=tx.now + pause)
    )


def _is(one: Deadline) -> tuple[sa.ColumnElement[bool], ...]:
    """The row of exactly this setting: one that was moved since is another."""
    return (
        deadline.c.tenant_id == one.tenant,
        deadline.c.subject_kind == one.subject_kind,
        deadline.c.subject_id == one.subject_id,
        deadline.c.kind == one.kind,
        deadline.c.generation == one.generation,
        deadline.c.due_at == one.due_at,
    )


def _deadline(row: sa.Row[tuple[object, ...]]) -> Deadline:
    return Deadline(
        tenant=row.tenant_id,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        kind=row.kind,
        due_at=row.due_at,
        generation=row.generation,
        attempts=row.attempts,
        last_error=row.last_error,
    )


class Ticker:
    """Runs deadlines when they are due. Every process may run one: each row is handled by one of them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        handlers: Mapping[str, Handler],
        recheck: timedelta | None = timedelta(seconds=30),
    ) -> None:
        """`recheck` bounds how long deadlines set by another process that died stay unseen, and how late
        one is when the wall clock is set forward; None (rehearsals: one process, true time) waits for bells
        alone.
        """
        self._db = db
        self._clock = clock
        self._handlers = handlers
        self._recheck = recheck

    async def run(self) -> None:
        """Run what is due now, then each deadline at its moment, until cancelled."""
        with self._db.bells.listen(CHANGED) as bell:
            while True:
                try:
                    await self.drain()
                    pause = await self._pause()
                except Exception as error:
                    log.error("deadlines could not be read", exc_info=error)
                    pause = FIRST_RETRY
                await bell.wait(self._clock, pause)

    async def drain(self) -> int:
        """Run everything that is due; returns how many handlers ran to their end."""
        finished = 0
        while batch := await self._db.read(due, self._clock.now()):
            for one in batch:
                finished += await self._run(one)
        return finished

    async def _pause(self) -> timedelta | None:
        moment = await self._db.read(next_moment)
        until = None if moment is None else max(moment - self._clock.now(), timedelta(0))
        pauses = [each for each in (until, self._recheck) if each is not None]
        return min(pauses, default=None)

    async def _run(self, one: Deadline) -> bool:
        context = {
            "deadline": one.kind,
            "tenant": one.tenant,
            "subject_kind": one.subject_kind,
            "subject_id": one.subject_id,
        }
        try:
            handler = self._handlers.get(one.kind) or _unknown
            return await self._db.write(run_deadline, one, handler, causes=one.tenant)
        except Exception as error:
            log.error("a deadline's handler failed", exc_info=error, attempt=one.attempts + 1, **context)
            await self._db.write(record_failure, one, f"{type(error).__name__}: {error}")
            return False


def _unknown(_tx: Tx, one: Deadline) -> None:
    raise Fault(
        code="DeadlineWithoutHandler",
        message=f"No handler is known for deadlines of kind {one.kind}.",
        remedy="It was set by a newer version of the server: start that one again.",
    )
