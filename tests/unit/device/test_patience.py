"""Requests that are tried again, waits that end, clocks that can be set, networks that are remembered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.device.disk import MemoryDisk
from reseal.device.http import Answer as Got
from reseal.device.http import Http
from reseal.device.link import LinkedTransport, PlainAdapters, Wireless
from reseal.device.timekeeping import MachineClock, Stopwatches, spoken
from reseal.device.transport import Failure, Request, TransportError
from reseal.device.waiting import TimeUp, pause, within
from reseal.kernel.clock import VirtualClock
from tests.support.clock import START, ManualClock
from tests.unit.device.laptops import simulated
from tests.unit.device.organisation import Answer

URL = "https://mdm.contoso.test/x"
SECOND = timedelta(seconds=1)


@dataclass
class Line:
    """What happens to the requests to come: an answer, a failure, or silence."""

    script: deque[Answer | Failure | None]
    asked: list[Request] = field(default_factory=list)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        self.asked.append(request)
        answer = self.script.popleft()
        if answer is None:
            await asyncio.get_running_loop().create_future()
            raise AssertionError
        if isinstance(answer, Failure):
            raise TransportError(answer, "by script")
        yield answer


def asked(*script: Answer | Failure | None, **tries: int) -> tuple[Got | TransportError, int, timedelta]:
    """What comes of a request, after how many, in what time."""

    async def main(clock: VirtualClock) -> tuple[Got | TransportError, int, timedelta]:
        line = Line(deque(script))
        try:
            got: Got | TransportError = await Http(line, clock).ask(Request(method="GET", url=URL), **tries)
        except TransportError as error:
            got = error
        return got, len(line.asked), clock.monotonic()

    return simulated(main)


OK = Answer(200, b"yes")


@pytest.mark.parametrize(
    "failure", [Failure.CUT, Failure.REFUSED, Failure.NO_NETWORK, Answer(503), Answer(429)]
)
def test_what_networks_do_is_tried_again(failure: Answer | Failure) -> None:
    got, requests, time = asked(failure, failure, OK)
    assert isinstance(got, Got)
    assert (got.body, requests, time) == (b"yes", 3, 3 * SECOND)


@pytest.mark.parametrize("failure", [Failure.UNTRUSTED, Failure.WRONG_NAME])
def test_a_wrong_certificate_is_not_tried_again(failure: Failure) -> None:
    got, requests, _ = asked(failure, OK)
    assert isinstance(got, TransportError)
    assert requests == 1


def test_tries_have_a_bound() -> None:
    got, requests, time = asked(*[Failure.CUT] * 9)
    assert isinstance(got, TransportError)
    assert (requests, time) == (6, 31 * SECOND)
    got, requests, _ = asked(*[Answer(503)] * 9, tries=2)
    assert isinstance(got, Got)
    assert (got.status, requests) == (503, 2)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_a_network_failure_to_who_asks_once(status: int) -> None:
    got, requests, time = asked(Answer(status, b"", [("Retry-After", "9")]), OK, tries=1)
    assert isinstance(got, TransportError)
    assert (got.failure, str(got.message)) == (Failure.REFUSED, f"the server answered {status}")
    assert (requests, time) == (1, timedelta(0))
    got, _, _ = asked(Answer(500, b"oops"), tries=1)
    assert isinstance(got, Got)


def test_a_busy_server_says_when_and_is_believed_within_reason() -> None:
    _, _, time = asked(Answer(503, b"", [("Retry-After", "9")]), OK)
    assert time == 9 * SECOND
    _, _, time = asked(Answer(503, b"", [("Retry-After", "9999")]), OK)
    assert time == 30 * SECOND


def test_an_answer_that_never_comes_is_given_up() -> None:
    got, requests, time = asked(None, OK)
    assert isinstance(got, Got)
    assert (requests, time) == (2, 61 * SECOND)


def test_the_time_of_the_server_goes_on() -> None:
    async def main(clock: VirtualClock) -> None:
        line = Line(deque([Answer(200, b"", [("Date", "Mon, 05 Jan 2026 08:10:00 GMT")]), Answer(200)]))
        http = Http(line, clock)
        assert http.server_time is None
        await http.get(URL)
        await clock.sleep(5 * SECOND)
        await http.get(URL)
        assert http.server_time == START + timedelta(minutes=10, seconds=5)

    simulated(main)


# --- waiting ------------------------------------------------------------------------------------------------


def test_waiting_within_a_limit() -> None:
    async def main(clock: VirtualClock) -> None:
        async def work(duration: timedelta) -> str:
            await clock.sleep(duration)
            return "done"

        assert await within(clock, 2 * SECOND, work(SECOND)) == "done"
        with pytest.raises(TimeUp):
            await within(clock, SECOND, work(2 * SECOND))
        assert clock.monotonic() == 2 * SECOND
        assert not await pause(clock, SECOND, work(5 * SECOND))
        assert await pause(clock, 5 * SECOND, work(SECOND))
        assert clock.monotonic() == 4 * SECOND

    simulated(main)


def test_what_is_waited_for_may_fail_and_the_waiter_may_be_cancelled() -> None:
    async def main(clock: VirtualClock) -> None:
        async def fail() -> None:
            raise ValueError("by script")

        with pytest.raises(ValueError, match="by script"):
            await within(clock, SECOND, fail())
        ended: list[bool] = []

        async def long() -> None:
            try:
                await clock.sleep(99 * SECOND)
            finally:
                ended.append(True)

        task = asyncio.get_running_loop().create_task(within(clock, 50 * SECOND, long()))
        await clock.sleep(SECOND)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    simulated(main)


# --- time ---------------------------------------------------------------------------------------------------


def test_a_clock_that_is_far_off_is_set_and_stays_so(clock: ManualClock) -> None:
    disk = MemoryDisk()
    machine = MachineClock(clock, disk)
    assert machine.adjust(START + timedelta(seconds=50)) is None
    assert machine.now() == START
    assert machine.adjust(START + timedelta(minutes=10)) == timedelta(minutes=10)
    assert machine.now() == START + timedelta(minutes=10)
    assert MachineClock(clock, disk).now() == START + timedelta(minutes=10)
    assert machine.monotonic() == timedelta(0)


def test_stopwatches_do_not_care_for_the_wall_clock(clock: ManualClock) -> None:
    watches = Stopwatches(clock, MemoryDisk())
    watches.start("device")
    clock.pass_silently(timedelta(minutes=3))
    clock.set_wall_clock(START + timedelta(days=365))
    assert watches.elapsed("device") == timedelta(minutes=3)


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["keep", "cut", "stop", "start"])), max_size=12)
)
def test_a_power_cut_costs_a_stopwatch_little(steps: list[tuple[int, str]]) -> None:
    clock, disk = ManualClock(), MemoryDisk()
    watches = Stopwatches(clock, disk)
    watches.start("device")
    ran, running, unkept = 0, True, 0
    for seconds, step in steps:
        clock.pass_silently(timedelta(seconds=seconds))
        ran += seconds if running else 0
        unkept += seconds if running else 0
        if step == "keep":
            watches.keep(at_once=True)
            unkept = 0
        elif step == "stop":
            watches.stop("device")
            running, unkept = False, 0
        elif step == "start":
            watches.start("device")
            running = True
        else:
            disk.power_cut()
            watches = Stopwatches(clock, disk)
            ran, running, unkept = ran - unkept, False, 0
        assert watches.elapsed("device") == timedelta(seconds=ran)


def test_keeping_a_stopwatch_costs_few_writes(clock: ManualClock) -> None:
    disk = MemoryDisk()
    watches = Stopwatches(clock, disk)
    watches.start("device")
    for _ in range(100):
        clock.pass_silently(SECOND)
        watches.keep()
    assert disk.writes == 3


@pytest.mark.parametrize(
    "seconds, text", [(0, "0:00:00"), (59, "0:00:59"), (3661, "1:01:01"), (360_000, "100:00:00")]
)
def test_elapsed_time_is_spoken_as_hours_minutes_seconds(seconds: int, text: str) -> None:
    assert spoken(timedelta(seconds=seconds, milliseconds=400)) == text


# --- network ------------------------------------------------------------------------------------------------


def test_a_wifi_network_is_joined_again_until_it_is_forgotten() -> None:
    disk, adapters = MemoryDisk(), PlainAdapters(cable=False, networks={"office": "pw"})
    wireless = Wireless(adapters, disk)
    assert not wireless.join("office", "wrong")
    assert not adapters.up
    assert wireless.join("office", "pw")
    wireless.start()
    assert adapters.up
    wireless.forget()
    wireless.start()
    assert not adapters.up


def test_elsewhere_another_network_is_in_range() -> None:
    disk = MemoryDisk()
    Wireless(PlainAdapters(cable=False, networks={"office": "pw"}), disk).join("office", "pw")
    home = PlainAdapters(cable=False, networks={"home": ""})
    Wireless(home, disk).start()
    assert not home.up
    assert home.access_points() == ("home",)


def test_without_a_link_nothing_leaves() -> None:
    async def main(clock: VirtualClock) -> None:
        adapters = PlainAdapters(cable=False)
        line = Line(deque([OK]))
        transport = LinkedTransport(line, adapters)
        with pytest.raises(TransportError) as raised:
            await Http(transport, clock).ask(Request(method="GET", url=URL), tries=1)
        assert raised.value.failure is Failure.NO_NETWORK
        adapters.cable = True
        assert (await Http(transport, clock).ask(Request(method="GET", url=URL))).body == b"yes"

    simulated(main)
