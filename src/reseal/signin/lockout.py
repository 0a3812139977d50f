"""Locking after wrong secrets: ten in a row lock a client for a minute, each further one for twice as long.

Counted in memory of the process: a restart forgives, replicas count apart. That slows guessing enough; the
secrets are 256 bits of chance.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from reseal.kernel.clock import Clock

FREE_FAILURES = 10
FIRST_LOCK = timedelta(seconds=60)
LONGEST_LOCK = timedelta(hours=1)
REMEMBERED = 10_000


@dataclass(slots=True)
class _Record:
    failures: int
    locked_until: timedelta


class Lockout:
    """Who failed how often, for the `REMEMBERED` that failed last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[UUID, _Record] = OrderedDict()

    def remaining(self, who: UUID) -> timedelta:
        """How long `who` is still locked; zero if not at all."""
        record = self._records.get(who)
        locked = record.locked_until - self._clock.monotonic() if record else timedelta(0)
        return max(locked, timedelta(0))

    def failed(self, who: UUID) -> None:
        """A wrong secret."""
        record = self._records.setdefault(who, _Record(0, timedelta(0)))
        self._records.move_to_end(who)
        record.failures += 1
        doublings = record.failures - FREE_FAILURES
        if doublings >= 0:
            lock = min(FIRST_LOCK * 2 ** min(doublings, 10), LONGEST_LOCK)
            record.locked_until = self._clock.monotonic() + lock
        while len(self._records) > REMEMBERED:
            self._records.popitem(last=False)

    def succeeded(self, who: UUID) -> None:
        """The right secret clears the record."""
        self._records.pop(who, None)
