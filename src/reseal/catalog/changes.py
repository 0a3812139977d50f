"""The changes that this package announces; ids are keys of catalogue items."""

from __future__ import annotations

from reseal.kernel.changes import ChangeKind

ITEMS_CHANGED = ChangeKind("catalog.items_changed")
"""The body of these items is another one than before, and their version rose."""

ITEMS_REMOVED = ChangeKind("catalog.items_removed")
"""These items no longer exist; whoever refers to one forgets it."""
