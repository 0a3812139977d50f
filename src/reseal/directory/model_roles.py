"""What a role permits.

Permissions are named as Graph names them (`spec/graph-api.md 1.12`): `DeviceManagementApps.ReadWrite.All`.
People get theirs from roles, automation clients directly. One may imply others; `expand` says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """A directory role that can be given to a user."""

    GLOBAL_ADMINISTRATOR = "Global Administrator"
    INTUNE_ADMINISTRATOR = "Intune Administrator"
    POLICY_AND_PROFILE_MANAGER = "Policy and Profile Manager"
    GLOBAL_READER = "Global Reader"


_IMPLIED: dict[str, tuple[str, ...]] = {
    "Directory.ReadWrite.All": ("Device.ReadWrite.All", "Group.ReadWrite.All", "User.ReadWrite.All"),
    "Directory.Read.All": (
        "Device.Read.All",
        "Domain.Read.All",
        "Group.Read.All",
        "Organization.Read.All",
        "User.Read.All",
    ),
    "Group.ReadWrite.All": ("Group.Create", "GroupMember.ReadWrite.All"),
    "Group.Read.All": ("GroupMember.Read.All",),
    "User.Read.All": ("User.Read",),
}

PERMISSIONS: frozenset[str] = frozenset(
    {
        "Agreement.Read.All",
        "Agreement.ReadWrite.All",
        "AuditLog.Read.All",
        "Device.Read.All",
        "Device.ReadWrite.All",
        "DeviceManagementApps.Read.All",
        "DeviceManagementApps.ReadWrite.All",
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
        "DeviceManagementManagedDevices.PrivilegedOperations.All",
        "DeviceManagementManagedDevices.Read.All",
        "DeviceManagementManagedDevices.ReadWrite.All",
        "DeviceManagementRBAC.Read.All",
        "DeviceManagementRBAC.ReadWrite.All",
        "DeviceManagementScripts.Read.All",
        "DeviceManagementScripts.ReadWrite.All",
        "DeviceManagementServiceConfig.Read.All",
        "DeviceManagementServiceConfig.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Domain.Read.All",
        "Domain.ReadWrite.All",
        "Group.Create",
        "Group.Read.All",
        "Group.ReadWrite.All",
        "GroupMember.Read.All",
        "GroupMember.ReadWrite.All",
        "Organization.Read.All",
        "Organization.ReadWrite.All",
        "OrganizationalBranding.Read.All",
        "OrganizationalBranding.ReadWrite.All",
        "Policy.Read.DeviceConfiguration",
        "Policy.Read.MobilityManagement",
        "Policy.ReadWrite.DeviceConfiguration",
        "Policy.ReadWrite.MobilityManagement",
        "RoleManagement.Read.Directory",
        "RoleManagement.ReadWrite.Directory",
        "User.Read",
        "User.Read.All",
        "User.ReadWrite.All",
    }
)
"""Every permission that Reseal knows."""

_READ_ONLY = frozenset(name for name in PERMISSIONS if ".Read." in name or name == "User.Read")

_GRANTED: dict[Role, frozenset[str]] = {
    Role.GLOBAL_ADMINISTRATOR: PERMISSIONS,
    Role.INTUNE_ADMINISTRATOR: frozenset(
        {
            "AuditLog.Read.All",
            "Device.ReadWrite.All",
            "DeviceManagementApps.ReadWrite.All",
            "DeviceManagementConfiguration.ReadWrite.All",
            "DeviceManagementManagedDevices.PrivilegedOperations.All",
            "DeviceManagementManagedDevices.ReadWrite.All",
            "DeviceManagementRBAC.ReadWrite.All",
            "DeviceManagementScripts.ReadWrite.All",
            "DeviceManagementServiceConfig.ReadWrite.All",
            "Directory.Read.All",
            "Group.ReadWrite.All",
            "OrganizationalBranding.Read.All",
            "Policy.Read.DeviceConfiguration",
            "Policy.Read.MobilityManagement",
        }
    ),
    Role.POLICY_AND_PROFILE_MANAGER: frozenset(
        {
            "Device.Read.All",
            "DeviceManagementApps.Read.All",
            "DeviceManagementConfiguration.ReadWrite.All",
            "DeviceManagementManagedDevices.Read.All",
            "DeviceManagementScripts.ReadWrite.All",
            "DeviceManagementServiceConfig.ReadWrite.All",
            "Group.Read.All",
            "Organization.Read.All",
            "User.Read.All",
        }
    ),
    Role.GLOBAL_READER: _READ_ONLY,
}

AUTOMATION_PERMISSIONS: frozenset[str] = PERMISSIONS - {"RoleManagement.ReadWrite.Directory"}
"""What the automation client of a new organisation may do: everything except making administrators."""


def permissions_of(roles: Iterable[Role]) -> frozenset[str]:
    """All that the holder of `roles` may do, implied permissions included."""
    return expand(name for role in roles for name in _GRANTED[role])


def expand(permissions: Iterable[str]) -> frozenset[str]:
    """`permissions` and what they imply: writing implies reading, the directory implies what is in it."""
    held: set[str] = set()
    waiting = sorted(permissions)
    while waiting:
        name = waiting.pop()
        if name not in held:
            held.add(name)
            waiting += _implied_by(name)
    return frozenset(held)


def _implied_by(name: str) -> list[str]:
    implied = list(_IMPLIED.get(name, ()))
    if ".ReadWrite." in name:
        implied.append(name.replace(".ReadWrite.", ".Read."))
    return implied
