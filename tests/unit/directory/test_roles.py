"""What roles permit (spec/graph-api.md 1.12)."""

from __future__ import annotations

import pytest

from reseal.directory.model_roles import (
    AUTOMATION_PERMISSIONS,
    PERMISSIONS,
    Role,
    expand,
    permissions_of,
)

WRITING = [name for name in sorted(PERMISSIONS) if "ReadWrite" in name]


def test_a_global_administrator_may_do_everything():
    assert permissions_of([Role.GLOBAL_ADMINISTRATOR]) == PERMISSIONS


def test_a_global_reader_may_read_everything_and_change_nothing():
    held = permissions_of([Role.GLOBAL_READER])
    assert {name for name in PERMISSIONS if ".Read." in name} <= held
    assert held.isdisjoint(
        [*WRITING, "Group.Create", "DeviceManagementManagedDevices.PrivilegedOperations.All"]
    )


@pytest.mark.parametrize(
    "permission",
    [
        "DeviceManagementServiceConfig.ReadWrite.All",
        "DeviceManagementConfiguration.ReadWrite.All",
        "DeviceManagementApps.ReadWrite.All",
        "DeviceManagementScripts.ReadWrite.All",
        "DeviceManagementRBAC.ReadWrite.All",
        "DeviceManagementManagedDevices.PrivilegedOperations.All",
        "Device.ReadWrite.All",
        "Group.ReadWrite.All",
        "User.Read.All",
        "Policy.Read.MobilityManagement",
        "Policy.Read.DeviceConfiguration",
        "AuditLog.Read.All",
        "OrganizationalBranding.Read.All",
    ],
)
def test_an_intune_administrator_runs_devices_and_groups(permission):
    assert permission in permissions_of([Role.INTUNE_ADMINISTRATOR])


@pytest.mark.parametrize(
    "permission",
    [
        "Policy.ReadWrite.DeviceConfiguration",
        "Policy.ReadWrite.MobilityManagement",
        "RoleManagement.ReadWrite.Directory",
        "User.ReadWrite.All",
        "Organization.ReadWrite.All",
    ],
)
def test_an_intune_administrator_does_not_run_the_organisation(permission):
    assert permission not in permissions_of([Role.INTUNE_ADMINISTRATOR])


@pytest.mark.parametrize(
    "permission",
    [
        "DeviceManagementServiceConfig.ReadWrite.All",
        "DeviceManagementConfiguration.ReadWrite.All",
        "DeviceManagementScripts.ReadWrite.All",
        "DeviceManagementManagedDevices.Read.All",
        "DeviceManagementApps.Read.All",
        "Device.Read.All",
        "GroupMember.Read.All",
        "Organization.Read.All",
        "User.Read",
    ],
)
def test_a_policy_and_profile_manager_imports_devices_and_writes_policies_and_profiles(permission):
    assert permission in permissions_of([Role.POLICY_AND_PROFILE_MANAGER])


@pytest.mark.parametrize(
    "permission",
    [
        "DeviceManagementApps.ReadWrite.All",
        "DeviceManagementManagedDevices.ReadWrite.All",
        "Group.ReadWrite.All",
        "Device.ReadWrite.All",
        "AuditLog.Read.All",
    ],
)
def test_a_policy_and_profile_manager_does_no_more(permission):
    assert permission not in permissions_of([Role.POLICY_AND_PROFILE_MANAGER])


def test_roles_add_up_and_no_role_permits_nothing():
    both = permissions_of([Role.GLOBAL_READER, Role.POLICY_AND_PROFILE_MANAGER])
    assert both == permissions_of([Role.GLOBAL_READER]) | permissions_of([Role.POLICY_AND_PROFILE_MANAGER])
    assert permissions_of([]) == frozenset()


def test_automation_may_do_everything_except_making_administrators():
    assert PERMISSIONS - expand(AUTOMATION_PERMISSIONS) == {"RoleManagement.ReadWrite.Directory"}
    assert "RoleManagement.Read.Directory" in AUTOMATION_PERMISSIONS


@pytest.mark.parametrize("permission", WRITING)
def test_writing_implies_reading(permission):
    assert permission.replace("ReadWrite", "Read") in expand([permission])


def test_reading_does_not_imply_writing():
    assert expand(["Device.Read.All"]) == {"Device.Read.All"}


def test_the_directory_implies_what_is_in_it():
    assert expand(["Directory.Read.All"]) == {
        "Directory.Read.All",
        "Device.Read.All",
        "Domain.Read.All",
        "Group.Read.All",
        "GroupMember.Read.All",
        "Organization.Read.All",
        "User.Read",
        "User.Read.All",
    }
    assert {
        "Device.ReadWrite.All",
        "GroupMember.ReadWrite.All",
        "Group.Create",
        "User.ReadWrite.All",
    } <= expand(["Directory.ReadWrite.All"])
    assert "Domain.ReadWrite.All" not in expand(["Directory.ReadWrite.All"])


def test_groups_imply_their_members():
    assert expand(["Group.ReadWrite.All"]) == {
        "Group.Create",
        "Group.Read.All",
        "Group.ReadWrite.All",
        "GroupMember.Read.All",
        "GroupMember.ReadWrite.All",
    }


def test_an_unknown_permission_is_itself_and_nothing_more():
    assert expand(["offline_access"]) == {"offline_access"}


def test_every_implied_and_granted_permission_is_known():
    assert expand(PERMISSIONS) == PERMISSIONS
    assert all(permissions_of([role]) <= PERMISSIONS for role in Role)
