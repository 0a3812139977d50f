"""Names for the internal keys, so that a tenant's key is never passed for another number."""

from __future__ import annotations

from typing import NewType

TenantKey = NewType("TenantKey", int)
"""Internal key of a tenant: the first part of every composite key."""

Key = NewType("Key", int)
"""Internal key of a row within its tenant."""
