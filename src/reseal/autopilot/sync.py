"""The sync button of the original, kept for scripts that press it (spec/autopilot.md 2.4).

There is nothing to synchronise, one database holds everything; what scripts rely on is that a second call
within ten minutes is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from reseal.autopilot.tables import autopilot_sync
from reseal.directory.tenants import tenant_by_id
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import TooSoon
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey

SYNC_PAUSE: Final = timedelta(minutes=10)
"""Time between two manual syncs."""


def last_sync(tx: Tx, tenant: TenantKey) -> datetime | None:
    """When a sync was last asked for."""
    moment: datetime | None = tx.value(
        sa.select(autopilot_sync.c.last_manual_at).where(autopilot_sync.c.tenant_id == tenant)
    )
    return moment


def request_sync(tx: Tx, tenant: TenantKey, *, actor: str = "system") -> None:
    """Note that somebody asked for a sync.

    Raises `TooSoon` with the time left for a second call within ten minutes, as scripts expect it.
    """
    last = last_sync(tx, tenant)
    if last is not None and tx.now - last < SYNC_PAUSE:
        left = SYNC_PAUSE - (tx.now - last)
        seconds = -(-left // timedelta(seconds=1))
        raise TooSoon(
            code="SyncTooSoon",
            message=f"A sync was asked for less than {SYNC_PAUSE // timedelta(minutes=1)} minutes ago.",
            remedy=f"Try again in {seconds} seconds; changes are effective without it.",
            retry_after=left,
        )
    insert = tx.insert(autopilot_sync).values(tenant_id=tenant, last_manual_at=tx.now)
    tx.execute(insert.on_conflict_do_update(index_elements=["tenant_id"], set_={"last_manual_at": tx.now}))
    subject = Subject("tenant", tenant_by_id(tx, tenant).uuid)
    events.record(tx, tenant, "autopilot.sync_requested", subject, {}, actor)
