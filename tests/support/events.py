"""Waiting until the log has everything that was committed."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.events import Sealer


def _unsealed(tx: Tx) -> int:
    count: int = tx.value(sa.text("SELECT count(*) FROM event WHERE position IS NULL"))
    return count


async def sealed(database: Database) -> None:
    """Seal what was recorded so far; other tests' transactions on the same server may delay it a little."""
    sealer = Sealer(database, SystemClock())
    while await database.read(_unsealed):
        if not await sealer.seal_now():
            await asyncio.sleep(0.01)
