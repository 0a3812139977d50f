"""One server process from start to stop.

Start, in order: lock the data directory, open sockets, migrate, open the database, make the first tenant,
start the tasks (sealer, deadlines), serve, write the ready file. Stop, on SIGTERM or Ctrl-C, in the reverse
order: accept no more, drain, end the tasks, close the database, let the directory go.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from socket import socket as Socket  # noqa: TID251, N812  # a name for the type
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.directory.tenants import domains, list_tenants
from reseal.kernel import ca
from reseal.kernel.bells import Bell
from reseal.kernel.blobs import LocalBlobs
from reseal.kernel.clock import Clock, SystemClock
from reseal.kernel.db import CommitProbe, Database, Tx
from reseal.kernel.deadlines import Ticker
from reseal.kernel.entropy import Entropy, SystemEntropy
from reseal.kernel.events import Sealer
from reseal.kernel.files import PUBLIC, write_file
from reseal.kernel.keys import KeySource, OpenSslKeys
from reseal.kernel.logs import configure_logs, get_logger
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.settings import Settings
from reseal.kernel.storage import open_database
from reseal.kernel.workers import ThreadWorkers
from reseal.server import wiring
from reseal.server.certificates import Certificates, keep_fresh
from reseal.server.datadir import DataDirectory, write_json
from reseal.server.listeners import Endpoint, Listeners, bind
from reseal.server.names import lab_names
from reseal.server.proxies import Proxied
from reseal.server.schema import ensure_schema
from reseal.server.tls import LOOPBACK, Issuer, given_certificate
from reseal.signin.passwords import Passwords
from reseal.web.refusals import telling
from reseal.web.routes import Listener, application

log = get_logger(__name__)

_STARTED_CHECK = timedelta(milliseconds=5)


@dataclass(frozen=True, slots=True)
class Sockets:
    """The bound sockets, and the URLs under which this server hands itself out.

    No URL is ever made from a request's Host; a Host that is not ours is refused.
    """

    browser: Socket
    device: Socket
    browser_url: str
    device_url: str
    server_names: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The host names of this server, without ports."""
        named = (urlsplit(url).hostname or "" for url in (self.browser_url, self.device_url))
        return frozenset({"localhost", "127.0.0.1", *named, *(name.lower() for name in self.server_names)})

    @property
    def hosts(self) -> frozenset[str]:
        """Every `Host` header that is ours: each name alone, with a bound port, and as the URLs have it."""
        ports = [socket.getsockname()[1] for socket in (self.browser, self.device)]
        public = {urlsplit(url).netloc.lower() for url in (self.browser_url, self.device_url)}
        names = self.names | {"[::1]"}
        return frozenset(names | public | {f"{name}:{port}" for name in names for port in ports})


async def serve(settings: Settings, tell: Callable[[dict[str, Any]], None] | None = None) -> None:
    """Run a server until SIGTERM or Ctrl-C; `tell` is given the document of its ready file."""
    collect_seldom()
    # A data directory that was there before may be open to all: the database in it must not be.
    os.umask(0o077)
    clock, entropy = SystemClock(), SystemEntropy()
    configure_logs(clock=clock, level=settings.log_level, style=settings.log_format)
    stopping = asyncio.Event()
    hangup = Bell()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.ring)
    async with running(settings, clock=clock, entropy=entropy, hangup=hangup) as ready:
        for path in filter(None, (settings.data_directory / "ready.json", settings.ready_file)):
            write_json(path, ready)
        log.info("ready", browser=ready["browser_url"], device=ready["device_url"])
        if tell is not None:
            tell(ready)
        await stopping.wait()
        log.info("stopping")
    log.info("stopped")


def collect_seldom() -> None:
    """Have this process look for garbage less often than Python does by default.

    A unit of work makes rows and values by the ten thousand, and all of them live until it commits: walking
    through them every 700 new objects took a quarter of the time of an import.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock,
    entropy: Entropy,
    hangup: Bell | None = None,
    probe: CommitProbe | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """A serving server; yields the document of its ready file. At each ring of `hangup` it looks after its
    certificates; `probe` is for tests that crash it.
    """
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(DataDirectory(settings.data_directory))
        sockets = stack.enter_context(_bound(settings, directory))
        keys, stopping = OpenSslKeys(), asyncio.Event()
        foreign = lab_names(sockets.names, allowed=settings.lab_ca)
        workers = ThreadWorkers(settings.worker_threads)
        stack.callback(workers.close)
        db = await stack.enter_async_context(_database(settings, clock, entropy, probe))
        blobs = LocalBlobs(settings.blobs, workers, entropy)
        await blobs.clean(clock.now())
        box = SecretBox(directory.secret_keys(settings.key_file, entropy), entropy)
        parts = wiring.Parts(
            db=db,
            blobs=blobs,
            workers=workers,
            clock=clock,
            entropy=entropy,
            keyring=await db.write(wiring.load_keyring, box, keys, clock, sockets.device_url),
            passwords=Passwords(),
            public_url=sockets.browser_url,
            device_url=sockets.device_url,
            settings=settings,
            stopping=stopping,
        )
        tenant_id, domain = await _first_tenant(parts, directory)
        certificates = _certificates(parts, sockets.names, foreign, directory, keys)
        await stack.enter_async_context(_tasks(parts, certificates, hangup or Bell()))
        await stack.enter_async_context(_serving(parts, sockets, certificates))
        stack.callback(stopping.set)  # runs first: streams end before the listeners wait for them
        yield {
            "version": 1,
            "browser_url": sockets.browser_url,
            "device_url": sockets.device_url,
            "ca_file": str(certificates.root_file.resolve()),
            "tenant_id": str(tenant_id),
            "tenant_domain": domain,
            "credentials_file": str(directory.credentials.resolve()),
            "pid": os.getpid(),
        }


@contextmanager
def _bound(settings: Settings, directory: DataDirectory) -> Iterator[Sockets]:
    with ExitStack() as stack:
        ports: dict[str, int] = {}
        bound: dict[str, Socket] = {}
        for name, address in (("browser", settings.browser_listen), ("device", settings.device_listen)):
            socket = bound[name] = bind(address, directory.chosen_port(name))
            stack.callback(socket.close)
            ports[name] = socket.getsockname()[1]
        directory.keep_ports(ports)
        yield Sockets(
            bound["browser"],
            bound["device"],
            # Plain text from here on: what encodes JSON knows no kinds of text.
            str(settings.public_url or f"https://localhost:{ports['browser']}"),
            str(settings.device_url or f"https://localhost:{ports['device']}"),
            settings.server_names,
        )


@asynccontextmanager
async def _database(
    settings: Settings, clock: Clock, entropy: Entropy, probe: CommitProbe | None
) -> AsyncIterator[Database]:
    url = settings.database
    if ensure_schema(url):
        log.info("database migrated")
    db = open_database(
        url,
        clock=clock,
        entropy=entropy,
        reactors=wiring.REACTORS,
        probe=probe,
        connections=settings.database_connections,
    )
    try:
        yield db
    finally:
        await db.close()


async def _first_tenant(parts: wiring.Parts, directory: DataDirectory) -> tuple[UUID, str]:
    """The oldest tenant's id and default domain; the first start makes it.

    The credentials are on disk before the tenant is committed: a crash in between starts over, and nobody is
    left with a tenant that no one can enter.
    """
    found = await parts.db.read(_oldest_tenant)
    if found:
        return found
    secrets = await make_secrets(parts.entropy, parts.passwords, parts.workers)
    settings = parts.settings

    def first_start(tx: Tx) -> tuple[UUID, str]:
        tx.lock("first start")
        if found := _oldest_tenant(tx):
            return found
        made = create_tenancy(
            tx, settings.tenant_name, str(settings.tenant_domain), secrets, permissions=(PLATFORM,)
        )
        write_json(directory.credentials, made.credentials(secrets))
        return made.tenant_id, made.domain

    tenant_id, domain = await parts.db.write(first_start)
    log.info("first tenant made", domain=domain, credentials_file=str(directory.credentials))
    return tenant_id, domain


def _oldest_tenant(tx: Tx) -> tuple[UUID, str] | None:
    for tenant in list_tenants(tx):
        owned = next(domain.name for domain in domains(tx, tenant.id) if domain.is_default)
        return tenant.uuid, owned
    return None


def _certificates(
    parts: wiring.Parts,
    names: frozenset[str],
    foreign: frozenset[str],
    directory: DataDirectory,
    keys: KeySource,
) -> Certificates:
    """What the listeners show: for the server's own names what the operator gave, or what an authority of the
    directory issues; for `foreign` names, in a lab, what another authority issues.
    """
    settings, clock, entropy = parts.settings, parts.clock, parts.entropy
    own = given_certificate(settings) or Issuer(
        directory.tls, frozenset({*LOOPBACK, *(names - foreign)}), clock, entropy, keys
    )
    directory.tls.mkdir(mode=0o700, parents=True, exist_ok=True)
    lab = Issuer(directory.tls / "lab", foreign, clock, entropy, keys, "Reseal LAB") if foreign else None
    authorities = parts.keyring.authorities
    devices = (*authorities.mdm.chain, *authorities.join.chain)
    certificates = Certificates(own, devices, lab, foreign)
    write_file(directory.tls / "device-authorities.pem", ca.pem_chain(devices), PUBLIC)
    if lab is not None:
        log.warning(
            "LAB AUTHORITY: whoever trusts its root takes this server for Microsoft's; never trust it on a "
            "machine that people use",
            root=str(lab.root_file),
            names=sorted(foreign),
        )
    return certificates


@asynccontextmanager
async def _tasks(parts: wiring.Parts, certificates: Certificates, hangup: Bell) -> AsyncIterator[None]:
    """What runs beside the requests: positions for events, deadlines that fall due, certificates that end."""
    sealer = Sealer(parts.db, parts.clock)
    loops = [
        Ticker(parts.db, parts.clock, wiring.DEADLINES).run(),
        keep_fresh(certificates, parts.workers, parts.clock, hangup),
    ]
    if not parts.db.seals_in_commit:
        loops.append(sealer.run())
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not parts.db.seals_in_commit:
            await sealer.seal_now()


@asynccontextmanager
async def _serving(parts: wiring.Parts, sockets: Sockets, certificates: Certificates) -> AsyncIterator[None]:
    routes, authenticate = wiring.routes(parts)
    authorities = parts.keyring.authorities
    devices = (authorities.mdm.certificate, authorities.join.certificate)
    hosts = sockets.hosts
    endpoints = []
    for socket, listener, tls, issuers in (
        (sockets.browser, Listener.BROWSER, certificates.browser, ()),
        (sockets.device, Listener.DEVICE, certificates.device, devices),
    ):
        app = application(
            routes,
            listener=listener,
            hosts=lambda: hosts,
            authenticate=authenticate,
            entropy=parts.entropy,
            tell=telling(listener),
        )
        endpoints.append(Endpoint(socket, Proxied(app, parts.settings.trusted_proxies, issuers), tls))
    listeners = Listeners(endpoints, parts.settings.drain_seconds)
    serving = asyncio.create_task(listeners.serve())
    while not (listeners.started or serving.done()):
        await parts.clock.sleep(_STARTED_CHECK)
    if serving.done():
        await serving  # raises what made it fail
    try:
        yield
    finally:
        listeners.stop()
        await serving
