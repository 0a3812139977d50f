"""A technician's bench: laptops before the doors through which they prove themselves, join and report.

The doors are served as a device meets them, with routes, limits and units of work; the certificate that a
laptop shows is handed to them as the TLS layer does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import ASGIApp, Receive, Scope, Send

from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile
from reseal.autopilot.registrations import registration_by_id, update_registration
from reseal.deployment.service import latest
from reseal.device.disk import MemoryDisk
from reseal.device.firmware import Firmware
from reseal.device.hardware import make_laptop
from reseal.device.tpm import VirtualTpm, fit
from reseal.directory.devices import device_by_id
from reseal.directory.model import Device, User
from reseal.directory.model_settings import MdmScope
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.directory.users import create_user
from reseal.join import tickets
from reseal.join.routes import JoinDoor
from reseal.kernel import events
from reseal.kernel.authorities import load_authorities
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.keys import PooledKeys
from reseal.kernel.secretbox import SecretBox
from reseal.kernel.workers import InlineWorkers
from reseal.runtime.profile import Addresses
from reseal.runtime.routes import RuntimeDoor
from reseal.runtime.runs import registration_of_run
from reseal.signin.tokens import DRS_AUDIENCES, AccessClaims, TokenSigner, load_signer
from reseal.trust.routes import TrustDoor
from reseal.web.routes import Listener, application
from reseal.wire.join import JoinRequest, certificate_request, encode_key_blob, write_join_request
from reseal.wire.runtime.messages import (
    AttestationBegin,
    AttestationFinish,
    Challenge,
    Joined,
    ProfileAnswer,
    ProfileRequest,
    Ticket,
    TicketJoin,
    decode,
    encode,
)
from reseal.wire.tpm import Credential
from tests.store.autopilot.support import make_tenant, register, to_all_devices
from tests.support.clock import ManualClock
from tests.support.events import sealed
from tests.support.hardware import hash_text
from tests.support.http import HOST, client_of

T = TypeVar("T")

URL = f"https://{HOST}"
CLIENT = UUID("29d9ed98-a469-4536-ade2-f981bc1d605e")


@cache
def _keys(name: str) -> list[RSAPrivateKey]:
    """Keys made once for all tests of a process."""
    pool = PooledKeys(SeededEntropy(name))
    return [pool.rsa() for _ in range(3)]


class _FewKeys(PooledKeys):
    """The same three RSA keys again and again, from a place of their own."""

    def __init__(self, name: str) -> None:
        super().__init__(SeededEntropy(name))
        self._few = _keys(name)
        self._next = 0

    def rsa(self, bits: int = 2048) -> RSAPrivateKey:
        self._next += 1
        return self._few[self._next % len(self._few)]


class ShowingCertificate:
    """The TLS layer: hands the certificate that the client shows to the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.certificate: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.certificate is not None:
            pem = x509.load_der_x509_certificate(self.certificate).public_bytes(Encoding.PEM).decode()
            scope = {**scope, "extensions": {"tls": {"client_cert_chain": [pem]}}}
        await self._app(scope, receive, send)


@dataclass
class Laptop:
    """One laptop: its TPM and what it says of its hardware."""

    number: int
    tpm: VirtualTpm
    firmware: Firmware
    hash: str
    certificate: bytes | None = None
    """The device certificate that it shows."""

    @staticmethod
    def made(number: int, clock: ManualClock, **hardware: object) -> Laptop:
        """Laptop `number`, switched on."""
        disk = MemoryDisk()
        fit(disk, _keys(f"factory {number}")[0])
        tpm = VirtualTpm(disk, clock, _FewKeys(f"laptop {number}"))
        machine = make_laptop(SeededEntropy(number), serial=f"SN-{number:05}", model="Laptop 7")
        firmware = Firmware(disk, machine, tpm)
        firmware.power_on()
        return Laptop(number, tpm, firmware, hash_text(number, ek_modulus=tpm.ek_modulus, **hardware))

    def request(self, key: str = "device") -> bytes:
        """A certificate request for a key in its TPM."""
        return certificate_request(self.tpm.make_key(key).key)

    @property
    def transport_key(self) -> bytes:
        """The public half of its transport key."""
        return encode_key_blob(self.tpm.make_key("transport").key.public_key())

    def begin(self, registration: UUID) -> AttestationBegin:
        """What it says of its TPM."""
        return AttestationBegin(
            registration=registration,
            hardware_hash=self.hash,
            ek_public=self.tpm.ek_public.encode(),
            ak_public=self.tpm.ak_public.encode(),
        )

    def finish(self, challenge: Challenge) -> AttestationFinish:
        """Its answer to a challenge."""
        key = self.tpm.make_key("device").public
        quote = self.tpm.quote(challenge.nonce, range(8))
        certify = self.tpm.certify(key, challenge.nonce)
        return AttestationFinish(
            secret=self.tpm.activate(Credential(challenge.credential, challenge.encrypted_seed)),
            quote=quote.attest,
            quote_signature=quote.signature,
            pcrs={str(pcr): value for pcr, value in self.tpm.pcr_values(range(8)).items()},
            event_log=self.tpm.event_log(),
            key_public=key.encode(),
            certify=certify.attest,
            certify_signature=certify.signature,
        )


@dataclass
class Bench:
    """An organisation, its server's doors, and the laptops on the table."""

    database: Database
    clock: ManualClock
    signer: TokenSigner
    tls: ShowingCertificate
    http: httpx2.AsyncClient
    tenant: TenantKey
    tenant_id: UUID
    tokens: SeededEntropy = field(default_factory=lambda: SeededEntropy("tokens"))

    # --- the organisation

    async def write(self, unit: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a service function on the organisation."""
        return await self.database.write(unit, self.tenant, *args, causes=self.tenant, **kwargs)

    async def read(self, unit: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a reading service function on the organisation."""
        return await self.database.read(unit, self.tenant, *args, **kwargs)

    async def settings(self, **changes: Any) -> None:
        """Change settings of the organisation."""

        def unit(tx: Tx, tenant: TenantKey) -> None:
            settings = tenant_by_id(tx, tenant).settings
            update_settings(tx, tenant, replace(settings, **changes))

        await self.write(unit)

    async def user(self, name: str, **options: Any) -> User:
        """A user `name@contoso.test`."""
        return await self.write(create_user, f"{name.lower()}@contoso.test", name, **options)

    async def profile_for_all(self, **settings: Any) -> None:
        """A deployment profile for all devices."""

        def unit(tx: Tx, tenant: TenantKey) -> None:
            made = create_profile(tx, tenant, "Office", settings=ProfileSettings(**settings))
            assign_profile(tx, tenant, made.id, to_all_devices(made.id))

        await self.write(unit)

    async def register(self, laptop: Laptop) -> Registration:
        """Import a laptop by its hash."""
        return await self.write(register, laptop.number, hardware_hash=laptop.hash)

    async def edit(self, registration: Registration, **changes: Any) -> Registration:
        """Change a registration."""
        await self.write(update_registration, registration.id, RegistrationChanges(**changes))
        return await self.read(registration_by_id, registration.id)

    async def device(self, registration: Registration) -> Device:
        """The directory device of a registration."""
        return await self.read(device_by_id, registration.device_id)

    async def state(self, registration: Registration) -> str:
        """Where the deployment of a device stands; empty if it never began."""
        found = await self.read(latest, registration.id)
        return "" if found is None else found.state.value

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of the events of a kind, oldest first."""
        await sealed(self.database)
        log = await self.read(events.read, 0, 10_000)
        return [dict(event.payload or {}) for event in log if event.kind == kind]

    # --- laptops before the doors

    async def post(
        self, path: str, body: bytes, *, laptop: Laptop | None = None, bearer: str = ""
    ) -> httpx2.Response:
        """Post a document; a laptop shows its device certificate if it has one."""
        self.tls.certificate = None if laptop is None else laptop.certificate
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            return await self.http.post(path, content=body, headers=headers)
        finally:
            self.tls.certificate = None

    async def ask_profile(self, laptop: Laptop) -> httpx2.Response:
        """The laptop asks who it is."""
        request = encode(ProfileRequest(hardware_hash=laptop.hash))
        return await self.post("/runtime/v1/profile", request, laptop=laptop)

    async def profile(self, laptop: Laptop) -> ProfileAnswer:
        """Who the laptop is told to be."""
        return decode(_good(await self.ask_profile(laptop)), ProfileAnswer)

    async def challenge(self, laptop: Laptop, registration: Registration) -> Challenge:
        """The challenge that the laptop is given."""
        begin = encode(laptop.begin(registration.uuid))
        return decode(_good(await self.post("/runtime/v1/attestation", begin)), Challenge)

    async def answer(self, challenge: Challenge, finish: AttestationFinish) -> httpx2.Response:
        """Answer a challenge."""
        return await self.post(f"/runtime/v1/attestation/{challenge.id}", encode(finish))

    async def attest(self, laptop: Laptop, registration: Registration) -> Ticket:
        """The join ticket for an honest laptop."""
        challenge = await self.challenge(laptop, registration)
        return decode(_good(await self.answer(challenge, laptop.finish(challenge))), Ticket)

    async def use_ticket(self, laptop: Laptop, ticket: str, **changes: Any) -> httpx2.Response:
        """Join by a ticket, by default with the certified key."""
        values = {
            "ticket": ticket,
            "certificate_request": laptop.request(),
            "transport_key": laptop.transport_key,
            "device_name": f"LAPTOP-{laptop.number}",
            "os_version": "10.0.26100.1",
        }
        return await self.post("/runtime/v1/join", encode(TicketJoin(**{**values, **changes})))

    async def provision(self, laptop: Laptop, registration: Registration) -> Joined:
        """Attest and join; the laptop keeps its certificate."""
        ticket = await self.attest(laptop, registration)
        joined = decode(_good(await self.use_ticket(laptop, ticket.ticket)), Joined)
        laptop.certificate = joined.certificate
        return joined

    def token(
        self, user: User | None, *, audience: str = DRS_AUDIENCES[0], tenant: UUID | None = None
    ) -> str:
        """An access token, by default for device registration."""
        claims = AccessClaims(
            tenant_id=tenant or self.tenant_id,
            audience=audience,
            client_id=CLIENT,
            user_id=None if user is None else user.uuid,
            upn="" if user is None else user.upn,
            device_id=UUID(int=9) if user is None else None,
            amr=("pwd",),
        )
        return self.signer.issue_access(claims, issuer=URL, now=self.clock.now(), token_id=self.tokens.uuid())

    async def join_as(
        self, laptop: Laptop, user: User | None, *, run: str = "", token: str = "", **changes: Any
    ) -> httpx2.Response:
        """Join for a user, by default as a client does it right."""
        request = JoinRequest(
            **{
                "certificate_request": laptop.request(),
                "transport_key": laptop.transport_key,
                "os_version": "10.0.26100.1",
                "device_name": f"LAPTOP-{laptop.number}",
                **changes,
            }
        )
        body = write_join_request(request, ticket=run.encode())
        path = "/EnrollmentServer/device/?api-version=2.0"
        return await self.post(path, body, laptop=laptop, bearer=token or self.token(user))


def _good(response: httpx2.Response) -> bytes:
    assert response.status_code == 200, response.text
    return response.content


def refusal(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal of the channel."""
    return response.status_code, response.json()["error"]["code"]


@asynccontextmanager
async def open_bench(database: Database, clock: ManualClock) -> AsyncIterator[Bench]:
    """A bench whose organisation allows virtual TPMs and enrols everybody."""
    entropy = SeededEntropy("bench")
    box, keys = SecretBox([b"k" * 32], entropy), _FewKeys("server")
    signer = await database.write(load_signer, box, keys)
    authorities = await database.write(load_authorities, box, keys, clock)
    workers = InlineWorkers()
    join = JoinDoor(
        db=database,
        signer=signer,
        authority=authorities.join,
        workers=workers,
        clock=clock,
        entropy=entropy,
        registration_of_run=registration_of_run,
        public_url=URL,
        device_url=URL,
    )
    trust = TrustDoor(
        db=database,
        signer=signer,
        workers=workers,
        clock=clock,
        entropy=entropy,
        issue_ticket=tickets.issue,
    )
    runtime = RuntimeDoor(
        db=database, signer=signer, workers=workers, clock=clock, addresses=Addresses(URL, URL)
    )
    app = application(
        (*join.routes(), *trust.routes(), *runtime.routes()),
        listener=Listener.DEVICE,
        hosts=lambda: frozenset({HOST}),
        authenticate=_nobody,
        entropy=entropy,
    )
    tls = ShowingCertificate(app)
    tenant = await database.write(make_tenant)
    tenant_id = (await database.read(tenant_by_id, tenant)).uuid
    async with client_of(tls) as http:
        bench = Bench(database, clock, signer, tls, http, tenant, tenant_id)
        await bench.settings(allow_virtual_tpm=True, mdm_scope=MdmScope.ALL)
        yield bench


async def _nobody(_request: object) -> Any:
    raise AssertionError("no route of these doors asks for a permission")
