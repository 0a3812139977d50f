"""A device's way to the network: the in-memory `device.transport.Transport`.

What TLS and HTTP would do is done: the server's chain and name are checked against the device's anchors, a
listener that asks for client certificates is shown the device's, `Host`, `Content-Length` and `Date` are
added, a body that ends before its `Content-Length` is an error. What a bad network does is done too, by the
dice of the link's own entropy: delay, requests and answers lost, answers cut, requests that arrive twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography import x509

from reseal.device.transport import Failure, Headers, Request, Response, TransportError
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import Entropy
from reseal.rehearsal.exchange import AnswerBroken, Exchange
from reseal.rehearsal.faults import NO_FAULTS, Fate, Faults, Happening, throw
from reseal.rehearsal.handshake import ServerCheck, tls_extension
from reseal.rehearsal.network import HTTPS, Listener, Network

_OURS = frozenset({"host", "content-length"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Counters:
    """What a link carried: requests, and bytes of bodies each way."""

    requests: int = 0
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a URL leads."""

    host: str
    port: int
    path: str
    query: str

    @classmethod
    def of(cls, url: str) -> _Target:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"{url!r} is no absolute https URL")
        return cls(parts.hostname, parts.port or HTTPS, parts.path or "/", parts.query)

    @property
    def netloc(self) -> str:
        """The `Host` header: without the usual port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS else f"{host}:{self.port}"

    @property
    def line(self) -> str:
        """Path and query as the request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Link:
    """One device's way to the network. Without cable and Wi-Fi there is none."""

    def __init__(
        self,
        network: Network,
        name: str,
        *,
        anchors: Sequence[x509.Certificate],
        clock: Clock,
        entropy: Entropy,
        faults: Faults = NO_FAULTS,
        rate: int | None = None,
        cable: bool = True,
    ) -> None:
        """`clock` is the device's own; `rate` is bytes per second towards the device, None without limit."""
        self.name = name
        self.cable = cable
        self.wifi: str | None = None
        self.faults = faults
        self.counters = Counters()
        self._network = network
        self._clock = clock
        self._entropy = entropy
        self._rate = rate
        self._check = ServerCheck(anchors)

    # --- the link itself ------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether there is any way to the network."""
        return self.cable or self.wifi is not None

    @property
    def portal(self) -> str:
        """See `Adapters`: no network here has a page of its own."""
        return ""

    def agree(self) -> None:
        """See `Adapters`."""

    def access_points(self) -> tuple[str, ...]:
        """The SSIDs in the air, by name."""
        return tuple(sorted(self._network.access_points))

    def join_wifi(self, ssid: str, password: str) -> bool:
        """Join a wireless network; False if it is not there or the password is another."""
        if self._network.access_points.get(ssid) != password:
            return False
        self.wifi = ssid
        return True

    def leave_wifi(self) -> None:
        """Leave the wireless network."""
        self.wifi = None

    # --- sending --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """See `device.transport.Transport`."""
        target = _Target.of(request.url)
        fate = throw(self.faults, self._entropy)
        self._require_link(Failure.NO_NETWORK)
        listener = self._network.at(target.host, target.port)
        self._check.check(listener.chain, target.host, self._clock.now())
        scope = _scope(self.name, target, listener, request)
        await self.wait(fate.outward)
        exchange = await self._hand_over(target, scope, request.body, fate.happening)
        try:
            status, headers = await self._head(exchange, fate)
            answer = _Answer(self, exchange, request.method, status, headers, fate)
            try:
                yield answer
            finally:
                self._note("<", target, request.method, f"{status} {answer.digest.hexdigest()}")
        finally:
            exchange.leave()
            if fate.happening is Happening.REPEATED_AFTER:
                self._network.later(fate.later, lambda: self._carry(target, scope, request.body))

    async def _hand_over(
        self, target: _Target, scope: dict[str, Any], body: bytes, happening: Happening
    ) -> Exchange:
        """Have the request arrive as often as it does: not at all, once, or twice."""
        if happening is Happening.REQUEST_LOST:
            await self.lose("the request was lost")
        if happening is Happening.REPEATED_BEFORE:
            first = self._carry(target, scope, body)
            first.leave()
            await first.ended()
        return self._carry(target, scope, body)

    def _carry(self, target: _Target, scope: dict[str, Any], body: bytes) -> Exchange:
        listener = self._network.at(target.host, target.port)
        self.counters.requests += 1
        self.counters.sent += len(body)
        self._note(">", target, scope["method"], sha256(body).hexdigest())
        return self._network.begin(listener, dict(scope), body)

    async def _head(self, exchange: Exchange, fate: Fate) -> tuple[int, Headers]:
        if fate.happening is Happening.ANSWER_LOST:
            exchange.leave()
            await exchange.ended()
            await self.lose("the answer was lost")
        try:
            status, headers = await exchange.head()
        except AnswerBroken:
            raise TransportError(Failure.CUT, "the server ended the connection without an answer") from None
        await self.wait(fate.homeward)
        return status, [("date", format_datetime(self._network.clock.now(), usegmt=True)), *headers]

    # --- what passes ----------------------------------------------------------------------------------------

    async def wait(self, delay: timedelta) -> None:
        """Wait for something on its way. Raises `TransportError` if the link is gone then."""
        if delay:
            await self._clock.sleep(delay)
        self._require_link(Failure.CUT)

    async def take(self, chunk: bytes) -> None:
        """Let a chunk come in, at the link's speed."""
        seconds = timedelta(seconds=len(chunk))
        await self.wait(seconds / self._rate if self._rate else timedelta(0))
        self.counters.received += len(chunk)

    async def lose(self, message: str) -> None:
        """Wait as long as the device is patient, then raise: the connection is taken for cut."""
        await self._clock.sleep(timedelta(milliseconds=self.faults.patience))
        raise TransportError(Failure.CUT, message)

    def _require_link(self, failure: Failure) -> None:
        if not self.up:
            raise TransportError(failure, "the device has no network")

    def _note(self, direction: str, target: _Target, method: str, what: str) -> None:
        self._network.wire.note(direction, self.name, target.netloc, method, target.line, what)


class _Answer:
    """See `device.transport.Response`."""

    def __init__(
        self, link: Link, exchange: Exchange, method: str, status: int, headers: Headers, fate: Fate
    ) -> None:
        self.status = status
        self.headers = headers
        self.digest = sha256()
        self._link = link
        self._exchange = exchange
        announced = self.header("content-length")
        self._bodiless = method == "HEAD"
        self._length = int(announced) if announced.isdigit() and not self._bodiless else None
        self._share = fate.share if fate.happening is Happening.ANSWER_CUT else None

    def header(self, name: str) -> str:
        """See `device.transport.Response`."""
        wanted = name.lower()
        return next((value for each, value in self.headers if each.lower() == wanted), "")

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `device.transport.Response`."""
        if self._bodiless:
            return
        came, cut = 0, False
        while not cut and (chunk := await self._next()) is not None:
            room = None if self._share is None else max(0, self._until_cut(chunk) - came)
            piece = chunk[:room]
            cut = len(piece) < len(chunk)
            await self._link.take(piece)
            came += len(piece)
            self.digest.update(piece)
            yield piece
        if self._share is not None:
            raise TransportError(Failure.CUT, f"the answer was cut after {came} bytes")
        if self._length is not None and came != self._length:
            raise TransportError(Failure.CUT, f"{came} bytes came of {self._length} that were announced")

    async def _next(self) -> bytes | None:
        try:
            return await self._exchange.chunk()
        except AnswerBroken:
            raise TransportError(Failure.CUT, "the server ended the connection within its answer") from None

    def _until_cut(self, first: bytes) -> int:
        """After how many bytes the answer is cut: a share of it if its length is known, else of its first
        chunk.
        """
        length = len(first) if self._length is None else self._length
        return length * (self._share or 0) // 1000

    async def read(self, limit: int = 4_194_304) -> bytes:
        """See `device.transport.Response`."""
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    raise TransportError(Failure.CUT, f"the answer is longer than {limit} bytes")
        return bytes(body)


def _scope(client: str, target: _Target, listener: Listener, request: Request) -> dict[str, Any]:
    """The ASGI scope of a request; the client's certificate is in it if the listener asks for one."""
    identity = request.identity if listener.asks_certificate else None
    headers = [(name.lower(), value) for name, value in request.headers if name.lower() not in _OURS]
    headers.append(("host", target.netloc))
    if request.body or request.method not in _BODILESS:
        headers.append(("content-length", str(len(request.body))))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": unquote(target.path),
        "raw_path": target.path.encode("ascii"),
        "query_string": target.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (client, 0),
        "server": (target.host, target.port),
        "extensions": {"tls": tls_extension(listener.chain, identity)},
    }
