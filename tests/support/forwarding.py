"""A port that hands connections on, byte by byte, to whichever of several ports answers.

It stands where an operator has a balancer that leaves TLS alone.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 65536


@dataclass(slots=True)
class Forwarder:
    """Asks the places in their order, or `in_turn`: each connection first asks the next place."""

    places: Sequence[int] = ()
    in_turn: bool = False
    port: int = 0
    served: Counter[int] = field(default_factory=Counter)
    """How many connections each place has taken."""
    _count: int = 0

    async def take(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, to its end."""
        with suppress(OSError):
            reached = await self._reach()
            if reached is not None:
                there, back = reached
                await asyncio.gather(_pour(reader, back), _pour(there, writer))
        writer.close()

    async def _reach(self) -> tuple[StreamReader, StreamWriter] | None:
        first = self._count % len(self.places) if self.in_turn else 0
        self._count += 1
        for place in [*self.places[first:], *self.places[:first]]:
            with suppress(ConnectionError):
                opened = await asyncio.open_connection("127.0.0.1", place)
                self.served[place] += 1
                return opened
        return None


async def _pour(source: StreamReader, sink: StreamWriter) -> None:
    """Everything that comes; when one side ends, so does the other."""
    try:
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


@asynccontextmanager
async def forwarding(*, in_turn: bool = False) -> AsyncIterator[Forwarder]:
    """A forwarder whose port is known; its places may be named later."""
    forwarder = Forwarder(in_turn=in_turn)
    server = await asyncio.start_server(forwarder.take, "127.0.0.1", 0)
    forwarder.port = server.sockets[0].getsockname()[1]
    try:
        yield forwarder
    finally:
        server.close()
