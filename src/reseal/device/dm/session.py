"""One session, without I/O (spec/mdm-wire.md 3.8, 3.9).

    OPENING ──challenge──► OPENING        the first package again, with credentials
       │
       └──reply──► TALKING ──commands──► TALKING
                      │
                      ├── nothing left on either side ──► DONE
                      ├── alert 1223, or a header that was refused ──► ABORTED
                      └── Unenroll ──► CUT   (nothing more is sent, also no Status)

`first` gives the bytes of the first message; `receive` takes the bytes of a reply and gives those of the
next message, or None when the session is over. Whoever carries them keeps the tree before he sends what
`receive` gave: then what the server was told is true after a power cut as well.

What does not fit into one message goes out in several, the last with Final. A large object of the server is
put together from the chunks of its messages, each answered with 213 and alert 1222.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from reseal.device.csp.effects import Unenrol
from reseal.device.csp.tree import Tree
from reseal.device.dm.execution import execute
from reseal.device.dm.habits import dressed
from reseal.device.quirks import Quirk
from reseal.wire.syncml import (
    Alert,
    AlertCode,
    AuthType,
    Chal,
    Command,
    Cred,
    Message,
    NodeCommand,
    Results,
    Status,
    StatusCode,
    SyncHdr,
    SyncmlError,
    Taken,
    basic_cred,
    chunks,
    digest_cred,
    header_status,
    lost_alert,
    next_message_alert,
    numbered,
    read_message,
    secret_key,
    take,
    write_message,
)
from reseal.wire.xml import XmlError

LARGE: Final = 262_144
"""Bytes of a value above which it goes out in chunks."""
LARGE_WITH_QUIRK: Final = 2_048
_MOST_CHALLENGES: Final = 2
_MOST_MESSAGES: Final = 1_000
_ACCEPTED: Final = {
    StatusCode.OK,
    StatusCode.ACCEPTED_FOR_PROCESSING,
    StatusCode.AUTHENTICATION_ACCEPTED,
}


class Stage(StrEnum):
    """Where a session is."""

    OPENING = "opening"
    TALKING = "talking"
    DONE = "done"
    ABORTED = "aborted"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a session begins."""

    session_id: str
    address: str
    """The server's address, Target of all messages."""
    source: str
    commands: tuple[Command, ...]
    """Of the first package, without CmdID."""
    split_after: int | None = None
    """How many of them go in a message of their own, without Final."""


@dataclass(slots=True)
class Account:
    """What the device proves itself with inside SyncML, once it is asked."""

    name: str
    secret: str = field(repr=False)
    nonce: bytes = field(default=b"", repr=False)
    """For the next digest."""
    asked: AuthType | None = None
    """What the server last asked for; None: its certificate is enough."""

    def cred(self) -> Cred | None:
        """The credentials for the next message."""
        match self.asked:
            case None:
                return None
            case AuthType.BASIC:
                return basic_cred(self.name, self.secret)
            case _:
                return digest_cred(secret_key(self.name, self.secret), self.nonce)

    def take_up(self, chal: Chal | None) -> None:
        """Remember what the server asks for and the nonce it gives."""
        if chal is not None:
            self.asked = AuthType.BASIC if chal.type == AuthType.BASIC else AuthType.MD5
            self.nonce = chal.next_nonce or self.nonce


class Session:
    """One session on a tree."""

    def __init__(self, opening: Opening, tree: Tree, account: Account) -> None:
        self.opening = opening
        self.stage = Stage.OPENING
        self.changed_tree = False
        """Whether commands came in it."""
        self.heard = False
        """Whether the server took the first package, alerts and all."""
        self._tree = tree
        self._account = account
        self._quirks = tree.quirks
        self._msg_id = 0
        self._challenges = 0
        self._waives_cred = False
        self._unfinished: NodeCommand | None = None
        self._batches: list[list[Command]] = []
        """Messages to go out, without header Status; the last one has Final."""

    def first(self) -> bytes:
        """The first message."""
        split = self.opening.split_after
        commands = list(self.opening.commands)
        self._batches = [commands] if not split else [commands[:split], commands[split:]]
        return self._next([])

    def receive(self, data: bytes) -> bytes | None:
        """Take the reply to the last message; the next message, or None at the end."""
        try:
            reply = read_message(data)
        except (XmlError, SyncmlError):
            return self._end(Stage.ABORTED)
        if self._msg_id >= _MOST_MESSAGES:
            return self._end(Stage.ABORTED)
        outcome = next((status for status in _statuses(reply) if status.cmd == "SyncHdr"), None)
        self._account.take_up(outcome.chal if outcome else None)
        code = StatusCode.OK if outcome is None else outcome.code
        if code in {StatusCode.INVALID_CREDENTIALS, StatusCode.MISSING_CREDENTIALS}:
            return self._challenged()
        if code not in _ACCEPTED:
            return self._end(Stage.ABORTED)
        self._waives_cred = code == StatusCode.AUTHENTICATION_ACCEPTED
        self.stage, self.heard = Stage.TALKING, True
        return self._carry_on(reply)

    # --- the ways on

    def _challenged(self) -> bytes | None:
        """Say the last package again, with credentials."""
        self._challenges += 1
        if self._challenges > _MOST_CHALLENGES or self.stage is not Stage.OPENING:
            return self._end(Stage.ABORTED)
        return self.first()

    def _carry_on(self, reply: Message) -> bytes | None:
        if any(_is_alert(command, AlertCode.SESSION_ABORT) for command in reply.commands):
            return self._end(Stage.ABORTED)
        taken = take(reply, self._unfinished)
        self._unfinished = taken.unfinished
        asked = any(_is_alert(command, AlertCode.NEXT_MESSAGE) for command in reply.commands)
        self._answer(reply, taken)
        if any(isinstance(effect, Unenrol) for effect in self._tree.effects):
            return self._end(Stage.CUT)
        if reply.ends_session and not self._batches:
            return self._end(Stage.DONE)
        if not self._batches and asked:
            self._batches = [[]]
        return self._next([header_status(reply.header, StatusCode.OK)], reply)

    def _answer(self, reply: Message, taken: Taken) -> None:
        """Carry out what came and line up what is to be said about it."""
        work = [command for command in taken.commands if not _is_alert(command, AlertCode.NEXT_MESSAGE)]
        answers: list[Command] = [_answered(reply, chunk.command, chunk.code) for chunk in taken.answers]
        said = execute(self._tree, reply.header.msg_id, work).commands
        self.changed_tree = self.changed_tree or bool(said)
        answers += self._in_order(said)
        answers += [lost_alert(place) for place in taken.lost]
        if not taken.complete:
            answers.append(next_message_alert())
        if answers:
            self._line_up(answers)

    def _in_order(self, said: Sequence[Status | Results]) -> list[Command]:
        if Quirk.RESULTS_LAST not in self._quirks:
            return list(said)
        return sorted(said, key=lambda command: isinstance(command, Results))

    def _line_up(self, answers: list[Command]) -> None:
        """Put answers into messages; a large value is spread over several."""
        limit = LARGE_WITH_QUIRK if Quirk.CHUNKED_RESULTS in self._quirks else LARGE
        if not self._batches:
            self._batches = [[]]
        room = LARGE
        for answer in answers:
            first, *further = _parts(answer, limit)
            room -= _weight(first)
            if room < 0 and self._batches[-1]:
                self._batches.append([])
                room = LARGE - _weight(first)
            self._batches[-1].append(first)
            self._batches += [[part] for part in further]

    def _next(self, head: list[Command], reply: Message | None = None) -> bytes:
        """The next message: what is due of the batches, with the Status of the header before it."""
        self._msg_id += 1
        batch = self._batches.pop(0) if self._batches else []
        extra = [] if reply is None else self._superfluous(reply)
        message = Message(
            header=SyncHdr(
                session_id=self.opening.session_id,
                msg_id=self._msg_id,
                target=self.opening.address,
                source=self.opening.source,
                source_name=self._account.name if self._account.asked else "",
                cred=None if self._waives_cred else self._account.cred(),
            ),
            commands=numbered([*head, *batch, *extra]),
            final=not self._batches,
        )
        return dressed(write_message(message), self._quirks)

    def _superfluous(self, reply: Message) -> list[Command]:
        """What no server needs and some clients say."""
        extra: list[Command] = []
        if Quirk.STATUS_FOR_STATUS in self._quirks:
            extra += [
                Status(msg_ref=reply.header.msg_id, cmd_ref=status.cmd_id, cmd="Status", code=StatusCode.OK)
                for status in _statuses(reply)
            ]
        if Quirk.UNMATCHED_STATUS in self._quirks and self._msg_id == 2:
            extra.append(Status(msg_ref=1, cmd_ref="4711", cmd="Replace", code=StatusCode.COMMAND_FAILED))
        return extra

    def _end(self, stage: Stage) -> bytes | None:
        self.stage = stage
        return None


def _statuses(reply: Message) -> list[Status]:
    return [command for command in reply.commands if isinstance(command, Status)]


def _parts(answer: Command, limit: int) -> Sequence[Command]:
    if isinstance(answer, Results) and len(answer.items) == 1:
        return chunks(answer, limit)
    return (answer,)


def _weight(command: Command) -> int:
    """About how many bytes a command takes in a message."""
    return 400 + sum(len(item.text) for item in command.items) if isinstance(command, Results) else 400


def _is_alert(command: Command, code: AlertCode) -> bool:
    return isinstance(command, Alert) and command.code == code


def _answered(reply: Message, command: Command, code: StatusCode) -> Status:
    return Status(msg_ref=reply.header.msg_id, cmd_ref=command.cmd_id, cmd=type(command).__name__, code=code)
