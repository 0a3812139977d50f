"""The kinds of change that the directory announces, and what their ids are.

A change without attribute names means "anything may have changed", as for a new row.
"""

from __future__ import annotations

from reseal.kernel.changes import ChangeKind

USER_CHANGED = ChangeKind("user-changed")
"""Users; attributes are names of the rule language (`department`, `memberOf`, `manager`), or `licensed`,
which no membership rule reads."""

DEVICE_CHANGED = ChangeKind("device-changed")
"""Directory devices; attributes are names of the rule language (`devicePhysicalIds`), or `isManaged`,
`isCompliant`, `owner`, which no membership rule reads."""

RULE_CHANGED = ChangeKind("rule-changed")
"""Dynamic groups whose members are to be worked out anew."""

DEVICE_MEMBERSHIP_CHANGED = ChangeKind("device-membership-changed")
"""Directory devices that entered or left a group."""

USER_MEMBERSHIP_CHANGED = ChangeKind("user-membership-changed")
"""Users who entered or left a group."""

USERS_REMOVED = ChangeKind("users-removed")
"""Keys of users that no longer exist."""

DEVICES_REMOVED = ChangeKind("devices-removed")
"""Keys of directory devices that no longer exist."""

GROUPS_REMOVED = ChangeKind("groups-removed")
"""Keys of groups that no longer exist; whoever refers to one forgets it."""
