"""The sealer that runs beside PostgreSQL, and following a log as it grows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.events.checkpoint import checkpoint
from reseal.kernel.events.log import RECORDED, SEAL_BATCH, SEALED, SealedEvent, read, seal_ready
from reseal.kernel.glances import glance
from reseal.kernel.ids import TenantKey
from reseal.kernel.logs import get_logger

log = get_logger(__name__)

SEAL_INTERVAL = timedelta(milliseconds=200)
_GATHER = timedelta(milliseconds=20)
_AFTER_TROUBLE = timedelta(seconds=1)
_PAGE = 500
_FRESH = timedelta(seconds=1)


class Sealer:
    """Seals what units recorded, at most 200 ms later. Every process may run one; a lock lets one work.

    On SQLite the writer seals in the commit itself, and this finds nothing to do.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def run(self) -> None:
        """Seal until cancelled. Trouble with the database is logged and tried again."""
        with self._db.bells.listen(RECORDED) as bell:
            while True:
                await self._clock.sleep(_GATHER)
                try:
                    await self.seal_now()
                except Exception as error:
                    log.error("events could not be sealed", exc_info=error)
                    await self._clock.sleep(_AFTER_TROUBLE)
                else:
                    await bell.wait(self._clock, SEAL_INTERVAL - _GATHER)

    async def seal_now(self) -> int:
        """Seal everything that is ready; returns how many events. For shutdown, and for tests."""
        total = 0
        while sealed := await self._db.write(seal_ready):
            total += sealed
            if sealed < SEAL_BATCH:
                break
        return total


async def follow(
    db: Database,
    tenant: TenantKey,
    after: int,
    clock: Clock,
    recheck: timedelta | None = timedelta(seconds=1),
) -> AsyncGenerator[SealedEvent, None]:
    """The events of a tenant above position `after`, each once and in order, for as long as it is asked.

    New ones come as soon as they are sealed in this process; those sealed by another process at the next
    look, after `recheck` at the latest (None: only one process writes). Close it when done
    (`contextlib.aclosing`).
    """
    async with aclosing(watch(db, tenant, after, clock, recheck)) as looks:
        async for news in looks:
            for each in news:
                yield each


async def watch(
    db: Database,
    tenant: TenantKey,
    after: int,
    clock: Clock,
    recheck: timedelta | None = timedelta(seconds=1),
    bells: Sequence[str] = (),
) -> AsyncGenerator[list[SealedEvent], None]:
    """What `follow` gives, look by look: also when there is nothing new, so that whoever asks can see whether
    there is still somebody to tell, and whether something else changed (`bells` that wake it too).
    """
    fresh = _FRESH if recheck is None else recheck / 2
    with db.bells.listen(SEALED, *bells) as bell:
        while True:
            is_new = await glance(db, clock, fresh, _head, tenant) > after
            news = await db.read(read, tenant, after, _PAGE) if is_new else []
            yield news
            after = news[-1].position if news else after
            if len(news) < _PAGE:
                await bell.wait(clock, recheck)


def _head(tx: Tx, tenant: TenantKey) -> int:
    return checkpoint(tx, tenant).position
