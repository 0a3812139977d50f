"""Locking after wrong secrets: ten in a row lock for a minute, each further one for twice as long.

For clients and for users alike, whether or not there is such a client or user. The same wrong password again
does not count: a program that keeps trying an old one locks nobody out (`spec/identity.md 7.3`).

Counted in memory of the process: a restart forgives, replicas count apart. That slows guessing enough.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import timedelta

from reseal.kernel.clock import Clock

FREE_FAILURES = 10
FIRST_LOCK = timedelta(seconds=60)
LONGEST_LOCK = timedelta(hours=1)
REMEMBERED = 10_000
REMEMBERED_SECRETS = 3


@dataclass(slots=True)
class _Record:
    failures: int = 0
    locked_until: timedelta = timedelta(0)
    tried: list[bytes] = field(default_factory=list)


class Lockout:
    """Who failed how often, for the `REMEMBERED` that failed last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[Hashable, _Record] = OrderedDict()

    def remaining(self, who: Hashable) -> timedelta:
        """How long `who` is still locked; zero if not at all."""
        record = self._records.get(who)
        locked = record.locked_until - self._clock.monotonic() if record else timedelta(0)
        return max(locked, timedelta(0))

    def failed(self, who: Hashable, tried: bytes = b"") -> None:
        """A wrong secret. `tried` is a keyed digest of it: given, it counts once while it is among the last
        few.
        """
        record = self._records.setdefault(who, _Record())
        self._records.move_to_end(who)
        if not tried or tried not in record.tried:
            self._count(record)
            record.tried = [*record.tried[1 - REMEMBERED_SECRETS :], tried]
        while len(self._records) > REMEMBERED:
            self._records.popitem(last=False)

    def succeeded(self, who: Hashable) -> None:
        """The right secret clears the record."""
        self._records.pop(who, None)

    def _count(self, record: _Record) -> None:
        record.failures += 1
        doublings = record.failures - FREE_FAILURES
        if doublings >= 0:
            lock = min(FIRST_LOCK * 2 ** min(doublings, 10), LONGEST_LOCK)
            record.locked_until = self._clock.monotonic() + lock
