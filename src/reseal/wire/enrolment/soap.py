"""Envelopes: SOAP 1.2 with WS-Addressing (spec/mdm-wire.md 0.1, 0.2).

An envelope is read in steps, so that an answer can name the request although the rest of it is wrong:
`read_envelope` gives the header, `security.read_security` the credentials, and the module of each message
its content. The namespace of SOAP 1.1 is accepted: published examples have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from reseal.wire.enrolment.elements import child, is_called, text_in
from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import (
    ADDRESSING,
    ANONYMOUS,
    CONTEXT,
    DIAGNOSTICS,
    SOAP,
    TRUST,
    UTILITY,
    WSSE,
    Action,
)
from reseal.wire.xml import Element, Markup, element, escape, parse

Prefixes = Mapping[str, str]
"""Namespaces by the attribute that declares them."""

NO_PREFIXES: Final[Prefixes] = MappingProxyType({})
PLAIN: Final[Prefixes] = MappingProxyType({"xmlns:s": SOAP, "xmlns:a": ADDRESSING})
"""Of discovery and of faults."""
REQUEST: Final[Prefixes] = MappingProxyType(
    {
        **PLAIN,
        "xmlns:u": UTILITY,
        "xmlns:wsse": WSSE,
        "xmlns:wst": TRUST,
        "xmlns:ac": CONTEXT,
    }
)
"""Of requests with credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who writes what to whom. Empty: not said."""

    action: str
    """One of `Action`; a client may write others."""
    message_id: str = ""
    """Opaque; published examples have blanks in it."""
    relates_to: str = ""
    """In a response the `message_id` of its request."""
    to: str = ""
    reply_to: str = ""
    activity_id: str = ""
    """For the logs of both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message of which only the header was looked at."""

    header: Header
    content: Element = field(repr=False, compare=False)
    """The first element of the body."""
    security: Element | None = field(default=None, repr=False, compare=False)


def request_header(action: Action, *, message_id: str, to: str) -> Header:
    """The header of a device's request to the address `to`; `message_id` is `urn:uuid:` and a GUID."""
    return Header(action=action, message_id=message_id, to=to, reply_to=ANONYMOUS)


_ANSWERS: Final[Mapping[str, Action]] = {
    Action.DISCOVER: Action.DISCOVER_RESPONSE,
    Action.GET_POLICIES: Action.GET_POLICIES_RESPONSE,
}


def reply_header(request: Header, *, activity_id: str = "") -> Header:
    """The header of the answer to `request`, also of a fault."""
    action = _ANSWERS.get(request.action, Action.REQUEST_TOKEN_RESPONSE)
    return Header(action=action, relates_to=request.message_id, activity_id=activity_id)


def read_envelope(data: bytes) -> Envelope:
    """The envelope in `data`. Raises EnrolmentError or XmlError."""
    root = parse(data)
    body = child(root, "Body") if is_called(root, "Envelope") else None
    content = None if body is None else next(iter(body), None)
    if content is None:
        message = "This is no SOAP envelope with something in its body"
        raise EnrolmentError(code="NotSoap", message=message, remedy="Send a SOAP 1.2 envelope")
    head = child(root, "Header")
    if head is None:
        return Envelope(header=Header(action=""), content=content)
    return Envelope(header=_header(head), content=content, security=child(head, "Security"))


def _header(head: Element) -> Header:
    reply_to = child(head, "ReplyTo")
    return Header(
        action=text_in(head, "Action"),
        message_id=text_in(head, "MessageID"),
        relates_to=text_in(head, "RelatesTo"),
        to=text_in(head, "To"),
        reply_to="" if reply_to is None else text_in(reply_to, "Address"),
        activity_id=text_in(head, "ActivityId"),
    )


def write_envelope(
    header: Header,
    content: Markup,
    *,
    prefixes: Prefixes = PLAIN,
    body_prefixes: Prefixes = NO_PREFIXES,
    security: Markup | None = None,
) -> bytes:
    """The envelope around `content`, which may use the given prefixes. Raises XmlError."""
    parts = _header_parts(header)
    if security is not None:
        parts.append(security)
    head = element("s:Header", *parts)
    body = element("s:Body", content, **body_prefixes)
    return element("s:Envelope", head, body, **prefixes).encode()


MUST_UNDERSTAND: Final[Mapping[str, str]] = MappingProxyType({"s:mustUnderstand": "1"})


def _header_parts(header: Header) -> list[Markup]:
    parts = [element("a:Action", escape(header.action), **MUST_UNDERSTAND)]
    if activity := header.activity_id:
        attributes = {"CorrelationId": activity, "xmlns": DIAGNOSTICS}
        parts.append(element("ActivityId", escape(activity), **attributes))
    if header.message_id:
        parts.append(element("a:MessageID", escape(header.message_id)))
    if header.relates_to:
        parts.append(element("a:RelatesTo", escape(header.relates_to)))
    if header.reply_to:
        parts.append(element("a:ReplyTo", element("a:Address", escape(header.reply_to))))
    if header.to:
        parts.append(element("a:To", escape(header.to), **MUST_UNDERSTAND))
    return parts
