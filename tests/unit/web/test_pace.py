"""Limits on how often the same may be asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.kernel.errors import TooSoon
from reseal.web import pace
from reseal.web.pace import Pace

MINUTE = timedelta(minutes=1)


async def test_the_window_slides(clock):
    limit = Pace(clock, 2, MINUTE)
    limit.take("a")
    await clock.advance(timedelta(seconds=40))
    limit.take("a")
    with pytest.raises(TooSoon) as refused:
        limit.take("a")
    assert refused.value.retry_after == timedelta(seconds=20)
    limit.take("b")
    await clock.advance(timedelta(seconds=20))
    limit.take("a")
    with pytest.raises(TooSoon):
        limit.take("a")


async def test_it_forgets_who_has_been_quiet_longest(clock, monkeypatch):
    monkeypatch.setattr(pace, "REMEMBERED", 2)
    limit = Pace(clock, 1, MINUTE)
    for name in "abc":
        limit.take(name)
    limit.take("a")
    with pytest.raises(TooSoon):
        limit.take("c")
