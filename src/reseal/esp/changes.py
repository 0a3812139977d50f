"""The change that this package announces."""

from __future__ import annotations

from reseal.kernel.changes import ChangeKind

ESP_CHANGED = ChangeKind("esp.changed")
"""Enrollment Status Page profiles that were edited, moved in priority, or lost an app of their selection."""
