"""Messages of a management session: read strictly, written plainly (mdm-wire.md 3.2 to 3.7)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.clients.blackbox.errors import demand
from tests.clients.blackbox.web import Reply

MEDIA_TYPE = "application/vnd.syncml.dm+xml"
_METINF = "syncml:metinf"
_WORK = frozenset({"Add", "Replace", "Get", "Exec", "Delete", "Atomic", "Sequence"})
_MAX_MESSAGE = 512 * 1024
_MAX_ITEM = 256 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the server, with its one item; `parts` are those inside an Atomic or Sequence."""

    name: str
    cmd_id: str
    uri: str = ""
    data: str | None = None
    form: str = ""
    xml: ElementTree.Element | None = None
    parts: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """What the server says to something that we sent."""

    msg_ref: str
    cmd_ref: str
    cmd: str
    code: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server."""

    session: str
    number: int
    target: str
    source: str
    statuses: tuple[Status, ...]
    commands: tuple[Command, ...]
    alerts: tuple[int, ...]
    nonce: bytes | None
    """Of the challenge, if there is one."""

    @property
    def header_status(self) -> int:
        """What it says to our header."""
        return self.statuses[0].code

    def all_commands(self) -> Iterator[Command]:
        """Commands, those inside others too."""
        for command in self.commands:
            yield command
            yield from command.parts


# --- reading ------------------------------------------------------------------------------------------------


def read(reply: Reply) -> Message:
    """A server's message, once it is one that Windows would take."""
    demand(reply.status == 200, f"the session is answered {reply.status}: {reply.body[:300]!r}")
    demand(reply.header("Content-Length") == str(len(reply.body)), "the message has no true Content-Length")
    demand(not reply.header("Transfer-Encoding"), "the message is chunked")
    demand(reply.header("Content-Type").split(";")[0] == MEDIA_TYPE, f"a {reply.header('Content-Type')}")
    demand(b"<!DOCTYPE" not in reply.body and len(reply.body) <= _MAX_MESSAGE, "a DTD, or too long")
    root = ElementTree.fromstring(reply.body)
    demand(root.tag == "{SYNCML:SYNCML1.2}SyncML", f"the message is a {root.tag}")
    header, body = _child(root, "SyncHdr"), _child(root, "SyncBody")
    demand(_text(header, "VerDTD") == "1.2" and _text(header, "VerProto") == "DM/1.2", "another version")
    _check_ids(body)
    statuses = tuple(_status(element) for element in _named(body, "Status"))
    demand(bool(statuses), "the message has no Status for our header")
    first = statuses[0]
    demand(
        _local(body[0]) == "Status" and (first.cmd_ref, first.cmd) == ("0", "SyncHdr"), "SyncHdr is not first"
    )
    demand(len([s for s in statuses if s.cmd_ref == "0"]) == 1, "more than one Status for our header")
    demand(all(status.cmd not in {"Status", "Results"} for status in statuses), "a Status for a Status")
    demand(_local(body[-1]) == "Final", "the message does not end its package")
    nonce = body.find(".//{*}Chal//{*}NextNonce")
    return Message(
        _text(header, "SessionID"),
        int(_text(header, "MsgID")),
        _text(_child(header, "Target"), "LocURI"),
        _text(_child(header, "Source"), "LocURI"),
        statuses,
        tuple(_command(element) for element in body if _local(element) in _WORK),
        tuple(int(_text(element, "Data")) for element in _named(body, "Alert")),
        None if nonce is None else base64.b64decode(nonce.text or "", validate=True),
    )


def _check_ids(body: ElementTree.Element) -> None:
    ids = [(element.text or "").strip() for element in body.iter() if _local(element) == "CmdID"]
    demand(all(ids) and "0" not in ids, "a command has no CmdID, or the CmdID 0")
    demand(len(set(ids)) == len(ids), "a CmdID stands twice in one message")


def _status(element: ElementTree.Element) -> Status:
    message, command, name = (_text(element, part) for part in ("MsgRef", "CmdRef", "Cmd"))
    return Status(message, command, name, int(_text(element, "Data")))


def _command(element: ElementTree.Element, *, inside: bool = False) -> Command:
    name, cmd_id = _local(element), _text(element, "CmdID")
    if name in {"Atomic", "Sequence"}:
        parts = tuple(_command(e, inside=name == "Atomic") for e in element if _local(e) in _WORK)
        demand(parts, f"an empty {name}")
        _check_atomic(parts) if name == "Atomic" else None
        return Command(name, cmd_id, parts=parts)
    demand(not (inside and name == "Get"), "a Get inside an Atomic")
    items = _named(element, "Item")
    demand(len(items) == 1, f"{name} {cmd_id} has {len(items)} items")
    uri = _text(_child(items[0], "Target"), "LocURI")
    _check_uri(uri)
    data = items[0].find("{*}Data")
    text = None if data is None else (data.text or "")
    demand(len(text or "") <= _MAX_ITEM, f"the item for {uri} is too long")
    form = items[0].find(f"{{*}}Meta/{{{_METINF}}}Format")
    if name == "Replace" and form is None:
        form = element.find(f"{{*}}Meta/{{{_METINF}}}Format")
    inner = None if data is None or not len(data) else data[0]
    return Command(name, cmd_id, uri, text, "" if form is None else (form.text or "").strip(), inner)


def _check_atomic(parts: Sequence[Command]) -> None:
    demand(all(part.name not in {"Atomic", "Sequence"} for part in parts), "an Atomic inside an Atomic")
    added: set[str] = set()
    for part in parts:
        demand(
            not (part.name == "Replace" and part.uri in added), f"Add and Replace of {part.uri} in one Atomic"
        )
        if part.name == "Add":
            added.add(part.uri)


def _check_uri(uri: str) -> None:
    head, *rest = uri.partition("?")[0].split("/")
    demand(head == "." and rest, f"the LocURI {uri} does not begin with ./")
    demand(
        all(part not in {"", ".", "*"} for part in rest), f"the LocURI {uri} has an empty, '.' or '*' segment"
    )


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _named(parent: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in parent if _local(element) == name]


def _child(parent: ElementTree.Element, name: str) -> ElementTree.Element:
    found = _named(parent, name)
    demand(len(found) == 1, f"{len(found)} elements {name} in {_local(parent)}")
    return found[0]


def _text(parent: ElementTree.Element, name: str) -> str:
    return (_child(parent, name).text or "").strip()


# --- writing ------------------------------------------------------------------------------------------------


def digest(name: str, secret: str, nonce: bytes) -> str:
    """The digest of `syncml:auth-md5` (mdm-wire.md 3.8)."""
    inner = base64.b64encode(_md5(f"{name}:{secret}".encode()))
    return base64.b64encode(_md5(inner + b":" + nonce)).decode()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


@dataclass(slots=True)
class Writer:
    """Builds the body of one message; numbers its commands from 1."""

    text: str = ""
    last: int = 0

    def _next(self) -> int:
        self.last += 1
        return self.last

    def status(self, message: int, command: str, name: str, code: int, uri: str = "") -> None:
        """Answer one command."""
        target = f"<TargetRef>{escape(uri)}</TargetRef>" if uri else ""
        self.text += (
            f"<Status><CmdID>{self._next()}</CmdID><MsgRef>{message}</MsgRef><CmdRef>{escape(command)}</CmdRef>"
            f"<Cmd>{name}</Cmd>{target}<Data>{code}</Data></Status>"
        )

    def results(self, message: int, command: str, uri: str, form: str, value: str) -> None:
        """Answer a Get."""
        self.text += (
            f"<Results><CmdID>{self._next()}</CmdID><MsgRef>{message}</MsgRef><CmdRef>{escape(command)}</CmdRef>"
            f"<Item><Source><LocURI>{escape(uri)}</LocURI></Source><Meta>"
            f'<Format xmlns="{_METINF}">{form}</Format></Meta><Data>{escape(value)}</Data></Item></Results>'
        )

    def alert(self, code: int, kind: str = "", data: str = "", source: str = "", form: str = "") -> None:
        """Tell something."""
        item = ""
        if kind:
            place = f"<Source><LocURI>{escape(source)}</LocURI></Source>" if source else ""
            shape = f'<Format xmlns="{_METINF}">{form}</Format>' if form else ""
            item = (
                f'<Item>{place}<Meta><Type xmlns="{_METINF}">{escape(kind)}</Type>{shape}</Meta>'
                f'<Data xmlns="SYNCML:SYNCML1.2">{escape(data)}</Data></Item>'
            )
        self.text += f"<Alert><CmdID>{self._next()}</CmdID><Data>{code}</Data>{item}</Alert>"

    def replace(self, values: Sequence[tuple[str, str]]) -> None:
        """Tell values of our own."""
        items = "".join(
            f"<Item><Source><LocURI>{uri}</LocURI></Source><Data>{escape(value)}</Data></Item>"
            for uri, value in values
        )
        self.text += f"<Replace><CmdID>{self._next()}</CmdID>{items}</Replace>"


def message(
    body: str, *, session: str, number: int, target: str, source: str, name: str = "", credential: str = ""
) -> bytes:
    """A whole message; `credential` is a digest, `name` whose."""
    local = f"<LocName>{escape(name)}</LocName>" if name else ""
    proof = (
        f'<Cred><Meta><Format xmlns="{_METINF}">b64</Format>'
        f'<Type xmlns="{_METINF}">syncml:auth-md5</Type></Meta>'
        f"<Data>{credential}</Data></Cred>"
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>'
        f"<SessionID>{session}</SessionID><MsgID>{number}</MsgID>"
        f"<Target><LocURI>{escape(target)}</LocURI></Target>"
        f"<Source><LocURI>{escape(source)}</LocURI>{local}</Source>{proof if credential else ''}</SyncHdr>"
        f"<SyncBody>{body}<Final/></SyncBody></SyncML>"
    ).encode()
