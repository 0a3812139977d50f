"""Answers that go on: what they send, and everything that ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request

from reseal.kernel.errors import Invalid, TooSoon
from reseal.web import streams
from reseal.web.calls import Call
from reseal.web.streams import HEARTBEAT, LIFETIME, MOST, Sent, Streams, position_of
from tests.support.clock import ManualClock


class Reader:
    """Whoever follows a stream, as the server's side sees it."""

    def __init__(self, method: str = "GET") -> None:
        self.method = method
        self.came = b""
        self.ended = False
        self.headers: dict[bytes, bytes] = {}
        self._gone = asyncio.Event()

    def leave(self) -> None:
        """Close the connection."""
        self._gone.set()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.headers = dict(message["headers"])
        else:
            self.came += message["body"]
            self.ended = not message["more_body"]

    async def read(self, response: Any) -> None:
        await response({"type": "http", "method": self.method}, self.receive, self.send)


class Source:
    """Looks that a test decides about; one each second."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.news: list[Sent] = []
        self.looked = 0
        self.closed = False

    async def looks(self) -> AsyncGenerator[Sequence[Sent], None]:
        try:
            while True:
                self.looked += 1
                found, self.news = self.news, []
                yield found
                await self.clock.sleep(timedelta(seconds=1))
        finally:
            self.closed = True


@pytest.fixture
def source(clock: ManualClock) -> Source:
    return Source(clock)


@pytest.fixture
def stopping() -> asyncio.Event:
    return asyncio.Event()


SECOND = timedelta(seconds=1)


def test_a_message_is_written_as_the_standard_says() -> None:
    assert Sent("one\ntwo", "name", "7").encode() == b"id: 7\nevent: name\ndata: one\ndata: two\n\n"
    assert Sent("").encode() == b"data: \n\n"


async def test_what_is_new_is_sent_as_soon_as_it_is_there(
    clock: ManualClock, source: Source, stopping: asyncio.Event
) -> None:
    reader = Reader()
    task = asyncio.create_task(reader.read(Streams(clock, stopping).answer(source.looks())))
    await clock.advance(SECOND)
    before = reader.came
    source.news = [Sent("a", id="1"), Sent("b", id="2")]
    await clock.advance(SECOND)

    assert reader.headers[b"content-type"].startswith(b"text/event-stream")
    assert b"content-length" not in reader.headers
    assert before == b"retry: 1000\n\n"
    assert reader.came.removeprefix(before) == b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n"
    task.cancel()


async def test_silence_is_broken_by_a_comment(
    clock: ManualClock, source: Source, stopping: asyncio.Event
) -> None:
    reader = Reader()
    task = asyncio.create_task(reader.read(Streams(clock, stopping).answer(source.looks())))
    await clock.advance(2 * HEARTBEAT + 2 * SECOND)

    assert reader.came.count(b":\n\n") == 2
    task.cancel()


@pytest.mark.parametrize("why", ["stopping", "reader left", "lifetime"])
async def test_it_ends_with_the_server_the_reader_or_its_time(
    clock: ManualClock, source: Source, stopping: asyncio.Event, why: str
) -> None:
    reader, open_streams = Reader(), Streams(clock, stopping)
    task = asyncio.create_task(reader.read(open_streams.answer(source.looks())))
    await clock.advance(5 * SECOND)
    assert not task.done()
    match why:
        case "stopping":
            stopping.set()
        case "reader left":
            reader.leave()
        case _:
            await clock.advance(LIFETIME)
    await clock.advance(2 * SECOND)

    assert task.done()
    assert reader.ended
    assert source.closed


async def test_who_asks_for_the_head_gets_no_more(
    clock: ManualClock, source: Source, stopping: asyncio.Event
) -> None:
    reader = Reader("HEAD")
    await reader.read(Streams(clock, stopping).answer(source.looks()))

    assert (reader.came, reader.ended, source.looked) == (b"", True, 0)


async def test_a_failing_look_closes_what_it_looked_with(clock: ManualClock, stopping: asyncio.Event) -> None:
    async def looks() -> AsyncGenerator[Sequence[Sent], None]:
        yield [Sent("a")]
        raise RuntimeError("the database is gone")

    open_streams = Streams(clock, stopping)
    with pytest.raises(RuntimeError):
        await Reader().read(open_streams.answer(looks()))
    assert [open_streams.answer(looks()) for _ in range(MOST)]


async def test_there_are_no_more_than_so_many(
    clock: ManualClock, stopping: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST", 2)
    open_streams = Streams(clock, stopping)
    readers = [Reader(), Reader()]
    tasks = [asyncio.create_task(each.read(open_streams.answer(Source(clock).looks()))) for each in readers]
    await clock.advance(SECOND)

    with pytest.raises(TooSoon):
        open_streams.answer(Source(clock).looks())
    readers[0].leave()
    await clock.advance(2 * SECOND)
    third = asyncio.create_task(Reader().read(open_streams.answer(Source(clock).looks())))
    await clock.advance(SECOND)
    assert not third.done()
    for task in (*tasks, third):
        task.cancel()


# --- going on -----------------------------------------------------------------------------------------------


def _call(query: str = "", told: str | None = None) -> Call:
    headers = [] if told is None else [(b"last-event-id", told.encode())]
    return Call(Request({"type": "http", "query_string": query.encode(), "headers": headers}), None, 0)


def test_a_reader_goes_on_behind_the_last_message() -> None:
    assert position_of(_call()) == 0
    assert position_of(_call("after=7")) == 7
    assert position_of(_call("after=7", "9")) == 9, "what came last is newer than the page"
    assert position_of(_call("after=7", "nonsense")) == 7
    assert position_of(_call("after=7", str(2**80))) == 7
    with pytest.raises(Invalid):
        position_of(_call("after=nonsense"))
