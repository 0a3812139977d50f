"""Removing what is over: codes, refresh tokens and sessions after their time, an hour later at most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.deadlines import Deadline, Handler, set_deadline
from reseal.kernel.ids import TenantKey
from reseal.signin.tables import code, grant, refresh_token, session

TIDY = "signin.tidy"
_EVERY = timedelta(hours=1)


def tidy_later(tx: Tx, tenant: TenantKey) -> None:
    """Have the tenant tidied at the next full hour: setting it once more then changes nothing."""
    begun = tx.now.replace(minute=0, second=0, microsecond=0)
    set_deadline(tx, tenant, "tenant", tenant, TIDY, begun + _EVERY)


def on_tidy(tx: Tx, due: Deadline) -> None:
    """Remove what is over; come back while something is left."""
    over = (grant.c.tenant_id == due.tenant) & (grant.c.expires_at <= tx.now)
    ended = sa.select(grant.c.id).where(over)
    for table in (code, refresh_token):
        tx.execute(sa.delete(table).where(table.c.tenant_id == due.tenant, table.c.grant_id.in_(ended)))
    tx.execute(sa.delete(grant).where(over))
    for table in (code, refresh_token, session):
        tx.execute(sa.delete(table).where(table.c.tenant_id == due.tenant, table.c.expires_at <= tx.now))
    left = sa.union_all(
        *(sa.select(table.c.id).where(table.c.tenant_id == due.tenant) for table in (grant, session))
    ).subquery()
    if tx.value(sa.select(sa.exists(sa.select(left)))):
        tidy_later(tx, due.tenant)


HANDLERS: Mapping[str, Handler] = {TIDY: on_tidy}
"""For the server's table of deadlines."""
