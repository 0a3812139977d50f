"""Server-sent events: answers that go on for as long as somebody reads, and then end by themselves.

A stream is a generator that looks again and again, and gives what is new at each look (maybe nothing).
Between looks the answer sees whether its reader is still there and whether the server stops; a stream also
ends after `LIFETIME`. Readers come back by themselves with the id of the last message (`Last-Event-ID`), go
on from there, and have to prove again who they are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reseal.kernel.clock import Clock
from reseal.kernel.errors import TooSoon
from reseal.web.calls import Call
from reseal.web.numbers import whole_number

LIFETIME: Final = timedelta(minutes=10)
"""Then a reader has to ask anew; who may not read any more has read no longer than that."""
HEARTBEAT: Final = timedelta(seconds=15)
"""After so much silence a comment is sent: proxies cut what is silent."""
MOST: Final = 200
"""Streams at once; each looks into the database about once a second."""

_RETRY: Final = b"retry: 1000\n\n"
_LAST_POSITION: Final = 2**62


@dataclass(frozen=True, slots=True)
class Sent:
    """One message. Without a name it is a plain one; the `id` is where a reader that comes back goes on."""

    data: str
    name: str = ""
    id: str = ""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        lines = [f"id: {self.id}"] if self.id else []
        lines += [f"event: {self.name}"] if self.name else []
        lines += [f"data: {line}" for line in self.data.split("\n")]
        return ("\n".join(lines) + "\n\n").encode()


Looks: TypeAlias = AsyncGenerator[Sequence[Sent], None]


class Stopping(Protocol):
    """Whether the server was told to stop."""

    def is_set(self) -> bool:
        """As an `asyncio.Event` says it."""
        ...


class Streams:
    """The streams of one process."""

    def __init__(self, clock: Clock, stopping: Stopping) -> None:
        self.clock = clock
        self._stopping = stopping
        self._open = 0

    def answer(self, looks: Looks) -> Response:
        """An answer that gives what the looks find. Raises `TooSoon` if there are too many already."""
        if self._open >= MOST:
            raise TooSoon(
                code="TooManyStreams",
                message=f"{MOST} readers are following already.",
                remedy="Close pages that nobody looks at, or come back later.",
                retry_after=HEARTBEAT,
            )
        return _EventStream(self, looks)

    def is_over(self, begun: timedelta) -> bool:
        """Whether a stream that began then has to end."""
        return self._stopping.is_set() or self.clock.monotonic() - begun >= LIFETIME

    def count(self, by: int) -> None:
        """A reader came, or left."""
        self._open += by


class _EventStream(Response):
    media_type = "text/event-stream"

    def __init__(self, streams: Streams, looks: Looks) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams
        self._looks = looks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.count(1)
        try:
            async with aclosing(self._looks):
                await send(
                    {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                )
                if scope["method"] != "HEAD":
                    await self._follow(Request(scope, receive), send)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.count(-1)

    async def _follow(self, request: Request, send: Send) -> None:
        clock = self._streams.clock
        begun = spoken = clock.monotonic()
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        async for news in self._looks:
            content = b"".join(each.encode() for each in news)
            if not content and clock.monotonic() - spoken >= HEARTBEAT:
                content = b":\n\n"
            if content:
                spoken = clock.monotonic()
                await send({"type": "http.response.body", "body": content, "more_body": True})
            if self._streams.is_over(begun) or await request.is_disconnected():
                return


def position_of(call: Call) -> int:
    """Behind which position of the log a reader goes on: that of the last message it got, else what it asks
    for by `after`, else from the beginning. Raises `Invalid`.
    """
    told = call.request.headers.get("last-event-id", "")
    if (position := whole_number(told, _LAST_POSITION)) is not None:
        return position
    return call.number("after", 0, _LAST_POSITION)
