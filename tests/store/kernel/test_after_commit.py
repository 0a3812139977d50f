"""What a unit asks to be done after its commit: once, even if its caller gave up, never after a failure."""

from __future__ import annotations

import asyncio
import threading

import pytest

from reseal.kernel.db import Database, Tx
from tests.support.clock import ManualClock


@pytest.fixture
def reactors() -> tuple[()]:
    """None are needed."""
    return ()


class _Ears:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.heard = 0

    def __call__(self) -> None:
        self.heard += 1


async def test_it_is_done_before_the_caller_goes_on(database: Database) -> None:
    ears = _Ears()

    await database.write(lambda tx: tx.afterwards(ears))

    assert ears.heard == 1


async def test_it_is_not_done_for_a_unit_that_fails(database: Database) -> None:
    ears = _Ears()

    def fail(tx: Tx) -> None:
        tx.afterwards(ears)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fail)

    assert ears.heard == 0


async def test_it_is_done_for_a_caller_who_was_cancelled_while_the_unit_ran(database: Database) -> None:
    ears, began, may_end = _Ears(), threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        began.set()
        may_end.wait(30)
        tx.afterwards(ears)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.get_running_loop().run_in_executor(None, began.wait, 30)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    may_end.set()
    await database.write(lambda tx: None)
    for _ in range(100):
        await asyncio.sleep(0 if ears.heard else 0.05)

    assert ears.heard == 1


async def test_a_bell_rings_once_however_often_the_unit_rang_it(
    database: Database, clock: ManualClock
) -> None:
    def ring(tx: Tx) -> int:
        tx.ring("events")
        tx.ring("events")
        with tx.preview():
            tx.ring("elsewhere")
        return len(tx.after_commit)

    with database.bells.listen("events") as bell, database.bells.listen("elsewhere") as elsewhere:
        assert await database.write(ring) == 1
        await bell.wait(clock)
        listening = asyncio.create_task(elsewhere.wait(clock))
        await asyncio.sleep(0)
        assert not listening.done()
        listening.cancel()
