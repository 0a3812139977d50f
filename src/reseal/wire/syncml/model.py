"""Messages and commands as values (spec/mdm-wire.md 3.2, 3.3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from reseal.wire.errors import WireError
from reseal.wire.syncml.codes import AlertType, AuthType, LoginStatus, SyncType


class SyncmlError(WireError):
    """A document that is no SyncML message, or values that cannot be written as one.

    `code` is NotSyncml, Header, CommandId, Atomic, Malformed, Content, CommandTooLarge, StatusForStatus or
    Credentials.
    """


@dataclass(frozen=True, slots=True)
class XmlContent:
    """Data that consists of elements, not of text (spec/mdm-wire.md 3.5)."""

    text: str
    """Well-formed content without XML declaration, such as `<MsiInstallJob>...</MsiInstallJob>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is said about data, or in a header about messages. Empty or None: not said."""

    format: str = ""
    """One of `Format`, but a device may write others."""
    type: str = ""
    """A media type, or the type of an alert."""
    mark: str = ""
    """How urgent an alert is, such as `informational`."""
    size: int | None = None
    """Bytes of a large object, in its first chunk only."""
    max_msg_size: int | None = None
    """Bytes; in a header."""
    max_obj_size: int | None = None
    """Bytes; in a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One node and its value. Addresses are as written; `wire.csp.LocURI` understands them."""

    target: str = ""
    source: str = ""
    meta: Meta = Meta()
    data: str | XmlContent | None = None
    """None: there is no Data element. Text is kept with its white space."""
    more_data: bool = False
    """The rest of the data comes in the next message."""

    @property
    def text(self) -> str:
        """The data as text, markup included; empty if there is none."""
        return self.data.text if isinstance(self.data, XmlContent) else self.data or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cred:
    """Credentials in a header (spec/mdm-wire.md 3.8)."""

    type: str
    """One of `AuthType`."""
    data: str
    """Base64 as written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chal:
    """The question for credentials in the Status of a header (spec/mdm-wire.md 3.8)."""

    type: str = AuthType.MD5
    next_nonce: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncHdr:
    """Who writes to whom in which session."""

    session_id: str
    """Opaque."""
    msg_id: int
    """Both sides count from 1; a reply of the server has the number of its request."""
    target: str
    source: str
    source_name: str = ""
    """LocName: the user name of the credentials."""
    resp_uri: str = ""
    cred: Cred | None = None
    meta: Meta = Meta()
    """Windows ignores it."""
    ver_dtd: str = "1.2"
    ver_proto: str = "DM/1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnNodes:
    """A command on nodes, or the answer to one. What a command says of all its items stands in each item."""

    cmd_id: str = ""
    """Unique in the message and not `0`; empty in a command that `numbered` will give one to. A message may
    come without it: the answer is 400 (spec/mdm-wire.md 3.2).
    """
    items: tuple[Item, ...] = ()

    @property
    def item(self) -> Item:
        """The first item; one without content if there is none."""
        return self.items[0] if self.items else Item()

    @property
    def target(self) -> str:
        """The address of the first item."""
        return self.item.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(_OnNodes):
    """Make a node; its parents are made as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace(_OnNodes):
    """Set a leaf. A device tells of itself this way in its first message, with sources for targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Get(_OnNodes):
    """Read a leaf, or the names below an interior node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(_OnNodes):
    """Remove a node and all below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(_OnNodes):
    """Start what a node stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results(_OnNodes):
    """What a Get found."""

    msg_ref: int
    """The message of the Get; 0, which no message has, if that was not said."""
    cmd_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Atomic:
    """Commands of which either all are done or none."""

    cmd_id: str = ""
    commands: "tuple[Command, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Commands to be done in this order."""

    cmd_id: str = ""
    commands: "tuple[Command, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An event (spec/mdm-wire.md 3.6)."""

    code: int
    """One of `AlertCode`, but a device may write others."""
    cmd_id: str = ""
    items: tuple[Item, ...] = ()

    @property
    def item(self) -> Item:
        """The first item; one without content if there is none."""
        return self.items[0] if self.items else Item()

    @property
    def type(self) -> AlertType | None:
        """What kind of event it is, whichever code it came with; None if it has no type that we know."""
        return _ALERT_TYPES.get(self.item.meta.type)

    @property
    def login_status(self) -> LoginStatus | None:
        """Who is signed in, if the alert says so in a known way."""
        known = self.type is AlertType.LOGIN_STATUS
        return _LOGINS.get(self.item.text.strip().lower()) if known else None

    @property
    def sync_type(self) -> SyncType | None:
        """Which scopes the session takes, if the alert says so in a known way."""
        known = self.type is AlertType.SYNC_TYPE
        return _SYNC_TYPES.get(self.item.text.strip().lower()) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a command ended (spec/mdm-wire.md 3.7)."""

    msg_ref: int
    """The message of the command; 0, which no message has, if that was not said."""
    cmd_ref: str
    """Its CmdID; `0` for the header, empty for a command that had none."""
    cmd: str
    """Its name; `SyncHdr` for the header."""
    code: int
    """One of `StatusCode`, but a device may write others."""
    cmd_id: str = ""
    target_ref: str = ""
    source_ref: str = ""
    chal: Chal | None = None
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """An element in place of a command that is none, or cannot be read; a command gets 400 (3.3)."""

    name: str
    cmd_id: str = ""
    reason: str = ""


NodeCommand: TypeAlias = Add | Replace | Get | Delete | Exec | Results
Command: TypeAlias = NodeCommand | Atomic | Sequence | Alert | Status | Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: a header and commands in their order."""

    header: SyncHdr
    commands: tuple[Command, ...] = ()
    final: bool = True
    """It ends its package."""

    @property
    def ends_session(self) -> bool:
        """Whether this reply leaves the device nothing to do or to send (spec/mdm-wire.md 3.9)."""
        return self.final and all(isinstance(command, Status) for command in self.commands)


def name_of(command: Command) -> str:
    """The name of a command's element, as a Status says it in Cmd."""
    return command.name if isinstance(command, Malformed) else type(command).__name__


def walk(commands: Iterable[Command]) -> Iterator[Command]:
    """All commands in their order, those in Atomic and Sequence after these."""
    for command in commands:
        yield command
        if isinstance(command, Atomic | Sequence):
            yield from walk(command.commands)


_ALERT_TYPES: Final = {kind.value: kind for kind in AlertType}
_LOGINS: Final = {login.value: login for login in LoginStatus}
_SYNC_TYPES: Final = {kind.value: kind for kind in SyncType}
