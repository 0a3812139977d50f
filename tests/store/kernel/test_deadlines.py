"""Deadlines: run when due, once, whatever fails or is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from reseal.kernel import deadlines
from reseal.kernel.changes import Change, ChangeKind, Reactor
from reseal.kernel.clock import VirtualClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.deadlines import Deadline, Handler, Ticker
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.simulation.loop import HangFound, run
from reseal.kernel.storage import open_database
from tests.support.clock import ManualClock

TENANT = TenantKey(1)
MINUTE = timedelta(minutes=1)
CAUSE = ChangeKind("cause")


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """One, to show that handlers may announce."""
    return (Reactor("effects", frozenset({CAUSE}), lambda tx, tenant, changes: None),)


async def _set(database: Database, due_at: datetime, subject: int = 1, kind: str = "expiry") -> None:
    await database.write(deadlines.set_deadline, TENANT, "ticket", subject, kind, due_at)


class _Calls:
    """A handler that remembers for which subjects it was called."""

    def __init__(self, fail: Callable[[Deadline], bool] = lambda one: False) -> None:
        self.subjects: list[int] = []
        self._fail = fail

    def __call__(self, tx: Tx, one: Deadline) -> None:
        self.subjects.append(one.subject_id)
        if self._fail(one):
            raise LookupError(f"subject {one.subject_id} is broken")


async def test_what_is_due_runs_once_the_longest_overdue_first(
    database: Database, clock: ManualClock
) -> None:
    calls = _Calls()
    ticker = Ticker(database, clock, {"expiry": calls})
    for subject, minutes in ((1, 3), (2, 1), (3, 10)):
        await _set(database, clock.now() + minutes * MINUTE, subject)

    assert await ticker.drain() == 0
    clock.pass_silently(5 * MINUTE)
    assert await ticker.drain() == 2
    assert await ticker.drain() == 0

    assert calls.subjects == [2, 1]


async def test_setting_a_deadline_again_moves_it(database: Database, clock: ManualClock) -> None:
    calls = _Calls()
    ticker = Ticker(database, clock, {"expiry": calls})
    await _set(database, clock.now() + MINUTE)
    await _set(database, clock.now() + 3 * MINUTE)

    clock.pass_silently(2 * MINUTE)
    await ticker.drain()
    early = list(calls.subjects)
    clock.pass_silently(2 * MINUTE)
    await ticker.drain()

    assert (early, calls.subjects) == ([], [1])


async def test_a_cancelled_deadline_never_runs(database: Database, clock: ManualClock) -> None:
    calls = _Calls()
    for kind in ("expiry", "reminder"):
        await _set(database, clock.now(), kind=kind)
    await _set(database, clock.now(), subject=2)
    await database.write(deadlines.cancel, TENANT, "ticket", 2, "expiry")
    await database.write(deadlines.cancel, TENANT, "ticket", 99, "expiry")
    await database.write(deadlines.cancel_all, TENANT, "ticket", 1)

    assert await Ticker(database, clock, {"expiry": calls, "reminder": calls}).drain() == 0


async def test_one_that_was_moved_while_it_waited_its_turn_is_left_alone(
    database: Database, clock: ManualClock
) -> None:
    """Two servers see the same row due; what the second read is no longer true when it acts."""
    calls = _Calls()
    await _set(database, clock.now())
    (seen,) = await database.read(deadlines.due, clock.now())
    await _set(database, clock.now() + MINUTE)

    assert not await database.write(deadlines.run_deadline, seen, calls)
    assert calls.subjects == []


async def test_two_servers_run_each_deadline_once(database: Database, clock: ManualClock) -> None:
    calls = _Calls()
    for subject in range(20):
        await _set(database, clock.now(), subject)

    finished = await asyncio.gather(*(Ticker(database, clock, {"expiry": calls}).drain() for _ in range(3)))

    assert sum(finished) == 20
    assert sorted(calls.subjects) == list(range(20))


async def test_a_handler_may_set_the_next_one(database: Database, clock: ManualClock) -> None:
    days: list[datetime] = []

    def daily(tx: Tx, one: Deadline) -> None:
        days.append(one.due_at)
        if len(days) < 3:
            deadlines.set_deadline(tx, TENANT, "rule", 1, "daily", one.due_at + timedelta(days=1))

    start = clock.now()
    await database.write(deadlines.set_deadline, TENANT, "rule", 1, "daily", start)
    clock.pass_silently(timedelta(days=7))
    await Ticker(database, clock, {"daily": daily}).drain()

    assert days == [start, start + timedelta(days=1), start + timedelta(days=2)]


async def test_a_handler_may_change_causes(database: Database, clock: ManualClock) -> None:
    await _set(database, clock.now())

    def announce(tx: Tx, one: Deadline) -> None:
        tx.announce(Change(CAUSE, one.tenant, frozenset({one.subject_id})))

    assert await Ticker(database, clock, {"expiry": announce}).drain() == 1


# --- failures -----------------------------------------------------------------------------------------------


async def test_a_failing_handler_holds_up_nobody_and_is_tried_again(
    database: Database, clock: ManualClock
) -> None:
    calls = _Calls(fail=lambda one: one.subject_id == 1 and one.attempts < 2)
    ticker = Ticker(database, clock, {"expiry": calls})
    for subject in (1, 2):
        await _set(database, clock.now() - subject * MINUTE, subject)

    assert await ticker.drain() == 1
    (failing,) = await database.read(deadlines.failing, TENANT)
    assert (failing.subject_id, failing.attempts) == (1, 1)
    assert failing.last_error == "LookupError: subject 1 is broken"
    assert await ticker.drain() == 0, "not again at once"

    clock.pass_silently(timedelta(seconds=5))
    assert await ticker.drain() == 0
    clock.pass_silently(timedelta(seconds=5))
    assert await ticker.drain() == 0, "the second pause is longer"
    clock.pass_silently(timedelta(seconds=5))
    assert await ticker.drain() == 1
    assert calls.subjects == [2, 1, 1, 1]
    assert await database.read(deadlines.failing, TENANT) == []


async def test_what_a_failing_handler_wrote_is_taken_back(database: Database, clock: ManualClock) -> None:
    def half(tx: Tx, one: Deadline) -> None:
        deadlines.set_deadline(tx, TENANT, "ticket", 77, "expiry", clock.now() + 99 * MINUTE)
        raise LookupError

    await _set(database, clock.now())
    await Ticker(database, clock, {"expiry": half}).drain()
    clock.pass_silently(100 * MINUTE)

    due = await database.read(deadlines.due, clock.now())
    assert [one.subject_id for one in due] == [1]


async def test_the_pause_between_tries_has_an_end(database: Database, clock: ManualClock) -> None:
    ticker = Ticker(database, clock, {"expiry": _Calls(fail=lambda one: True)})
    await _set(database, clock.now())

    for tries in range(1, 13):
        await ticker.drain()
        (failing,) = await database.read(deadlines.failing, TENANT)
        assert failing.attempts == tries
        clock.pass_silently(timedelta(minutes=15))


async def test_a_kind_that_nobody_handles_is_kept_and_shown(database: Database, clock: ManualClock) -> None:
    await _set(database, clock.now(), kind="from a newer version")

    assert await Ticker(database, clock, {}).drain() == 0

    (failing,) = await database.read(deadlines.failing, TENANT)
    assert "from a newer version" in (failing.last_error or "")


# --- the running ticker -------------------------------------------------------------------------------------


def _simulated(url: str, handlers: dict[str, Handler], recheck: timedelta | None) -> list[tuple[float, int]]:
    """Under virtual time: one deadline due at start, one set after a minute for five minutes later."""
    ran: list[tuple[float, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = VirtualClock(loop, datetime(2026, 1, 5, tzinfo=UTC))
        database = open_database(url, clock=clock, entropy=SeededEntropy(1), mode="inline")

        def note(tx: Tx, one: Deadline) -> None:
            ran.append((loop.time(), one.subject_id))

        await _set(database, clock.now() - MINUTE, subject=1)
        ticker = asyncio.create_task(Ticker(database, clock, {"expiry": note} | handlers, recheck).run())
        await clock.sleep(MINUTE)
        await _set(database, clock.now() + 5 * MINUTE, subject=2)
        await _set(database, clock.now() + MINUTE, subject=3)
        await clock.sleep(10 * MINUTE)
        ticker.cancel()
        await database.close()

    run(main())
    return ran


@pytest.mark.parametrize("recheck", [None, timedelta(seconds=30)])
def test_a_running_ticker_is_exactly_on_time(sqlite_url: str, recheck: timedelta | None) -> None:
    assert _simulated(sqlite_url, {}, recheck) == [(0.0, 1), (120.0, 3), (360.0, 2)]


def test_a_ticker_with_nothing_to_do_does_not_hide_a_hang(sqlite_url: str) -> None:
    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop(), datetime(2026, 1, 5, tzinfo=UTC))
        database = open_database(sqlite_url, clock=clock, entropy=SeededEntropy(1), mode="inline")
        await Ticker(database, clock, {}, recheck=None).run()

    with pytest.raises(HangFound):
        run(main())
