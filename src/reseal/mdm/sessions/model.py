"""What is kept of an enrolment's session between two messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from reseal.mdm.sessions.purposes import InFlight, Purpose
from reseal.mdm.sessions.states import SessionState
from reseal.wire.syncml import LoginStatus, SyncType

NOBODY: Final[frozenset[Purpose]] = frozenset()


@dataclass(frozen=True, slots=True)
class Notes:
    """What was seen of a device's page and told of it, across sessions."""

    inventory: str = ""
    """The flow in which the device was last asked what it is; empty: never."""
    untold: bool = False
    """What it answered then is not made known in the directory yet (`inventory.publish`)."""
    told: tuple[str, ...] = ()
    """What was last told of as awaited: phase, kind, name, how many."""
    red: int = 0
    """Key of the run whose page was read to have failed."""
    released: tuple[int, ...] = ()
    """Keys of the runs whose release was sent at least once."""
    unreleased: int = 0
    """Key of a run that was over before its release was acknowledged, and read not to be released."""
    closed: tuple[int, ...] = ()
    """Keys of the released runs whose page was read to have succeeded."""
    present: int = -1
    """Key of the device's run (0: none) in which it was told that the user is logged in."""
    arrived: bool = False
    """The session began, or its user came, in a message that does not end its package."""
    new_page: bool = False
    """The page was read to have begun anew in a message that does not end its package."""
    held_for: str = ""
    """Digest over what the pages count, at the time when everything that holds them was acknowledged."""
    owner: str = ""
    """UPN of its first user, of whom a device that enrolled by itself is still to be told."""
    says: Mapping[str, str] = field(default_factory=dict)
    """DevInfo as the device last told it."""

    def to_json(self) -> dict[str, Any]:
        """As stored: without what has its default."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != getattr(_NOTHING, name)
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Notes:
        """What `to_json` wrote."""
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**plain)


_NOTHING: Final = Notes()


@dataclass(frozen=True, slots=True)
class Session:
    """The present or last session of an enrolment; a new enrolment has an empty one."""

    state: SessionState = SessionState.IDLE
    session_id: str = ""
    msg_id: int = 0
    """Of the message that was answered last."""
    request: bytes = b""
    """SHA-256 of that message."""
    reply: bytes = field(default=b"", repr=False)
    replied_at: datetime | None = None
    login: LoginStatus = LoginStatus.NONE
    """What the device last said, in whichever session."""
    login_at: datetime | None = None
    user: int | None = None
    """Who a verified token of this session names."""
    token: bytes = b""
    """SHA-256 of the token that was verified last."""
    scope: SyncType = SyncType.MIXED
    """Which scopes this session takes."""
    in_flight: InFlight = InFlight()
    asked: frozenset[Purpose] = NOBODY
    """What was sent and answered in this session and is not to be sent again before the next."""
    unfinished: bytes | None = field(default=None, repr=False)
    """A command whose large object is not whole yet."""
    nonce: bytes = b""
    """The nonce that this session is proven with, if it is proven by digest."""
    notes: Notes = Notes()
    settled: bool = False
    """Unless the enrolment is stale, a check-in finds nothing to do."""
    unenrol: bool = False
    """The device shall leave: the next session says so."""

    @property
    def user_present(self) -> int | None:
        """The user whose part of the tree can be written: logged in by the device's word, and named by a
        verified token (spec/mdm-wire.md 4.6).
        """
        return self.user if self.login is LoginStatus.USER else None

    @property
    def takes_device(self) -> bool:
        """Whether commands for the machine may be sent."""
        return self.scope is not SyncType.USER

    @property
    def takes_user(self) -> bool:
        """Whether commands for the user may be sent."""
        return self.scope is not SyncType.DEVICE


def purposes_to_json(purposes: frozenset[Purpose]) -> list[list[Any]]:
    """As stored, always in the same order."""
    return sorted((purpose.to_json() for purpose in purposes), key=repr)


def purposes_from_json(stored: Sequence[Sequence[Any]]) -> frozenset[Purpose]:
    """What `purposes_to_json` wrote."""
    return frozenset(Purpose.from_json(each) for each in stored)
