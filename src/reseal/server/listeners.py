"""Two listeners in one process: one for browsers, one for devices (spec/stack.md 1).

Sockets listen before anything is served, so that the ports are known when URLs are made. uvicorn runs both
on one event loop; stopping drains what is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET
from socket import socket as Socket  # noqa: TID251, N812  # here the entry point opens its sockets

import uvicorn
from starlette.types import ASGIApp

from reseal.kernel.errors import Conflict
from reseal.kernel.settings import ListenAddress
from reseal.server.peer import PeerProtocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listening socket, the application behind it, and its TLS context."""

    socket: Socket
    app: ASGIApp
    tls: ssl.SSLContext


def bind(address: ListenAddress, remembered_port: int) -> Socket:
    """A socket that listens at the address. Port 0 is the remembered port if it is free, else any free one.

    Raises `Conflict` if it cannot be had. Only who listens has a port: until then others can bind it as well.
    """
    family = AF_INET6 if ":" in address.host else AF_INET
    failure: OSError | None = None
    for port in [address.port] if address.port else [remembered_port, 0]:
        bound = Socket(family, SOCK_STREAM)
        bound.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            bound.bind((address.host, port))
            bound.listen()
        except OSError as error:
            bound.close()
            failure = error
        else:
            return bound
    raise Conflict(
        code="CannotListen",
        message=f"Cannot listen on {address}: {failure and failure.strerror}.",
        remedy="Stop what uses the port, or choose another with --browser-listen or --device-listen.",
    )


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone: there are two, and `running` decides."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listeners:
    """Serves all endpoints until `stop`; `serve` returns when the last request was answered."""

    def __init__(self, endpoints: Sequence[Endpoint], drain_seconds: int) -> None:
        self._endpoints = endpoints
        self._servers = [_Server(_config(endpoint, drain_seconds)) for endpoint in endpoints]

    async def serve(self) -> None:
        """Accept connections. Ends after `stop`, or raises what made a listener fail."""
        async with asyncio.TaskGroup() as group:
            for server, endpoint in zip(self._servers, self._endpoints, strict=True):
                group.create_task(server.serve(sockets=[endpoint.socket]))

    @property
    def started(self) -> bool:
        """Whether every listener accepts connections."""
        return all(server.started for server in self._servers)

    def stop(self) -> None:
        """Accept no more; requests under way get the drain time to end."""
        for server in self._servers:
            server.should_exit = True


def _config(endpoint: Endpoint, drain_seconds: int) -> uvicorn.Config:
    return uvicorn.Config(
        endpoint.app,
        loop="none",
        http=PeerProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # `proxies` believes those that are configured, uvicorn every local process
        timeout_graceful_shutdown=drain_seconds,
        ssl_context_factory=lambda _config, _default: endpoint.tls,
    )
