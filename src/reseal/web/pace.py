"""How often the same may be asked: a limit for each name over a sliding window, kept in memory.

A replica counts for itself; the limits are there against floods, not for exact numbers.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import timedelta

from reseal.kernel.clock import Clock
from reseal.kernel.errors import TooSoon
from reseal.web.phrases import say

REMEMBERED = 10_000
"""Names whose requests are counted; the one that has been quiet longest is forgotten first."""


class Pace:
    """At most `most` requests of one name within `window`."""

    def __init__(self, clock: Clock, most: int, window: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._window = window
        self._times: OrderedDict[str, deque[timedelta]] = OrderedDict()

    def take(self, name: str) -> None:
        """Count a request. Raises `TooSoon` once there are too many; a refused one does not count."""
        now = self._clock.monotonic()
        times = self._times.setdefault(name, deque())
        self._times.move_to_end(name)
        while times and times[0] + self._window <= now:
            times.popleft()
        if len(times) >= self._most:
            raise TooSoon(
                code="TooManyRequests",
                message=say("The same was asked too often in a short time."),
                remedy=say("Wait, then try again."),
                retry_after=times[0] + self._window - now,
            )
        times.append(now)
        while len(self._times) > REMEMBERED:
            self._times.popitem(last=False)
