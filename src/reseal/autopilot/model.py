"""What Autopilot knows: registrations, import verdicts, the states of both, as values without storage.

The rules are in the neighbouring modules: `model_evidence` (recognising hardware), `model_import` (verdicts),
`model_profile` (deployment profiles), `model_naming` (device names).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from reseal.autopilot.model_profile import ProfileSource

PROTECTED_BY: Final = "autopilot"
"""Who forbids the deletion of a registration's directory device."""

FRIENDLY_NAME_LIMIT: Final = 256


class ProfileStatus(StrEnum):
    """How far the assignment of a profile is (spec/autopilot.md 2.5).

    `assigning` stands between the insert of a registration and the reactors of the same unit, so that nobody
    outside of it has to wait.
    """

    UNASSIGNED = "unassigned"
    ASSIGNING = "assigning"
    ASSIGNED = "assigned"


class RemediationState(StrEnum):
    """What the last presented hash said about the hardware; the names of Graph.

    `automaticRemediationRequired` is shown as *Fix pending*, `manualRemediationRequired` as *Attention
    required*. It is a remark for people: hardware that proves to be the registered one is served whatever it
    says, otherwise anybody who knows a serial number could lock a device out.
    """

    NONE = "noRemediationRequired"
    AUTOMATIC = "automaticRemediationRequired"
    MANUAL = "manualRemediationRequired"


class ImportStatus(StrEnum):
    """`deviceImportStatus` of an import record. `pending` and `partial` are never shown (spec/graph-api.md
    2.1).
    """

    UNKNOWN = "unknown"
    COMPLETE = "complete"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Registration:
    """An Autopilot device. `uuid` is the ZTDID."""

    id: int
    uuid: UUID
    identity_id: int
    device_id: int
    serial: str
    manufacturer: str
    model: str
    sku: str
    family: str
    product_key: str
    group_tag: str
    purchase_order: str
    assigned_user_id: int | None
    assigned_user_upn: str
    """The UPN as given; kept when no such user exists yet, and linked when one appears."""
    addressable_user_name: str
    device_name: str
    """Wins over the name template for Entra join, ignored for hybrid join; empty if none."""
    profile_id: int | None
    profile_source: ProfileSource | None
    profile_assigned_at: datetime | None
    profile_status: ProfileStatus
    remediation_state: RemediationState
    remediation_at: datetime | None
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class RegistrationChanges:
    """What to change on a registration; None leaves a value alone, an empty text removes it."""

    group_tag: str | None = None
    purchase_order: str | None = None
    device_name: str | None = None
    assigned_user_upn: str | None = None
    addressable_user_name: str | None = None


def next_status(profile_id: int | None) -> ProfileStatus:
    """The status once the effective profile is known."""
    return ProfileStatus.UNASSIGNED if profile_id is None else ProfileStatus.ASSIGNED
