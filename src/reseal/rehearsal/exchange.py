"""One request on its way through an ASGI application, as a server process would carry it out.

The application runs in a task of its own: a client that goes away does not stop it, a server that is killed
does. What the application raises breaks the answer off and is kept for whoever asks what went wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Scope

Head = tuple[int, Sequence[tuple[str, str]]]

_PIECE = 64 * 1024
"""Bytes of a request's body that the application gets at once."""
_AHEAD = 2
"""Chunks of an answer that the application may be ahead of its reader."""


class ServerKilled(BaseException):
    """Raised where a rehearsal kills the server: no handler of errors may catch it."""


class AnswerBroken(Exception):
    """The answer ended before it was whole."""


class Exchange:
    """A request under way. Read `head` first, then each `chunk`; call `leave` when nothing more is wanted."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes, ended: Callable[[Exchange], None]) -> None:
        loop = asyncio.get_running_loop()
        self.error: BaseException | None = None
        self._rest = body
        self._asked = False
        self._left = asyncio.Event()
        self._head: asyncio.Future[Head] = loop.create_future()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        self._whole = False
        self._task = loop.create_task(self._run(app, scope), name=f"{scope['method']} {scope['path']}")
        self._task.add_done_callback(lambda _task: ended(self))

    async def head(self) -> Head:
        """Status and headers. Raises `AnswerBroken` if none come."""
        return await asyncio.shield(self._head)

    async def chunk(self) -> bytes | None:
        """The next piece of the body as it comes; None at its end. Raises `AnswerBroken` if it breaks off."""
        chunk = await self._chunks.get()
        if chunk is None and not self._whole:
            raise AnswerBroken
        return chunk

    def leave(self) -> None:
        """The client is gone: the rest of the answer is thrown away, the application goes on."""
        self._left.set()
        while not self._chunks.empty():
            self._chunks.get_nowait()

    def kill(self) -> None:
        """The server is gone, in the middle of whatever it did."""
        self._task.cancel()

    async def ended(self) -> None:
        """Wait until the application has returned."""
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except (Exception, ServerKilled) as error:
            self.error = error
        finally:
            self._break_off()

    async def _receive(self) -> Message:
        if self._asked and not self._rest:
            await self._left.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
        return {"type": "http.request", "body": piece, "more_body": bool(self._rest)}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self._head.done():
                self._head.set_result((message["status"], _texts(message.get("headers", ()))))
        elif message["type"] == "http.response.body" and not self._whole:
            await self._give(message.get("body", b""))
            if not message.get("more_body", False):
                self._whole = True
                await self._give(None)

    async def _give(self, chunk: bytes | None) -> None:
        if self._left.is_set() or chunk == b"":
            return
        await self._chunks.put(chunk)
        if self._left.is_set():  # it went away while we waited for room
            self.leave()

    def _break_off(self) -> None:
        if not self._head.done():
            self._head.set_exception(AnswerBroken())
            self._head.exception()  # nobody may be left to read it
        if not self._whole:
            if self._chunks.full():
                self._chunks.get_nowait()
            self._chunks.put_nowait(None)


def _texts(headers: Sequence[tuple[Any, Any]]) -> list[tuple[str, str]]:
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in headers]
