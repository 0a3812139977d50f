"""Packages of several messages, and objects that are too large for one (spec/mdm-wire.md 3.2, 3.9).

A package ends with the message that has Final. The data of one item may be spread over messages: every
chunk but the last has MoreData, the first one tells the size of the whole. `take` puts such objects together
again, message by message; between two messages nothing has to be kept but its `unfinished`. `chunks` and
`batches` go the other way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Final

from reseal.wire.syncml.codes import AlertCode, StatusCode
from reseal.wire.syncml.model import (
    Alert,
    Command,
    Item,
    Message,
    NodeCommand,
    Results,
    SyncHdr,
    SyncmlError,
    name_of,
    walk,
)
from reseal.wire.syncml.writing import write_command, write_message

OBJECT_LIMIT: Final = 4_194_304
"""Bytes of an object that is put together from chunks."""
MESSAGE_TARGET: Final = 524_288
"""Bytes that our own messages stay below."""

_LONGEST_NUMBER: Final = 10
"""Digits that are reserved for a CmdID that is not given yet."""


@dataclass(frozen=True, slots=True)
class ChunkStatus:
    """A command that `take` dealt with: it only has to be answered."""

    command: Command
    code: StatusCode
    """213 stored, 424 not as long as announced, 413 larger than is taken."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one message brought."""

    commands: tuple[Command, ...]
    """To be carried out, in order; large objects are whole and come with the CmdID of their last chunk."""
    answers: tuple[ChunkStatus, ...]
    lost: tuple[Item, ...]
    """Where objects were whose end did not come: each gets an alert 1225 (`lost_alert`)."""
    unfinished: NodeCommand | None
    """What to give to `take` with the next message; `write_command` and `read_command` keep it."""
    complete: bool
    """The package ended. If not, the reply asks for the next message with alert 1222."""


def take(message: Message, unfinished: NodeCommand | None = None, *, limit: int = OBJECT_LIMIT) -> Taken:
    """Take the next message of a package; `unfinished` is what the one before left.

    `limit` are the bytes that an object of several chunks may have. An object that is refused is swallowed
    to its last chunk, so that no part of it is taken for the whole.
    """
    whole: list[Command] = []
    answers: list[ChunkStatus] = []
    lost: list[Item] = []
    for command in message.commands:
        if not isinstance(command, NodeCommand):
            whole.append(command)
            continue
        begun = unfinished if unfinished is not None and _continues(unfinished, command) else None
        if unfinished is not None and begun is None:
            lost.append(_place(unfinished))
        joined = command if begun is None else _joined(begun, command)
        code = _verdict(joined, begun, limit)
        if code is None:
            whole.append(joined)
        else:
            answers.append(ChunkStatus(command, code))
        unfinished = _rest(joined, code)
    if message.final and unfinished is not None:
        lost.append(_place(unfinished))
        unfinished = None
    return Taken(tuple(whole), tuple(answers), tuple(lost), unfinished, message.final)


def lost_alert(place: Item) -> Alert:
    """The alert that tells the sender which object had no end."""
    return Alert(code=AlertCode.NO_END_OF_DATA, items=(place,))


def next_message_alert() -> Alert:
    """The alert that asks for the next message of a package."""
    return Alert(code=AlertCode.NEXT_MESSAGE)


def _continues(begun: NodeCommand, command: NodeCommand) -> bool:
    """Whether `command` brings the next chunk of `begun`. Its address need not be said again."""
    same_place = _address(command.item) in {_address(begun.items[-1]), ("", "")}
    return bool(command.items) and same_place and _purpose(command) == _purpose(begun)


def _joined(begun: NodeCommand, command: NodeCommand) -> NodeCommand:
    """`command` with what came before it."""
    before, chunk = begun.items[-1], command.item
    data = None if before.data is None else before.text + chunk.text
    item = changed(before, data=data, more_data=chunk.more_data)
    return changed(command, items=(*begun.items[:-1], item, *command.items[1:]))


def _verdict(command: NodeCommand, begun: NodeCommand | None, limit: int) -> StatusCode | None:
    """How a command is answered at once; None if it is whole. `begun` are the chunks before it."""
    more = _more(command)
    if begun is None and not more:
        return None
    sizes = [(len(item.text.encode()), item.meta.size) for item in command.items]
    refused = begun is not None and begun.items[-1].data is None
    if refused or any(max(size, announced or 0) > limit for size, announced in sizes):
        return StatusCode.REQUEST_ENTITY_TOO_LARGE
    if more:
        return StatusCode.CHUNKED_ITEM_ACCEPTED
    fits = all(announced in {None, size} for size, announced in sizes)
    return None if fits else StatusCode.SIZE_MISMATCH


def _rest(command: NodeCommand, code: StatusCode | None) -> NodeCommand | None:
    """What waits for the next chunk. An object that is refused waits without data: None marks it."""
    if not _more(command):
        return None
    last = command.items[-1]
    data = None if code is StatusCode.REQUEST_ENTITY_TOO_LARGE else last.text
    return changed(command, items=(*command.items[:-1], changed(last, data=data)))


def _more(command: NodeCommand) -> bool:
    return bool(command.items) and command.items[-1].more_data


def _purpose(command: NodeCommand) -> tuple[str, str]:
    return name_of(command), command.cmd_ref if isinstance(command, Results) else ""


def _address(item: Item) -> tuple[str, str]:
    return item.target, item.source


def _place(command: NodeCommand) -> Item:
    return Item(target=command.items[-1].target, source=command.items[-1].source)


# --- the way out


def size_of(command: Command) -> int:
    """Bytes that `command` takes in a message; a CmdID that is not given yet counts as the longest."""
    missing = sum(not inner.cmd_id for inner in walk([command]))
    return len(write_command(command)) + missing * _LONGEST_NUMBER


def batches(
    header: SyncHdr, commands: Iterable[Command], limit: int = MESSAGE_TARGET
) -> tuple[tuple[Command, ...], ...]:
    """`commands` in their order, in groups that each fit into a message with `header` of `limit` bytes.

    Raises SyncmlError with code CommandTooLarge for a command that does not fit alone.
    """
    room = limit - len(write_message(Message(header=header)))
    groups: list[list[Command]] = []
    left = 0
    for command in commands:
        size = size_of(command)
        if size > room:
            message = f"A {name_of(command)} of {size} bytes does not fit into a message of {limit} bytes"
            raise SyncmlError(code="CommandTooLarge", message=message, remedy="Send less data with it")
        if size > left:
            groups.append([])
            left = room
        groups[-1].append(command)
        left -= size
    return tuple(map(tuple, groups))


def chunks(command: NodeCommand, size: int) -> tuple[NodeCommand, ...]:
    """`command`, whose one item has text, in commands for one message each, with at most `size` bytes of it.

    `size` is at least 4, the bytes of the longest character. What fits into one chunk stays as it is.
    """
    (item,) = command.items
    parts = _cut(item.text, size)
    if len(parts) == 1:
        return (command,)
    first = changed(item.meta, size=len(item.text.encode()))
    items = [
        changed(item, meta=item.meta if number else first, data=part, more_data=number < len(parts) - 1)
        for number, part in enumerate(parts)
    ]
    return tuple(changed(command, items=(item,)) for item in items)


def _cut(text: str, size: int) -> list[str]:
    """`text` in parts of at most `size` bytes of UTF-8, at least one."""
    data = text.encode()
    parts = []
    start = 0
    while len(data) - start > size:
        end = start + size
        while data[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        parts.append(data[start:end].decode())
        start = end
    return [*parts, data[start:].decode()]
