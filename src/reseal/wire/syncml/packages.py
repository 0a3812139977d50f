"""Packages of several messages, and objects that are too large for one (spec/mdm-wire.md 3.2, 3.9).

A package ends with the message that has Final. The data of one item may be spread over messages: every
chunk but the last has MoreData, the first one tells the size of the whole. `take` puts such objects together
again, message by message; between two messages nothing has to be kept but its `unfinished`. `chunks` and
`batches` go the other way.
"""

from collections.abc import Iterable, Sequence
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
"""Bytes of an object that is put together from chunks, with the items before it in its command."""
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

    `limit` are the bytes that a command with an object of several chunks may have. An object that is refused
    is swallowed to its last chunk, so that no part of it is taken for the whole.
    """
    whole: list[Command] = []
    answers: list[ChunkStatus] = []
    lost: list[Item] = []
    growing = None if unfinished is None else _Growing.resumed(unfinished)
    for command in message.commands:
        if not isinstance(command, NodeCommand):
            whole.append(command)
            continue
        if growing is not None and not growing.goes_on_with(command):
            lost.append(growing.place)
            growing = None
        if growing is not None:
            growing.add(command)
        elif _more(command):
            growing = _Growing(command)
        else:
            whole.append(command)
            continue
        code = growing.verdict(limit)
        if code is None:
            whole.append(growing.command)
        else:
            answers.append(ChunkStatus(command, code))
        if not _more(command):
            growing = None
    if message.final and growing is not None:
        lost.append(growing.place)
        growing = None
    rest = None if growing is None else growing.command
    return Taken(tuple(whole), tuple(answers), tuple(lost), rest, message.final)


def lost_alert(place: Item) -> Alert:
    """The alert that tells the sender which object had no end."""
    return Alert(code=AlertCode.NO_END_OF_DATA, items=(place,))


def next_message_alert() -> Alert:
    """The alert that asks for the next message of a package."""
    return Alert(code=AlertCode.NEXT_MESSAGE)


class _Growing:
    """A command whose last item comes in chunks. They are put together when the whole is asked for: a message
    may hold thousands.
    """

    def __init__(self, command: NodeCommand) -> None:
        self._latest = command
        self._before: list[Item] = []
        self._is_refused = False
        self._fits = True
        self._bytes_before = 0
        self._last: Item = command.items[0]
        self._parts: list[str] = []
        self._bytes = 0
        self._begin(command.items)

    @classmethod
    def resumed(cls, unfinished: NodeCommand) -> "_Growing":
        """Go on with what an earlier message left. An object that was refused has no data."""
        growing = cls(unfinished)
        growing._is_refused = unfinished.items[-1].data is None
        return growing

    @property
    def place(self) -> Item:
        """Where the object belongs."""
        return Item(target=self._last.target, source=self._last.source)

    @property
    def command(self) -> NodeCommand:
        """The latest command with everything that came before it; without the data of a refused object."""
        return changed(self._latest, items=(*self._before, self._item()))

    def goes_on_with(self, command: NodeCommand) -> bool:
        """Whether `command` brings the next chunk. Its address need not be said again."""
        if not command.items or _purpose(command) != _purpose(self._latest):
            return False
        return _address(command.item) in {_address(self._last), ("", "")}

    def add(self, command: NodeCommand) -> None:
        """Take the next chunk, and what stands behind it."""
        chunk, *others = command.items
        self._latest = command
        self._last = changed(self._last, more_data=chunk.more_data)
        self._take(chunk.text)
        if others:
            self._end()
            self._begin(others)

    def verdict(self, limit: int) -> StatusCode | None:
        """How the latest command is answered at once; None if it is whole."""
        announced = self._last.meta.size or 0
        if self._is_refused or self._bytes_before + max(self._bytes, announced) > limit:
            self._is_refused = True
            self._before, self._parts = [], []
            return StatusCode.REQUEST_ENTITY_TOO_LARGE
        if self._last.more_data:
            return StatusCode.CHUNKED_ITEM_ACCEPTED
        return None if self._fits and self._is_as_announced() else StatusCode.SIZE_MISMATCH

    def _begin(self, items: Sequence[Item]) -> None:
        """Each item but the last is whole."""
        for number, item in enumerate(items, 1):
            self._last, self._parts, self._bytes = item, [], 0
            self._take(item.text)
            if number < len(items):
                self._end()

    def _take(self, text: str) -> None:
        self._parts.append(text)
        self._bytes += len(text.encode())

    def _end(self) -> None:
        self._fits = self._fits and self._is_as_announced()
        item = self._item()
        self._before.append(item)
        self._bytes_before += size_of(changed(self._latest, items=(item,)))

    def _is_as_announced(self) -> bool:
        return self._last.meta.size in {None, self._bytes}

    def _item(self) -> Item:
        if self._last.data is None and len(self._parts) == 1 and not self._last.more_data:
            return self._last
        return changed(self._last, data=None if self._is_refused else "".join(self._parts))


def _more(command: NodeCommand) -> bool:
    return bool(command.items) and command.items[-1].more_data


def _purpose(command: NodeCommand) -> tuple[str, str]:
    return name_of(command), command.cmd_ref if isinstance(command, Results) else ""


def _address(item: Item) -> tuple[str, str]:
    return item.target, item.source


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
