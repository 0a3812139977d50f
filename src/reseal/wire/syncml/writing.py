"""From messages to bytes, in exactly one form (spec/mdm-wire.md 3.2, 3.3).

UTF-8 without XML declaration, SyncML 1.2 as the default namespace, elements in the order that every client
takes, each child of Meta with its own namespace.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Final, assert_never
from urllib.parse import unquote

from reseal.wire.syncml.model import (
    Add,
    Alert,
    Atomic,
    Chal,
    Command,
    Cred,
    Delete,
    Exec,
    Get,
    Item,
    Malformed,
    Message,
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
from reseal.wire.xml import Markup, XmlError, element, escape, parse

NAMESPACE: Final = "SYNCML:SYNCML1.2"
META_NAMESPACE: Final = "syncml:metinf"

_EMPTY: Final = Markup("")


def write_message(message: Message) -> bytes:
    """The bytes of `message`.

    Raises SyncmlError if a CmdID is missing, 0 or there twice, if an Atomic holds what none may hold
    (spec/mdm-wire.md 3.3), or for what was not readable itself; XmlError for characters that XML does not
    have.
    """
    _require_ids(message.commands)
    body = element("SyncBody", *map(_command, message.commands), _flag("Final", message.final))
    return element("SyncML", _sync_hdr(message.header), body, xmlns=NAMESPACE).encode()


def write_command(command: Command) -> bytes:
    """The element of `command` alone, as it stands in a message. Raises SyncmlError and XmlError."""
    return _command(command).encode()


def _require_ids(commands: Iterable[Command]) -> None:
    seen: set[str] = set()
    for command in walk(commands):
        if command.cmd_id in ("", "0") or command.cmd_id in seen:
            message = f"The CmdID {command.cmd_id!a} of {name_of(command)} is missing, 0 or used twice"
            raise SyncmlError(code="CommandId", message=message, remedy="Give each command its own CmdID")
        seen.add(command.cmd_id)


def _sync_hdr(header: SyncHdr) -> Markup:
    return element(
        "SyncHdr",
        _text("VerDTD", header.ver_dtd),
        _text("VerProto", header.ver_proto),
        _text("SessionID", header.session_id),
        _text("MsgID", str(header.msg_id)),
        _address("Target", header.target),
        _address("Source", header.source, header.source_name),
        _optional("RespURI", header.resp_uri),
        _cred(header.cred) if header.cred else _EMPTY,
        _meta(header.meta),
    )


def _cred(cred: Cred) -> Markup:
    meta = element("Meta", _in_meta("Format", "b64"), _in_meta("Type", cred.type))
    return element("Cred", meta, _text("Data", cred.data))


def _chal(chal: Chal) -> Markup:
    nonce = b64encode(chal.next_nonce).decode()
    fields = [_in_meta("Type", chal.type), _in_meta("Format", "b64")]
    return element("Chal", element("Meta", *fields, *([_in_meta("NextNonce", nonce)] if nonce else [])))


# --- commands


def _command(command: Command) -> Markup:
    name, cmd_id = name_of(command), _text("CmdID", command.cmd_id)
    match command:
        case Add() | Replace() | Get() | Delete() | Exec():
            return element(name, cmd_id, *map(_item, command.items))
        case Results():
            return element(name, cmd_id, *_references(command), *map(_item, command.items))
        case Status():
            return element(name, cmd_id, *_references(command), *_outcome(command))
        case Alert():
            return element(name, cmd_id, _text("Data", str(command.code)), *map(_item, command.items))
        case Atomic():
            _require_possible(command)
            return element(name, cmd_id, *map(_command, command.commands))
        case Sequence():
            return element(name, cmd_id, *map(_command, command.commands))
        case Malformed():
            message = f"{name!a:.60} is not a command that can be written: {command.reason}"
            raise SyncmlError(code="Malformed", message=message, remedy="Answer it with status 400")
        case _:
            assert_never(command)


def _references(command: Results | Status) -> tuple[Markup, Markup]:
    return _text("MsgRef", str(command.msg_ref)), _text("CmdRef", command.cmd_ref)


def _outcome(status: Status) -> tuple[Markup, ...]:
    return (
        _text("Cmd", status.cmd),
        _optional("TargetRef", status.target_ref),
        _optional("SourceRef", status.source_ref),
        _chal(status.chal) if status.chal else _EMPTY,
        _text("Data", str(status.code)),
        *map(_item, status.items),
    )


def _require_possible(atomic: Atomic) -> None:
    """Windows fails an Atomic with an Atomic or Get inside, or with Add and then Replace of one node."""
    added: set[str] = set()
    for command in walk(atomic.commands):
        match command:
            case Atomic() | Get():
                raise _impossible(f"An Atomic holds {name_of(command)}")
            case Add():
                added.update(_node(item) for item in command.items)
            case Replace() if found := [item.target for item in command.items if _node(item) in added]:
                raise _impossible(f"An Atomic adds {found[0]!a:.300} and replaces it as well")
            case _:
                pass


def _impossible(what: str) -> SyncmlError:
    remedy = "Send these commands one by one, outside of the Atomic"
    return SyncmlError(code="Atomic", message=f"{what}, which Windows does not carry out", remedy=remedy)


def _node(item: Item) -> str:
    """The node that is meant, however its address is written."""
    return unquote(item.target).casefold().replace("./device/", "./", 1)


# --- items


def _item(item: Item) -> Markup:
    return element(
        "Item",
        _address("Target", item.target) if item.target else _EMPTY,
        _address("Source", item.source) if item.source else _EMPTY,
        _meta(item.meta),
        _data(item.data),
        _flag("MoreData", item.more_data),
    )


def _data(data: str | XmlContent | None) -> Markup:
    match data:
        case None:
            return _EMPTY
        case str():
            return _text("Data", data)
        case XmlContent():
            return element("Data", _checked(data))
        case _:
            assert_never(data)


def _checked(content: XmlContent) -> Markup:
    document = element("Data", Markup(content.text))
    try:
        data = document.encode()
        parse(data, len(data))
    except (XmlError, UnicodeEncodeError) as error:
        message = f"The content of a Data element is not well-formed: {error}"
        remedy = "Give whole elements without XML declaration, or give it as text"
        raise SyncmlError(code="Content", message=message, remedy=remedy) from error
    return Markup(content.text)


_NO_META: Final = Meta()


def _meta(meta: Meta) -> Markup:
    if meta == _NO_META:
        return _EMPTY
    parts = (
        ("Format", meta.format),
        ("Type", meta.type),
        ("Mark", meta.mark),
        ("Size", _digits(meta.size)),
        ("MaxMsgSize", _digits(meta.max_msg_size)),
        ("MaxObjSize", _digits(meta.max_obj_size)),
    )
    return element("Meta", *(_in_meta(name, value) for name, value in parts if value))


def _digits(number: int | None) -> str:
    return "" if number is None else str(number)


def _in_meta(name: str, value: str) -> Markup:
    return Markup(f'<{name} xmlns="{META_NAMESPACE}">{escape(value)}</{name}>')


def _address(name: str, uri: str, loc_name: str = "") -> Markup:
    return element(name, _text("LocURI", uri), _optional("LocName", loc_name))


def _text(name: str, value: str) -> Markup:
    return Markup(f"<{name}>{escape(value)}</{name}>")


def _optional(name: str, value: str) -> Markup:
    return _text(name, value) if value else _EMPTY


def _flag(name: str, present: bool) -> Markup:
    return element(name) if present else _EMPTY
