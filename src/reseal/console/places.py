"""Where one can go in the console: the navigation of every page.

A topic adds its place here together with its routes; a test follows every entry. Who lacks a place's
permission is not shown it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation: its path, also the beginning of the paths below it."""

    path: str
    label: str
    permission: str

    def holds(self, path: str) -> bool:
        """Whether a page of this path belongs here."""
        return path == self.path or path.startswith(f"{self.path}/")


@dataclass(frozen=True, slots=True)
class Section:
    """Some entries that belong together; `label` may be empty."""

    label: str
    places: tuple[Place, ...]


SECTIONS: Final = (
    Section(
        "",
        (
            Place("/set-up", "Set-up", "DeviceManagementServiceConfig.Read.All"),
            Place("/devices", "Devices", "DeviceManagementServiceConfig.Read.All"),
            Place("/deployments", "Deployments", "DeviceManagementManagedDevices.Read.All"),
            Place("/events", "Events", "AuditLog.Read.All"),
            Place("/bench", "Bench", "DeviceManagementManagedDevices.Read.All"),
        ),
    ),
    Section(
        "Settings",
        (
            Place("/groups", "Groups", "Group.Read.All"),
            Place("/profiles", "Profiles", "DeviceManagementServiceConfig.Read.All"),
            Place("/status-pages", "Status pages", "DeviceManagementServiceConfig.Read.All"),
            Place("/policies", "Policies", "DeviceManagementConfiguration.Read.All"),
            Place("/apps", "Apps", "DeviceManagementApps.Read.All"),
            Place("/filters", "Filters", "DeviceManagementConfiguration.Read.All"),
            Place("/users", "Users", "User.Read.All"),
            Place("/organisation", "Organisation", "Organization.Read.All"),
            Place("/branding", "Branding", "OrganizationalBranding.Read.All"),
        ),
    ),
)
"""In the order in which they stand."""


def places() -> tuple[Place, ...]:
    """Every entry."""
    return tuple(place for section in SECTIONS for place in section.places)


def is_place(path: str) -> bool:
    """Whether a path is that of a page of the console."""
    return any(place.holds(path) for place in places())


def root_of(path: str) -> str:
    """The entry that a path belongs to: where to begin anew once a form cannot be taken."""
    return next((place.path for place in places() if place.holds(path)), "")


def sections_for(permissions: Iterable[str]) -> tuple[Section, ...]:
    """What somebody with these permissions is shown."""
    held = frozenset(permissions)
    shown = (
        Section(section.label, tuple(place for place in section.places if place.permission in held))
        for section in SECTIONS
    )
    return tuple(section for section in shown if section.places)
