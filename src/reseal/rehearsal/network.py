"""The network of a rehearsal: what listens under which name, and a digest of all that passes.

Devices come here by a `rehearsal.link.Link`, each by its own. A device that loses power or its cable leaves
the server working; a server that is killed cuts every answer under way. Everything that passes goes into one
digest, in the order in which it passes (`WireDigest`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

from cryptography import x509
from starlette.types import ASGIApp

from reseal.device.transport import Failure, TransportError
from reseal.kernel.clock import Clock
from reseal.rehearsal.exchange import Exchange

HTTPS = 443


class WireDigest:
    """One digest over all that passed: direction, link, host, method, path and body, in order."""

    def __init__(self, witness: Callable[[str], None] | None = None) -> None:
        """`witness` is given every line that goes into the digest, for finding where two runs part."""
        self.requests = 0
        self._digest = sha256()
        self.witness = witness

    def note(self, direction: str, link: str, host: str, method: str, path: str, what: str) -> None:
        """Something passed; `what` is the digest of its body, with the status if it is an answer."""
        self.requests += direction == ">"
        line = " ".join((direction, link, host, method, path, what))
        self._digest.update(line.encode() + b"\n")
        if self.witness is not None:
            self.witness(line)

    @property
    def hex(self) -> str:
        """The digest of everything so far."""
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Listener:
    """What answers at a name and port: an application, its certificate chain (leaf first), and whether it
    asks clients for a certificate.
    """

    app: ASGIApp
    chain: tuple[x509.Certificate, ...]
    asks_certificate: bool = False
    running: dict[Exchange, None] = field(default_factory=dict)


@dataclass(slots=True)
class Fallen:
    """A request in which an application raised."""

    method: str
    path: str
    error: BaseException


class Network:
    """Names, what listens under them, and the access points in the air."""

    def __init__(self, clock: Clock, access_points: Mapping[str, str] | None = None) -> None:
        """`access_points` are passwords by SSID; an empty password is an open network."""
        self.clock = clock
        self.wire = WireDigest()
        self.access_points = dict(access_points or {})
        self.fallen: list[Fallen] = []
        self._names: dict[str, None] = {}
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._late: dict[asyncio.Task[None], None] = {}

    def listen(self, name: str, listener: Listener, port: int = HTTPS) -> None:
        """Have a listener answer at that name and port."""
        self._names[name] = None
        self._listeners[name, port] = listener

    def kill(self, listener: Listener) -> None:
        """Its process is gone: nothing answers any more, what is under way stops where it is."""
        for place in [place for place, each in self._listeners.items() if each is listener]:
            del self._listeners[place]
        for exchange in list(listener.running):
            exchange.kill()

    async def quiet(self) -> None:
        """Wait until every request under way has been carried out, late ones too."""
        while self._late or any(one.running for one in self._listeners.values()):
            await asyncio.gather(*self._late)
            for listener in list(self._listeners.values()):
                for exchange in list(listener.running):
                    await exchange.ended()

    def at(self, name: str, port: int) -> Listener:
        """What listens there. Raises `TransportError`."""
        if name not in self._names:
            raise TransportError(Failure.NO_NETWORK, f"no server is called {name}")
        listener = self._listeners.get((name, port))
        if listener is None:
            raise TransportError(Failure.REFUSED, f"nothing listens at {name}:{port}")
        return listener

    def begin(self, listener: Listener, scope: dict[str, Any], body: bytes) -> Exchange:
        """Hand a request to an application."""

        def ended(exchange: Exchange) -> None:
            listener.running.pop(exchange, None)
            if isinstance(exchange.error, Exception):
                self.fallen.append(Fallen(scope["method"], scope["path"], exchange.error))

        exchange = Exchange(listener.app, scope, body, ended)
        listener.running[exchange] = None
        return exchange

    def later(self, delay: timedelta, carry: Callable[[], Exchange]) -> None:
        """Have a request arrive by itself after a while; nobody reads the answer."""

        async def arrive() -> None:
            await self.clock.sleep(delay)
            with suppress(TransportError):
                carry().leave()

        task = asyncio.get_running_loop().create_task(arrive(), name=f"late request {len(self._late)}")
        self._late[task] = None
        task.add_done_callback(self._late.pop)
