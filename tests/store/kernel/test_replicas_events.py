"""A log that several processes write: whoever reads by position misses nothing and sees nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, aclosing
from datetime import timedelta

import pytest

from reseal.kernel import events
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.events import SealedEvent
from reseal.kernel.ids import TenantKey
from reseal.kernel.storage import open_database
from tests.support.replica import Replica

TENANT = TenantKey(1)
WRITERS = [f"writer {number}" for number in range(8)]
EACH = 1250
EVENTS = len(WRITERS) * EACH
_PATIENCE = 120


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Database]:
    """A database object of this process; the writers are others."""
    database = open_database(database_url, clock=SystemClock(), entropy=SeededEntropy("reader"))
    yield database
    await database.close()


@pytest.mark.slow
async def test_a_reader_by_position_misses_none_of_ten_thousand_events(reader: Database) -> None:
    """Two processes with four writers and a sealer each; SQLite belongs to one process, with all eight."""
    processes = 1 if reader.seals_in_commit else 2
    with ExitStack() as stack:
        replicas = [stack.enter_context(Replica(reader.url, f"replica {n}")) for n in range(processes)]
        reading = [asyncio.create_task(_follow(reader)), asyncio.create_task(_page_through(reader))]
        for number, replica in enumerate(replicas):
            replica.tell("record", tenant=TENANT, writers=WRITERS[number::processes], each=EACH, at_once=9)
        for replica in replicas:
            await asyncio.to_thread(replica.answer)
        followed, paged = await asyncio.wait_for(asyncio.gather(*reading), _PATIENCE)

    _assert_complete(followed)
    assert paged == followed
    assert await reader.read(events.read, TENANT, EVENTS, 1) == []
    verified = await reader.read(events.verify, TENANT)
    assert (verified.count, verified.intact) == (EVENTS, True)


async def _follow(reader: Database) -> list[SealedEvent]:
    """As the pages of the console do."""
    seen: list[SealedEvent] = []
    recheck = timedelta(milliseconds=20)
    async with aclosing(events.follow(reader, TENANT, 0, SystemClock(), recheck)) as log:
        async for each in log:
            seen.append(each)
            if len(seen) == EVENTS:
                break
    return seen


async def _page_through(reader: Database) -> list[SealedEvent]:
    """As a script does that asks again and again for what comes after the last position it knows."""
    chance = SeededEntropy("pages")
    seen: list[SealedEvent] = []
    while len(seen) < EVENTS:
        after = seen[-1].position if seen else 0
        seen += await reader.read(events.read, TENANT, after, 1 + chance.below(200))
        await asyncio.sleep(0.001 * chance.below(20))
    return seen


def _assert_complete(seen: Sequence[SealedEvent]) -> None:
    assert [each.position for each in seen] == list(range(1, EVENTS + 1))
    numbers: dict[object, list[object]] = {writer: [] for writer in WRITERS}
    for each in seen:
        assert each.payload is not None
        numbers[each.payload["writer"]].append(each.payload["number"])
    assert numbers == {writer: list(range(EACH)) for writer in WRITERS}
