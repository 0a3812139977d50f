"""Jobs left behind by units of work."""

from __future__ import annotations

import asyncio

import pytest

from reseal.kernel.db import Database, Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.jobs import Arguments, InlineJobs


@pytest.fixture
def reactors() -> tuple[()]:
    """Jobs need none."""
    return ()


class _Work:
    """A handler that remembers its arguments, with the jobs that call it."""

    def __init__(self) -> None:
        self.done: list[Arguments] = []
        self.jobs = InlineJobs({"rebuild": self._rebuild, "break": self._break})

    async def _rebuild(self, args: Arguments) -> None:
        await asyncio.sleep(0)
        self.done.append(args)

    async def _break(self, args: Arguments) -> None:
        raise LookupError


async def test_a_job_runs_after_its_unit_is_committed(database: Database) -> None:
    work = _Work()

    def unit(tx: Tx) -> None:
        work.jobs.enqueue(tx, "rebuild", {"group": 1})
        assert work.done == []

    await database.write(unit)
    await work.jobs.drain()

    assert work.done == [{"group": 1}]


async def test_a_job_of_a_failed_unit_or_of_a_preview_never_runs(database: Database) -> None:
    work = _Work()

    def failing(tx: Tx) -> None:
        work.jobs.enqueue(tx, "rebuild", {})
        raise LookupError

    def looking(tx: Tx) -> None:
        with tx.preview():
            work.jobs.enqueue(tx, "rebuild", {})

    with pytest.raises(LookupError):
        await database.write(failing)
    await database.write(looking)
    await work.jobs.drain()

    assert work.done == []


async def test_jobs_of_one_dedup_stand_for_each_other_until_they_begin(database: Database) -> None:
    work = _Work()

    def unit(tx: Tx) -> None:
        for group in (1, 1, 2):
            work.jobs.enqueue(tx, "rebuild", {"group": group}, dedup=f"group {group}")

    await database.write(unit)
    await work.jobs.drain()
    await database.write(unit)
    await work.jobs.drain()

    assert work.done == [{"group": 1}, {"group": 2}] * 2


async def test_a_job_that_fails_takes_no_other_with_it(database: Database) -> None:
    work = _Work()

    def unit(tx: Tx) -> None:
        work.jobs.enqueue(tx, "break", {})
        work.jobs.enqueue(tx, "rebuild", {})

    await database.write(unit)
    await work.jobs.drain()

    assert work.done == [{}]


async def test_a_job_that_nobody_could_run_is_refused_in_its_unit(database: Database) -> None:
    work = _Work()

    with pytest.raises(KeyError):
        await database.write(lambda tx: work.jobs.enqueue(tx, "unknown", {}))
    with pytest.raises(Invalid):
        await database.write(lambda tx: work.jobs.enqueue(tx, "rebuild", {"share": 0.5}))
