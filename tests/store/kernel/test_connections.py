"""How a process shares PostgreSQL with others: no more connections than it may hold, and back after a cut."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Invalid, Unavailable
from reseal.kernel.storage import open_database

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """A database object that may hold two connections."""
    opened = open_database(postgresql_url, clock=SystemClock(), entropy=SeededEntropy(1), connections=2)
    yield opened
    await opened.close()


def _backend(tx: Tx) -> int:
    """The server's process behind the unit, after a moment in which others could have been begun."""
    tx.execute(sa.text("SELECT pg_sleep(0.01)"))
    process: int = tx.value(sa.text("SELECT pg_backend_pid()"))
    return process


async def test_units_wait_for_one_of_the_connections_that_may_be_held(database: Database) -> None:
    units = [database.write(_backend) for _ in range(12)] + [database.read(_backend) for _ in range(12)]

    assert len(set(await asyncio.gather(*units))) == 2


async def test_a_cut_connection_fails_its_unit_with_a_sentence_and_the_next_one_works(
    database: Database, postgresql_url: str
) -> None:
    def cut(tx: Tx) -> None:
        process = _backend(tx)
        with psycopg.connect(postgresql_url, autocommit=True) as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s)", [process])
        tx.execute(sa.text("SELECT pg_sleep(0.01)"))

    with pytest.raises(Unavailable) as refused:
        await database.write(cut)

    assert refused.value.code == "StorageUnavailable"
    assert "try again" in refused.value.remedy
    assert await database.write(_backend) > 0


async def test_a_connection_that_breaks_without_a_word_fails_its_unit_with_a_sentence(
    database: Database,
) -> None:
    def broken(tx: Tx) -> None:
        _backend(tx)
        driver: Any = tx.conn.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        tx.execute(sa.text("SELECT 1"))

    for run in (database.write, database.read):
        with pytest.raises(Unavailable) as refused:
            await run(broken)
        assert refused.value.code == "StorageUnavailable"
        assert "the change was not made" in refused.value.remedy
    assert await database.write(_backend) > 0


async def test_a_server_that_is_down_is_said_with_a_sentence() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and it never listens
        url = f"postgresql://reseal:secret@127.0.0.1:{nobody.getsockname()[1]}/reseal"
        database = open_database(url, clock=SystemClock(), entropy=SeededEntropy(1), connections=2)
        for run in (database.write, database.read):
            with pytest.raises(Unavailable) as refused:
                await run(_backend)
            assert refused.value.code == "StorageUnavailable"
            assert "refused" in refused.value.message
            assert "\n" not in refused.value.message
            assert "secret" not in refused.value.message
        await database.close()


async def test_a_cut_in_the_commit_itself_leaves_open_whether_the_change_was_made(
    postgresql_url: str,
) -> None:
    processes: list[int] = []

    def cut(when: str, _number: int) -> None:
        if when == "before" and processes:
            with psycopg.connect(postgresql_url, autocommit=True) as administrator:
                administrator.execute("SELECT pg_terminate_backend(%s, 5000)", [processes.pop()])

    database = open_database(
        postgresql_url, clock=SystemClock(), entropy=SeededEntropy(1), probe=cut, connections=2
    )
    with pytest.raises(Unavailable) as refused:
        await database.write(lambda tx: processes.append(_backend(tx)))

    assert refused.value.code == "StorageUnavailable"
    assert "not made" not in refused.value.remedy
    assert "whether the change was made" in refused.value.remedy
    assert await database.write(_backend) > 0
    await database.close()


async def test_connections_that_were_cut_while_nobody_used_them_are_made_anew(
    database: Database, postgresql_url: str
) -> None:
    units = [database.write(_backend) for _ in range(4)] + [database.read(_backend) for _ in range(4)]
    processes = set(await asyncio.gather(*units))

    with psycopg.connect(postgresql_url, autocommit=True) as administrator:
        for process in sorted(processes):
            administrator.execute("SELECT pg_terminate_backend(%s)", [process])

    again = [database.write(_backend) for _ in range(4)] + [database.read(_backend) for _ in range(4)]
    assert processes.isdisjoint(await asyncio.gather(*again))


async def test_a_text_that_postgresql_does_not_take_is_refused_as_such(database: Database) -> None:
    """It came on a way where nobody looked at it before: that is no failure of the server."""

    def echo(tx: Tx) -> str:
        found: str = tx.value(sa.select(sa.literal("a\0b")))
        return found

    for run in (database.read, database.write):
        with pytest.raises(Invalid, match="NUL"):
            await run(echo)
