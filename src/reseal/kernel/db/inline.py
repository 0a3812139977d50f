"""The database of a rehearsal: SQLite on the loop itself, without threads, with seeded yields.

Each unit still runs in a SAVEPOINT of a transaction and is answered after COMMIT. Around it the adapter
yields to the loop a seeded number of times, so that different seeds meet different interleavings; the probe
stands before the commit and between commit and answer, where a simulated crash may strike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from reseal.kernel.db.database import Context, Stats, Unit
from reseal.kernel.db.schema import metadata
from reseal.kernel.db.sqlite import Writer, in_memory, sqlite_engine
from reseal.kernel.ids import TenantKey

T = TypeVar("T")

MOST_YIELDS = 3


class InlineDatabase:
    """SQLite (a file or memory) run inline; for virtual time, where the loop refuses threads."""

    seals_in_commit = True

    def __init__(self, url: str, context: Context) -> None:
        self.url = url
        self.stats = Stats()
        self.bells = context.bells
        self._context = context
        self._yields = context.entropy.fork("database yields")
        self._engine = sqlite_engine(url)
        if in_memory(url):  # always begins empty, and nobody else could have made its tables
            metadata.create_all(self._engine)
        self._writer = Writer(self._engine, context, self.stats, url)
        self._turn = asyncio.Lock()

    async def write(
        self,
        unit: Callable[..., T],
        /,
        *args: Any,
        causes: TenantKey | None = None,
        **kwargs: Any,
    ) -> T:
        await self._yield()
        async with self._turn:
            work = Unit(unit, args, kwargs, causes)
            (outcome,) = self._writer.run([work])
            result: T = outcome()
            work.committed()
        await self._yield()
        return result

    async def read(self, unit: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        await self._yield()
        async with self._turn:
            result: T = self._writer.read(Unit(unit, args, kwargs))
        await self._yield()
        return result

    async def close(self) -> None:
        self._writer.close()
        self._engine.dispose()

    async def _yield(self) -> None:
        for _ in range(self._yields.below(MOST_YIELDS)):
            await self._context.clock.sleep(timedelta(0))
