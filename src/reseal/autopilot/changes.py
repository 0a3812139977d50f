"""The changes that this package announces; ids are keys of registrations or of deployment profiles."""

from __future__ import annotations

from reseal.kernel.changes import ChangeKind

REGISTRATION_CHANGED = ChangeKind("autopilot.registration_changed")
"""Registrations that are new or were edited. Attributes: `registered`, `profile`, `assignedUser`, `groupTag`,
`purchaseOrder`, `deviceName`, `addressableUserName`, `hardware`."""

REGISTRATIONS_REMOVED = ChangeKind("autopilot.registrations_removed")
"""Registrations that no longer exist."""

PROFILE_CHANGED = ChangeKind("autopilot.profile_changed")
"""Deployment profiles whose settings were edited; attributes are the Graph names of the settings."""
