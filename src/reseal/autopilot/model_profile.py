"""Deployment profiles: their settings, what makes them valid, and which of several a device gets.

Settings are those of spec/autopilot.md 4.1 under the names of the Graph API (spec/graph-api.md 2.4, the newer
generation); the JSON keys in `FIELDS` are exactly Graph's. Precedence is spec/autopilot.md 4.3: the oldest
profile assigned through a group, else the oldest assigned to all devices, else the built-in default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from reseal.autopilot.model_naming import parse_template
from reseal.kernel.errors import Detail, Invalid

PROFILE_LIMIT: Final = 350
NAME_LIMIT: Final = 200
DESCRIPTION_LIMIT: Final = 1_500
OS_DEFAULT: Final = "os-default"
OFFLINE_NAME_PREFIX: Final = "OfflineAutopilotprofile-"
"""Begins the enrolment profile name of devices with an offline profile; a profile so named would be confused
with it.
"""

_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")


class JoinType(StrEnum):
    """*Join to Entra as*: the two concrete profile types of Graph."""

    ENTRA = "azureAD"
    HYBRID = "activeDirectory"


class DeviceUsageType(StrEnum):
    """*Deployment mode*: user-driven or self-deploying."""

    SINGLE_USER = "singleUser"
    SHARED = "shared"


class UserType(StrEnum):
    """*User account type* of the user who joins the device."""

    ADMINISTRATOR = "administrator"
    STANDARD = "standard"


class DeviceType(StrEnum):
    """Kinds of devices that a profile may be made for."""

    WINDOWS_PC = "windowsPc"
    HOLO_LENS = "holoLens"
    SURFACE_HUB_2 = "surfaceHub2"
    SURFACE_HUB_2S = "surfaceHub2S"
    VIRTUAL_MACHINE = "virtualMachine"


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Everything an administrator sets in a deployment profile, apart from name, description and
    assignments.
    """

    join_type: JoinType = JoinType.ENTRA
    device_usage_type: DeviceUsageType = DeviceUsageType.SINGLE_USER
    user_type: UserType = UserType.ADMINISTRATOR
    device_type: DeviceType = DeviceType.WINDOWS_PC
    preprovisioning_allowed: bool = False
    hardware_hash_extraction_enabled: bool = False
    """*Convert all targeted devices to Autopilot*."""
    eula_hidden: bool = False
    privacy_settings_hidden: bool = False
    escape_link_hidden: bool = False
    """*Hide change account options*."""
    locale: str = OS_DEFAULT
    """`os-default`, a BCP-47 tag, or empty: the user selects."""
    keyboard_selection_page_skipped: bool = False
    """*Automatically configure keyboard*; acts only together with a language, and only on Ethernet."""
    device_name_template: str = ""
    """Empty: no template."""
    hybrid_skip_connectivity_check: bool = False
    """*Skip AD connectivity check*; without meaning for Entra join, where clients send it all the same."""
    management_service_app_id: str = ""
    role_scope_tag_ids: tuple[str, ...] = ("0",)


FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "join_type": "joinType",
        "device_usage_type": "deviceUsageType",
        "user_type": "userType",
        "device_type": "deviceType",
        "preprovisioning_allowed": "preprovisioningAllowed",
        "hardware_hash_extraction_enabled": "hardwareHashExtractionEnabled",
        "eula_hidden": "eulaHidden",
        "privacy_settings_hidden": "privacySettingsHidden",
        "escape_link_hidden": "escapeLinkHidden",
        "locale": "locale",
        "keyboard_selection_page_skipped": "keyboardSelectionPageSkipped",
        "device_name_template": "deviceNameTemplate",
        "hybrid_skip_connectivity_check": "hybridAzureADJoinSkipConnectivityCheck",
        "management_service_app_id": "managementServiceAppId",
        "role_scope_tag_ids": "roleScopeTagIds",
    }
)
"""Field of `ProfileSettings` -> its name in Graph and in stored JSON."""

BUILTIN_NAME: Final = "Built-in default"
BUILTIN_DEFAULT: Final = ProfileSettings()
"""What a registered device without a profile gets: user-driven Entra join, every page, no pre-provisioning
(spec/autopilot.md 11, choice 1)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A deployment profile as stored."""

    id: int
    uuid: Any
    name: str
    description: str
    settings: ProfileSettings
    created_at: datetime
    modified_at: datetime


class ProfileSource(StrEnum):
    """Through what a device has its profile."""

    GROUP = "group"
    ALL = "all"
    BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile that reaches a device, and through what."""

    profile_id: int
    created_at: datetime
    source: ProfileSource


def to_json(settings: ProfileSettings) -> dict[str, Any]:
    """The settings under their Graph names, as stored."""
    values: dict[str, Any] = {}
    for name, graph_name in FIELDS.items():
        value = getattr(settings, name)
        values[graph_name] = list(value) if isinstance(value, tuple) else value
    return values


def from_json(stored: Mapping[str, Any]) -> ProfileSettings:
    """The settings that `to_json` wrote; a name that is missing has its default.

    Raises `ValueError` for a value outside its enumeration.
    """
    enums = {
        "join_type": JoinType,
        "device_usage_type": DeviceUsageType,
        "user_type": UserType,
        "device_type": DeviceType,
    }
    values: dict[str, Any] = {}
    for name, graph_name in FIELDS.items():
        if graph_name not in stored:
            continue
        value = stored[graph_name]
        values[name] = tuple(value) if isinstance(value, list) else enums.get(name, _same)(value)
    return ProfileSettings(**values)


def changed_fields(before: ProfileSettings, after: ProfileSettings) -> tuple[str, ...]:
    """The Graph names of the settings that differ, in the order of the dataclass."""
    return tuple(
        FIELDS[field.name]
        for field in fields(ProfileSettings)
        if getattr(before, field.name) != getattr(after, field.name)
    )


def check_profile(name: str, description: str, settings: ProfileSettings) -> None:
    """Raise `Invalid` with code `DeploymentProfile` and every problem as a detail, unless the profile may be
    stored.
    """
    problems = [*_text_problems(name, description), *_mode_problems(settings), *_page_problems(settings)]
    if problems:
        raise Invalid(
            code="DeploymentProfile",
            message=f"The deployment profile '{name}' cannot be saved: {problems[0].message}",
            remedy=problems[0].remedy,
            details=problems,
        )


def _text_problems(name: str, description: str) -> Iterable[Detail]:
    if not name.strip():
        yield Detail("displayName", "The profile has no name.", "Give it a name.")
    if len(name) > NAME_LIMIT:
        yield Detail(
            "displayName",
            f"The name has {len(name)} characters.",
            f"Use at most {NAME_LIMIT} characters.",
        )
    if name.strip().casefold().startswith(OFFLINE_NAME_PREFIX.casefold()):
        yield Detail(
            "displayName",
            f"Names that begin with {OFFLINE_NAME_PREFIX} belong to devices with an offline profile.",
            "Choose another name; group rules could not tell them apart.",
        )
    if len(description) > DESCRIPTION_LIMIT:
        yield Detail(
            "description",
            f"The description has {len(description)} characters.",
            f"Use at most {DESCRIPTION_LIMIT} characters.",
        )


def _mode_problems(settings: ProfileSettings) -> Iterable[Detail]:
    hybrid = settings.join_type is JoinType.HYBRID
    shared = settings.device_usage_type is DeviceUsageType.SHARED
    if hybrid and shared:
        yield Detail(
            "deviceUsageType",
            "Self-deploying works with Entra join only.",
            "Choose Entra join, or user-driven deployment.",
        )
    if shared and settings.preprovisioning_allowed:
        yield Detail(
            "preprovisioningAllowed",
            "Pre-provisioned deployment needs the user-driven mode.",
            "Choose user-driven deployment, or do not allow pre-provisioning.",
        )
    if settings.device_name_template:
        yield from _template_problems(settings.device_name_template, hybrid=hybrid)


def _template_problems(template: str, *, hybrid: bool) -> Iterable[Detail]:
    if hybrid:
        yield Detail(
            "deviceNameTemplate",
            "A hybrid joined device gets its name from the domain join profile.",
            "Leave the template empty and set the prefix in the domain join profile.",
        )
        return
    try:
        parse_template(template)
    except Invalid as refused:
        yield Detail("deviceNameTemplate", refused.message, refused.remedy, refused.code)


def _page_problems(settings: ProfileSettings) -> Iterable[Detail]:
    if settings.locale not in ("", OS_DEFAULT) and not _LANGUAGE_TAG.match(settings.locale):
        yield Detail(
            "locale",
            f"'{settings.locale}' is not a language tag.",
            "Use a tag such as de-DE, os-default, or nothing to let the user select.",
        )


def choose(candidates: Iterable[Candidate]) -> Candidate | None:
    """The candidate that wins: group before all devices, then the oldest, then the lower key; None if there
    is none.
    """
    return min(candidates, key=_rank, default=None)


def _rank(candidate: Candidate) -> tuple[bool, datetime, int]:
    return (candidate.source is not ProfileSource.GROUP, candidate.created_at, candidate.profile_id)


def groups_in_words(names: Sequence[str]) -> str:
    """`the group 'A'`, or `the groups 'A', 'B'`."""
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"the group {quoted}" if len(names) == 1 else f"the groups {quoted}"


def reason_for(through: str, best: Candidate, others: Sequence[Candidate], names: Mapping[int, str]) -> str:
    """Why a device gets `best`: through what, and why not one of the `others` whose `names` are given."""
    sentence = f"Assigned to {through}"
    same = [one for one in others if one.source is best.source]
    if same:
        next_best = min(same, key=_rank)
        others_left = len(same) - 1
        more = f" and {others_left} more" if others_left else ""
        sentence += f"; older than '{names[next_best.profile_id]}' (created {_day(next_best)}){more}"
    if best.source is ProfileSource.GROUP and len(same) < len(others):
        sentence += "; a profile assigned to a group goes before one assigned to all devices"
    return f"{sentence}."


def reason_for_builtin() -> str:
    """Why a device gets the built-in default."""
    return (
        "No deployment profile reaches the device, so the built-in default applies; "
        "it does not allow pre-provisioning."
    )


def reason_for_none() -> str:
    """Why a device gets no profile at all."""
    return (
        "No deployment profile reaches the device, and the organisation has switched the built-in default "
        "off (815 ZtdDeviceHasNoAssignedProfile)."
    )


def _day(candidate: Candidate) -> str:
    return candidate.created_at.date().isoformat()


def _same(value: Any) -> Any:
    return value
