"""Replies: from what is to be said to bytes. Pure.

The first command of a reply is the Status of the header; Source and Target are swapped, SessionID and MsgID
copied. As many of the planned commands as fit go along, at least one; the rest waits for the next message of
the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from reseal.mdm.sessions.purposes import Planned, Purpose
from reseal.mdm.sessions.states import ReplyKind
from reseal.wire.syncml import (
    MESSAGE_TARGET,
    Chal,
    Command,
    Item,
    Message,
    NodeCommand,
    Status,
    StatusCode,
    SyncHdr,
    header_status,
    lost_alert,
    next_message_alert,
    numbered,
    reply_header,
    size_of,
    write_message,
)

_FRAME: Final = 400
"""Bytes that a command of one item takes besides its data, at most; addresses are short."""
_WORST: Final = 6
"""Bytes that a character of data may become."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and what its commands are for."""

    data: bytes = field(repr=False)
    kind: ReplyKind
    sent: tuple[tuple[str, Purpose], ...] = ()
    """CmdID and purpose of each planned command that went along, in order."""


def challenge(received: SyncHdr, code: StatusCode, chal: Chal) -> bytes:
    """The answer to somebody who proved nothing: the question for credentials, and nothing else."""
    return _written(received, [header_status(received, code, chal)])


def acknowledgement(received: SyncHdr, statuses: Sequence[Status], chal: Chal | None = None) -> Reply:
    """Every command is answered, and nothing more is said."""
    head = header_status(received, StatusCode.OK, chal)
    return Reply(_written(received, [head, *statuses]), ReplyKind.ENDS)


def silence(received: SyncHdr) -> Reply:
    """Not even a Status: for clients that go on as long as they are sent one (spec/mdm-wire.md 3.9)."""
    return Reply(_written(received, []), ReplyKind.ENDS)


def ask_on(
    received: SyncHdr, statuses: Sequence[Status], lost: Sequence[Item], chal: Chal | None = None
) -> Reply:
    """The rest of the package is asked for."""
    head = header_status(received, StatusCode.OK, chal)
    alerts = [*map(lost_alert, lost), next_message_alert()]
    return Reply(_written(received, [head, *statuses, *alerts]), ReplyKind.ASKS_ON)


def say(
    received: SyncHdr,
    statuses: Sequence[Status],
    lost: Sequence[Item],
    planned: Sequence[Planned],
    chal: Chal | None = None,
    limit: int = MESSAGE_TARGET,
) -> Reply:
    """The answer with as many of the planned commands as fit into `limit` bytes."""
    head = header_status(received, StatusCode.OK, chal)
    first: list[Command] = [head, *statuses, *map(lost_alert, lost)]
    going = _fitting(first, planned, limit)
    commands = numbered([*first, *(each.command for each in going)])
    ids = [command.cmd_id for command in commands[len(first) :]]
    data = write_message(Message(header=_header(received), commands=commands))
    kind = ReplyKind.COMMANDS if going else ReplyKind.ENDS
    return Reply(data, kind, tuple(zip(ids, (each.purpose for each in going), strict=True)))


def _fitting(first: Sequence[Command], planned: Sequence[Planned], limit: int) -> Sequence[Planned]:
    if sum(_at_most(command) for command in (*first, *(each.command for each in planned))) <= limit:
        return planned
    room = limit - sum(map(size_of, first)) - _FRAME
    for count, each in enumerate(planned):
        room -= size_of(each.command)
        if room < 0:
            return planned[: max(count, 1)]
    return planned


def _at_most(command: Command) -> int:
    """Bytes that a command cannot exceed, found without writing it."""
    if not isinstance(command, NodeCommand):
        return _FRAME
    return sum(_FRAME + _WORST * (len(item.target) + len(item.text)) for item in command.items) + _FRAME


def _written(received: SyncHdr, commands: Sequence[Command]) -> bytes:
    return write_message(Message(header=_header(received), commands=numbered(commands)))


def _header(received: SyncHdr) -> SyncHdr:
    return reply_header(received, received.target)
