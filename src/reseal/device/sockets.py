"""A device's way to the network over real sockets: TLS and HTTP/1.1 by aiohttp.

The server's chain and name are checked by OpenSSL against the device's own anchors, and nothing else is
trusted. A connection is kept for the next request as long as it bears the same client certificate. Only what
a request says goes out, with `Host` and `Content-Length` added.
"""

from __future__ import annotations

import errno
import io
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from yarl import URL

from reseal.device.transport import Failure, Headers, Identity, Request, Response, TransportError
from reseal.kernel.entropy import Entropy
from reseal.web.phrases import Phrase, marked, say

CONNECT_TIME: Final = timedelta(seconds=10)
SILENCE: Final = timedelta(seconds=75)
"""A server that says nothing for so long is gone."""
IDLE_TIME: Final = timedelta(seconds=3)
"""So long a connection is kept without use: less than the five seconds after which servers close theirs, so
that no request meets a connection that is just being closed.
"""

_OURS: Final = frozenset({"host", "content-length"})
_UNASKED: Final = frozenset({"Accept", "Accept-Encoding", "User-Agent", "Content-Type"})
"""What aiohttp would add by itself."""
_MOST_IDENTITIES: Final = 8
_PIECE: Final = 64 * 1024
_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})
_BROKEN: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
_OTHER_NAME: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class SocketTransport:
    """See `device.transport.Transport`. Use as `async with SocketTransport(anchors, entropy) as network`."""

    def __init__(
        self, anchors: Sequence[x509.Certificate], entropy: Entropy, *, silence: timedelta = SILENCE
    ) -> None:
        """`anchors` are the roots that the device trusts; `entropy` makes passwords that live for moments."""
        self._anchors = b"".join(each.public_bytes(Encoding.DER) for each in anchors)
        self._entropy = entropy
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIME.total_seconds(), sock_read=silence.total_seconds()
        )
        self._contexts: OrderedDict[bytes, ssl.SSLContext] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(keepalive_timeout=IDLE_TIME.total_seconds())
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_UNASKED,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """See `device.transport.Transport`."""
        answer = await self._begin(request)
        try:
            yield _Answer(answer, request.method)
        finally:
            # What was not read to its end cannot be followed by another answer.
            if answer.content.is_eof():
                answer.release()
            else:
                answer.close()

    async def _begin(self, request: Request) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        url = URL(request.url, encoded=True)
        if url.scheme != "https" or not url.host:
            raise ValueError(f"{request.url!r} is no absolute https URL")
        headers = [(name, value) for name, value in request.headers if name.lower() not in _OURS]
        if request.body or request.method not in {"GET", "HEAD", "DELETE", "OPTIONS"}:
            headers.append(("Content-Length", str(len(request.body))))
        context = self._context(request.identity)
        try:
            return await self._session.request(
                request.method,
                url,
                headers=headers,
                data=io.BytesIO(request.body) if request.body else None,
                ssl=context,
                allow_redirects=False,
            )
        except _FAILURES as error:
            raise _told(error, url.host) from error

    # --- TLS

    def _context(self, identity: Identity | None) -> ssl.SSLContext:
        """The TLS settings for requests of that identity; the same ones each time, so that their connections
        are found again.
        """
        _require_own_key(identity)
        key = b"" if identity is None else identity.certificate.public_bytes(Encoding.DER)
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = self._new_context(identity)
            if len(self._contexts) > _MOST_IDENTITIES:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(key)
        return context

    def _new_context(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._anchors:
            context.load_verify_locations(cadata=self._anchors)
        if identity is not None:
            self._load(context, identity)
        return context

    def _load(self, context: ssl.SSLContext, identity: Identity) -> None:
        """Python takes keys from files alone: this one is encrypted, with a password that nobody keeps."""
        password = self._entropy.bytes(24).hex().encode()
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        chain = (identity.certificate, *identity.above)
        with TemporaryDirectory(prefix="reseal-") as folder:
            file = Path(folder, "identity.pem")
            file.touch(mode=0o600)
            file.write_bytes(key + b"".join(each.public_bytes(Encoding.PEM) for each in chain))
            context.load_cert_chain(file, password=password)


def _require_own_key(identity: Identity | None) -> None:
    if identity is not None and identity.key.public_key() != identity.certificate.public_key():
        raise ValueError("the identity's key does not belong to its certificate")


class _Answer:
    """See `device.transport.Response`."""

    def __init__(self, answer: aiohttp.ClientResponse, method: str) -> None:
        self.status = answer.status
        self.headers: Headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers
        ]
        self._answer = answer
        self._bodiless = method == "HEAD"

    def header(self, name: str) -> str:
        """See `device.transport.Response`."""
        wanted = name.lower()
        return next((value for each, value in self.headers if each.lower() == wanted), "")

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `device.transport.Response`."""
        while not self._bodiless and (chunk := await self._next()):
            yield chunk

    async def read(self, limit: int = 4_194_304) -> bytes:
        """See `device.transport.Response`."""
        body = bytearray()
        while not self._bodiless and (chunk := await self._next()):
            body += chunk
            if len(body) > limit:
                raise TransportError(Failure.CUT, say("the answer is longer than {limit} bytes", limit=limit))
        return bytes(body)

    async def _next(self) -> bytes:
        try:
            return await self._answer.content.read(_PIECE)
        except _FAILURES as error:
            raise TransportError(
                Failure.CUT, say("the answer broke off: {why}", why=_words(error))
            ) from error


# --- what went wrong ----------------------------------------------------------------------------------------

_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError)


def _told(error: Exception, host: str) -> TransportError:
    """What the device is told of an error before an answer came."""
    failure, what = _sorted(error)
    return TransportError(failure, say("{what}: {why}", what=Phrase(what, {"host": host}), why=_words(error)))


def _sorted(error: Exception) -> tuple[Failure, str]:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _of_certificate(error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            return Failure.REFUSED, marked("{host} does not speak TLS as it should")
        case aiohttp.ClientConnectorDNSError():
            return Failure.NO_NETWORK, marked("the name {host} is not resolved")
        case aiohttp.ClientConnectorError() if error.os_error.errno in _NO_WAY:
            return Failure.NO_NETWORK, marked("there is no way to {host}")
        case aiohttp.ClientConnectorError() if error.os_error.errno in _BROKEN:
            return Failure.CUT, marked("{host} ended the connection")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Failure.REFUSED, marked("{host} takes no connection")
        case _:
            return Failure.CUT, marked("{host} gave no answer")


def _of_certificate(error: Exception) -> tuple[Failure, str]:
    if getattr(error, "verify_code", None) in _OTHER_NAME:
        return Failure.WRONG_NAME, marked("the certificate is not for {host}")
    return Failure.UNTRUSTED, marked("the certificate of {host} is not trusted")


def _words(error: Exception) -> str:
    """What the library said, without its class names where it has words."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        told = error.certificate_error
        return getattr(told, "verify_message", "") or str(told)
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__
