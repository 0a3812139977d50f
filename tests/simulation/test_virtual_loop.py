"""The loop of a rehearsal: virtual time, no threads, no sockets, hangs found."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from reseal.kernel.clock import VirtualClock
from reseal.kernel.simulation.guard import NotAnInput, guarded
from reseal.kernel.simulation.loop import HangFound, NotInSimulation, run

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_hour_of_sleep_takes_no_real_time_and_is_exact() -> None:
    async def main() -> tuple[timedelta, datetime]:
        clock = VirtualClock(asyncio.get_running_loop(), START)
        for _ in range(3600):
            await clock.sleep(timedelta(seconds=1))
        return clock.monotonic(), clock.now()

    before = time.process_time()
    passed, now = run(main())
    assert passed == timedelta(hours=1)
    assert now == START + timedelta(hours=1)
    assert time.process_time() - before < 60  # not a speed limit: an hour was not waited for


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main() -> list[str]:
        clock = VirtualClock(asyncio.get_running_loop(), START)
        order: list[str] = []

        async def later(name: str, minutes: int) -> None:
            await clock.sleep(timedelta(minutes=minutes))
            order.append(name)

        await asyncio.gather(later("third", 30), later("first", 1), later("second", 2))
        return order

    assert run(main()) == ["first", "second", "third"]


def test_a_skewed_wall_clock_does_not_change_what_has_passed() -> None:
    async def main() -> tuple[timedelta, timedelta]:
        clock = VirtualClock(asyncio.get_running_loop(), START)
        wrong = clock.skewed(timedelta(days=365))
        before = wrong.monotonic()
        await wrong.sleep(timedelta(minutes=60))
        return wrong.monotonic() - before, wrong.now() - clock.now()

    assert run(main()) == (timedelta(minutes=60), timedelta(days=365))


def test_waiting_for_what_never_comes_is_found() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(HangFound, match="nothing is ready and nothing is scheduled"):
        run(main())


async def _thread() -> None:
    await asyncio.to_thread(int)


async def _executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, int)


async def _connection() -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _server() -> None:
    await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)


async def _datagram() -> None:
    await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))


async def _name() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def _process() -> None:
    await asyncio.create_subprocess_exec("true")


async def _reader() -> None:
    near, far = socket.socketpair()
    try:
        asyncio.get_running_loop().add_reader(near, lambda: None)
    finally:
        near.close()
        far.close()


async def _from_outside() -> None:
    asyncio.get_running_loop().call_soon_threadsafe(lambda: None)


@pytest.mark.parametrize(
    "ask", [_thread, _executor, _connection, _server, _datagram, _name, _process, _reader, _from_outside]
)
def test_threads_sockets_and_processes_do_not_exist(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotInSimulation):
        run(ask())


def test_tasks_left_over_are_ended_with_the_run() -> None:
    ended: list[str] = []

    async def background() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("background")

    async def main() -> None:
        task = asyncio.create_task(background(), name="background")
        await asyncio.sleep(0)
        assert not task.done()

    run(main())
    assert ended == ["background"]


# --- the guard ----------------------------------------------------------------------------------------------


def _module(source: str, name: str) -> ModuleType:
    module = ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102  # our own text
    return module


@pytest.mark.parametrize(
    "call",
    [
        "import time; time.time()",
        "import time; time.monotonic()",
        "import time; time.sleep(0)",
        "import random; random.random()",
        "import secrets; secrets.token_bytes(1)",
        "import uuid; uuid.uuid4()",
        "import os; os.urandom(1)",
    ],
)
def test_our_own_code_may_not_take_time_or_chance_from_the_machine(call: str) -> None:
    source = f"def draw():\n    {call}"
    with guarded():
        with pytest.raises(NotAnInput, match="take it from Clock or Entropy"):
            _module(source, "reseal.somewhere").draw()
        _module(source, "a_library").draw()
    _module(source, "reseal.somewhere").draw()
