"""The change that this package announces; ids are keys of enrolments."""

from __future__ import annotations

from reseal.kernel.changes import ChangeKind

ENROLMENTS_ENDED = ChangeKind("managed.enrolments_ended")
"""These enrolments are no longer active."""
