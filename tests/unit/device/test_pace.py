"""A device at a pace: its own waiting is divided, the world's is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.http import Http
from reseal.device.oauth import TokenEndpoint, ask_for_code
from reseal.device.pace import PacedClock
from reseal.device.transport import Failure, Request, TransportError
from reseal.device.waiting import TimeUp, within
from reseal.kernel.clock import Clock, VirtualClock
from reseal.kernel.entropy import SeededEntropy
from tests.support.clock import START, ManualClock
from tests.unit.device.laptops import simulated
from tests.unit.device.organisation import Answer

SECOND = timedelta(seconds=1)
URL = "https://mdm.contoso.test/x"


def test_waiting_is_divided_and_the_device_takes_it_for_whole() -> None:
    async def main(clock: VirtualClock) -> None:
        paced = PacedClock(clock, 60)
        before, moment = paced.monotonic(), paced.now()
        await paced.sleep(timedelta(hours=1))
        assert clock.monotonic() == timedelta(minutes=1)
        assert paced.monotonic() - before == timedelta(hours=1)
        assert paced.now() - moment == timedelta(minutes=1), "the wall clock is everybody's"

    simulated(main)


@given(
    st.floats(1, 10_000),
    st.lists(st.timedeltas(timedelta(0), timedelta(hours=9)), min_size=1, max_size=8),
)
def test_time_adds_up_at_any_pace(pace: float, passed: list[timedelta]) -> None:
    clock = ManualClock()
    clock.pass_silently(timedelta(days=3))
    paced = PacedClock(clock, pace)
    assert paced.monotonic() == clock.monotonic(), "a pace begins when it begins"
    moments = [paced.monotonic()]
    for duration in passed:
        clock.pass_silently(duration)
        moments.append(paced.monotonic())
    assert moments == sorted(moments)
    told, true = moments[-1] - moments[0], sum(passed, timedelta(0))
    assert abs(told - true * pace) <= timedelta(microseconds=1)


@pytest.mark.parametrize("pace", [0, 0.5, -1, float("inf"), float("nan")])
def test_a_pace_is_at_least_one(pace: float) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        PacedClock(ManualClock(), pace)


def test_a_bound_of_the_device_is_divided() -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeUp):
            await within(PacedClock(clock, 60), timedelta(minutes=1), clock.sleep(2 * SECOND))
        assert clock.monotonic() == SECOND

    simulated(main)


# --- the network keeps its time -----------------------------------------------------------------------------


@dataclass
class Slow:
    """Answers after a while by everybody's clock, as often as it does not refuse."""

    clock: Clock
    takes: timedelta
    refuses: int = 0
    body: bytes = b"yes"
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        self.asked.append(request.url)
        if len(self.asked) <= self.refuses:
            raise TransportError(Failure.REFUSED, "by script")
        await self.clock.sleep(self.takes)
        date = format_datetime(self.clock.now(), usegmt=True)
        yield Answer(200, self.body, headers=[("Date", date)])


def _at_pace(server: Slow, pace: float) -> Http:
    return Http(server, PacedClock(server.clock, pace), server.clock)


def test_a_slow_answer_is_waited_for_as_long_as_ever() -> None:
    async def main(clock: VirtualClock) -> None:
        slow = Slow(clock, timedelta(seconds=50))
        answer = await _at_pace(slow, 600).ask(Request(method="GET", url=URL), tries=1)
        assert answer.body == b"yes"
        slow.takes = timedelta(seconds=70)
        with pytest.raises(TransportError, match="in time"):
            await _at_pace(slow, 600).ask(Request(method="GET", url=URL), tries=1)

    simulated(main)


def test_tries_again_come_sooner() -> None:
    async def main(clock: VirtualClock) -> None:
        slow = Slow(clock, timedelta(0), refuses=4)
        await _at_pace(slow, 60).ask(Request(method="GET", url=URL))
        assert clock.monotonic() == (1 + 2 + 4 + 8) * SECOND / 60

    simulated(main)


def test_the_time_that_a_server_told_goes_on_as_everybodys() -> None:
    async def main(clock: VirtualClock) -> None:
        http = _at_pace(Slow(clock, timedelta(0)), 60)
        await http.ask(Request(method="GET", url=URL))
        await clock.sleep(timedelta(minutes=5))
        assert http.server_time == START + timedelta(minutes=5)

    simulated(main)


def test_tokens_live_as_long_as_ever() -> None:
    async def main(clock: VirtualClock) -> None:
        granted = Slow(clock, timedelta(0), body=b'{"access_token": "a", "expires_in": 3600}')
        http = _at_pace(granted, 60)
        question = ask_for_code(URL, "urn:x", SeededEntropy(1), language="en-US")
        tokens = await TokenEndpoint(http, PacedClock(clock, 60), URL).redeem(question, "code")
        lasts = tokens.until - http.network_clock.monotonic()
        assert timedelta(minutes=55) < lasts <= timedelta(minutes=60)

    simulated(main)


def test_nothing_but_time_is_paced() -> None:
    async def main(clock: VirtualClock) -> None:
        order = []

        async def device(name: str, wait: timedelta, own: Clock) -> None:
            await own.sleep(wait)
            order.append(name)

        paced = PacedClock(clock, 60)
        hour = timedelta(hours=1)
        await asyncio.gather(device("late", hour, paced), device("soon", hour / 2, paced))
        assert order == ["soon", "late"]

    simulated(main)
