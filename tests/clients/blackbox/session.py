"""One management session, from the first message to the server's empty one (mdm-wire.md 3.8, 3.9)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.clients.blackbox import syncml
from tests.clients.blackbox.errors import Refused, demand
from tests.clients.blackbox.provisioning import Credential, Provisioned
from tests.clients.blackbox.syncml import Message, Writer
from tests.clients.blackbox.tree import Tree
from tests.clients.blackbox.web import Web

_MESSAGES = 60
_DONE, _NO_CREDENTIAL, _WRONG_CREDENTIAL, _ACCEPTED = 200, 407, 401, 212


class Login(StrEnum):
    """Who is signed in to the machine."""

    OTHERS = "others"
    USER = "user"
    NONE = "none"


@dataclass(slots=True)
class Digest:
    """What proves a device that shows no certificate. The nonce is the last one that it was given."""

    credential: Credential
    nonce: bytes
    ask_first: bool = False
    """Whether to begin without a credential and wait for the challenge."""
    same_number: bool = False
    """Whether the message that was challenged is repeated under its own number."""
    used: list[bytes] = field(default_factory=list)
    accepted: set[bytes] = field(default_factory=set)

    @classmethod
    def of(cls, provisioned: Provisioned) -> Digest:
        """As the enrolment gave it."""
        return cls(provisioned.device, provisioned.device.nonce)

    def take(self) -> str:
        """The digest for the next message."""
        self.used.append(self.nonce)
        return syncml.digest(self.credential.name, self.credential.secret, self.nonce)


@dataclass(frozen=True, slots=True)
class Alerting:
    """An alert of the first message: code, type, data, source, format."""

    code: int
    kind: str = ""
    data: str = ""
    source: str = ""
    form: str = ""


@dataclass(slots=True)
class Line:
    """How the device reaches the server: by certificate (`web` shows it) or by digest."""

    web: Web
    address: str
    source: Callable[[], str]
    digest: Digest | None = None
    bearer: str = ""
    twice: bool = False
    """Whether every message is sent again, as if its answer had been lost."""
    number: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def post(self, body: bytes) -> Message:
        """One message and its answer."""
        headers = {
            "Content-Type": f"{syncml.MEDIA_TYPE}; charset=utf-8",
            "Accept": f"{syncml.MEDIA_TYPE}, application/octet-stream",
            "Accept-Charset": "UTF-8",
            "User-Agent": "MSFT Windows OMA DM Client/2.7",
        }
        if self.bearer:
            headers["Authorization"] = f"Bearer {self.bearer}"
        url = f"{self.address}?mode=Maintenance&Platform=WoA"
        reply = self.web.send("POST", url, body, headers)
        if reply.status != 200:
            raise Refused(str(reply.status), reply.body.decode(errors="replace"), reply.status)
        if self.twice:
            again = self.web.send("POST", url, body, headers)
            demand(again.body == reply.body, "a message sent again is answered otherwise")
        return syncml.read(reply)


@dataclass(slots=True)
class Session:
    """One session. `run` holds it; afterwards `messages` are those of the server."""

    line: Line
    tree: Tree
    login: Login
    alerts: Sequence[Alerting] = ()
    id: int = 0
    sent: int = 0
    messages: list[Message] = field(default_factory=list)
    challenges: list[int] = field(default_factory=list)
    nonces: set[bytes] = field(default_factory=set)
    _proven: bool = False
    _source: str = ""

    def run(self) -> Session:
        """To the end of the session."""
        self.id = next(self.line.number)
        self._source = self.line.source()
        answer = self._open()
        for _ in range(_MESSAGES):
            if answer.header_status not in {_DONE, _ACCEPTED}:
                raise Refused(str(answer.header_status), "in the middle of the session", answer.header_status)
            if not answer.commands and not answer.alerts:
                return self
            answer = self._exchange(self._answers(answer))
        raise Refused("session", f"the server does not come to an end in {_MESSAGES} messages")

    def _open(self) -> Message:
        digest = self.line.digest
        first = self.opening()
        answer = self._exchange(first, silent=digest is not None and digest.ask_first)
        for _ in range(2):
            if answer.header_status in {_DONE, _ACCEPTED}:
                return answer
            self.challenges.append(answer.header_status)
            demand(not answer.commands, "commands stand in an answer to a message without proof")
            if digest is None:
                raise Refused(
                    str(answer.header_status), "the certificate does not count", answer.header_status
                )
            demand(answer.nonce is not None, "the challenge has no nonce")
            demand(answer.nonce not in digest.accepted, "the challenge has a nonce that counted before")
            if digest.same_number:
                self.sent -= 1
            answer = self._exchange(first)
        raise Refused(str(answer.header_status), "the digest does not count", answer.header_status)

    def opening(self) -> Writer:
        """What its first message says."""
        writer = Writer()
        writer.alert(1201)
        writer.alert(1224, "com.microsoft/MDM/LoginStatus", self.login)
        for alert in self.alerts:
            writer.alert(alert.code, alert.kind, alert.data, alert.source, alert.form)
        known = ("DevId", "Man", "Mod", "DmV", "Lang")
        writer.replace([(f"./DevInfo/{name}", self.tree.value(f"./DevInfo/{name}") or "") for name in known])
        return writer

    def _answers(self, message: Message) -> Writer:
        writer = Writer()
        writer.status(message.number, "0", "SyncHdr", 200)
        for command in message.commands:
            status, inside = self.tree.run(command, self.id, len(self.messages))
            writer.status(message.number, command.cmd_id, command.name, status, command.uri)
            for part, ended in inside:
                writer.status(message.number, part.cmd_id, part.name, ended, part.uri)
            if command.name == "Get" and status == _DONE:
                form, value = self.tree.result(command.uri)
                writer.results(message.number, command.cmd_id, command.uri, form, value)
        return writer

    def _exchange(self, writer: Writer, *, silent: bool = False) -> Message:
        self.sent += 1
        digest = self.line.digest
        proves = digest is not None and not self._proven and not silent
        if digest and proves:
            self.nonces.add(digest.nonce)
        body = syncml.message(
            writer.text,
            session=str(self.id),
            number=self.sent,
            target=self.line.address,
            source=self._source,
            name=digest.credential.name if digest else "",
            credential=digest.take() if digest and proves else "",
        )
        answer = self.line.post(body)
        self._check(answer, writer)
        self.messages.append(answer)
        if digest and answer.nonce is not None:
            digest.nonce = answer.nonce
        if digest and proves and answer.header_status in {_DONE, _ACCEPTED}:
            digest.accepted.add(digest.used[-1])
        self._proven = self._proven or answer.header_status == _ACCEPTED
        return answer

    def _check(self, answer: Message, writer: Writer) -> None:
        demand(answer.session == str(self.id), f"SessionID {answer.session} for {self.id}")
        demand(answer.number == self.sent, f"MsgID {answer.number} for {self.sent}")
        demand(answer.target == self._source, f"Target {answer.target} for our Source {self._source}")
        demand(
            answer.source == self.line.address, f"Source {answer.source} for our Target {self.line.address}"
        )
        demand(all(s.msg_ref == str(self.sent) for s in answer.statuses), "a Status for another message")
        if answer.header_status not in {_DONE, _ACCEPTED}:
            return
        if self.sent == 1 or not self.messages or self.messages[-1].header_status in {401, 407}:
            told = {status.cmd_ref for status in answer.statuses}
            wanted = {str(number) for number in range(writer.last + 1)}
            demand(wanted <= told, f"no Status for the commands {wanted - told} of the first message")
