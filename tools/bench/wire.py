"""A device's way to a server in memory, with a meter on the server's side of it.

What is measured is what one request costs the server: from its first byte in the ASGI application to the last
byte of the answer, with all threads that work for it; what a device does between two of them is not counted.
Requests are handed over one at a time, or those of a crowd of devices all at once, as a busy server has them:
then each costs an equal share.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import ASGIApp, Message

from reseal.device.transport import Headers, Identity, Request
from reseal.kernel.db import Database
from tools.bench.leaping import LeapingClock
from tools.bench.measuring import Cost, mean, metered

_SESSION = re.compile(rb"<SessionID>\s*(.*?)\s*</SessionID>")
_KINDS: Mapping[str, str] = {
    r"POST /runtime/v1/profile": "profile",
    r"POST /runtime/v1/attestation": "attestation begun",
    r"POST /runtime/v1/attestation/.+": "attestation finished",
    r"POST /runtime/v1/join": "join by ticket",
    r"POST /EnrollmentServer/device/?": "join by user",
    r"POST /EnrollmentServer/Discovery.svc": "Discover",
    r"POST /EnrollmentServer/Policy.svc": "GetPolicies",
    r"POST /EnrollmentServer/Enrollment.svc": "RequestSecurityToken",
    r"POST /ManagementServer/MDM.svc": "session",
    r"GET /content/.+": "content",
}


@dataclass(frozen=True, slots=True)
class Carried:
    """One request that was answered, and what it cost the server."""

    kind: str
    """What it is called in the figures; method and path for those that have no figure."""
    device: str
    """By the certificate that it showed; empty if it showed none."""
    session: str
    """SessionID, of a message of a session."""
    status: int
    received: int
    """Bytes of the answer's body."""
    cost: Cost


@dataclass(slots=True)
class _Answer:
    """See `device.transport.Response`."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first value of a header."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body."""
        yield self.body

    async def read(self, limit: int = 4_194_304) -> bytes:
        """The whole body."""
        if len(self.body) > limit:
            raise RuntimeError(f"an answer of {len(self.body):,} bytes")
        return self.body


_Answered = tuple[_Answer, Cost]
_Asked = tuple[dict[str, Any], bytes, asyncio.Future[_Answered]]
"""Scope and body of a request, and what waits for the answer."""


class Wire:
    """See `device.transport.Transport`. `apps` are what answers at each host name."""

    def __init__(self, apps: Mapping[str, ASGIApp], db: Database, clock: LeapingClock) -> None:
        self.carried: list[Carried] = []
        """Everything since somebody last emptied it, in order."""
        self._apps = apps
        self._db = db
        self._clock = clock
        self._turn = asyncio.Lock()
        self._crowd = 1
        self._waiting: list[_Asked] = []
        self._carrying: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def crowd(self, count: int) -> AsyncIterator[Callable[[], None]]:
        """So many devices come together: a request waits until each of them has one, or has nothing more to
        ask and called what this yields.
        """
        self._crowd = count
        yield self._leave
        self._crowd = 1

    def _leave(self) -> None:
        self._crowd -= 1
        self._begin_if_all_wait()

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[_Answer]:
        """See `Transport`."""
        with self._clock.busy():
            answered: asyncio.Future[_Answered] = asyncio.get_running_loop().create_future()
            self._waiting.append((_scope(request), request.body, answered))
            self._begin_if_all_wait()
            answer, cost = await answered
        parts = urlsplit(request.url)
        found = _SESSION.search(request.body)
        self.carried.append(
            Carried(
                kind=_kind(request, unquote(parts.path)),
                device=_name(request.identity),
                session=found[1].decode() if found else "",
                status=answer.status,
                received=len(answer.body),
                cost=cost,
            )
        )
        yield answer

    def _begin_if_all_wait(self) -> None:
        if self._waiting and len(self._waiting) >= self._crowd:
            waiting, self._waiting = self._waiting, []
            self._carrying = asyncio.get_running_loop().create_task(self._carry(waiting))

    async def _carry(self, waiting: Sequence[_Asked]) -> None:
        """Have the application answer these requests, all at once."""
        async with self._turn:
            asked = [self._ask(scope, body) for scope, body, _ in waiting]
            with metered(self._db) as cost:
                answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer, (_, _, answered) in zip(answers, waiting, strict=True):
            if isinstance(answer, BaseException):
                answered.set_exception(answer)
            else:
                answered.set_result((answer, mean([cost], of=len(waiting))))

    async def _ask(self, scope: dict[str, Any], body: bytes) -> _Answer:
        unread = [body]
        head: dict[str, Any] = {}
        chunks: list[bytes] = []

        async def receive() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            gone: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await gone  # nobody hangs up

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self._apps[scope["server"][0]](scope, receive, send)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head["headers"]]
        return _Answer(head["status"], headers, b"".join(chunks))


def _kind(request: Request, path: str) -> str:
    line = f"{request.method} {path}"
    if path.endswith("/token"):
        grant = parse_qs(request.body.decode("ascii")).get("grant_type", [""])[-1]
        return f"token, {grant.rsplit(':', 1)[-1]}"
    return next((kind for pattern, kind in _KINDS.items() if re.fullmatch(pattern, line)), line)


def _scope(request: Request) -> dict[str, Any]:
    parts = urlsplit(request.url)
    headers = [*request.headers, ("host", parts.netloc), ("content-length", str(len(request.body)))]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("192.0.2.1", 0),
        "server": (parts.hostname, 443),
        "extensions": {"tls": {"client_cert_chain": _shown(request.identity)}},
    }


def _name(identity: Identity | None) -> str:
    return "" if identity is None else f"{identity.certificate.serial_number:x}"


def _shown(identity: Identity | None) -> list[str]:
    if identity is None:
        return []
    chain = (identity.certificate, *identity.above)
    return [each.public_bytes(Encoding.PEM).decode() for each in chain]
