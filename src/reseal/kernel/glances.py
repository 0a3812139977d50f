"""What many readers ask at the same time, asked once.

Hundreds of streams look about once a second whether there is something new, mostly for nothing. A glance is
the answer of a read unit that they share as long as no bell of the database has rung, and no longer than they
allow: whoever commits in this process rings; what other processes commit is seen a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from reseal.kernel.bells import Bells
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database

T = TypeVar("T")


@dataclass(slots=True)
class _Glance:
    answer: asyncio.Future[Any]
    begun: timedelta
    rings: int


_kept: Final[WeakKeyDictionary[Bells, dict[Hashable, _Glance]]] = WeakKeyDictionary()


async def glance(
    db: Database, clock: Clock, at_most: timedelta, unit: Callable[..., T], *arguments: Hashable
) -> T:
    """What `unit` reads with these arguments; no older than `at_most`, and not from before the last ring."""
    glances = _kept.setdefault(db.bells, {})
    key = (unit, arguments)
    found, now = glances.get(key), clock.monotonic()
    if found is None or found.rings != db.bells.rings or now - found.begun >= at_most or _failed(found):
        answer = asyncio.ensure_future(db.read(unit, *arguments))
        found = glances[key] = _Glance(answer, now, db.bells.rings)
    result: T = await asyncio.shield(found.answer)
    return result


def _failed(found: _Glance) -> bool:
    answer = found.answer
    return answer.cancelled() or (answer.done() and answer.exception() is not None)
