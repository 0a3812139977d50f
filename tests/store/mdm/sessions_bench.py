"""A server that holds sessions, and a device that is all script: it says what a test has it say.

The device keeps a tree of text values and does what Windows documents: Add answers 418 to what is there, Get
404 to what is not, nodes of the user 405 until the user is live. A test turns single answers over by
`answers`, and writes whole messages by hand where a client would not let it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from reseal.deployment import budgets, reacting
from reseal.deployment.facts import Enrolled, Joined
from reseal.deployment.model import Deployment
from reseal.deployment.service import latest, observe
from reseal.directory.tenants import tenant_by_id
from reseal.directory.users import user_by_id
from reseal.esp.model import EspSettings
from reseal.esp.phases import PhaseState, phases_of
from reseal.esp.profiles import list_esps, update_esp
from reseal.kernel import ca
from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database, Tx
from reseal.kernel.deadlines import Ticker
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Unauthenticated
from reseal.kernel.keys import OpenSslKeys
from reseal.kernel.secretbox import SecretBox
from reseal.managed.certificates import Secrets, keep_certificate, keep_secrets
from reseal.managed.content import ContentUrls
from reseal.managed.enrolments import enrolment_by_id
from reseal.managed.model import MACHINE, EnrolledBy, Enrolment, Item
from reseal.mdm.sessions.door import MEDIA_TYPE, PATH, SessionDoor
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.store import REACTOR
from reseal.signin.lockout import Lockout
from reseal.signin.tokens import MDM_AUDIENCES, AccessClaims, TokenSigner, load_signer
from reseal.web.calls import Caller
from reseal.web.routes import Listener, application
from reseal.wire.csp import Msi, MsiStatus
from reseal.wire.syncml import (
    Add,
    Alert,
    AlertType,
    Atomic,
    Command,
    Cred,
    Delete,
    Exec,
    Get,
    LoginStatus,
    Message,
    Meta,
    NodeCommand,
    Replace,
    Results,
    Status,
    SyncHdr,
    name_of,
    numbered,
    read_message,
    walk,
    write_message,
)
from reseal.wire.syncml import (
    Item as SyncItem,
)
from reseal.wire.syncml import (
    Sequence as SyncSequence,
)
from tests.store.autopilot import support
from tests.store.managed.world import REACTORS as MANAGED_REACTORS
from tests.store.managed.world import World
from tests.support.clock import ManualClock
from tests.support.http import HOST, client_of

REACTORS = (*MANAGED_REACTORS, reacting.REACTOR, REACTOR)
ADDRESS = f"https://{HOST}{PATH}"
SHOWN = EspSettings(
    show_installation_progress=True,
    allow_device_reset_on_install_failure=True,
    allow_non_blocking_app_installation=True,
)
FIRST_SYNC = "DMClient/Provider/Reseal/FirstSyncStatus/"
FINISHED = f"./Device/Vendor/MSFT/{FIRST_SYNC}ServerHasFinishedProvisioning"
USER_FINISHED = f"./User/Vendor/MSFT/{FIRST_SYNC}ServerHasFinishedProvisioning"
SUCCESSFUL = f"./Device/Vendor/MSFT/{FIRST_SYNC}WasDeviceSuccessfullyProvisioned"
SECRETS = Secrets("s3cret", "their-s3cret", b"0123456789abcdef")

Answer = Callable[["Device", NodeCommand], "tuple[int, str | None] | int | None"]
_KEYS = OpenSslKeys()
_SPACE = UUID("11111111-2222-3333-4444-555555555555")


@dataclass
class Bench:
    """A server with one organisation and one registered device."""

    database: Database
    clock: ManualClock
    world: World
    signer: TokenSigner
    http: httpx2.AsyncClient
    app: ASGIApp
    door: SessionDoor
    certificates: int = 0
    open: list[httpx2.AsyncClient] = field(default_factory=list)

    async def do(self, unit: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """A unit of work on the organisation, its causes too."""
        return await self.database.write(unit, *args, causes=self.world.tenant, **named)

    async def device(
        self,
        *,
        by: EnrolledBy = EnrolledBy.DEVICE,
        in_oobe: bool = True,
        owner: str = "",
        other: bool = False,
    ) -> Device:
        """The device, enrolled anew, with a certificate and the secrets of digests; or an `other` one."""
        if other:
            await self.do(self._register)
        self.certificates += 1
        certificate = _certificate(self.certificates, self.clock)

        def enrol(tx: Tx) -> Enrolment:
            user = self.world.user(tx, owner) if owner else None
            made = self.world.enrol(tx, enrolled_by=by, in_oobe=in_oobe, owner=user)
            keep_certificate(tx, self.world.tenant, made.id, certificate.public_bytes(Encoding.DER), "System")
            keep_secrets(tx, self.world.tenant, made.id, SECRETS, self.door.box)
            tell = (self.world.tenant, self.world.registration.id)
            observe(tx, *tell, Joined(user))
            observe(tx, *tell, Enrolled(made.id, user, in_oobe))
            return made

        self.world.enrolment = enrolment = await self.do(enrol)
        http = client_of(with_certificate(self.app, certificate))
        self.open.append(http)
        return Device(self, enrolment, certificate, http)

    def _register(self, tx: Tx) -> None:
        number = self.certificates + 1
        self.world.registration = support.register(tx, self.world.tenant, number)

    async def token(self, name: str, **changes: Any) -> str:
        """An access token for the management service, of one of the organisation's users."""

        made = replace(await self.database.read(claims_of, self.world, name), **changes)
        return self.signer.issue_access(
            made, issuer=f"https://{HOST}", now=self.clock.now(), token_id=uuid5(_SPACE, name)
        )

    async def show_page(self, settings: EspSettings = SHOWN, **changes: Any) -> None:
        """Have the default page show."""

        def unit(tx: Tx) -> None:
            update_esp(
                tx, self.world.tenant, list_esps(tx, self.world.tenant)[-1].id, settings=settings, **changes
            )

        await self.do(unit)

    async def items(self) -> dict[tuple[str, str], Item]:
        """The deliveries, by the name of their user and their own."""
        return await self.database.read(self.world.named)

    async def enrolment(self) -> Enrolment:
        """As it is stored."""
        return await self.database.read(enrolment_by_id, self.world.tenant, self.world.enrolment.id)

    async def phases(self) -> dict[int, PhaseState]:
        """The latest run of each phase."""
        return await self.database.read(phases_of, self.world.tenant, self.world.enrolment.id)

    async def page(self, user: int = MACHINE) -> PhaseState:
        """One of them."""
        return (await self.phases())[user]

    async def story(self) -> Deployment:
        """Where the story of the device stands."""
        found = await self.database.read(latest, self.world.tenant, self.world.registration.id)
        assert found is not None
        return found

    async def wait(self, duration: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass; what falls due happens."""
        self.clock.pass_silently(duration)
        await Ticker(self.database, self.clock, budgets.HANDLERS).drain()


@asynccontextmanager
async def opened(
    database: Database,
    clock: ManualClock,
    entropy: SeededEntropy,
    signer: TokenSigner,
    handling: Handling = HANDLING,
) -> AsyncIterator[Bench]:
    """A bench on this database."""
    world = World()
    await database.write(world.open)
    box = SecretBox([b"k" * 32], entropy)
    urls = ContentUrls([b"c" * 32], f"https://{HOST}")
    door = SessionDoor(database, clock, signer, box, urls, Lockout(clock), handling)
    app = application(
        door.routes(),
        listener=Listener.DEVICE,
        hosts=lambda: frozenset({HOST}),
        authenticate=nobody,
        entropy=entropy,
    )
    async with client_of(app) as http:
        bench = Bench(database, clock, world, signer, http, app, door)
        yield bench
        for client in bench.open:
            await client.aclose()


def bench_fixture(handling: Handling = HANDLING) -> Any:
    """A fixture called `bench`: a server that holds sessions."""

    @pytest.fixture
    async def bench(
        database: Database, clock: ManualClock, entropy: SeededEntropy, signing_keys: OpenSslKeys
    ) -> AsyncIterator[Bench]:
        signer = await database.write(load_signer, SecretBox([b"k" * 32], entropy), signing_keys)
        async with opened(database, clock, entropy, signer, handling) as made:
            yield made

    return bench


def reactors_fixture() -> Any:
    """A fixture called `reactors`: the chain from membership to sessions."""

    @pytest.fixture
    def reactors() -> tuple[Reactor, ...]:
        return REACTORS

    return reactors


async def nobody(_request: Request) -> Caller:
    """No route here asks for a permission."""
    raise Unauthenticated(code="Nobody", message="No route here asks who calls.")


def _certificate(number: int, clock: ManualClock) -> x509.Certificate:
    made = ca.make_root(
        f"device {number}",
        _KEYS.p256(),
        clock=clock,
        entropy=SeededEntropy(f"device {number}"),
        purposes=[ca.CLIENT_AUTH],
        lifetime=timedelta(days=365),
    )
    return made.certificate


def with_certificate(app: ASGIApp, certificate: x509.Certificate) -> ASGIApp:
    """The application as a client sees it that shows this certificate."""
    pem = certificate.public_bytes(Encoding.PEM).decode()

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {**scope.get("extensions", {}), "tls": {"client_cert_chain": [pem]}}
        await app(scope, receive, send)

    return wrapped


def claims_of(tx: Tx, world: World, name: str) -> AccessClaims:
    """What a token of a user for the management service says."""
    user = user_by_id(tx, world.tenant, world.user(tx, name))
    return AccessClaims(
        tenant_id=tenant_by_id(tx, world.tenant).uuid,
        audience=MDM_AUDIENCES[0],
        client_id=_SPACE,
        user_id=user.uuid,
        upn=user.upn,
        device_id=None,
    )


# --- the device ---------------------------------------------------------------------------------------------


def node(command: Command) -> str:
    """The address of a command of one item; empty for others."""
    return command.target if isinstance(command, Add | Replace | Get | Delete | Exec) else ""


@dataclass
class Device:
    """A device that does what the test says."""

    bench: Bench
    enrolment: Enrolment
    certificate: x509.Certificate
    http: httpx2.AsyncClient
    tree: dict[str, str] = field(default_factory=dict)
    login: LoginStatus | None = LoginStatus.OTHERS
    token: str = ""
    user_live: bool = False
    answers: list[Answer] = field(default_factory=list)
    sessions: int = 0
    heard: list[Command] = field(default_factory=list)
    """Every command that the server sent, in order."""
    installs: dict[str, int] = field(default_factory=dict)
    """Status of jobs by the address of their package."""
    install_as: int | None = MsiStatus.DONE
    """What a job has come to when its status is first read; None: the test says."""

    # --- messages

    async def post(
        self,
        body: bytes,
        *,
        http: httpx2.AsyncClient | None = None,
        query: str = "",
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Send bytes."""
        sent = {"Content-Type": MEDIA_TYPE, **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        return await (http or self.http).post(PATH + query, content=body, headers=sent)

    def message(
        self,
        commands: Iterable[Command],
        *,
        session: str | None = None,
        msg: int = 1,
        final: bool = True,
        cred: Cred | None = None,
        source: str = "",
        source_name: str = "",
    ) -> bytes:
        """A message in its bytes."""
        header = SyncHdr(
            session_id=session or str(self.sessions),
            msg_id=msg,
            target=ADDRESS,
            source=source or "5EDE6E7A7B7741BDBFE0EF29CA70A3FB",
            source_name=source_name,
            cred=cred,
        )
        return write_message(Message(header=header, commands=numbered(commands), final=final))

    async def say(self, *commands: Command, **how: Any) -> Message:
        """Send a message and read the reply."""
        return reply_of(await self.post(self.message(commands, **how)))

    def opening(self) -> tuple[Command, ...]:
        """What stands in message 1."""
        login = ()
        if self.login is not None:
            kind = Meta(type=AlertType.LOGIN_STATUS)
            login = (Alert(code=1224, items=(SyncItem(meta=kind, data=self.login.value),)),)
        info = {"DevId": "5EDE", "Man": "Contoso", "Mod": "Laptop 7", "DmV": "1.3", "Lang": "en-US"}
        items = tuple(SyncItem(source=f"./DevInfo/{name}", data=value) for name, value in info.items())
        return (Alert(code=1201), *login, Replace(items=items))

    async def session(self, *more: Command, most: int = 20) -> list[Message]:
        """Hold a whole session, and let the time of a poll pass; returns the replies."""
        self.sessions += 1
        replies = [await self.say(*self.opening(), *more)]
        while not replies[-1].ends_session:
            assert len(replies) < most, "the session has no end"
            answered = self.carry_out(replies[-1])
            replies.append(await self.say(*answered, msg=len(replies) + 1))
        await self.bench.wait()
        return replies

    async def sessions_until(self, done: Callable[[], Any], most: int = 15) -> None:
        """Hold sessions until something is so."""
        for _ in range(most):
            await self.session()
            if await done():
                return
        raise AssertionError("it did not come to that")

    # --- the tree

    def carry_out(self, reply: Message) -> list[Command]:
        """Do what a reply asks for: a Status for everything, Results for what was read."""
        head = Status(msg_ref=reply.header.msg_id, cmd_ref="0", cmd="SyncHdr", code=200)
        answered: list[Command] = [head]
        for command in walk(reply.commands):
            if isinstance(command, Status | Alert):
                continue
            self.heard.append(command)
            code, value = (200, None) if isinstance(command, Atomic | SyncSequence) else self.do(command)
            answered.append(
                Status(msg_ref=reply.header.msg_id, cmd_ref=command.cmd_id, cmd=name_of(command), code=code)
            )
            if value is not None:
                item = SyncItem(source=node(command), meta=Meta(format="chr"), data=value)
                results = Results(msg_ref=reply.header.msg_id, cmd_ref=command.cmd_id, items=(item,))
                answered.append(results)
        return answered

    def do(self, command: Command) -> tuple[int, str | None]:
        """What the device answers to one command."""
        assert isinstance(command, NodeCommand)
        for special in self.answers:
            found = special(self, command)
            if found is not None:
                return found if isinstance(found, tuple) else (found, None)
        return self.usual(command)

    def usual(self, command: Command) -> tuple[int, str | None]:
        """What Windows does."""
        uri = node(command)
        if uri.startswith("./User/") and not self.user_live:
            return 405, None
        base, _, name = uri.rpartition("/")
        match command:
            case Get():
                value = self._status(base) if name == "Status" and base in self.installs else None
                value = self.tree.get(uri) if value is None else value
                return (404, None) if value is None else (200, value)
            case Add() if uri in self.tree:
                return 418, None
            case Replace() if name == "ServerHasFinishedProvisioning" and self.tree.get(uri) == "true":
                return 405, None
            case Add() | Replace():
                self.tree[uri] = command.item.text
                return 200, None
            case Exec():
                self.installs[base] = MsiStatus.INITIALISED
                return 202, None
            case Delete():
                known = [one for one in self.tree if one == uri or one.startswith(f"{uri}/")]
                for one in known:
                    del self.tree[one]
                return (200 if known or self.installs.pop(uri, None) else 404), None
            case _:
                return 406, None

    def _status(self, base: str) -> str:
        if self.install_as is not None:
            self.installs[base] = self.install_as
        return str(int(self.installs[base]))

    def new_page(self) -> None:
        """The page begins anew: at the first start after a reseal, and when somebody presses Retry."""
        for scope in ("Device", "User"):
            base = f"./{scope}/Vendor/MSFT/{FIRST_SYNC}"
            self.tree[f"{base}ServerHasFinishedProvisioning"] = "false"
            self.tree[f"{base}WasDeviceSuccessfullyProvisioned"] = "2"

    def end_page(self, *, succeeded: bool = True, scope: str = "Device") -> None:
        """The page came to its end."""
        self.tree[f"./{scope}/Vendor/MSFT/{FIRST_SYNC}WasDeviceSuccessfullyProvisioned"] = str(int(succeeded))

    def addresses(self) -> list[str]:
        """Of every command that was heard."""
        return [node(command) for command in self.heard]

    def forget(self) -> None:
        """Begin to listen anew."""
        self.heard.clear()


def reply_of(response: httpx2.Response) -> Message:
    """The SyncML message in a response."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].split(";")[0] == MEDIA_TYPE
    assert response.headers["content-length"] == str(len(response.content))
    return read_message(response.content)


def commands_of(*replies: Message) -> list[Command]:
    """What a device is asked to do."""
    return [
        command for reply in replies for command in reply.commands if not isinstance(command, Status | Alert)
    ]


def addresses_of(*replies: Message) -> list[str]:
    """Where."""
    return [node(command) for command in commands_of(*replies)]


def codes_of(reply: Message) -> list[tuple[str, int]]:
    """Cmd and code of each Status."""
    return [(command.cmd, command.code) for command in reply.commands if isinstance(command, Status)]


def download_of(product_code: str) -> str:
    """The address of a job."""
    code = product_code.replace("{", "%7B").replace("}", "%7D")
    return f"./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/{code}/{Msi.DOWNLOAD_INSTALL.path}"
