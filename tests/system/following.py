"""A reader of the log's stream that must not miss anything.

It comes back whenever the stream ends, with the id of the last message that came whole.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.client import Client

_PATIENCE = 60
_PAUSE = 0.1


@dataclass(slots=True)
class Follower:
    """What came, in the order in which it came."""

    client: Client
    positions: list[int] = field(default_factory=list)
    """The ids of the messages."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What was in them."""
    answers: int = 0
    """How often the stream began."""

    async def follow(self) -> None:
        """Read until cancelled."""
        while True:
            with suppress(aiohttp.ClientError):
                await self._read()
            await asyncio.sleep(_PAUSE)

    async def _read(self) -> None:
        last = {"Last-Event-ID": str(self.positions[-1])} if self.positions else {}
        headers = {"Authorization": f"Bearer {self.client.token}", **last}
        url = f"{self.client.url}/api/v1/events/live"
        async with self.client.session.get(url, headers=headers) as answer:
            self.answers += answer.status == 200
            came = b""
            async for piece in answer.content.iter_any():
                *messages, came = (came + piece).split(b"\n\n")
                for message in messages:
                    self._take(message.decode())

    def _take(self, message: str) -> None:
        lines = dict(line.split(": ", 1) for line in message.splitlines() if ": " in line)
        if "id" in lines:
            self.positions.append(int(lines["id"]))
            self.events.append(json.loads(lines["data"]))

    async def caught_up(self) -> list[dict[str, Any]]:
        """The events of the log, once the reader has come to its end."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                with suppress(aiohttp.ClientError):
                    answer = await self.client.api("GET", "/events", params={"top": "1000"})
                    log = answer.json["value"] if answer.status == 200 else []
                    if log and self.positions[-1:] == [log[-1]["position"]]:
                        return list(log)
                await asyncio.sleep(_PAUSE)


@asynccontextmanager
async def following(client: Client) -> AsyncIterator[Follower]:
    """A reader for as long as the context lasts."""
    follower = Follower(client)
    reading = asyncio.create_task(follower.follow())
    try:
        yield follower
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
