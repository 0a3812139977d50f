"""Enrolments and item states as values, and the rules that need no storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from reseal.catalog.model import Kind

MACHINE: Final = 0
"""The user key of what belongs to the machine."""

PROVIDER_ID: Final = "Reseal"
"""PROVIDER-ID of the provisioning document and the DMClient provider."""


class EnrolmentState(StrEnum):
    """Whether the device is under management."""

    ACTIVE = "active"
    ENDED = "ended"


class EnrolledBy(StrEnum):
    """With what kind of token the enrolment began."""

    DEVICE = "device"
    """A device token without a user: the technician flow."""
    USER = "user"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A device under management. `uuid` is its EntDMID and the CN of its certificate."""

    id: int
    uuid: UUID
    device_id: int
    """Key of the directory device."""
    registration_id: int | None
    enrolled_by: EnrolledBy
    in_oobe: bool
    """NotInOobe was false: the status page has to be served."""
    state: EnrolmentState
    ended_because: str
    hardware_id: str
    """HWDevID in lower case."""
    wire_device_id: str
    """DeviceID as the request said it, canonical."""
    device_name: str
    os_version: str
    owner_user_id: int | None
    """The primary user: whoever's verified token came first in the user flow, or enrolled the device."""
    stale: bool
    """What it shall have has to be worked out anew."""
    open_items: int
    """Deliveries that are not at their end; 0 and not stale means that a check-in has nothing to do."""
    created_at: datetime
    ended_at: datetime | None
    last_contact_at: datetime | None
    """None until the first session: the device may not have got the answer to its enrolment."""
    request: bytes = b""
    """SHA-256 of the certificate request it was asked for with: the same request again is a repetition."""
    unblocked: bool = False
    """An administrator lets the device go through the technician flow once more (spec/autopilot.md 6.6)."""
    renewing: bool = False
    """A renewed certificate was given and has not been seen yet: both count until `note_certificate`."""


class ItemState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    """Not sent yet, or to be sent again."""
    HELD = "held"
    """Waits for the user's session on the device (spec/mdm-wire.md 4.6)."""
    SENT = "sent"
    """Commands are under way, or were sent and not answered."""
    RUNNING = "running"
    """The device works on it: an app that is downloading or installing."""
    DONE = "done"
    FAILED = "failed"
    REMOVING = "removing"
    """No longer wanted: its removal is to be sent, or under way."""


TERMINAL: Final = frozenset({ItemState.DONE, ItemState.FAILED})
"""States in which nobody does anything any more by himself."""

_KINDS_IN_ORDER: Final = (Kind.POLICY, Kind.CERTIFICATE, Kind.WIFI, Kind.APP)


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery on one enrolment: what `user` (0: the machine) shall have of a catalogue item."""

    user: int
    kind: Kind
    item_id: int
    item_uuid: UUID
    name: str
    version: int
    """Of the catalogue item that is wanted."""
    digest: str
    """Over the nodes or the package that is wanted."""
    required: bool
    """Whether it is to be installed; a delivery that is only tracked for removal is not."""
    state: ItemState
    attempt: int
    """How often it was begun, from 1."""
    progress: dict[str, int] = field(default_factory=dict)
    """Per node: the last status code that the device gave; for an app also `status` (`MsiStatus`)."""
    exec_sent: bool = False
    """An Exec was sent whose effect has to be read before it may be sent again."""
    error: int | None = None
    """HRESULT or status code of the failure."""
    since: datetime | None = None
    """When it came into this state."""
    changed_at: datetime | None = None
    """When the device last said something new about it."""
    leftovers: tuple[str, ...] = ()
    """Addresses of nodes that the device may have because of this delivery and shall not have any more: all
    of them in REMOVING, else what an earlier version had and the wanted one has not. Each is to be deleted;
    404 is as good as 200. Whoever did it saves the item without them."""

    @property
    def key(self) -> tuple[int, str, int]:
        """Identity within an enrolment."""
        return self.user, self.kind.value, self.item_id

    @property
    def order(self) -> tuple[int, int, int]:
        """Sort key in which deliveries are worked on: the machine first; policies, certificates, networks and
        apps.
        """
        return self.user, _KINDS_IN_ORDER.index(self.kind), self.item_id


@dataclass(frozen=True, slots=True)
class EnrolmentUser:
    """A directory user who was seen, by a verified token, on a managed device."""

    user_id: int
    first_seen_at: datetime
    is_primary: bool
    session_seen: bool
    """LoginStatus `user` came after the token, so that the user's nodes can be sent."""
