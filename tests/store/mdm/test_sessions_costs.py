"""What a check-in costs in statements (design 7), and that two messages at once do no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from reseal.kernel.db import Database, Tx
from reseal.managed.model import ItemState
from reseal.mdm.sessions.store import request_unenrolment
from reseal.mdm.tables import mdm_session
from reseal.wire.csp import MsiStatus
from reseal.wire.syncml import Command, Item, LoginStatus, Message, Replace, digest_cred, secret_key
from tests.store.managed.world import CAMERA, app, policy
from tests.store.mdm.sessions_bench import SECRETS, Bench, Device, codes_of, reply_of


@dataclass
class Cost:
    """What was done in between."""

    reads: int = 0
    writes: int = 0
    statements: int = 0


@contextmanager
def counted(database: Database) -> Iterator[Cost]:
    """Count units and statements."""
    cost, before = Cost(), replace(database.stats)
    yield cost
    cost.reads = database.stats.read_units - before.read_units
    cost.writes = database.stats.write_units - before.write_units
    cost.statements = database.stats.statements - before.statements


async def settled(bench: Bench) -> Device:
    """A device outside of set-up for which nothing is left to do."""

    def unit(tx: Tx) -> None:
        bench.world.item(tx, "Camera", policy(CAMERA), "devices")

    await bench.do(unit)
    device = await bench.device(in_oobe=False)
    await device.session()
    await device.session()
    return device


async def test_an_idle_check_in_is_one_read_and_no_write(bench: Bench) -> None:
    device = await settled(bench)
    body = device.message(device.opening(), session="idle")
    with counted(bench.database) as cost:
        reply = reply_of(await device.post(body))
    assert (cost.reads, cost.writes, cost.statements) == (1, 0, 1)
    assert reply.ends_session
    assert codes_of(reply) == [("SyncHdr", 200), ("Alert", 200), ("Alert", 200), ("Replace", 200)]
    assert (await device.post(body)).content == (await device.post(body)).content


async def test_the_last_contact_is_written_every_few_minutes(bench: Bench) -> None:
    device = await settled(bench)
    seen = (await bench.enrolment()).last_contact_at
    writes = []
    for minute in range(12):
        with counted(bench.database) as cost:
            await device.say(*device.opening(), session=f"poll {minute}")
        writes.append(cost.writes)
        bench.clock.pass_silently(timedelta(minutes=1))
    assert sum(writes) in {2, 3}
    assert max(writes) == 1
    assert (await bench.enrolment()).last_contact_at != seen


@pytest.mark.parametrize("news", ["login", "unenrolment", "info", "assignment", "token", "bad token"])
async def test_a_check_in_with_news_is_no_idle_one(bench: Bench, news: str) -> None:
    device = await settled(bench)
    more: tuple[Command, ...] = ()
    match news:
        case "login":
            device.login = LoginStatus.USER
        case "info":
            more = (Replace(items=(Item(source="./DevInfo/Lang", data="de-DE"),)),)
        case "token":
            device.token = await bench.token("adele")
        case "bad token":
            device.token = "nonsense"
        case "assignment":
            await bench.do(_more, bench)
        case _:
            await bench.do(request_unenrolment, bench.world.tenant, device.enrolment.id)
    with counted(bench.database) as cost:
        await device.say(*device.opening(), *more, session="news")
    assert cost.writes == 1
    if news == "token":
        await device.session()  # it takes in whose it is
    if news in {"login", "info", "token", "bad token"}:
        with counted(bench.database) as cost:
            await device.say(*device.opening(), *more, session="old news")
        assert cost.writes == 0


async def test_a_device_cannot_have_thousands_of_names_kept(bench: Bench) -> None:
    """Only the leaves of DevInfo that there are; the row is read at every check-in."""
    device = await settled(bench)
    items = tuple(Item(source=f"./DevInfo/X{number}", data="y" * 200) for number in range(500))
    with counted(bench.database) as cost:
        await device.say(*device.opening(), Replace(items=items), session="chatter")
    assert cost.writes == 0


def _more(tx: Tx, bench: Bench) -> None:
    bench.world.item(tx, "Agent", app(1), "devices")


async def test_a_working_check_in_is_three_reads_and_two_writes(bench: Bench) -> None:
    device = await settled(bench)
    await bench.do(_more, bench)
    device.install_as = None
    await device.session()
    await device.session()
    device.sessions += 1
    first = await device.say(*device.opening())
    device.installs = dict.fromkeys(device.installs, int(MsiStatus.DOWNLOADING))
    answers = device.carry_out(first)
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(" ".join(statement.split()))

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    try:
        await device.say(*answers, msg=2)
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)
    assert (await bench.items())["", "Agent"].progress["status"] == MsiStatus.DOWNLOADING
    words = [statement.split()[0] for statement in statements]
    assert words.count("SELECT") == 3, statements
    # The item and the session; the number of open items is written only where one was opened or closed.
    assert sum(word in {"UPDATE", "INSERT", "DELETE"} for word in words) == 2, statements


async def test_two_messages_of_one_device_at_once_come_one_after_the_other(bench: Bench) -> None:
    await bench.do(_more, bench)
    device = await bench.device(in_oobe=False)
    body = device.message(device.opening(), session="1")
    responses = await asyncio.gather(*(device.post(body) for _ in range(6)))
    assert len({response.content for response in responses}) == 1, "the same reply, however many asked"
    answers = device.carry_out(reply_of(responses[0]))
    second = device.message(answers, session="1", msg=2)
    responses = await asyncio.gather(*(device.post(second) for _ in range(6)))
    assert len({response.content for response in responses}) == 1
    item = (await bench.items())["", "Agent"]
    assert (item.state, item.attempt) == (ItemState.RUNNING, 1)
    rows = sa.select(sa.func.count()).select_from(mdm_session)
    assert await bench.database.read(lambda tx: tx.value(rows)) == 1


async def test_of_two_who_use_one_nonce_one_is_refused(bench: Bench) -> None:
    device = await bench.device(in_oobe=False)
    name = str(device.enrolment.uuid)
    proof = digest_cred(secret_key(name, SECRETS.device_secret), SECRETS.nonce)

    async def open_session(session: str) -> Message:
        body = device.message(device.opening(), session=session, cred=proof, source_name=name)
        return reply_of(await device.post(body, http=bench.http))

    replies = await asyncio.gather(*(open_session(str(number)) for number in range(5)))
    heads = sorted(codes_of(reply)[0][1] for reply in replies)
    assert heads == [200, 401, 401, 401, 401]
