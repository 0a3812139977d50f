"""Settings of an Enrollment Status Page profile, what makes them valid, and how priorities shift. No storage.

Names are those of Graph's windows10EnrollmentCompletionPageConfiguration (spec/autopilot.md 5.1,
spec/graph-api.md 2.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from reseal.kernel.errors import Detail, Invalid

PROFILE_LIMIT: Final = 51
"""Profiles of a tenant, the default one included."""
SELECTED_APP_LIMIT: Final = 100
MESSAGE_LIMIT: Final = 10_000
NAME_LIMIT: Final = 200
DESCRIPTION_LIMIT: Final = 1_500
SHORTEST_TIMEOUT: Final = 1
LONGEST_TIMEOUT: Final = 1_440
DEFAULT_PRIORITY: Final = 0
DEFAULT_NAME: Final = "All users and all devices"
DEFAULT_DESCRIPTION: Final = "Applies to everybody whom no other profile reaches."
DEFAULT_MESSAGE: Final = (
    "Setup could not be completed. Please try again or contact your support person for help."
)


@dataclass(frozen=True, slots=True)
class EspSettings:
    """Everything an administrator sets in a profile, apart from its name, apps, priority and assignments."""

    show_installation_progress: bool = False
    install_progress_timeout_in_minutes: int = 60
    custom_error_message: str = ""
    """Empty: the default text is shown."""
    allow_log_collection_on_install_failure: bool = False
    disable_user_status_tracking_after_first_user: bool = False
    """*Only show page to devices provisioned by OOBE*."""
    track_install_progress_for_autopilot_only: bool = False
    install_quality_updates: bool = False
    block_device_setup_retry_by_user: bool = False
    """Called *Block device use until all apps and profiles are installed* in the console, whatever its name
    says.
    """
    allow_device_reset_on_install_failure: bool = False
    allow_device_use_on_install_failure: bool = False
    allow_non_blocking_app_installation: bool = False
    """*Only fail selected blocking apps in technician phase*."""

    @property
    def message(self) -> str:
        """What the page says on an error or when the time is over."""
        return self.custom_error_message or DEFAULT_MESSAGE


FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "show_installation_progress": "showInstallationProgress",
        "install_progress_timeout_in_minutes": "installProgressTimeoutInMinutes",
        "custom_error_message": "customErrorMessage",
        "allow_log_collection_on_install_failure": "allowLogCollectionOnInstallFailure",
        "disable_user_status_tracking_after_first_user": "disableUserStatusTrackingAfterFirstUser",
        "track_install_progress_for_autopilot_only": "trackInstallProgressForAutopilotOnly",
        "install_quality_updates": "installQualityUpdates",
        "block_device_setup_retry_by_user": "blockDeviceSetupRetryByUser",
        "allow_device_reset_on_install_failure": "allowDeviceResetOnInstallFailure",
        "allow_device_use_on_install_failure": "allowDeviceUseOnInstallFailure",
        "allow_non_blocking_app_installation": "allowNonBlockingAppInstallation",
    }
)
"""Field of `EspSettings` -> its name in Graph and in stored JSON."""


@dataclass(frozen=True, slots=True)
class EspProfile:
    """A profile as stored. `selected_apps` are keys of catalogue items; empty means that all apps block."""

    id: int
    uuid: UUID
    name: str
    description: str
    priority: int
    is_default: bool
    settings: EspSettings
    selected_apps: tuple[int, ...]
    created_at: datetime
    modified_at: datetime


def to_json(settings: EspSettings) -> dict[str, Any]:
    """The settings under their Graph names, as stored."""
    return {graph_name: getattr(settings, name) for name, graph_name in FIELDS.items()}


def from_json(stored: Mapping[str, Any]) -> EspSettings:
    """The settings that `to_json` wrote; a name that is missing has its default."""
    return EspSettings(
        **{name: stored[graph_name] for name, graph_name in FIELDS.items() if graph_name in stored}
    )


def changed_fields(before: EspSettings, after: EspSettings) -> tuple[str, ...]:
    """The Graph names of the settings that differ, in the order of the dataclass."""
    return tuple(
        FIELDS[field.name]
        for field in fields(EspSettings)
        if getattr(before, field.name) != getattr(after, field.name)
    )


def check_esp(name: str, description: str, settings: EspSettings, selected_apps: Sequence[int]) -> None:
    """Raise `Invalid` with code `EnrollmentStatusPage` and every problem as a detail, unless it may be
    stored.
    """
    problems = list(_problems(name, description, settings, selected_apps))
    if problems:
        raise Invalid(
            code="EnrollmentStatusPage",
            message=f"The Enrollment Status Page profile '{name}' cannot be saved: {problems[0].message}",
            remedy=problems[0].remedy,
            details=problems,
        )


def _problems(
    name: str, description: str, settings: EspSettings, selected_apps: Sequence[int]
) -> Iterator[Detail]:
    if not name.strip():
        yield Detail("displayName", "The profile has no name.", "Give it a name.")
    if len(name) > NAME_LIMIT:
        yield Detail("displayName", f"The name has {len(name)} characters.", f"Use at most {NAME_LIMIT}.")
    if len(description) > DESCRIPTION_LIMIT:
        yield Detail(
            "description",
            f"The description has {len(description)} characters.",
            f"Use at most {DESCRIPTION_LIMIT}.",
        )
    minutes = settings.install_progress_timeout_in_minutes
    if not SHORTEST_TIMEOUT <= minutes <= LONGEST_TIMEOUT:
        yield Detail(
            "installProgressTimeoutInMinutes",
            f"A time-out of {minutes} minutes cannot be set.",
            f"Use {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} minutes (one day).",
        )
    if len(settings.custom_error_message) > MESSAGE_LIMIT:
        yield Detail(
            "customErrorMessage",
            f"The message has {len(settings.custom_error_message)} characters.",
            f"Use at most {MESSAGE_LIMIT}.",
        )
    if len(set(selected_apps)) > SELECTED_APP_LIMIT:
        yield Detail(
            "selectedMobileAppIds",
            f"{len(set(selected_apps))} apps are selected.",
            f"Select at most {SELECTED_APP_LIMIT}, or let all apps block.",
        )


def moved(order: Sequence[int], profile: int, priority: int) -> tuple[int, ...]:
    """The order of the profiles' keys, highest priority first, after `profile` got `priority`; the others
    shift.

    A priority beyond the last place means the last place. Raises `Invalid` with code `EspPriority` for one
    below 1.
    """
    if priority < 1:
        raise Invalid(
            code="EspPriority",
            message=f"{priority} is not a priority that can be given; 0 belongs to the default profile.",
            remedy="Use 1 for the highest priority, or a greater number.",
        )
    others = [key for key in order if key != profile]
    return (*others[: priority - 1], profile, *others[priority - 1 :])
