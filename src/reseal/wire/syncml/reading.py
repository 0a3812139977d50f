"""From bytes to messages, as forgiving as devices are different (spec/mdm-wire.md 3.2).

Elements are known by their local names, in any order, in any namespace and with any prefix. What a message
needs as a whole, its header, must be there; a single command that cannot be read becomes `Malformed`, and
what is not known in other places is passed over.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

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
)
from reseal.wire.xml import MESSAGE_LIMIT, Element, inner_markup, local_name, parse, text_of

_MOST_DIGITS: Final = 10


def read_message(data: bytes, limit: int = MESSAGE_LIMIT) -> Message:
    """The message in `data`, which has at most `limit` bytes.

    Raises XmlError if it is no XML that may be parsed, SyncmlError if it is no message with a header.
    """
    root = parse(data, limit)
    if local_name(root) != "SyncML":
        message = f"This is no SyncML message but a document {local_name(root)[:60]!a}"
        raise SyncmlError(code="NotSyncml", message=message, remedy="Send a SyncML 1.2 message")
    parts = {local_name(child): child for child in root}
    for name in ("SyncHdr", "SyncBody"):
        if name not in parts:
            raise _header(f"The message has no {name}")
    commands: list[Command] = []
    final = False
    for child in parts["SyncBody"]:
        if local_name(child) == "Final":
            final = True
        else:
            commands.append(_command(child))
    return Message(header=_sync_hdr(parts["SyncHdr"]), commands=tuple(commands), final=final)


def read_command(data: bytes, limit: int = MESSAGE_LIMIT) -> Command:
    """The command whose element is all of `data`, as `write_command` writes it. Raises XmlError."""
    return _command(parse(data, limit))


def _header(problem: str) -> SyncmlError:
    remedy = "Send SyncHdr with SessionID, MsgID, Target and Source, and SyncBody"
    return SyncmlError(code="Header", message=problem, remedy=remedy)


def _sync_hdr(element: Element) -> SyncHdr:
    fields: dict[str, str] = {}
    meta, cred = Meta(), None
    addresses = {"Target": ("", ""), "Source": ("", "")}
    for child in element:
        match local_name(child):
            case "Target" | "Source" as which:
                addresses[which] = _address(child)
            case "Meta":
                meta = _meta(_meta_fields(child))
            case "Cred":
                cred = _cred(child)
            case other:
                fields[other] = text_of(child)
    msg_id = _number(fields.get("MsgID", ""))
    if not msg_id or not fields.get("SessionID"):
        raise _header("The header lacks a SessionID, or a MsgID that is a number from 1")
    return SyncHdr(
        session_id=fields["SessionID"],
        msg_id=msg_id,
        target=addresses["Target"][0],
        source=addresses["Source"][0],
        source_name=addresses["Source"][1],
        resp_uri=fields.get("RespURI", ""),
        cred=cred,
        meta=meta,
        ver_dtd=fields.get("VerDTD", ""),
        ver_proto=fields.get("VerProto", ""),
    )


def _cred(element: Element) -> Cred:
    item = _item(element, {})
    return Cred(type=item.meta.type, data=item.text.strip())


def _address(element: Element) -> tuple[str, str]:
    """LocURI and LocName."""
    uri = name = ""
    for child in element:
        match local_name(child):
            case "LocURI":
                uri = text_of(child)
            case "LocName":
                name = text_of(child)
            case _:
                pass
    return uri, name


# --- commands


@dataclass(slots=True)
class _Parts:
    """What stands in the element of a command."""

    fields: dict[str, str]
    """Texts by name; the first one counts."""
    items: list[Element]
    commands: list[Element]
    chal: Element | None
    meta: dict[str, str]

    @property
    def cmd_id(self) -> str:
        return self.fields.get("CmdID", "")

    def read_items(self) -> tuple[Item, ...]:
        return tuple(_item(item, self.meta) for item in self.items)


class _UnreadableError(Exception):
    """Why one command cannot be read."""


def _command(element: Element) -> Command:
    name = local_name(element)
    parts = _parts(element)
    reader = _READERS.get(name)
    if reader is None:
        return Malformed(name=name, cmd_id=parts.cmd_id, reason=f"{name[:60]!a} is not a command")
    try:
        return reader(parts)
    except _UnreadableError as error:
        return Malformed(name=name, cmd_id=parts.cmd_id, reason=str(error))


def _parts(element: Element) -> _Parts:
    parts = _Parts({}, [], [], None, {})
    for child in element:
        match local_name(child):
            case "CmdID" | "MsgRef" | "CmdRef" | "Cmd" | "Data" as name:
                parts.fields.setdefault(name, text_of(child))
            case "Item":
                parts.items.append(child)
            case "Meta":
                parts.meta |= _meta_fields(child)
            case "Chal":
                parts.chal = child
            case "TargetRef" | "SourceRef" as name:
                # Devices write the address there directly, or inside a LocURI.
                parts.fields.setdefault(name, text_of(child) or _address(child)[0])
            case "Type" | "Format" as name:
                parts.meta.setdefault(name, text_of(child))
            case "Cred" | "Correlator" | "Lang" | "NoResp":
                pass  # allowed by the representation protocol, of no use here
            case _:
                parts.commands.append(child)
    return parts


def _on_nodes(kind: Callable[..., Command]) -> Callable[[_Parts], Command]:
    return lambda parts: kind(cmd_id=parts.cmd_id, items=parts.read_items())


def _results(parts: _Parts) -> Results:
    return Results(
        cmd_id=parts.cmd_id,
        msg_ref=_number(parts.fields.get("MsgRef", "")) or 0,
        cmd_ref=parts.fields.get("CmdRef", ""),
        items=parts.read_items(),
    )


def _atomic(parts: _Parts) -> Atomic:
    return Atomic(cmd_id=parts.cmd_id, commands=tuple(map(_command, parts.commands)))


def _sequence(parts: _Parts) -> Sequence:
    return Sequence(cmd_id=parts.cmd_id, commands=tuple(map(_command, parts.commands)))


def _alert(parts: _Parts) -> Alert:
    code = _required_number(parts, "Data")
    return Alert(cmd_id=parts.cmd_id, code=code, items=parts.read_items())


def _status(parts: _Parts) -> Status:
    return Status(
        cmd_id=parts.cmd_id,
        msg_ref=_number(parts.fields.get("MsgRef", "")) or 0,
        cmd_ref=parts.fields.get("CmdRef", ""),
        cmd=parts.fields.get("Cmd", ""),
        code=_required_number(parts, "Data"),
        target_ref=parts.fields.get("TargetRef", ""),
        source_ref=parts.fields.get("SourceRef", ""),
        chal=None if parts.chal is None else _chal(parts.chal),
        items=parts.read_items(),
    )


_READERS: Final[Mapping[str, Callable[[_Parts], Command]]] = MappingProxyType(
    {
        "Add": _on_nodes(Add),
        "Replace": _on_nodes(Replace),
        "Get": _on_nodes(Get),
        "Delete": _on_nodes(Delete),
        "Exec": _on_nodes(Exec),
        "Results": _results,
        "Atomic": _atomic,
        "Sequence": _sequence,
        "Alert": _alert,
        "Status": _status,
    }
)


def _chal(element: Element) -> Chal:
    fields: dict[str, str] = {}
    for child in element:
        if local_name(child) == "Meta":
            fields |= _meta_fields(child)
    nonce = fields.get("NextNonce", "")
    try:
        decoded = b64decode(nonce, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _UnreadableError("its NextNonce is not base64") from error
    return Chal(type=fields.get("Type", ""), next_nonce=decoded)


# --- items


def _item(element: Element, inherited: Mapping[str, str]) -> Item:
    target = source = ""
    data: str | XmlContent | None = None
    more_data = False
    own: dict[str, str] = {}
    for child in element:
        match local_name(child):
            case "Target":
                target = _address(child)[0]
            case "Source":
                source = _address(child)[0]
            case "Meta":
                own |= _meta_fields(child)
            case "Data":
                data = _data(child)
            case "MoreData":
                more_data = True
            case "Type" | "Format" as name:  # beside Meta, as in a sample of MS-MDM (spec/mdm-wire.md 3.6)
                own.setdefault(name, text_of(child))
            case _:
                pass
    meta = _meta({**inherited, **own}) if inherited or own else Meta()
    return Item(target=target, source=source, meta=meta, data=data, more_data=more_data)


def _data(element: Element) -> str | XmlContent:
    if len(element):
        return XmlContent(inner_markup(element))
    return element.text or ""


def _meta_fields(element: Element) -> dict[str, str]:
    return {local_name(child): text_of(child) for child in element}


def _meta(fields: Mapping[str, str]) -> Meta:
    return Meta(
        format=fields.get("Format", ""),
        type=fields.get("Type", ""),
        mark=fields.get("Mark", ""),
        size=_size(fields, "Size"),
        max_msg_size=_size(fields, "MaxMsgSize"),
        max_obj_size=_size(fields, "MaxObjSize"),
    )


def _size(fields: Mapping[str, str], name: str) -> int | None:
    return _number(fields[name]) if name in fields else None


def _number(text: str) -> int | None:
    plain = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None


def _required_number(parts: _Parts, name: str) -> int:
    number = _number(parts.fields.get(name, ""))
    if number is None:
        raise _UnreadableError(f"its {name} is not a number")
    return number
