"""Reading a device back by a session of our own: Gets in real messages, answered by the device's own client.

This is not the server's session: nothing that the server believes enters here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reseal.device.csp.tree import Tree
from reseal.device.dm.session import Account, Opening, Session
from reseal.kernel.db import chunks
from reseal.wire.syncml import (
    Command,
    Get,
    Item,
    Message,
    Results,
    Status,
    StatusCode,
    SyncHdr,
    header_status,
    next_message_alert,
    numbered,
    read_message,
    write_message,
)

_AT_ONCE = 40
_ADDRESS = "https://reader.reseal.example"


def read_nodes(tree: Tree, addresses: Sequence[str]) -> dict[str, str | int]:
    """What a Get of each address gives: the value, or the status code if there is none."""
    found: dict[str, str | int] = {}
    for some in chunks(list(addresses), _AT_ONCE):
        found.update(_Reader(tree).read(some))
    return found


class _Reader:
    """One session."""

    def __init__(self, tree: Tree) -> None:
        opening = Opening(session_id="read back", address=_ADDRESS, source="device", commands=())
        self._session = Session(opening, tree, Account("reader", ""))
        self._found: dict[str, str | int] = {}
        self._asked: dict[tuple[int, str], str] = {}
        self._parts: dict[str, str] = {}

    def read(self, addresses: Iterable[str]) -> dict[str, str | int]:
        """Ask for all addresses and take what comes, to the end of the session."""
        gets = [Get(items=(Item(target=address),)) for address in addresses]
        message = read_message(self._session.first())
        body = self._session.receive(self._reply(message, gets))
        while body is not None:
            message = read_message(body)
            for command in message.commands:
                self._take(command)
            asked = [] if message.final else [next_message_alert()]
            body = self._session.receive(self._reply(message, asked))
        return self._found

    def _reply(self, message: Message, commands: Sequence[Command]) -> bytes:
        header = message.header
        said = numbered([header_status(header, StatusCode.OK), *commands])
        for command in said:
            if isinstance(command, Get):
                self._asked[header.msg_id, command.cmd_id] = command.target
        return write_message(
            Message(
                header=SyncHdr(
                    session_id=header.session_id,
                    msg_id=header.msg_id,
                    target=header.source,
                    source=header.target,
                ),
                commands=tuple(said),
            )
        )

    def _take(self, command: Command) -> None:
        if isinstance(command, Status) and command.code >= StatusCode.BAD_REQUEST:
            address = self._asked.get((command.msg_ref, command.cmd_ref))
            if address is not None:
                self._found[address] = int(command.code)
        if isinstance(command, Results):
            address = self._asked.get((command.msg_ref, command.cmd_ref))
            if address is not None:
                whole = self._parts.pop(address, "") + command.item.text
                if command.item.more_data:
                    self._parts[address] = whole
                else:
                    self._found[address] = whole
