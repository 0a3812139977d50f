"""The things in a directory, as values. Rules about them stand in the neighbouring `model_*` modules.

Every thing has an internal key `id`, used in the database and in changes, and a public `uuid`. Both are
unique within a tenant, and no function finds a thing by them without the tenant's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from reseal.directory.model_branding import Branding
from reseal.directory.model_groups import MemberKind, Membership, Processing
from reseal.directory.model_joining import EnrollDecision, JoinDecision
from reseal.directory.model_roles import Role
from reseal.directory.model_settings import TenantSettings
from reseal.kernel.ids import Key, TenantKey

__all__ = [
    "AttributeValue",
    "Attributes",
    "Branding",
    "Device",
    "Domain",
    "EnrollDecision",
    "Group",
    "JoinDecision",
    "Member",
    "MemberKind",
    "Membership",
    "NewDevice",
    "Processing",
    "ProfileType",
    "Role",
    "Tenant",
    "TenantSettings",
    "TrustType",
    "User",
    "device_view",
    "user_view",
    "view_changes",
]

AttributeValue: TypeAlias = str | bool | Sequence[str] | Sequence[Mapping[str, str]]
"""A value of the rule language: a string, a boolean, or a collection."""

Attributes: TypeAlias = Mapping[str, AttributeValue]
"""Values by their canonical name (`spec/autopilot.md 3.3`): `{"department": "Sales"}`."""


class TrustType(StrEnum):
    """How a device is joined; a device that is only registered with Autopilot has none yet."""

    AZURE_AD = "AzureAd"
    SERVER_AD = "ServerAd"
    WORKPLACE = "Workplace"


class ProfileType(StrEnum):
    """What a directory device is."""

    REGISTERED_DEVICE = "RegisteredDevice"
    SECURE_VM = "SecureVM"
    PRINTER = "Printer"
    SHARED = "Shared"
    IOT = "IoT"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain name of an organisation; new users are offered the default one."""

    name: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation. `branding` is kept by locale, `0` being the default."""

    id: TenantKey
    uuid: UUID
    name: str
    settings: TenantSettings
    branding: Mapping[str, Branding]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """A person. The password's hash is not part of it, so that it cannot leak with it."""

    id: Key
    uuid: UUID
    upn: str
    display_name: str
    licensed: bool
    enabled: bool
    manager_id: Key | None
    attributes: Attributes
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """A security group. `members_changed_at` is when a member last came or went, by hand or by the rule.

    The members of a dynamic group are always those of its rule as of `rule_updated_at`: both change in one
    transaction. Only while `processing` is `paused` they stay what they were.
    """

    id: Key
    uuid: UUID
    name: str
    description: str
    membership: Membership
    rule: str | None
    rule_updated_at: datetime | None
    processing: Processing
    members_changed_at: datetime | None
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A directory device: the anchor for groups and targeting.

    `uuid` is its object id; `device_id` is the id that it has in its certificate. `protected_by` names who
    forbids its deletion.
    """

    id: Key
    uuid: UUID
    device_id: UUID
    display_name: str
    enabled: bool
    trust_type: TrustType | None
    profile_type: ProfileType
    is_managed: bool
    is_compliant: bool | None
    owner_user_id: Key | None
    physical_ids: tuple[str, ...]
    protected_by: str | None
    attributes: Attributes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What is known of a directory device when it is created."""

    display_name: str
    physical_ids: Sequence[str] = ()
    attributes: Attributes | None = None
    protected_by: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group, with what a list shows of it."""

    kind: MemberKind
    id: Key
    uuid: UUID
    display_name: str


def user_view(columns: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """A row of a user as membership rules see it: its attributes, and what has a column of its own."""
    return {
        **columns["attributes"],
        "objectId": str(columns["uuid"]),
        "userPrincipalName": columns["upn"],
        "displayName": columns["display_name"],
        "accountEnabled": columns["enabled"],
    }


def device_view(columns: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """A row of a directory device as membership rules see it."""
    view: dict[str, AttributeValue] = {
        **columns["attributes"],
        "objectId": str(columns["uuid"]),
        "deviceId": str(columns["device_id"]),
        "displayName": columns["display_name"],
        "accountEnabled": columns["enabled"],
        "profileType": columns["profile_type"],
        "devicePhysicalIds": columns["physical_ids"],
    }
    if columns["trust_type"] is not None:
        view["deviceTrustType"] = columns["trust_type"]
    return view


def view_changes(before: Attributes, after: Attributes) -> frozenset[str]:
    """Names of the attributes that differ, or that only one of the two has."""
    return frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))
