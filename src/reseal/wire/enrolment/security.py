"""Credentials in the header of a request (spec/mdm-wire.md 1.7).

Whether they are true is for others to find out; here they are only read and written.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from reseal.wire.enrolment.elements import (
    attribute,
    child,
    children,
    decode_base64,
    encode_base64,
    required_text,
)
from reseal.wire.enrolment.errors import EnrolmentError, insecure, wrong
from reseal.wire.enrolment.names import ENCODING, PASSWORD_TEXT, USERNAME_TOKEN_ID, WSSE, ValueType
from reseal.wire.enrolment.soap import MUST_UNDERSTAND, Envelope
from reseal.wire.xml import Element, Markup, element, escape, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BinarySecurityToken:
    """A token, decoded once: the server's own one, or the compact form of a JWT, or a certificate."""

    value_type: ValueType
    data: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The token as text. Raises EnrolmentError if it is not ASCII."""
        try:
            return self.data.decode("ascii")
        except UnicodeDecodeError as error:
            raise insecure("its token is not ASCII") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class UsernameToken:
    """User name and password; in a renewal the password is empty (spec/mdm-wire.md 2.7)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """When a message was made and until when it may be used. Aware UTC; written with milliseconds."""

    created: datetime
    expires: datetime

    @classmethod
    def around(cls, now: datetime) -> "Timestamp":
        """For an answer to devices whose clock is a little wrong: from 5 minutes ago to in 15 minutes."""
        return cls(created=now - timedelta(minutes=5), expires=now + timedelta(minutes=15))


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What a security header says. At most one token and one user name."""

    token: BinarySecurityToken | None = None
    username_token: UsernameToken | None = None
    timestamp: Timestamp | None = None
    signed: bool = False
    """There is an XML signature, as the policy Certificate demands. It is not looked at and not written."""


def read_security(envelope: Envelope) -> Security:
    """The credentials of a request; none if it has no security header.

    Raises EnrolmentError (InvalidSecurity): two tokens, a token that is not base64 or of no known kind,
    a time that is none.
    """
    header = envelope.security
    if header is None:
        return Security()
    tokens = list(children(header, "BinarySecurityToken"))
    names = list(children(header, "UsernameToken"))
    if len(tokens) > 1 or len(names) > 1:
        raise insecure("it holds the same kind of token twice")
    timestamp = child(header, "Timestamp")
    try:
        return Security(
            token=_token(tokens[0]) if tokens else None,
            username_token=_username_token(names[0]) if names else None,
            timestamp=None if timestamp is None else read_timestamp(timestamp),
            signed=child(header, "Signature") is not None,
        )
    except EnrolmentError as error:
        raise insecure(error.message) from error


def _token(found: Element) -> BinarySecurityToken:
    text = attribute(found, "ValueType")
    value_type = ValueType.of(text)
    if value_type is None:
        raise wrong("ValueType", text, "is of no known kind")
    return BinarySecurityToken(value_type=value_type, data=decode_base64("token", text_of(found)))


def _username_token(found: Element) -> UsernameToken:
    password = child(found, "Password")
    text = "" if password is None else password.text or ""
    # Blanks belong to a password; line breaks are the layout of a message, as published ones have them.
    laid_out = "\n" in text or not text.strip()
    return UsernameToken(
        username=required_text(found, "Username"), password=text.strip() if laid_out else text
    )


def write_security(security: Security) -> Markup:
    """The header `wsse:Security` of a request, for an envelope with the prefixes `soap.REQUEST`."""
    parts: list[Markup] = []
    if security.timestamp:
        parts.append(write_timestamp(security.timestamp))
    if token := security.token:
        parts.append(write_token("wsse:BinarySecurityToken", token.value_type, token.data))
    if named := security.username_token:
        username = element("wsse:Username", escape(named.username))
        password = element("wsse:Password", escape(named.password), Type=PASSWORD_TEXT)
        parts.append(element("wsse:UsernameToken", username, password, **{"u:Id": USERNAME_TOKEN_ID}))
    return element("wsse:Security", *parts, **MUST_UNDERSTAND)


def write_token(name: str, value_type: ValueType, data: bytes, *, namespace: str = "") -> Markup:
    """A BinarySecurityToken called `name`; `namespace` declares the one of names without prefix."""
    attributes = {"xmlns": namespace} if namespace else {}
    attributes |= {"ValueType": value_type, "EncodingType": ENCODING}
    return element(name, escape(encode_base64(data)), **attributes)


def write_reply_security(timestamp: Timestamp) -> Markup:
    """The header `o:Security` of an answer; needs the prefixes s and u (spec/mdm-wire.md 2.4)."""
    return element("o:Security", write_timestamp(timestamp), **MUST_UNDERSTAND, **{"xmlns:o": WSSE})


_TIMESTAMP_ID: Final = "_0"


def read_timestamp(found: Element) -> Timestamp:
    """A `Timestamp`. Raises EnrolmentError."""
    return Timestamp(
        created=_time("Created", required_text(found, "Created")),
        expires=_time("Expires", required_text(found, "Expires")),
    )


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise wrong(name, text, "is not a time") from error


def write_timestamp(timestamp: Timestamp) -> Markup:
    """`u:Timestamp`; needs the prefix u."""
    created = element("u:Created", escape(_time_text(timestamp.created)))
    expires = element("u:Expires", escape(_time_text(timestamp.expires)))
    return element("u:Timestamp", created, expires, **{"u:Id": _TIMESTAMP_ID})


def _time_text(time: datetime) -> str:
    utc = time.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"
