"""A device's transport over real sockets: the contract of transports, and what only sockets can do wrong."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509

from reseal.device.sockets import SocketTransport
from reseal.device.transport import Failure, Identity, Request, TransportError
from reseal.kernel import ca
from reseal.kernel.clock import Clock, SystemClock
from reseal.kernel.entropy import SeededEntropy, SystemEntropy
from reseal.kernel.keys import PooledKeys
from reseal.kernel.settings import ListenAddress
from reseal.server.listeners import Endpoint, Listeners, bind
from tests.support.clock import ManualClock
from tests.support.transport_contract import Stand, TransportContract, application, ask

KEYS = PooledKeys(SeededEntropy("socket tests"))
LONG_AGO = ManualClock(datetime(2020, 1, 6, 8, 0, tzinfo=UTC))
NOW = SystemClock()
EVERYWHERE = ListenAddress("127.0.0.1:0")


@cache
def _authority(name: str) -> ca.Authority:
    entropy = SeededEntropy(name)
    names = ca.Names(dns=("localhost",), networks=(ip_network("127.0.0.1"),))
    root = ca.make_root(
        name, KEYS.rsa(), clock=LONG_AGO, entropy=entropy, purposes=(ca.SERVER_AUTH,), names=names
    )
    return ca.make_intermediate(root, f"{name} issuing", KEYS.rsa(), clock=LONG_AGO, entropy=entropy)


@cache
def _devices() -> ca.Authority:
    entropy = SeededEntropy("devices")
    root = ca.make_root("devices", KEYS.rsa(), clock=LONG_AGO, entropy=entropy, purposes=(ca.CLIENT_AUTH,))
    return ca.make_intermediate(root, "devices issuing", KEYS.rsa(), clock=LONG_AGO, entropy=entropy)


@cache
def _identity(name: str = "a device", *, rsa: bool = True) -> Identity:
    key, devices = KEYS.rsa() if rsa else KEYS.p256(), _devices()
    profile = ca.client_profile(ca.common_name(name))
    leaf = ca.issue(devices, key.public_key(), profile, clock=NOW, entropy=SystemEntropy())
    return Identity(leaf, key, (devices.certificate,))


def _server_context(folder: Path, clock: Clock = NOW, *, asks: bool = False) -> ssl.SSLContext:
    """TLS of a server called localhost, whose certificate was issued at that time."""
    key, issuing = KEYS.p256(), _authority("root")
    profile = ca.server_profile(["localhost"])
    leaf = ca.issue(issuing, key.public_key(), profile, clock=clock, entropy=SystemEntropy())
    (folder / "server.pem").write_bytes(ca.pem_chain([leaf, issuing.certificate]))
    ca.save_key(key, folder / "server.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if asks:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=ca.pem_chain([_devices().root]).decode())
    return context


def _trusting(*roots: x509.Certificate, **settings: timedelta) -> SocketTransport:
    return SocketTransport(roots or [_authority("root").root], SystemEntropy(), **settings)


class TestContract(TransportContract):
    """Sockets do what every transport does."""

    @pytest.fixture
    async def stand(self, tmp_path: Path) -> AsyncIterator[Stand]:
        contexts = (
            _server_context(tmp_path, asks=True),
            _server_context(tmp_path),
            _server_context(tmp_path, LONG_AGO),
        )
        endpoints = [Endpoint(bind(EVERYWHERE, 0), application(), context) for context in contexts]
        ports = [endpoint.socket.getsockname()[1] for endpoint in endpoints]
        free = bind(EVERYWHERE, 0)
        closed = free.getsockname()[1]
        free.close()
        async with (
            _serving(Listeners(endpoints, 1)),
            _trusting() as transport,
            _trusting(_authority("strange root").root) as stranger,
        ):
            yield Stand(
                origin=f"https://localhost:{ports[0]}",
                without_certificates=f"https://localhost:{ports[1]}",
                under_another_name=f"https://127.0.0.1:{ports[0]}",
                closed=f"https://localhost:{closed}",
                transport=transport,
                stranger=stranger,
                late=(transport, f"https://localhost:{ports[2]}"),
                identity=_identity(),
            )


@asynccontextmanager
async def _serving(listeners: Listeners) -> AsyncIterator[None]:
    serving = asyncio.create_task(listeners.serve())
    while not listeners.started:  # noqa: ASYNC110  # it rings no bell
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        listeners.stop()
        await serving


# --- what only sockets can do -------------------------------------------------------------------------------

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Crude:
    """A server that does as it is told with each connection."""

    origin: str = ""
    connections: int = 0
    names: list[str] = field(default_factory=list)
    """Of the clients' certificates, one for each connection."""


@asynccontextmanager
async def _crude(handle: Handle, context: ssl.SSLContext | None) -> AsyncIterator[Crude]:
    crude = Crude()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        crude.connections += 1
        connection = writer.get_extra_info("ssl_object")
        shown = connection.getpeercert(True) if connection else None
        crude.names.append(
            x509.load_der_x509_certificate(shown).subject.rfc4514_string() if shown else "nobody"
        )
        try:
            await handle(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(connected, sock=bind(EVERYWHERE, 0), ssl=context) as server:
        crude.origin = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        yield crude


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request of a connection."""
    while (await reader.readuntil(b"\r\n\r\n")) != b"":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nword")
        if reader.at_eof():
            return


async def _get(transport: SocketTransport, crude: Crude, identity: Identity | None = None) -> bytes:
    request = Request(method="GET", url=f"{crude.origin}/", identity=identity)
    async with transport.send(request) as answer:
        return await answer.read()


async def _fails(transport: SocketTransport, crude: Crude) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await _get(transport, crude)
    return caught.value


async def test_one_connection_carries_many_requests_of_the_same_identity(tmp_path: Path) -> None:
    async with (
        _crude(_until_gone(_answers), _server_context(tmp_path, asks=True)) as crude,
        _trusting() as way,
    ):
        for identity in (
            None,
            _identity(),
            _identity("another", rsa=False),
            _identity(),
            None,
            _identity("another", rsa=False),
        ):
            assert await _get(way, crude, identity) == b"word"
        assert crude.names == ["nobody", "CN=a device", "CN=another"]


async def test_keys_do_not_stay_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    async with (
        _crude(_until_gone(_answers), _server_context(tmp_path, asks=True)) as crude,
        _trusting() as way,
    ):
        await _get(way, crude, _identity())
        assert crude.names == ["CN=a device"]
        assert list(folder.iterdir()) == []


async def test_a_server_that_hangs_up_without_an_answer_has_cut_it(tmp_path: Path) -> None:
    async def hangs_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with _crude(hangs_up, _server_context(tmp_path)) as crude, _trusting() as way:
        failed = await _fails(way, crude)
    assert failed.failure is Failure.CUT
    assert "localhost" in str(failed)


async def test_a_server_that_falls_silent_has_cut_it(tmp_path: Path) -> None:
    async def falls_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        await reader.read()

    context = _server_context(tmp_path)
    async with (
        _crude(_until_gone(falls_silent), context) as crude,
        _trusting(silence=timedelta(milliseconds=200)) as way,
    ):
        assert (await _fails(way, crude)).failure is Failure.CUT


async def test_what_is_no_answer_is_a_cut(tmp_path: Path) -> None:
    async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.test ready\r\n")
        await writer.drain()

    async with _crude(babbles, _server_context(tmp_path)) as crude, _trusting() as way:
        assert (await _fails(way, crude)).failure is Failure.CUT


async def test_a_server_without_tls_is_none(tmp_path: Path) -> None:
    async def speaks_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ready\r\n")
        await writer.drain()

    async with _crude(speaks_plainly, None) as crude, _trusting() as way:
        assert (await _fails(way, crude)).failure is Failure.REFUSED


async def test_a_server_that_refuses_the_certificate_has_cut_it(tmp_path: Path) -> None:
    """One of an authority that the server does not know ends the handshake."""
    key, strangers = KEYS.p256(), _authority("strange root")
    profile = ca.client_profile(ca.common_name("a stranger"))
    leaf = ca.issue(strangers, key.public_key(), profile, clock=NOW, entropy=SystemEntropy())
    context = _server_context(tmp_path, asks=True)
    async with _crude(_until_gone(_answers), context) as crude, _trusting() as way:
        with pytest.raises(TransportError) as caught:
            await _get(way, crude, Identity(leaf, key))
        assert caught.value.failure is Failure.CUT
        assert await _get(way, crude) == b"word"


async def test_without_anchors_nobody_is_trusted(tmp_path: Path) -> None:
    async with (
        _crude(_until_gone(_answers), _server_context(tmp_path)) as crude,
        SocketTransport([], SystemEntropy()) as way,
    ):
        assert (await _fails(way, crude)).failure is Failure.UNTRUSTED


async def test_a_request_that_is_given_up_hangs_up(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def waits(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        gone.set()

    async with _crude(_until_gone(waits), _server_context(tmp_path)) as crude, _trusting() as way:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_get(way, crude), 0.2)
        await asyncio.wait_for(gone.wait(), 10)


@pytest.mark.parametrize("url", ["http://localhost/", "localhost", "https:///path"])
async def test_only_https_is_spoken(url: str) -> None:
    async with _trusting() as way:
        with pytest.raises(ValueError, match="https"):
            await ask(way, url)


def _until_gone(handle: Handle) -> Handle:
    """As `handle`, until the client hangs up."""

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return

    return patient
