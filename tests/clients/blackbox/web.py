"""HTTPS as a device speaks it: headers as they came, no redirect followed, no cookie kept unasked."""

from __future__ import annotations

import http.client
import json
import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

_SECONDS = 60
_PART = 16 * 1024
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python's `ssl` has no name for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Message
    body: bytes

    def header(self, name: str) -> str:
        """One header, empty if it did not come."""
        return self.headers.get(name) or ""

    @property
    def json(self) -> Any:
        """The body as a JSON document."""
        return json.loads(self.body)


@dataclass(slots=True)
class Web:
    """Connections to servers whose certificates lead to `anchor`.

    `certificate` is a PEM file with a client certificate, its chain, and its key. `ageless` takes
    certificates of servers whose time is not ours.
    """

    anchor: Path
    certificate: Path | None = None
    ageless: bool = False
    _connections: dict[tuple[str, int], http.client.HTTPSConnection] = field(default_factory=dict)

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def context(self) -> ssl.SSLContext:
        """How a connection is secured."""
        context = ssl.create_default_context(cafile=str(self.anchor))
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        if self.ageless:
            context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
        return context

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Fetch."""
        return self.send("GET", url, headers=headers)

    def post_form(
        self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", url, urlencode(fields).encode(), {**kind, **(headers or {})})

    def post_json(self, url: str, document: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a JSON document."""
        kind = {"Content-Type": "application/json"}
        return self.send("POST", url, json.dumps(document).encode(), {**kind, **(headers or {})})

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request; a kept connection that the server has closed meanwhile is opened again, once."""
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or 443)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        kept = self._connections.get(address)
        if kept is not None:
            try:
                return _exchange(kept, method, path, body, headers)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                kept.close()
        self._connections[address] = http.client.HTTPSConnection(
            *address, context=self.context(), timeout=_SECONDS
        )
        try:
            return _exchange(self._connections[address], method, path, body, headers)
        except BaseException:
            self._connections.pop(address).close()
            raise

    def flood(self, method: str, url: str, length: int, headers: Mapping[str, str], *, chunked: bool) -> int:
        """Send so many bytes while the server takes them: the status of its answer, 0 if it only hangs up."""
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or 443)
        size = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(length)}
        lines = {"Host": parts.netloc, "Connection": "close", **size, **headers}
        head = f"{method} {parts.path}?{parts.query} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items()
        )
        part = b" " * _PART
        piece = f"{_PART:x}\r\n".encode() + part + b"\r\n" if chunked else part
        with (
            socket.create_connection(address, _SECONDS) as bare,
            self.context().wrap_socket(bare, server_hostname=address[0]) as connection,
        ):
            connection.sendall(head.encode() + b"\r\n")
            return _pour(connection, piece * (length // _PART) + (b"0\r\n\r\n" if chunked else b""))

    def close(self) -> None:
        """Close what is open."""
        while self._connections:
            self._connections.popitem()[1].close()


def _exchange(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str] | None,
) -> Reply:
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    return Reply(answer.status, answer.headers, answer.read())


def _pour(connection: ssl.SSLSocket, body: bytes) -> int:
    """Write until there is something to read; what the status line says."""
    connection.setblocking(False)
    answer, left = b"", memoryview(body)
    while b"\r\n" not in answer:
        try:
            received = connection.recv(4096)
            if not received:
                return 0
            answer += received
        except ssl.SSLWantReadError:
            pass
        except OSError:
            return 0
        try:
            if left:
                left = left[connection.send(left[:_PART]) :]
        except ssl.SSLWantWriteError:
            pass
        except OSError:
            left = left[:0]
        if not any(select.select([connection], [connection] if left else [], [], _SECONDS)):
            return 0
    return int(answer.split(b" ", 2)[1])
