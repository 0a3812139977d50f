"""A management server of a few lines, and a device that is enrolled with it: for tests of the device side.

The server knows nothing but what a test lined up. It is a `Transport`: `packages` holds the commands of the
replies to come, `files` what can be downloaded, `trouble` what befalls the requests to come.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reseal.device.csp.machine import Machine
from reseal.device.disk import MemoryDisk
from reseal.device.hints import Hints, PlainHints
from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.transport import Failure, Headers, Request, TransportError
from reseal.kernel.clock import Clock
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import OpenSslKeys
from reseal.wire.enrolment.provisioning import (
    DURING_SET_UP,
    Application,
    Certificates,
    Credentials,
    PollSchedule,
    ProviderSettings,
    ProvisioningDocument,
    StoreScope,
)
from reseal.wire.enrolment.provisioning_writing import write_provisioning
from reseal.wire.syncml import (
    Chal,
    Command,
    Message,
    Results,
    Status,
    command_status,
    header_status,
    is_digest,
    next_message_alert,
    numbered,
    read_message,
    reply_header,
    secret_key,
    take,
    wants_status,
    write_message,
)

ADDRESS = "https://mdm.contoso.test/ManagementServer/MDM.svc"
PROVIDER = "Reseal"
DEVICE_SECRET = "s3cret"
_CHUNK = 4_096


@dataclass
class Answer:
    """A `Response` whose body is there, cut after some bytes if a test says so."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    cut_after: int | None = None

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    async def chunks(self) -> AsyncIterator[bytes]:
        end = len(self.body) if self.cut_after is None else self.cut_after
        for start in range(0, end, _CHUNK):
            yield self.body[start : min(start + _CHUNK, end)]
        if self.cut_after is not None:
            raise TransportError(Failure.CUT, "cut")

    async def read(self, limit: int = 4_194_304) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])


@dataclass
class ScriptedServer:
    """Answers each message with the next package; without one it ends the session."""

    packages: deque[Sequence[Command]] = field(default_factory=deque)
    """Commands without CmdID, one list for each reply."""
    files: dict[str, bytes] = field(default_factory=dict)
    trouble: deque[Failure | int | None] = field(default_factory=deque)
    """For each request to come: how it fails, the HTTP status it gets, or None."""
    cut_files_after: deque[int] = field(default_factory=deque)
    """After how many bytes the downloads to come are cut."""
    canned: deque[bytes] = field(default_factory=deque)
    """Replies to come that are sent as they are."""
    nonce: bytes | None = None
    """If given, messages need a digest of it."""
    requests: list[Request] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    """What was read of the messages, in order."""
    replies: list[bytes] = field(default_factory=list)
    sent: dict[tuple[str, int, str], Command] = field(default_factory=dict)
    """What went out, by session, message and CmdID."""
    on_message: Callable[[Message], None] | None = None

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        self.requests.append(request)
        trouble = self.trouble.popleft() if self.trouble else None
        if isinstance(trouble, int):
            yield Answer(trouble)
            return
        if trouble is not None and trouble is not Failure.CUT:
            raise TransportError(trouble, "by script")
        answer = (
            self._file(request) if request.method == "GET" else Answer(200, body=self._reply(request.body))
        )
        if trouble is Failure.CUT:  # the request was carried out, its answer is lost
            raise TransportError(trouble, "by script")
        yield answer

    # --- what came

    def sessions(self) -> list[list[Message]]:
        """The messages by session: each begins with MsgID 1, repeats left out."""
        found: list[list[Message]] = []
        for message in self.messages:
            if message.header.msg_id == 1 and (not found or found[-1][-1] != message):
                found.append([])
            found[-1].append(message)
        return found

    def statuses(self) -> list[tuple[Command, int]]:
        """The commands that were sent, with the codes that came back, as they came."""
        return [
            (self.sent[key], status.code)
            for message in self.messages
            for status in message.commands
            if isinstance(status, Status)
            and (key := (message.header.session_id, status.msg_ref, status.cmd_ref)) in self.sent
        ]

    def codes(self) -> list[int]:
        """The codes of `statuses`."""
        return [code for _, code in self.statuses()]

    def results(self) -> dict[str, str]:
        """What Gets brought, by address."""
        return {
            item.source: item.text
            for message in self.messages
            for command in message.commands
            if isinstance(command, Results)
            for item in command.items
        }

    # --- replies

    def _reply(self, body: bytes) -> bytes:
        if self.requests[:-1] and self.replies and self._is_repeat(body):
            return self.replies[-1]
        message = read_message(body)
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)
        if self.canned:
            self.replies.append(self.canned.popleft())
            return self.replies[-1]
        reply = write_message(self._answer(message))
        self.replies.append(reply)
        return reply

    def _is_repeat(self, body: bytes) -> bool:
        earlier = [request.body for request in self.requests[:-1] if request.method == "POST"]
        return bool(earlier) and earlier[-1] == body

    def _answer(self, message: Message) -> Message:
        header = message.header
        if not self._knows(message):
            challenge = header_status(header, 401 if header.cred else 407, Chal(next_nonce=self.nonce or b""))
            return Message(header=reply_header(header, ADDRESS), commands=numbered([challenge]))
        taken = take(message)
        statuses: list[Command] = [header_status(header, 200)]
        statuses += [command_status(header, one, 200) for one in taken.commands if wants_status(one)]
        more: Sequence[Command] = [next_message_alert()]
        if message.final:
            more = self.packages.popleft() if self.packages else []
        commands = numbered([*statuses, *more])
        for command in commands[len(statuses) :]:
            self._note(header.session_id, header.msg_id, command)
        return Message(header=reply_header(header, ADDRESS), commands=commands)

    def _note(self, session: str, msg_id: int, command: Command) -> None:
        self.sent[session, msg_id, command.cmd_id] = command
        for inner in getattr(command, "commands", ()):
            self._note(session, msg_id, inner)

    def _knows(self, message: Message) -> bool:
        cred = message.header.cred
        if self.nonce is None:
            return True
        key = secret_key(message.header.source_name, DEVICE_SECRET)
        return cred is not None and is_digest(cred, key, self.nonce)

    # --- files

    def _file(self, request: Request) -> Answer:
        content = self.files.get(request.url)
        if content is None:
            return Answer(404)
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        asked = {name.lower(): value for name, value in request.headers}.get("range", "")
        cut = self.cut_files_after.popleft() if self.cut_files_after else None
        if not asked:
            return Answer(200, [("ETag", etag)], content, cut)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return Answer(416)
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Answer(206, [("ETag", etag), ("Content-Range", span)], content[start:], cut)


# --- a device


@dataclass(frozen=True)
class Issued:
    """A key with its certificate and those above it."""

    key: ec.EllipticCurvePrivateKey
    client: bytes
    intermediate: bytes
    root: bytes


@cache
def issued() -> Issued:
    """What an authority gave a device."""
    names = ("Root", "Intermediate", "device")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    ders = []
    for index, name in enumerate(names):
        signer = max(0, index - 1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[signer])]))
            .public_key(keys[index].public_key())
            .serial_number(index + 1)
            .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
        )
        ders.append(builder.sign(keys[signer], hashes.SHA256()).public_bytes(Encoding.DER))
    return Issued(keys[2], ders[2], ders[1], ders[0])


def document(
    poll: PollSchedule = DURING_SET_UP,
    *,
    retries: int = 3,
    initial_backoff: timedelta = timedelta(seconds=16),
    max_backoff: timedelta = timedelta(minutes=2),
) -> bytes:
    """A provisioning document."""
    given = issued()
    return write_provisioning(
        ProvisioningDocument(
            provider_id=PROVIDER,
            certificates=Certificates(
                client=given.client,
                scope=StoreScope.SYSTEM,
                intermediate=given.intermediate,
                root=given.root,
            ),
            application=Application(
                name="Reseal MDM",
                address=ADDRESS,
                server_credentials=Credentials(secret="server", nonce=b"n"),
                device_credentials=Credentials(secret=DEVICE_SECRET, name="dev-0001", nonce=b"first"),
                retries=retries,
                initial_backoff=initial_backoff,
                max_backoff=max_backoff,
            ),
            provider=ProviderSettings(device_id="d-000123", poll=poll),
        )
    )


MACHINE = Machine(
    device_id="5EDE6E7A7B7741BDBFE0EF29CA70A3FB",
    name="DESKTOP-1",
    serial_number="0001",
    hardware_hash="T0FCAA" * 700,
)


def parts(
    server: ScriptedServer,
    clock: Clock,
    *,
    disk: MemoryDisk | None = None,
    quirks: Iterable[Quirk] = (),
    hints: Hints | None = None,
) -> Parts:
    """The parts of a device that knows `server`."""
    return Parts(
        disk=disk or MemoryDisk(),
        transport=server,
        clock=clock,
        entropy=SeededEntropy(7),
        keys=OpenSslKeys(),
        quirks=frozenset(quirks),
        hints=hints or PlainHints(),
    )


def enrolled(device: Parts, poll: PollSchedule = DURING_SET_UP, **application: object) -> Management:
    """A device that was enrolled with a scripted server."""
    return Management.enrolled(device, document(poll, **application), issued().key, MACHINE)  # type: ignore[arg-type]


def with_parts(device: Parts, **changes: object) -> Parts:
    """The same device with other parts."""
    return replace(device, **changes)  # type: ignore[arg-type]
