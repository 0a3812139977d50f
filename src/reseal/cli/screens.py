"""Laptops in directories for people who operate them by hand: put together anew at each power-on, and shown.

`opened` gives the laptop on its table, `shown` serves its page on loopback.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET
from socket import socket as Socket  # noqa: TID251, N812  # here the entry point opens its socket
from typing import Final

import uvicorn
from starlette.requests import Request

from reseal.cli.connection import DeviceListener
from reseal.cli.devices import asker, machine_in, powered
from reseal.device import hardware
from reseal.device.folder import look_at
from reseal.device.hints import Hints, PlainHints
from reseal.device.http import Http
from reseal.device.link import PlainAdapters
from reseal.device.pace import PacedClock
from reseal.device.pages.display import Display
from reseal.device.pages.routes import LaptopPages, hosts
from reseal.device.pages.stand import Running, Stand, Workshop
from reseal.device.quirks import ALL, Quirk
from reseal.device.windows import Laptop
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.errors import Conflict, Unauthenticated
from reseal.web.calls import Caller
from reseal.web.routes import Listener, application
from reseal.web.streams import Streams

HOME_NETWORK: Final = "Reseal"
AIR: Final = {HOME_NETWORK: "", "Office": "correct horse", "Cafe": ""}
"""Wi-Fi networks around every laptop that is operated by hand, with their keys."""
CAPTIVE: Final = frozenset({"Cafe"})
_LOOPBACK: Final = "127.0.0.1"


def opened(
    folder: Path,
    listener: DeviceListener,
    pace: float,
    *,
    wifi: bool = False,
    hints: Hints | None = None,
    without: frozenset[Quirk] = frozenset(),
) -> Stand:
    """The laptop of a directory on its table, switched off. Raises `NotFound` if there is none."""
    disk, clock = look_at(folder), SystemClock()
    machine = hardware.installed(disk)
    assert machine is not None, "what can be looked at has hardware"
    paced = PacedClock(clock, pace)
    adapters = PlainAdapters(cable=not wifi, networks=AIR, captive=CAPTIVE)
    workshop = _workshop(folder, listener, paced, hints or PlainHints(), ALL - without)
    return Stand(machine, disk, workshop, paced, Display(clock), adapters, AIR)


def _workshop(
    folder: Path, listener: DeviceListener, paced: PacedClock, hints: Hints, quirks: frozenset[Quirk]
) -> Workshop:
    @asynccontextmanager
    async def put_together(adapters: PlainAdapters) -> AsyncIterator[Running]:
        async with powered(folder, listener, paced) as given:
            parts = replace(given, quirks=quirks, hints=hints)
            laptop = Laptop(machine_in(parts), parts, listener.url, adapters=adapters)
            yield Running(laptop, Http(parts.transport, SystemClock()), asker(parts, laptop))

    return put_together


@asynccontextmanager
async def shown(stand: Stand, port: int = 0, links: Sequence[tuple[str, str]] = ()) -> AsyncIterator[str]:
    """Serve the page of a laptop on loopback; yields its URL. Port 0 takes a free one.

    Raises `Conflict` if the port is taken.
    """
    with _bound(port) as socket:
        number = socket.getsockname()[1]
        stopping = asyncio.Event()
        pages = LaptopPages(stand, Streams(stand.display.clock, stopping), links)
        app = application(
            pages.routes(),
            listener=Listener.BROWSER,
            hosts=lambda: hosts(number),
            authenticate=_nobody,
            entropy=SystemEntropy(),
        )
        server = _Server(uvicorn.Config(app, log_config=None, server_header=False, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[socket]), name="the laptop's page")
        try:
            yield f"http://localhost:{number}/"
        finally:
            stopping.set()
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            await stand.close()


@contextmanager
def _bound(port: int) -> Iterator[Socket]:
    with Socket(AF_INET, SOCK_STREAM) as socket:
        socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            socket.bind((_LOOPBACK, port))
        except OSError as error:
            raise Conflict(
                code="CannotListen",
                message=f"Cannot listen on {_LOOPBACK}:{port}: {error.strerror}.",
                remedy="Give another --port, or none for a free one.",
            ) from None
        socket.listen()
        yield socket


class _Server(uvicorn.Server):
    """Leaves signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _nobody(_request: Request) -> Caller:
    raise Unauthenticated(code="NoCaller", message="Nobody signs in to a laptop's page.")
