"""Carrying the messages of a session to the server and back (spec/mdm-wire.md 3.1; APPLICATION in 2.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reseal.device.dm.session import Session, Stage
from reseal.device.transport import Failure, Identity, Request, Transport, TransportError
from reseal.kernel.clock import Clock

CONTENT_TYPE: Final = "application/vnd.syncml.dm+xml"
USER_AGENT: Final = "MSFT OMA DM Client/1.2.0.1"

_HOPELESS: Final = {Failure.UNTRUSTED, Failure.WRONG_NAME}
"""No server that is to be trusted answers there; trying again does not change that."""
_SERVER_TROUBLE: Final = 500
_GOOD: Final = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and after what time a message is sent again: CONNRETRYFREQ, INITIAL- and MAXBACKOFFTIME."""

    retries: int
    initial: timedelta
    most: timedelta

    def before(self, retry: int) -> timedelta:
        """How long to wait before the retry of this number, from 1: twice as long each time."""
        return min(self.initial * (1 << (retry - 1)), self.most)


@dataclass(frozen=True, slots=True)
class Line:
    """The way to one server."""

    transport: Transport
    clock: Clock
    url: str
    identity: Identity
    patience: Patience
    token: str | None = None
    """Of the directory user, for the Authorization header."""

    async def post(self, body: bytes) -> bytes | None:
        """The answer to a message, which is sent again, byte by byte the same, if no answer came.

        None: it is given up.
        """
        for retry in range(self.patience.retries + 1):
            if retry:
                await self.clock.sleep(self.patience.before(retry))
            answer, hopeless = await self._try(body)
            if answer is not None or hopeless:
                return answer
        return None

    async def _try(self, body: bytes) -> tuple[bytes | None, bool]:
        """The answer, if one came whole; and whether to leave it at that."""
        try:
            async with self.transport.send(self._request(body)) as response:
                if response.status == _GOOD:
                    return await response.read(), True
                return None, response.status < _SERVER_TROUBLE
        except TransportError as error:
            return None, error.failure in _HOPELESS

    def _request(self, body: bytes) -> Request:
        headers = [
            ("Content-Type", f"{CONTENT_TYPE}; charset=utf-8"),
            ("Accept", f"{CONTENT_TYPE}, application/octet-stream"),
            ("Accept-Charset", "UTF-8"),
            ("User-Agent", USER_AGENT),
        ]
        if self.token is not None:
            headers.append(("Authorization", f"Bearer {self.token}"))
        return Request(method="POST", url=self.url, headers=headers, body=body, identity=self.identity)


async def hold(session: Session, line: Line, keep: Callable[[], None], *, repeats: int | None = None) -> bool:
    """Hold a session to its end; whether it came to one.

    `keep` is called whenever a reply was taken, before the answer is sent. The message number `repeats` is
    sent twice, as if a proxy had tried again; the second reply counts.
    """
    body: bytes | None = session.first()
    number = 1
    while body is not None:
        reply = await line.post(body)
        if reply is not None and number == repeats:
            reply = await line.post(body)
        if reply is None:
            session.stage = Stage.ABORTED
            return False
        body = session.receive(reply)
        keep()
        number += 1
    return session.stage in {Stage.DONE, Stage.CUT}


TokenSource = Callable[[], Awaitable[str | None]]
"""Asks for a token of the signed-in user; None if there is nobody, or it cannot be had."""
