"""What a laptop and its server say to each other in management sessions, heard on the way between them.

`Overheard` stands between a laptop and its network. What it hears is evidence that neither side made for the
occasion: which release the server sent, how the laptop answered it, whose token came with the messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from reseal.device.dm.client import CONTENT_TYPE
from reseal.device.oauth import read_claims
from reseal.device.transport import Headers, Request, Response, Transport
from reseal.wire.csp import CspError, FirstSync, LocURI, Scope
from reseal.wire.syncml import Command, Message, Replace, Status, read_message, walk

_GOOD: Final = 200
_BEARER: Final = "Bearer "


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message of a laptop and the server's reply."""

    sent: bytes = field(repr=False)
    came: bytes = field(repr=False)
    token: str = field(repr=False)
    """The access token in the Authorization header; empty if there was none."""


class Overheard:
    """A `Transport` that hands everything on to another, and keeps the messages of sessions."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._network: Transport | None = None

    def beside(self, network: Transport) -> Transport:
        """The way to the network that is listened to."""
        self._network = network
        return self

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Response]:
        """See `device.transport.Transport`."""
        assert self._network is not None, "beside comes first"
        async with self._network.send(request) as answer:
            if answer.status != _GOOD or not _header(request.headers, "Content-Type").startswith(
                CONTENT_TYPE
            ):
                yield answer
                return
            came = await answer.read()
            token = _header(request.headers, "Authorization").removeprefix(_BEARER)
            self.exchanges.append(Exchange(request.body, came, token))
            yield _Read(answer.status, answer.headers, came)


def _header(headers: Headers, name: str) -> str:
    return next((value for each, value in headers if each.lower() == name.lower()), "")


@dataclass(slots=True)
class _Read:
    """An answer that was read already."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """See `device.transport.Response`."""
        return _header(self.headers, name)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `device.transport.Response`."""
        yield self.body

    async def read(self, limit: int = 4_194_304) -> bytes:
        """See `device.transport.Response`; the limit was kept when it was read."""
        return self.body


# --- what was heard -----------------------------------------------------------------------------------------


def answers_to_release(exchanges: Iterable[Exchange]) -> list[int]:
    """The status codes with which the laptop answered releases of a user's account set-up, in order."""
    asked: set[tuple[str, int, str]] = set()
    answered = []
    for one in exchanges:
        sent, came = read_message(one.sent), read_message(one.came)
        session = sent.header.session_id
        answered += [
            status.code for status in _statuses(sent) if (session, status.msg_ref, status.cmd_ref) in asked
        ]
        number = came.header.msg_id
        asked |= {(session, number, command.cmd_id) for command in walk(came.commands) if _releases(command)}
    return answered


def _statuses(message: Message) -> Iterator[Status]:
    return (command for command in walk(message.commands) if isinstance(command, Status))


def _releases(command: Command) -> bool:
    """Whether it tells the page of a user that everything has arrived."""
    if not isinstance(command, Replace):
        return False
    try:
        uri = LocURI.parse(command.target)
    except CspError:
        return False
    is_release = "/".join(uri.names[-2:]).casefold() == FirstSync.SERVER_HAS_FINISHED.path.casefold()
    return is_release and uri.scope is Scope.USER and command.item.text.strip().lower() == "true"


def people_of_tokens(exchanges: Iterable[Exchange]) -> list[dict[str, Any]]:
    """The claims of each token that came with a message, every token once."""
    return [read_claims(token) for token in dict.fromkeys(one.token for one in exchanges) if token]
