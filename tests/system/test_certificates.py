"""Certificates over real TLS: those that the server shows, and those that it is shown."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from cryptography import x509

from reseal.kernel import ca
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.settings import Settings
from reseal.server.running import running
from tests.support.client import Client
from tests.support.processes import ServerProcess, reseal, server
from tests.system.devices import EXPIRED, PROVEN, Device, Shown, furnish, issued, profile_asked, session_begun
from tests.system.organisations import found

KEYS, CLOCK, ENTROPY = OpenSslKeys(), SystemClock(), SystemEntropy()
LAB = ("login.microsoftonline.com", "enrollment.manage.microsoft.com")


# --- what the server shows ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Somebody else's authority, and the files in which an operator keeps what it issued."""

    folder: Path
    authority: ca.Authority

    @property
    def options(self) -> dict[str, str]:
        """Settings that name the files."""
        return {
            "RESEAL_CERTIFICATE_FILE": str(self.folder / "own.pem"),
            "RESEAL_CERTIFICATE_KEY_FILE": str(self.folder / "own.key"),
            "RESEAL_CERTIFICATE_ROOT_FILE": str(self.folder / "root.pem"),
        }

    def issue(self, key: ca.SigningKey) -> int:
        """Write a new certificate in place of the last; its serial number."""
        profile = ca.server_profile(["localhost"])
        leaf = ca.issue(self.authority, key.public_key(), profile, clock=CLOCK, entropy=ENTROPY)
        ca.save_key(key, self.folder / "own.key")
        (self.folder / "own.pem").write_bytes(ca.pem_chain([leaf, self.authority.certificate]))
        return leaf.serial_number


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    """An authority that the server does not know."""
    root = ca.make_root("elsewhere", KEYS.p256(), clock=CLOCK, entropy=ENTROPY, purposes=[ca.SERVER_AUTH])
    (tmp_path / "root.pem").write_bytes(ca.pem_chain([root.certificate]))
    return Elsewhere(tmp_path, root)


class Line:
    """One connection, which stays open from request to request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def serial(self) -> int:
        """The serial number of the certificate that was shown when it was opened."""
        der = self._writer.get_extra_info("ssl_object").getpeercert(True)
        return x509.load_der_x509_certificate(der).serial_number

    async def ask(self) -> None:
        """Send a request, and be answered."""
        self._writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        (length,) = re.findall(rb"content-length: (\d+)", head.lower())
        await self._reader.readexactly(int(length))


@asynccontextmanager
async def line(ready: dict[str, Any], listener: str = "browser") -> AsyncIterator[Line]:
    """A connection to a listener by a client that trusts the ready file's root."""
    context = ssl.create_default_context(cafile=ready["ca_file"])
    address = urlsplit(ready[f"{listener}_url"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=context)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def hang_up(running: ServerProcess) -> None:
    """SIGHUP, and wait for what the log says to it."""
    before = running.said.count("certificates ")
    running.process.send_signal(signal.SIGHUP)
    while running.said.count("certificates ") == before:
        assert running.process.returncode is None


@pytest.mark.slow
async def test_sighup_exchanges_the_certificate_for_new_connections(data: Path, elsewhere: Elsewhere) -> None:
    """One of another kind of key, while a connection stays open."""
    first = elsewhere.issue(KEYS.rsa())
    with server(data, **elsewhere.options) as process:
        ready = process.wait_ready()
        assert ready["ca_file"] == str(elsewhere.folder / "root.pem")
        for listener in ("browser", "device"):
            async with line(ready, listener) as staying:
                assert staying.serial == first
                second = elsewhere.issue(KEYS.p256() if listener == "browser" else KEYS.rsa())
                await asyncio.to_thread(hang_up, process)

                async with line(ready, listener) as coming:
                    assert coming.serial == second
                await staying.ask()
            first = second


@pytest.mark.slow
async def test_what_cannot_be_used_is_logged_and_nothing_changes(data: Path, elsewhere: Elsewhere) -> None:
    first = elsewhere.issue(KEYS.rsa())
    with server(data, **elsewhere.options) as process:
        ready = process.wait_ready()
        ca.save_key(KEYS.rsa(), elsewhere.folder / "own.key")
        await asyncio.to_thread(hang_up, process)

        assert "those in use stay" in process.said
        async with line(ready) as still:
            assert still.serial == first
        second = elsewhere.issue(KEYS.rsa())
        await asyncio.to_thread(hang_up, process)
        async with line(ready) as now:
            assert now.serial == second
        assert process.stop() == 0


def test_a_certificate_that_cannot_be_used_starts_nothing(data: Path, elsewhere: Elsewhere) -> None:
    elsewhere.issue(KEYS.p256())
    ca.save_key(KEYS.p256(), elsewhere.folder / "own.key")

    refused = reseal("up", "--data", data, settings=elsewhere.options)

    assert (refused.code, refused.out) == (1, "")
    assert "own.pem" in refused.err
    assert not (data / "ready.json").exists() or "belongs to another" in refused.err


# --- Microsoft's names --------------------------------------------------------------------------------------


@contextmanager
def names_at_loopback(session: aiohttp.ClientSession) -> Iterator[None]:
    """What a hosts file does: every name is this machine."""
    connector = session.connector
    assert isinstance(connector, aiohttp.TCPConnector)

    async def resolve(host: str, port: int, traces: Any = None) -> list[Any]:
        assert host
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    connector._resolve_host = resolve  # type: ignore[method-assign]
    yield


@asynccontextmanager
async def trusting(root: Path) -> AsyncIterator[Client]:
    """A client that trusts one root, on a machine whose hosts file leads to the server."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(root)), limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        with names_at_loopback(session):
            yield Client(session, "")


def test_a_name_of_microsofts_is_refused_outside_a_lab(data: Path) -> None:
    refused = reseal("up", "--data", data, "--server-name", LAB[0])

    assert (refused.code, refused.out) == (2, "")
    assert LAB[0] in refused.err
    assert "--lab-ca" in refused.err
    assert not (data / "tls" / "lab").exists()


@pytest.mark.slow
async def test_in_a_lab_the_server_stands_in_for_microsofts_hosts(data: Path) -> None:
    """Under a root of their own, said loudly; what is handed out are the configured addresses."""
    options = [part for name in (*LAB, "mdm.contoso.example") for part in ("--server-name", name)]
    with server(data, *options, "--lab-ca") as process:
        ready = process.wait_ready()
        own, lab = Path(ready["ca_file"]), data / "tls" / "lab" / "root.pem"
        ports = {name: urlsplit(ready[f"{name}_url"]).port for name in ("browser", "device")}
        async with trusting(lab) as client:
            metadata = f"https://{LAB[0]}:{ports['browser']}/common/v2.0/.well-known/openid-configuration"
            told = (await client("GET", metadata)).json
            assert told["token_endpoint"].startswith(ready["browser_url"])
            assert not any(LAB[0] in str(value) for value in told.values())
            health = f"https://{LAB[1]}:{ports['device']}/health"
            assert (await client("GET", health)).status == 200
            assert (await client("GET", health, headers={"Host": LAB[1]})).status == 200
            for host in ("enterpriseregistration.windows.net", "evil.example"):
                assert (await client("GET", health, headers={"Host": host})).status == 421
            for name in ("localhost", "mdm.contoso.example"):
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await client("GET", f"https://{name}:{ports['device']}/health")
        async with trusting(own) as client:
            for name in ("localhost", "mdm.contoso.example"):
                assert (await client("GET", f"https://{name}:{ports['device']}/health")).status == 200
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await client("GET", f"https://{LAB[0]}:{ports['browser']}/health")
        assert "LAB AUTHORITY" in process.said
        assert str(lab) in process.said


# --- what the server is shown -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A server with one device whose certificates are good, and one whose are over."""

    ready: dict[str, Any]
    good: Device
    over: Device
    foreign: Shown

    @asynccontextmanager
    async def showing(self, certificate: Shown | None) -> AsyncIterator[Client]:
        """A client of the device listener that shows a certificate."""
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        if certificate is not None:
            context = certificate.context(self.ready)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Client(session, self.ready["device_url"])


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One for the module."""
    folder = tmp_path_factory.mktemp("place")
    settings = Settings(data_directory=folder / "data")
    settings.data_directory.mkdir()
    contoso, fabrikam = await found(settings.database)
    good = await furnish(settings, contoso, folder / "good", 0)
    over = await furnish(settings, fabrikam, folder / "over", 1, EXPIRED)
    root = ca.make_root(
        "Reseal MDM root", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY, purposes=[ca.CLIENT_AUTH]
    )
    other = ca.make_intermediate(root, "Reseal MDM issuing", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY)
    foreign = issued(other, folder / "foreign")
    async with running(settings, clock=CLOCK, entropy=ENTROPY) as ready:
        yield Place(ready, good, over, foreign)


async def test_a_certificate_of_ours_proves_the_device(place: Place) -> None:
    """Else the next tests would show nothing."""
    async with place.showing(place.good.managed) as client:
        assert await session_begun(client) == PROVEN
    async with place.showing(place.good.joined) as client:
        assert "assignedUser" in await profile_asked(client, place.good)
        assert await session_begun(client) == 401, "it is the directory device's, not the enrolment's"


async def test_without_one_the_device_is_nobody(place: Place) -> None:
    async with place.showing(None) as client:
        assert await session_begun(client) == 407
        assert "assignedUser" not in await profile_asked(client, place.good)


async def test_an_expired_one_is_heard_and_counts_for_nothing(place: Place) -> None:
    """A device that lay in its box for too long is told by the protocol, not by a broken connection."""
    for certificate in (place.over.managed, place.over.joined):
        assert certificate.certificate.not_valid_after_utc < CLOCK.now()
        async with place.showing(certificate) as client:
            assert await session_begun(client) == 401
            assert "assignedUser" not in await profile_asked(client, place.over)


async def test_one_of_somebody_elses_ends_the_handshake(place: Place) -> None:
    """Even if its issuer is called like ours."""
    async with place.showing(place.foreign) as client:
        with pytest.raises(aiohttp.ClientError):
            await session_begun(client)


async def test_the_header_of_proxies_is_worth_nothing_without_one(place: Place) -> None:
    async with place.showing(None) as client:
        assert await session_begun(client, headers={"Client-Cert": place.good.managed.header}) == 407
