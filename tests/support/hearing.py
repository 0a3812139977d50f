"""What a device was answered, and how far the server's log of events reached in that moment.

An ear stands between a device and its network. It imports little: it also runs in processes that are started
again and again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from reseal.device.transport import Request, Response, Transport

_LAST = "SELECT id, position, digest FROM event ORDER BY id DESC LIMIT 1"
_REACHED = "SELECT COALESCE(MAX(position), 0) FROM event"
_PATIENCE = 60
_GOOD = 200


Place = tuple[int, int | None, bytes | None]
"""Of an event: its row; its position and the digest of the chain up to it, which come with its seal."""
Look = Callable[[], Place]
"""Where the last event is that was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer with status 200 that came whole, and what it was the answer to."""

    url: str
    sent: bytes
    certificate: bytes
    """With which the device proved who it is, in DER; empty if it did not."""
    body: bytes
    row: int
    """Of the last event in that moment."""
    position: int
    """Its position; 0 if it was not sealed yet."""
    digest: bytes
    """Of the chain up to it; empty if it was not sealed yet."""

    @property
    def path(self) -> str:
        """Of the request, in lower case."""
        return urlsplit(self.url).path.lower()


@dataclass(frozen=True, slots=True)
class Ear:
    """A `Transport` that notes each answer with status 200 in the moment in which it is whole."""

    line: Transport
    look: Look
    note: Callable[[Heard], None]

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """See `Transport`."""
        async with self.line.send(request) as answer:
            yield _Answer(answer, lambda body: self._whole(request, answer.status, body))

    def _whole(self, request: Request, status: int, body: bytes) -> None:
        if status == _GOOD:
            row, position, digest = self.look()
            self.note(
                Heard(
                    url=request.url,
                    sent=request.body,
                    certificate=_proof(request),
                    body=body,
                    row=row,
                    position=position or 0,
                    digest=digest or b"",
                )
            )


def _proof(request: Request) -> bytes:
    identity = request.identity
    return b"" if identity is None else identity.certificate.public_bytes(Encoding.DER)


class _Answer:
    def __init__(self, answer: Response, whole: Callable[[bytes], None]) -> None:
        self.status, self.headers, self.header = answer.status, answer.headers, answer.header
        self._answer = answer
        self._whole = whole

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `Response`. Only contents are read piece by piece; they are not kept."""
        async for chunk in self._answer.chunks():
            yield chunk
        self._whole(b"")

    async def read(self, limit: int = 4_194_304) -> bytes:
        """See `Response`."""
        body = await self._answer.read(limit)
        self._whole(body)
        return body


class LogBesideServer:
    """The log of a running server, looked at in its database, which nothing is written to."""

    def __init__(self, database_url: str) -> None:
        self._connection = _opened(database_url)

    def last(self) -> Place:
        """A `Look`."""
        place: Place = self._connection.execute(_LAST).fetchone()
        return place

    def reached(self) -> int:
        """The last position."""
        position: int = self._connection.execute(_REACHED).fetchone()[0]
        return position

    def close(self) -> None:
        """Let the database go."""
        self._connection.close()


def _opened(database_url: str) -> Any:
    kind, _, path = database_url.partition("///")
    if kind == "sqlite:":
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=_PATIENCE)
    import psycopg  # only here: most processes do not need it

    return psycopg.connect(database_url, autocommit=True)
