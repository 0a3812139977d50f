"""What a device was answered, and what the server owes it for that: an acknowledged request is durable
together with its events.

A request is *acknowledged* when the last byte of an answer with status 200 has come to the device. In that
moment the ear notes how far the log of events reaches. What was acknowledged must stand in the log up to
there, not later, and must still stand there, unchanged, when all crashes are over:

    profile                    the deployment has begun
    attestation/{id}           one `attestation.succeeded` for each challenge that was met
    join                       `device.joined`, and `device.certificate_issued` for the answer's certificate
    reports                    `device.reported` for each number that was taken
    code redeemed for tokens   one `user.signed_in` for each code
    Enrollment.svc             `enrolment.begun` for the certificate in the answer
    MDM.svc, user token        `enrolment.user_seen`, unless a user began the enrolment
    MDM.svc, status 200        of the last node of a policy, certificate or network: `item.arrived`
    MDM.svc, status of an app  70 read: `item.arrived`
    MDM.svc, status 200        of a release: its phase is released, and was not begun anew

What the very answer asks for again was not taken: a message that the network repeats late begins its session
anew, and what was under way in it is done again.

The wire is read as anybody could read it; nothing is asked of the server's sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import NameOID

from reseal.catalog.model import AppBody
from reseal.kernel.events import SealedEvent
from reseal.managed.delivery import nodes_of, scope_of
from reseal.managed.model import MACHINE
from reseal.managed.wanted import Delivery
from reseal.wire.csp import MsiStatus
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.enrolment.response import read_response
from reseal.wire.enrolment.soap import read_envelope
from reseal.wire.runtime.messages import Joined, ProfileAnswer, Report, Reports, ReportsTaken, decode
from reseal.wire.syncml import (
    Alert,
    AlertType,
    Get,
    Message,
    NodeCommand,
    Replace,
    Results,
    Status,
    StatusCode,
    read_message,
    walk,
)
from tests.support.hearing import Heard

NOTHING: Mapping[str, Any] = MappingProxyType({})
_FINISHED = "firstsyncstatus/serverhasfinishedprovisioning"


# --- what is owed -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Debt:
    """Something that has to be in the log up to an answer."""

    what: str
    position: int
    paid: Callable[[Sequence[SealedEvent]], bool]
    """Whether it is in these events."""


def unpaid(heard: Sequence[Heard], log: Sequence[SealedEvent], shall: Sequence[Delivery]) -> Iterator[str]:
    """What the log does not have although it was acknowledged; `shall` is what the device was to have."""
    for one in heard:
        if one.digest and log[one.position - 1].digest != one.digest:
            yield f"the log up to event {one.position} is not the one that stood behind {one.path}"
    for debt in debts(heard, shall):
        if not debt.paid(log[: debt.position]):
            yield f"acknowledged, but not in the log up to event {debt.position}: {debt.what}"


def debts(heard: Sequence[Heard], shall: Sequence[Delivery]) -> list[Debt]:
    """All that is owed, in the order in which it was acknowledged."""
    ledger = _Ledger(shall)
    for one in heard:
        ledger.read(one)
    return ledger.debts


class _Ledger:
    def __init__(self, shall: Sequence[Delivery]) -> None:
        self.debts: list[Debt] = []
        self._shall = shall
        self._met: dict[str, None] = {}
        """Challenges."""
        self._codes: dict[str, None] = {}
        """Authorization codes."""
        self._sessions: dict[UUID, _Sessions] = {}

    def read(self, heard: Heard) -> None:
        match heard.path.rstrip("/").split("/")[1:]:
            case ["runtime", "v1", "profile"]:
                self._profile(heard)
            case ["runtime", "v1", "attestation", challenge]:
                self._met[challenge] = None
                self._count(heard, "attestation.succeeded", len(self._met))
            case ["runtime", "v1", "join"]:
                self._joined(heard)
            case ["runtime", "v1", "reports"]:
                self._reports(heard)
            case [*_, "oauth2", "v2.0", "token"] | [*_, "oauth2", "token"]:
                self._tokens(heard)
            case ["enrollmentserver", "enrollment.svc"]:
                self._enrolled(heard)
            case ["managementserver", "mdm.svc"]:
                self._message(heard)
            case _:
                pass

    def _owe(self, heard: Heard, what: str, paid: Callable[[Sequence[SealedEvent]], bool]) -> None:
        self.debts.append(Debt(what, heard.position, paid))

    def _one(
        self,
        heard: Heard,
        what: str,
        kind: str,
        subject: UUID | None = None,
        payload: Mapping[str, Any] = NOTHING,
        actor: str = "",
    ) -> None:
        """One event of that kind is owed, with that much in its payload."""

        def is_it(event: SealedEvent) -> bool:
            return (
                event.kind == kind
                and subject in (None, event.subject.id)
                and actor in ("", event.actor)
                and payload.items() <= dict(event.payload or {}).items()
            )

        self._owe(heard, f"{what}: {kind} {payload or ''}", lambda log: any(map(is_it, log)))

    def _count(self, heard: Heard, kind: str, least: int) -> None:
        def paid(log: Sequence[SealedEvent]) -> bool:
            return sum(event.kind == kind for event in log) >= least

        self._owe(heard, f"{kind}, {least} times", paid)

    # --- the runtime channel, sign-in, enrolment

    def _profile(self, heard: Heard) -> None:
        answer = decode(heard.body, ProfileAnswer)
        if answer.registration is not None and answer.run:
            self._one(
                heard, "profile", "deployment.began", payload={"registration": str(answer.registration)}
            )

    def _joined(self, heard: Heard) -> None:
        answer = decode(heard.body, Joined)
        self._one(heard, "join", "device.joined", actor=f"device:{answer.device_id}")
        thumbprint = {"thumbprint": sha256(answer.certificate).hexdigest()}
        self._one(heard, "join", "device.certificate_issued", payload=thumbprint)

    def _reports(self, heard: Heard) -> None:
        taken = decode(heard.body, ReportsTaken).up_to
        for report in decode(heard.sent, Reports).reports:
            if report.number <= taken:
                self._one(heard, "report", "device.reported", payload=_told(report))

    def _tokens(self, heard: Heard) -> None:
        fields = parse_qs(heard.sent.decode("ascii"))
        if fields.get("grant_type") == ["authorization_code"]:
            self._codes[fields["code"][0]] = None
            self._count(heard, "user.signed_in", len(self._codes))

    def _enrolled(self, heard: Heard) -> None:
        response = read_response(read_envelope(heard.body))
        document = read_provisioning(response.document)
        enrolment = _common_name(x509.load_der_x509_certificate(document.certificates.client))
        self._one(heard, "enrolment", "enrolment.begun", enrolment)

    # --- sessions

    def _message(self, heard: Heard) -> None:
        enrolment = _common_name(x509.load_der_x509_certificate(heard.certificate))
        sessions = self._sessions.setdefault(enrolment, _Sessions())
        sent, reply = read_message(heard.sent), read_message(heard.body)
        if sent.header.msg_id == 1:
            sessions.commands.clear()
        if _is_taken(reply):
            again = {_wish(one) for one in walk(reply.commands) if isinstance(one, NodeCommand)}
            for command in walk(sent.commands):
                self._say(_Said(heard, enrolment, sessions, again), command)
        for command in walk(reply.commands):
            if isinstance(command, NodeCommand):
                sessions.commands[reply.header.msg_id, command.cmd_id] = command

    def _say(self, to: _Said, said: Any) -> None:
        """Something that the device said and the server took."""
        match said:
            case Alert() if said.type is AlertType.USER_TOKEN:
                self._owe(to.heard, "user token: its user is seen", lambda log: _has_user(log, to.enrolment))
            case Status(code=StatusCode.OK):
                command = to.answered(said)
                if command is not None and not isinstance(command, Get):
                    self._status(to, _folded(command.target), command.item.text)
            case Results():
                asked = to.answered(said)
                if asked is not None and said.item.text.strip() == str(MsiStatus.DONE.value):
                    self._installed(to, _folded(asked.target))
            case _:
                pass

    def _status(self, to: _Said, address: str, value: str) -> None:
        if address.endswith(_FINISHED):
            if value.strip().lower() == "true":
                phase = "account" if address.startswith("./user/") else "device"
                self._owe(to.heard, f"release of the {phase} phase", lambda log: _is_released(log, phase))
            return
        for delivery in self._shall:
            nodes = to.sessions.left(delivery)
            if address in nodes:
                del nodes[address]
                if not nodes:
                    self._arrived(to, delivery)

    def _installed(self, to: _Said, address: str) -> None:
        for delivery in self._shall:
            if isinstance(delivery.item.body, AppBody):
                code = delivery.item.body.product_code.casefold()
                if address.endswith(f"/msi/{code}/status"):
                    self._arrived(to, delivery)

    def _arrived(self, to: _Said, delivery: Delivery) -> None:
        self._one(
            to.heard,
            delivery.item.name,
            "item.arrived",
            to.enrolment,
            {"id": str(delivery.item.uuid), "forUser": delivery.user != MACHINE},
        )


@dataclass(slots=True)
class _Sessions:
    """What passed under one enrolment."""

    commands: dict[tuple[int, str], NodeCommand] = field(default_factory=dict)
    """Of the server, in the present session, by message and CmdID."""
    _left: dict[tuple[int, str, int], dict[str, None]] = field(default_factory=dict)

    def left(self, delivery: Delivery) -> dict[str, None]:
        """The nodes of a delivery that the device has not taken yet."""
        if isinstance(delivery.item.body, AppBody):
            return {}
        if delivery.key not in self._left:
            nodes = nodes_of(delivery.item.body, scope_of(delivery.user))
            self._left[delivery.key] = {_folded(str(node.uri)): None for node in nodes}
        return self._left[delivery.key]


@dataclass(frozen=True, slots=True)
class _Said:
    """A message that the server took, and what it answered."""

    heard: Heard
    enrolment: UUID
    sessions: _Sessions
    again: Collection[tuple[str, str]]
    """What the answer asks for."""

    def answered(self, said: Status | Results) -> NodeCommand | None:
        """The command that was answered, unless it is sent again."""
        command = self.sessions.commands.get((said.msg_ref, said.cmd_ref))
        return None if command is None or _wish(command) in self.again else command


def _is_taken(reply: Message) -> bool:
    """Whether the header of the message was accepted: no credentials are asked for."""
    codes = [each.code for each in reply.commands if isinstance(each, Status) and each.cmd == "SyncHdr"]
    return codes[:1] in ([StatusCode.OK], [StatusCode.AUTHENTICATION_ACCEPTED])


def _is_released(log: Sequence[SealedEvent], phase: str) -> bool:
    """Whether the last that was told of the phase is that it was released."""
    for event in reversed(log):
        payload: Mapping[str, Any] = event.payload or {}
        if payload.get("fact") == "Released" and ("Account" in str(payload["from"])) == (phase == "account"):
            return True
        if payload.get("phase") == phase and event.kind in {"deployment.moved", "deployment.phase_begun"}:
            return False
    return False


def _has_user(log: Sequence[SealedEvent], enrolment: UUID) -> bool:
    """Whether it is told that somebody is on the device."""
    about = [event for event in log if event.subject.id == enrolment]
    begun = [event for event in about if event.kind == "enrolment.begun" and event.actor.startswith("user:")]
    return bool(begun) or any(event.kind == "enrolment.user_seen" for event in about)


def _told(report: Report) -> dict[str, Any]:
    return {
        "number": report.number,
        "kind": report.kind.value,
        "screen": report.screen,
        "code": report.code,
        "at": report.at.isoformat(),
    }


def _common_name(certificate: x509.Certificate) -> UUID:
    """Certificates of enrolments are made out to the enrolment."""
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return UUID(str(name))


def _wish(command: NodeCommand) -> tuple[str, str]:
    """What a command is for: setting and replacing a node come to the same."""
    verb = "Add" if isinstance(command, Replace) else type(command).__name__
    return verb, _folded(command.target)


def _folded(address: str) -> str:
    """An address as Windows compares them."""
    return unquote(address).casefold().replace("./device/", "./", 1)
