"""A whole server in memory, with the sample organisation on it, and the laptops that come to it.

The server is what `reseal up` runs, without its sockets: the same routes, database adapters, threads and
contents. Laptops are the product's own, without quirks: they do what the specification asks of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import sqlalchemy as sa
from starlette.types import ASGIApp

from reseal.api.tenancy import PLATFORM, create_tenancy, make_secrets
from reseal.blueprint.source import Source, read_source
from reseal.device.actor import Actor, AtDesktop, Person, Technician
from reseal.device.disk import MemoryDisk
from reseal.device.hardware import KNOWN_SAMPLE, capture, sample_endorsement_key, sample_laptop
from reseal.device.hints import PlainHints
from reseal.device.management import Management
from reseal.device.oobe.context import Ending, EndingKind
from reseal.device.parts import Parts
from reseal.device.windows import Laptop
from reseal.directory.tenants import tenant_by_uuid
from reseal.kernel.blobs import LocalBlobs
from reseal.kernel.clock import Clock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy, SystemEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import OpenSslKeys, PooledKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.settings import Settings
from reseal.kernel.storage import open_database
from reseal.kernel.workers import ThreadWorkers
from reseal.managed.enrolments import ACTIVE
from reseal.managed.tables import enrolment
from reseal.rehearsal.administrator import Administrator
from reseal.server import wiring
from reseal.signin.passwords import Passwords
from reseal.web.routes import Listener, application
from reseal.wire.devicecsv import DeviceRow, write_device_csv
from tools.bench.leaping import LeapingClock
from tools.bench.wire import Wire

CONTOSO: Final = Path(__file__).resolve().parents[2] / "examples" / "contoso"
DOMAIN: Final = "contoso.example"
BROWSER, DEVICES = "login.bench.example", "mdm.bench.example"
DEVICE_URL: Final = f"https://{DEVICES}"

_SAMPLE = KNOWN_SAMPLE
_THINKS = timedelta(milliseconds=800)
_LOOK = timedelta(minutes=1)


@dataclass(slots=True)
class Premises:
    """The server and what stands around it."""

    parts: wiring.Parts
    clock: LeapingClock
    wire: Wire
    admin: Administrator
    tenant: TenantKey
    source: Source
    keys: PooledKeys

    def machine(self, number: int) -> Machine:
        """Laptop `number` of those that were registered, from 1, new from the factory."""
        return Machine(self, number)

    async def register(self, count: int) -> None:
        """Register so many laptops; one in two is assigned to a user."""
        rows = [self._row(number) for number in range(1, count + 1)]
        await self.admin.import_devices(write_device_csv(rows), "devices.csv")

    def upn(self, number: int) -> str:
        """Whose laptop this one is."""
        people = [user["upn"] for user in self.source.document["users"] if user.get("licensed", True)]
        return f"{people[number % len(people)]}@{DOMAIN}"

    def _row(self, number: int) -> DeviceRow:
        key = sample_endorsement_key(_SAMPLE, number).public_key().public_numbers().n
        modulus = key.to_bytes((key.bit_length() + 7) // 8, "big")
        hardware = sample_laptop(_SAMPLE, number)
        text = capture(hardware, ek_modulus=modulus, at=self.clock.now())
        return DeviceRow(
            line=number + 1,
            serial=hardware.serial,
            hardware_hash=text,
            group_tag="sales" if number % 2 else "",
            assigned_user=self.upn(number) if number % 2 else "",
        )


class Machine:
    """One laptop and whoever stands before it."""

    def __init__(self, premises: Premises, number: int) -> None:
        self.upn = premises.upn(number)
        self._premises = premises
        self._number = number
        name = f"laptop {number}"
        self.parts = Parts(
            disk=MemoryDisk(),
            transport=premises.wire,
            clock=premises.clock,
            entropy=SeededEntropy(name),
            keys=premises.keys.fork(name),
            quirks=frozenset(),
            hints=PlainHints(time=timedelta(minutes=2)),
        )
        self._key = sample_endorsement_key(_SAMPLE, number)

    async def technician_flow(self) -> None:
        """From the first power-on to the reseal."""
        person = Technician(reseals=True, clock=self.parts.clock, pace=_THINKS)
        await self._until(EndingKind.POWERED_OFF_RESEALED, person, new=True)

    async def user_flow(self, *, new: bool = False) -> None:
        """From the power-on until everything has come to the desktop, of a `new` or a resealed laptop."""
        password = self._premises.admin.passwords[self.upn]
        person = Person(upn=self.upn, password=password, attempts=1, clock=self.parts.clock, pace=_THINKS)
        await self._until(EndingKind.DESKTOP, AtDesktop(person, self._settled), new=new)

    async def _settled(self) -> None:
        """Wait until everything that is assigned has arrived."""
        while await self._premises.parts.db.read(_awaited, self._premises.tenant):
            await self.parts.clock.sleep(_LOOK)

    def management(self) -> Management:
        """The enrolment of the laptop, which is at its desktop with nobody before it."""
        found = Management.restored(self.parts)
        assert found is not None
        return found

    async def _until(self, kind: EndingKind, person: Actor, *, new: bool) -> None:
        laptop = Laptop(
            sample_laptop(_SAMPLE, self._number),
            self.parts,
            DEVICE_URL,
            endorsement_key=self._key if new else None,
        )
        ending: Ending = await self._premises.clock.run(laptop.power_on(person))
        if ending.kind is not kind:
            raise RuntimeError(f"laptop {self._number} ended {ending}, not {kind}")


def _awaited(tx: Tx, tenant: TenantKey) -> int:
    """How many deliveries are under way."""
    at_users = (enrolment.c.tenant_id == tenant, ACTIVE, enrolment.c.owner_user_id.is_not(None))
    counted: int = tx.value(sa.select(sa.func.sum(enrolment.c.open_items)).where(*at_users))
    return counted


@asynccontextmanager
async def opened(url: str, laptops: int) -> AsyncIterator[Premises]:
    """The server on an empty database with all its tables; so many laptops are registered."""
    clock, entropy, workers = LeapingClock(), SystemEntropy(), ThreadWorkers()
    db = open_database(url, clock=clock, entropy=entropy, reactors=wiring.REACTORS)
    folder = TemporaryDirectory(prefix="reseal-contents-")
    try:
        parts = await parts_of(db, Path(folder.name), clock, entropy, workers)
        wire = Wire(_applications(parts), db, clock)
        secrets = await make_secrets(entropy, parts.passwords, workers)
        made = await db.write(create_tenancy, "Contoso", DOMAIN, secrets, permissions=(PLATFORM,))
        credentials: dict[str, Any] = made.credentials(secrets)
        admin = Administrator(wire, f"https://{BROWSER}", credentials)
        tenant = (await db.read(tenant_by_uuid, made.tenant_id)).id
        source = read_source(CONTOSO)
        keys = PooledKeys(SeededEntropy("bench"))
        premises = Premises(parts, clock, wire, admin, tenant, source, keys)
        await admin.apply(source)
        await premises.register(laptops)
        wire.carried.clear()
        yield premises
    finally:
        await db.close()
        workers.close()
        folder.cleanup()


async def parts_of(
    db: Database, folder: Path, clock: Clock, entropy: SystemEntropy, workers: ThreadWorkers
) -> wiring.Parts:
    """The ports of a server on this database."""
    box = SecretBox([entropy.bytes(32)], entropy)
    return wiring.Parts(
        db=db,
        blobs=LocalBlobs(folder / "contents", workers, entropy),
        workers=workers,
        passwords=await asyncio.to_thread(Passwords),
        clock=clock,
        entropy=entropy,
        settings=Settings(data_directory=folder),
        keyring=await db.write(wiring.load_keyring, box, OpenSslKeys(), clock, DEVICE_URL),
        public_url=f"https://{BROWSER}",
        device_url=DEVICE_URL,
    )


def _applications(parts: wiring.Parts) -> dict[str, ASGIApp]:
    routes, authenticate = wiring.routes(parts)
    hosts = frozenset({BROWSER, DEVICES})

    def app(listener: Listener) -> ASGIApp:
        return application(
            routes,
            listener=listener,
            hosts=lambda: hosts,
            authenticate=authenticate,
            entropy=parts.entropy,
        )

    return {BROWSER: app(Listener.BROWSER), DEVICES: app(Listener.DEVICE)}
