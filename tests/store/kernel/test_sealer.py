"""Sealing beside concurrent writers, and following the log as it grows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from reseal.kernel import events
from reseal.kernel.clock import SystemClock, VirtualClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.events import Sealer, Subject
from reseal.kernel.ids import TenantKey
from reseal.kernel.simulation.loop import run
from reseal.kernel.storage import open_database
from tests.support.events import sealed

TENANT = TenantKey(1)
SUBJECT = Subject("registration", UUID(int=1))


@pytest.fixture
def reactors() -> tuple[()]:
    """Events need none."""
    return ()


def _record(tx: Tx, name: str) -> None:
    events.record(tx, TENANT, "registration.changed", SUBJECT, {"name": name})


def _names(found: list[events.SealedEvent]) -> list[object]:
    return [each.payload["name"] for each in found if each.payload]


@pytest.fixture
async def postgresql(postgresql_url: str, entropy: SeededEntropy) -> AsyncIterator[Database]:
    """An open PostgreSQL database with the machine's clock."""
    database = open_database(postgresql_url, clock=SystemClock(), entropy=entropy)
    yield database
    await database.close()


@pytest.mark.postgresql
async def test_nothing_is_sealed_before_every_older_transaction_has_ended(postgresql: Database) -> None:
    """Else a reader by position would have passed the slow writer's event, and never see it."""
    began, may_end = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        _record(tx, "slow")
        began.set()
        may_end.wait(30)

    writing = asyncio.create_task(postgresql.write(slow))
    assert await asyncio.get_running_loop().run_in_executor(None, began.wait, 30)
    await postgresql.write(_record, "quick")

    sealed_meanwhile = await Sealer(postgresql, SystemClock()).seal_now()
    may_end.set()
    await writing
    await sealed(postgresql)

    assert sealed_meanwhile == 0
    assert _names(await postgresql.read(events.read, TENANT, 0, 10)) == ["slow", "quick"]


@pytest.mark.postgresql
async def test_two_sealers_beside_many_writers_keep_one_chain(postgresql: Database) -> None:
    async def seal_often(sealer: Sealer) -> None:
        while True:
            await sealer.seal_now()

    sealers = [asyncio.create_task(seal_often(Sealer(postgresql, SystemClock()))) for _ in range(2)]
    await asyncio.gather(*(postgresql.write(_record, str(number)) for number in range(150)))
    for task in sealers:
        task.cancel()
    await asyncio.gather(*sealers, return_exceptions=True)
    await sealed(postgresql)

    found = await postgresql.read(events.read, TENANT, 0, 1000)
    assert [each.position for each in found] == list(range(1, 151))
    assert (await postgresql.read(events.verify, TENANT)).intact


@pytest.mark.postgresql
async def test_rows_of_a_restored_database_are_sealed_too(postgresql: Database) -> None:
    """A dump carries transaction numbers of another server, which may lie far in this one's future."""
    await postgresql.write(_record, "before the dump")
    await postgresql.write(lambda tx: tx.execute(sa.text("UPDATE event SET xid = xid + 1000000000")))

    await sealed(postgresql)

    assert _names(await postgresql.read(events.read, TENANT, 0, 10)) == ["before the dump"]


@pytest.mark.postgresql
async def test_a_running_sealer_seals_by_itself_and_survives_trouble(postgresql: Database) -> None:
    clock = SystemClock()
    await postgresql.write(lambda tx: tx.execute(sa.text("ALTER TABLE event_head RENAME TO away")))
    await postgresql.write(_record, "first")
    running = asyncio.create_task(Sealer(postgresql, clock).run())
    await asyncio.sleep(0.3)
    await postgresql.write(lambda tx: tx.execute(sa.text("ALTER TABLE away RENAME TO event_head")))

    first = await asyncio.wait_for(anext(events.follow(postgresql, TENANT, 0, clock)), 30)

    assert first.payload == {"name": "first"}
    running.cancel()


# --- following ----------------------------------------------------------------------------------------------


async def test_following_gives_old_and_new_events_once_and_in_order(database: Database) -> None:
    clock = SystemClock()
    running = asyncio.create_task(Sealer(database, clock).run())
    await database.write(_record, "old")
    followed = events.follow(database, TENANT, 0, clock)

    names = [(await asyncio.wait_for(anext(followed), 30)).payload]
    for name in ("new", "newer"):
        following = asyncio.ensure_future(anext(followed))
        await asyncio.sleep(0)
        await database.write(_record, name)
        names.append((await asyncio.wait_for(following, 30)).payload)

    assert names == [{"name": "old"}, {"name": "new"}, {"name": "newer"}]
    await followed.aclose()
    running.cancel()


async def test_following_begins_after_a_position_and_pages_through_a_long_log(database: Database) -> None:
    def many(tx: Tx) -> None:
        for number in range(1100):
            _record(tx, str(number))

    await database.write(many)
    await sealed(database)

    followed = events.follow(database, TENANT, 100, SystemClock())
    positions = [(await anext(followed)).position for _ in range(1000)]

    assert positions == list(range(101, 1101))
    await followed.aclose()


async def test_another_process_is_noticed_at_the_next_look(sqlite_url: str, entropy: SeededEntropy) -> None:
    clock = SystemClock()
    here, elsewhere = (open_database(sqlite_url, clock=clock, entropy=entropy) for _ in range(2))
    following = asyncio.ensure_future(
        anext(events.follow(here, TENANT, 0, clock, recheck=timedelta(milliseconds=50)))
    )
    await asyncio.sleep(0.1)

    await elsewhere.write(_record, "from elsewhere")

    assert (await asyncio.wait_for(following, 30)).payload == {"name": "from elsewhere"}
    await here.close()
    await elsewhere.close()


def test_a_followed_log_under_virtual_time_comes_without_polling(sqlite_url: str) -> None:
    async def main() -> list[tuple[float, object]]:
        loop = asyncio.get_running_loop()
        clock = VirtualClock(loop, datetime(2026, 1, 5, tzinfo=UTC))
        database = open_database(sqlite_url, clock=clock, entropy=SeededEntropy(1), mode="inline")
        heard = []

        async def follow() -> None:
            followed = events.follow(database, TENANT, 0, clock, recheck=None)
            while True:
                each = await anext(followed)
                heard.append((loop.time(), each.payload))

        task = asyncio.create_task(follow())
        await clock.sleep(timedelta(hours=1))
        await database.write(_record, "an hour later")
        await clock.sleep(timedelta(seconds=1))
        task.cancel()
        await database.close()
        return heard

    assert run(main()) == [(3600.0, {"name": "an hour later"})]


async def test_watching_also_tells_that_there_is_nothing_new(database: Database) -> None:
    """And wakes at a bell that has nothing to do with events."""
    clock = SystemClock()
    await database.write(_record, "old")
    await sealed(database)
    looks = events.watch(database, TENANT, 0, clock, timedelta(hours=1), bells=("something else",))
    assert _names(await anext(looks)) == ["old"]

    following = asyncio.ensure_future(anext(looks))
    await asyncio.sleep(0.1)
    assert not following.done()
    await database.write(lambda tx: tx.ring("something else"))

    assert await asyncio.wait_for(following, 30) == []
    await looks.aclose()
    after_a_moment = events.watch(database, TENANT, 1, clock, timedelta(milliseconds=10))
    assert [await anext(after_a_moment) for _ in range(3)] == [[], [], []]
    await after_a_moment.aclose()
