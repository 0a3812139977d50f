"""Two replicas on PostgreSQL behind HAProxy, with the configuration that the operator's page gives."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket as Socket  # noqa: N812
from typing import Any

import aiohttp
import pytest

from reseal.kernel import ca
from reseal.kernel.clock import SystemClock
from reseal.kernel.entropy import SystemEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.settings import DatabaseUrl, Settings
from tests.support.client import Client
from tests.support.postgres import Server
from tests.support.processes import ROOT, ServerProcess
from tests.support.system_parts import miss
from tests.system.devices import EXPIRED, PROVEN, Device, Shown, furnish, issued, session_begun
from tests.system.following import following
from tests.system.organisations import Organisation, found
from tests.system.pages import Browser
from tests.system.sample import device_csv

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

CONFIGURATION = ROOT / "examples" / "operator" / "haproxy.cfg"
CLOCK, ENTROPY, KEYS = SystemClock(), SystemEntropy(), OpenSslKeys()


@dataclass(frozen=True, slots=True)
class Site:
    """What an operator has set up, and what its devices show."""

    urls: dict[str, str]
    root: Path
    replicas: tuple[ServerProcess, ServerProcess]
    contoso: Organisation
    good: Device
    over: Device
    foreign: Shown

    @asynccontextmanager
    async def client(self, listener: str = "device", shown: Shown | None = None) -> AsyncIterator[Client]:
        """Whoever comes to the proxy, each request on a connection of its own."""
        context = ssl.create_default_context(cafile=str(self.root))
        if shown is not None:
            context.load_cert_chain(*shown.files)
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Client(session, self.urls[listener])


def _program() -> str:
    found_at = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if found_at is None:
        miss("HAProxy", "haproxy")
    return found_at


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(Socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server) -> AsyncIterator[Site]:
    """One for the module."""
    program, folder = _program(), tmp_path_factory.mktemp("site")
    postgresql_server.create("behind_haproxy", template="template1")
    database = postgresql_server.url("behind_haproxy")
    key = folder / "key"
    key.write_text("5e" * 32)
    settings = Settings(
        data_directory=folder / "furnishing", database_url=DatabaseUrl(database), key_file=key
    )
    contoso, fabrikam = await found(database)
    good = await furnish(settings, contoso, folder / "good", 0)
    over = await furnish(settings, fabrikam, folder / "over", 1, EXPIRED)
    root = ca.make_root("other", KEYS.rsa(), clock=CLOCK, entropy=ENTROPY, purposes=[ca.CLIENT_AUTH])
    foreign = issued(root, folder / "foreign")

    browser, device = _free_ports(2)
    urls = {"browser": f"https://localhost:{browser}", "device": f"https://localhost:{device}"}
    with ExitStack() as stack:
        options = {
            "RESEAL_DATABASE_URL": database,
            "RESEAL_KEY_FILE": str(key),
            "RESEAL_BLOB_DIR": str(folder / "blobs"),
            "RESEAL_PUBLIC_URL": urls["browser"],
            "RESEAL_DEVICE_URL": urls["device"],
            "RESEAL_TRUSTED_PROXIES": "127.0.0.1",
        }
        replicas = [ServerProcess(folder / name, **options) for name in ("one", "two")]
        for each in replicas:
            stack.callback(each.kill)
        ready = [await asyncio.to_thread(each.wait_ready) for each in replicas]
        environment = {
            **_certificate(folder),
            **_places(replicas, ready, folder),
            "BROWSER_BIND": f"127.0.0.1:{browser}",
            "DEVICE_BIND": f"127.0.0.1:{device}",
            "BROWSER_HOST": "localhost",
            "DEVICE_HOST": "localhost",
        }
        stack.enter_context(_haproxy(program, environment))
        made = Site(urls, folder / "proxy-root.pem", (replicas[0], replicas[1]), contoso, good, over, foreign)
        await _until_it_serves(made)
        yield made
    postgresql_server.drop("behind_haproxy")


def _certificate(folder: Path) -> dict[str, str]:
    """The proxy's own, as some authority that clients trust has issued it."""
    root = ca.make_root("public", KEYS.p256(), clock=CLOCK, entropy=ENTROPY, purposes=[ca.SERVER_AUTH])
    key = KEYS.p256()
    leaf = ca.issue(root, key.public_key(), ca.server_profile(["localhost"]), clock=CLOCK, entropy=ENTROPY)
    ca.save_key(key, folder / "proxy.key")
    both = ca.pem_chain([leaf, root.certificate]) + (folder / "proxy.key").read_bytes()
    (folder / "proxy.pem").write_bytes(both)
    (folder / "proxy-root.pem").write_bytes(ca.pem_chain([root.certificate]))
    return {"CERTIFICATE": str(folder / "proxy.pem")}


def _places(replicas: list[ServerProcess], ready: list[dict[str, Any]], folder: Path) -> dict[str, str]:
    """Where the replicas are, and what the proxy trusts."""
    roots = folder / "replica-roots.pem"
    roots.write_text("".join(Path(each["ca_file"]).read_text() for each in ready))
    places = {
        "REPLICA_ROOTS": str(roots),
        "DEVICE_AUTHORITIES": str(replicas[0].data / "tls" / "device-authorities.pem"),
    }
    for name, replica in zip(("ONE", "TWO"), replicas, strict=True):
        ports = _ports(replica)
        places |= {f"{name}_{listener.upper()}": f"127.0.0.1:{port}" for listener, port in ports.items()}
    return places


def _ports(replica: ServerProcess) -> dict[str, int]:
    found_in: dict[str, int] = json.loads((replica.data / "ports.json").read_text())
    return found_in


@contextmanager
def _haproxy(program: str, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([program, "-f", str(CONFIGURATION), "-db"], env={**os.environ, **environment})
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def _until_it_serves(site: Site) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with site.client() as client:
                    if (await client("GET", "/health")).status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


# --- devices ------------------------------------------------------------------------------------------------


async def test_a_device_is_known_by_the_certificate_that_it_shows_to_the_proxy(site: Site) -> None:
    async with site.client(shown=site.good.managed) as client:
        for _ in range(4):  # on either replica
            assert await session_begun(client) == PROVEN


async def test_an_expired_certificate_comes_through_and_counts_for_nothing(site: Site) -> None:
    async with site.client(shown=site.over.managed) as client:
        assert await session_begun(client) == 401


async def test_a_foreign_certificate_does_not_come_through(site: Site) -> None:
    async with site.client(shown=site.foreign) as client:
        with pytest.raises(aiohttp.ClientError):
            await session_begun(client)


async def test_what_a_client_says_in_the_proxys_name_is_thrown_away(site: Site) -> None:
    forged = {"Client-Cert": site.good.managed.header}
    for listener in ("browser", "device"):
        async with site.client(listener) as client:
            assert await session_begun(client, headers=forged) == 407


# --- people and programs ------------------------------------------------------------------------------------


async def test_a_session_counts_on_both_replicas(site: Site) -> None:
    administrator = site.contoso.credentials["administrator"]
    async with site.client("browser") as client:
        browser = Browser(client)
        page = await browser.open("/deployments")
        page = await browser.sign_in(page, administrator["upn"], administrator["password"])
        assert page.path == "/deployments"
        for _ in range(4):
            assert (await browser.open("/deployments")).status == 200


async def test_a_reader_sees_each_position_once_when_a_replica_dies(site: Site) -> None:
    """The last test of the module, because one replica does not come back."""
    async with site.client("browser") as client:
        program = await client.signed_in(site.contoso.credentials)
        async with following(program) as reader:
            await _import(program, 50)
            await reader.caught_up()
            site.replicas[0].kill()
            for number in (51, 52):
                await _import(program, number)
            log = await reader.caught_up()

    assert reader.events == log
    assert reader.positions == list(range(1, len(log) + 1))
    async with site.client(shown=site.good.managed) as device:
        assert await session_begun(device) == PROVEN


async def _import(client: Client, number: int) -> None:
    """Tried again until it was answered, as programs do: repeating it does no harm."""
    async with asyncio.timeout(60):
        while True:
            try:
                answer = await client.api("POST", "/imports", data=device_csv([number]))
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
                continue
            if answer.status == 200:
                return
            assert answer.status in {502, 503, 504}, answer
            await asyncio.sleep(0.1)
