"""How a device reaches a server: one request, one answer, over TLS that is checked.

`Transport` has two adapters: in-memory ASGI for rehearsals (`rehearsal.network`) and sockets. Both check the
server's chain against the device's anchors and its name against the URL, and offer the client certificate
that the request carries. Redirects are never followed here. What goes wrong is a `TransportError` that says
which of the few ways a network fails it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Headers = Sequence[tuple[str, str]]
"""Names in any case, values as sent; a name may repeat (Set-Cookie)."""


class Failure(StrEnum):
    """How a request can fail below HTTP."""

    NO_NETWORK = "noNetwork"
    """There is no link, or no name is resolved."""
    REFUSED = "refused"
    """Nothing listens there, or what does is too busy."""
    CUT = "cut"
    """The connection ended before the whole answer had come; the request may have been carried out."""
    UNTRUSTED = "untrusted"
    """The server's certificate leads to none of the anchors, or its time is over."""
    WRONG_NAME = "wrongName"
    """The server's certificate is for other names."""


class TransportError(Exception):
    """A request without a whole answer."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message


@dataclass(frozen=True, slots=True)
class Identity:
    """A client certificate with its key, and the certificates between it and its root, nearest first."""

    certificate: x509.Certificate
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request to an absolute https URL; `Host` and `Content-Length` are added on the way."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    identity: Identity | None = None
    """Offered as TLS client certificate."""


class Response(Protocol):
    """An answer whose head has come; the body is read once."""

    status: int
    headers: Headers

    def header(self, name: str) -> str:
        """The first value of a header, case ignored; empty if there is none."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `TransportError` if it ends early."""
        ...

    async def read(self, limit: int = 4_194_304) -> bytes:
        """The whole body. Raises `TransportError` if it ends early or is longer than `limit` bytes."""
        ...


class Transport(Protocol):
    """A device's way to the network."""

    def send(self, request: Request) -> AbstractAsyncContextManager[Response]:
        """Send and give the answer for as long as the context lasts. Raises `TransportError`."""
        ...
