"""What each command that is with the device is for, and what came of it. Pure.

A device answers by message and command number, so that much has to be remembered of every command: where
its answer belongs. Commands of an older session are forgotten; what is left to do shows in the state of
items and phases, and is planned anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.wire.syncml import Command, Results, Status

Ref = tuple[int, str]
"""MsgRef and CmdRef."""

LAST_GOOD: Final = 299
"""Codes from 200 up to this one say that a command was carried out, or is being carried out."""


class What(StrEnum):
    """Kinds of purposes. `node` of a purpose is an address unless something else is said."""

    ADD = "add"
    REPLACE = "replace"
    VERIFY = "verify"
    """Get of a node whose Add or Replace got 202."""
    DELETE = "delete"
    JOB = "job"
    """Add of DownloadInstall."""
    START = "start"
    """Exec of DownloadInstall."""
    STATUS = "status"
    """Get of an app's Status."""
    LAST_ERROR = "lastError"
    HOLD = "hold"
    """Part of a phase's hold, failure or aftermath; `node` is its key."""
    RELEASE = "release"
    FINISHED = "finished"
    """Get of ServerHasFinishedProvisioning."""
    SUCCESSFUL = "successful"
    """Get of WasDeviceSuccessfullyProvisioned."""
    ASK = "ask"
    """Get of something about the device."""
    OWNER = "owner"
    """Replace of the UPN of the enrolled user."""
    UNENROL = "unenrol"


OF_ITEMS: Final = frozenset(
    {
        What.ADD,
        What.REPLACE,
        What.VERIFY,
        What.DELETE,
        What.JOB,
        What.START,
        What.STATUS,
        What.LAST_ERROR,
    }
)
"""Purposes that concern a delivery."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """Where the answer to a command belongs: an item (user, kind, item), or the phase of a user."""

    what: What
    user: int = 0
    kind: str = ""
    item: int = 0
    node: str = ""
    accept: tuple[int, ...] = ()
    """Codes that acknowledge a HOLD."""

    @property
    def key(self) -> tuple[int, str, int]:
        """Of the item that it concerns."""
        return self.user, self.kind, self.item

    @property
    def reads(self) -> bool:
        """Whether the command is a Get, whose value matters."""
        return self.what in _READING

    def to_json(self) -> list[Any]:
        """As stored: without what is empty at its end."""
        values = [self.what.value, self.user, self.kind, self.item, self.node, list(self.accept)]
        while values and not values[-1]:
            values.pop()
        return values

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> Purpose:
        """What `to_json` wrote."""
        what, user, kind, item, node, accept = [*stored, *_EMPTY[len(stored) :]]
        return cls(What(what), user, kind, item, node, tuple(accept))


_EMPTY: Final[Sequence[Any]] = ("", 0, "", 0, "", ())
"""What `to_json` leaves out at the end."""

_READING: Final = frozenset(
    {What.VERIFY, What.STATUS, What.LAST_ERROR, What.FINISHED, What.SUCCESSFUL, What.ASK}
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A command and what it is for."""

    command: Command
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device said to a command: the code, and the value of a Get that succeeded."""

    purpose: Purpose
    code: int
    value: str | None = None

    @property
    def good(self) -> bool:
        """Whether the command was carried out, or is being carried out."""
        return self.code <= LAST_GOOD


@dataclass(frozen=True, slots=True)
class InFlight:
    """Commands with the device, by the numbers under which it will answer them."""

    commands: Mapping[Ref, Purpose] = field(default_factory=dict)
    half_answered: Mapping[Ref, int] = field(default_factory=dict)
    """Gets whose Status came and whose value did not yet."""

    def __bool__(self) -> bool:
        return bool(self.commands)

    def purposes(self) -> frozenset[Purpose]:
        """Of everything that is not answered."""
        return frozenset(self.commands.values())

    def sent(self, msg_id: int, planned: Iterable[tuple[str, Purpose]]) -> InFlight:
        """More commands, by their CmdID, sent with reply `msg_id`."""
        more = {(msg_id, cmd_id): purpose for cmd_id, purpose in planned}
        return InFlight({**self.commands, **more}, self.half_answered)

    def to_json(self) -> list[list[Any]]:
        """As stored: message, command, code so far or 0, purpose."""
        return [
            [message, command, self.half_answered.get((message, command), 0), purpose.to_json()]
            for (message, command), purpose in self.commands.items()
        ]

    @classmethod
    def from_json(cls, stored: Sequence[Sequence[Any]]) -> InFlight:
        """What `to_json` wrote."""
        commands: dict[Ref, Purpose] = {}
        half: dict[Ref, int] = {}
        for message, command, code, purpose in stored:
            commands[message, command] = Purpose.from_json(purpose)
            if code:
                half[message, command] = code
        return cls(commands, half)


def match(
    in_flight: InFlight, commands: Iterable[Command], *, complete: bool, handling: Handling = HANDLING
) -> tuple[tuple[Answer, ...], InFlight]:
    """The answers in a message, in the order in which their commands were sent, and what is still awaited.

    Status and Results belong to a command by MsgRef and CmdRef; those that belong to none, as a Status for a
    Status, are passed over (spec/mdm-wire.md 3.7). The value of a Get may come before or after its Status, or
    in a later message of the package; `complete`: the package ended, nothing more comes.
    """
    codes: dict[Ref, int] = dict(in_flight.half_answered)
    values: dict[Ref, str] = {}
    for command in commands:
        match command:
            case Status():
                codes.setdefault((command.msg_ref, command.cmd_ref), command.code)
            case Results():
                values.setdefault((command.msg_ref, command.cmd_ref), command.item.text)
            case _:
                pass
    answers: list[Answer] = []
    left: dict[Ref, Purpose] = {}
    half: dict[Ref, int] = {}
    for ref, purpose in in_flight.commands.items():
        code, value = codes.get(ref), values.get(ref)
        if code is None and value is not None:
            code = 200  # a device that sends the value has carried out the Get
        if code is None:
            left[ref] = purpose
        elif _awaits_value(purpose, code, value) and not complete and handling.late_results:
            left[ref], half[ref] = purpose, code
        else:
            answers.append(Answer(purpose, code, value))
    return tuple(answers), InFlight(left, half)


def _awaits_value(purpose: Purpose, code: int, value: str | None) -> bool:
    return purpose.reads and code <= LAST_GOOD and value is None
