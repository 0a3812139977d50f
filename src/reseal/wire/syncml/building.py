"""Commands and replies as they are commonly needed (spec/mdm-wire.md 3.2, 3.3, 3.6, 3.9)."""

from collections.abc import Iterable
from dataclasses import replace as changed
from itertools import count
from typing import Final

from reseal.wire.syncml.codes import AlertType, Format
from reseal.wire.syncml.model import (
    Add,
    Alert,
    Atomic,
    Chal,
    Command,
    Delete,
    Exec,
    Get,
    Item,
    Meta,
    Replace,
    Results,
    Sequence,
    Status,
    SyncHdr,
    SyncmlError,
    XmlContent,
    name_of,
    walk,
)

HEADER_REF: Final = "0"
"""CmdRef of the Status of a header."""

_PLAIN: Final = Meta()


# --- commands with one item, which every client understands


def add(target: str, data: str | XmlContent | None = None, meta: Meta = _PLAIN) -> Add:
    """Make the node `target`."""
    return Add(items=(Item(target=target, meta=meta, data=data),))


def add_node(target: str) -> Add:
    """Make the interior node `target`."""
    return add(target, meta=Meta(format=Format.NODE))


def replace(target: str, data: str | XmlContent, meta: Meta = _PLAIN) -> Replace:
    """Set the leaf `target`."""
    return Replace(items=(Item(target=target, meta=meta, data=data),))


def get(target: str) -> Get:
    """Read `target`."""
    return Get(items=(Item(target=target),))


def delete(target: str) -> Delete:
    """Remove `target`."""
    return Delete(items=(Item(target=target),))


def execute(target: str, data: str | XmlContent | None = None, meta: Meta = _PLAIN) -> Exec:
    """Start what `target` stands for."""
    return Exec(items=(Item(target=target, meta=meta, data=data),))


def typed_alert(code: int, kind: AlertType, data: str, source: str = "", data_format: str = "") -> Alert:
    """An alert 1224 or 1226 that says what kind of event it is; `source` is the node that it came from."""
    item = Item(source=source, meta=Meta(type=kind, format=data_format), data=data)
    return Alert(code=code, items=(item,))


def results(received: SyncHdr, command: Get, source: str, data: str | XmlContent, meta: Meta) -> Results:
    """The answer to `command` of the message with the header `received`: the value of the node `source`."""
    item = Item(source=source, meta=meta, data=data)
    return Results(msg_ref=received.msg_id, cmd_ref=command.cmd_id, items=(item,))


# --- replies


def reply_header(received: SyncHdr, source: str) -> SyncHdr:
    """The header of the server's reply; `source` is the server's address as the device was given it."""
    return SyncHdr(
        session_id=received.session_id, msg_id=received.msg_id, target=received.source, source=source
    )


def header_status(received: SyncHdr, code: int, chal: Chal | None = None) -> Status:
    """The Status of the header, which comes first in each reply."""
    return Status(msg_ref=received.msg_id, cmd_ref=HEADER_REF, cmd="SyncHdr", code=code, chal=chal)


def wants_status(command: Command) -> bool:
    """Whether a command is answered with a Status: Status and Results are not (spec/mdm-wire.md 3.7)."""
    return not isinstance(command, Status | Results)


def command_status(received: SyncHdr, command: Command, code: int) -> Status:
    """The Status of a command. Raises SyncmlError for a Status or Results, which have none."""
    if not wants_status(command):
        message = f"A {name_of(command)} is not answered with a Status"
        raise SyncmlError(code="StatusForStatus", message=message, remedy="Answer commands and alerts only")
    return Status(msg_ref=received.msg_id, cmd_ref=command.cmd_id, cmd=name_of(command), code=code)


def numbered(commands: Iterable[Command]) -> tuple[Command, ...]:
    """`commands` in their order, those without CmdID with the next free number, counted from 1."""
    given = tuple(commands)
    taken = {command.cmd_id for command in walk(given)}
    free = (number for number in map(str, count(1)) if number not in taken)

    def with_id(command: Command) -> Command:
        cmd_id = command.cmd_id or next(free)
        if isinstance(command, Atomic | Sequence):
            return changed(command, cmd_id=cmd_id, commands=tuple(map(with_id, command.commands)))
        return changed(command, cmd_id=cmd_id)

    return tuple(map(with_id, given))
