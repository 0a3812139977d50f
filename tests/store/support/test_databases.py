"""The databases that the other tests are given."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from reseal.kernel.db import Database, Tx, metadata
from reseal.kernel.events import Subject, record
from reseal.kernel.events.chain import event
from reseal.kernel.ids import TenantKey
from tests.support.clock import ManualClock


def _count(tx: Tx) -> dict[str, int]:
    return {
        table.name: tx.value(sa.select(sa.func.count()).select_from(table))
        for table in metadata.sorted_tables
    }


async def test_a_fresh_database_has_every_table(database: Database) -> None:
    counted = await database.read(_count)

    assert "event" in counted
    assert all(rows == 0 for name, rows in counted.items() if name != "key_epoch")


async def test_units_see_the_time_of_the_test(database: Database, clock: ManualClock) -> None:
    assert await database.read(lambda tx: tx.now) == clock.now()


def _leave_a_mark(tx: Tx) -> int:
    tx.execute(sa.text("CREATE TABLE mark (n INTEGER)"))
    return tx.new_key()


async def test_a_database_can_be_written(database: Database) -> None:
    assert await database.write(_leave_a_mark) > 0


async def test_a_test_does_not_see_what_another_wrote(database: Database) -> None:
    """Writes what the test above wrote: the second CREATE TABLE would fail in a database that both share."""
    assert await database.write(_leave_a_mark) > 0


@pytest.mark.parametrize("again", [False, True])
async def test_a_used_database_is_as_good_as_new(database: Database, again: bool) -> None:
    def numbers_of_events(tx: Tx) -> list[int]:
        record(tx, TenantKey(1), "tried", Subject("device", tx.new_uuid()), {"again": again})
        return list(tx.conn.scalars(sa.select(event.c.id)))

    assert await database.write(numbers_of_events) == [1]
