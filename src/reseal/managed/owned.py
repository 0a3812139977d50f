"""What of a user is under management."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import ACTIVE
from reseal.managed.model import Enrolment
from reseal.managed.tables import enrolment, to_enrolment


def count_owned(tx: Tx, tenant: TenantKey, user: int, *, besides: int) -> int:
    """How many active enrolments a user owns, apart from those of the directory device `besides`."""
    counted: int = tx.value(
        sa.select(sa.func.count())
        .select_from(enrolment)
        .where(
            enrolment.c.tenant_id == tenant,
            enrolment.c.owner_user_id == user,
            enrolment.c.device_id != besides,
            ACTIVE,
        )
    )
    return counted


def owned_by(tx: Tx, tenant: TenantKey, user: int) -> list[Enrolment]:
    """The active enrolments that a user owns, the oldest first."""
    rows = tx.rows(
        sa.select(enrolment)
        .where(enrolment.c.tenant_id == tenant, enrolment.c.owner_user_id == user, ACTIVE)
        .order_by(enrolment.c.id)
    )
    return [to_enrolment(row) for row in rows]


def latest_owned(
    tx: Tx, tenant: TenantKey, user: int, hardware_id: str, device_id: str = ""
) -> Enrolment | None:
    """The active enrolment of this hardware that the user owns, the latest if there are several.

    Hardware that has no name, as in published requests, is known by the id that the device gave itself.
    """
    if not hardware_id and not device_id:
        return None
    same = enrolment.c.hardware_id == hardware_id
    if not hardware_id:
        same &= enrolment.c.wire_device_id == device_id
    rows = tx.rows(
        sa.select(enrolment)
        .where(
            enrolment.c.tenant_id == tenant,
            enrolment.c.owner_user_id == user,
            same,
            ACTIVE,
        )
        .order_by(enrolment.c.id)
    )
    return to_enrolment(rows[-1]) if rows else None
