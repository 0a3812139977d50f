"""The changes that this package announces: causes its service edits, and effects its reactor finds."""

from __future__ import annotations

from reseal.kernel.changes import ChangeKind

ASSIGNMENT_CHANGED = ChangeKind("assignment.changed")
"""Targets of items were edited; `attributes` holds the items as `kind:id`."""

FILTER_CHANGED = ChangeKind("assignment.filter_changed")
"""The rule of these filters was edited."""

DEVICE_USER_CHANGED = ChangeKind("assignment.device_user_changed")
"""These directory devices were given another assigned user, or none."""

EFFECTIVE_DEVICES_CHANGED = ChangeKind("assignment.effective_devices_changed")
"""These directory devices point at another effective set than before."""

EFFECTIVE_SETS_CHANGED = ChangeKind("assignment.effective_sets_changed")
"""These effective sets hold other entries than before; their devices still point at them."""
