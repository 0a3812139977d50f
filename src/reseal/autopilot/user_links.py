"""Registrations follow the directory's users: who appears, who is renamed, who is gone.

An import may name a user who does not exist yet. The name is kept, and this reactor links the registration
when a licensed user of that name appears (spec/autopilot.md 12, item 28).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from reseal.assignment.service import set_assigned_users
from reseal.autopilot.changes import REGISTRATION_CHANGED
from reseal.autopilot.tables import registration
from reseal.directory.changes import USER_CHANGED, USERS_REMOVED
from reseal.directory.model_names import fold
from reseal.directory.tables import user
from reseal.kernel import events
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, chunks
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """Link registrations to users that appeared under the name they wait for, and let go of users that are
    gone.
    """
    tx.lock(f"causes:{tenant}")
    removed = {key for change in changes if change.kind == USERS_REMOVED for key in change.ids}
    changed = {key for change in changes if change.kind == USER_CHANGED for key in change.ids} - removed
    for some in chunks(sorted(removed)):
        _let_go(tx, tenant, some)
    for some in chunks(sorted(changed)):
        _follow(tx, tenant, some)


REACTOR: Final = Reactor("autopilot.users", frozenset({USER_CHANGED, USERS_REMOVED}), react)
"""Stands before `effective.react`, which acts on the assigned users that it sets."""


def _let_go(tx: Tx, tenant: TenantKey, users: Sequence[int]) -> None:
    """The name stays: if a user of that name appears again, the device is theirs again."""
    freed = tx.rows(
        sa.update(registration)
        .where(registration.c.tenant_id == tenant, registration.c.assigned_user_id.in_(users))
        .values(assigned_user_id=None)
        .returning(registration.c.id)
    )
    _announce(tx, tenant, freed)


def _follow(tx: Tx, tenant: TenantKey, users: Sequence[int]) -> None:
    waiting = sa.and_(
        registration.c.assigned_user_folded == user.c.upn_folded,
        registration.c.assigned_user_id.is_(None),
        user.c.licensed.is_(True),
    )
    renamed = sa.and_(
        registration.c.assigned_user_id == user.c.id, registration.c.assigned_user_upn != user.c.upn
    )
    found = tx.rows(
        sa.select(
            registration.c.id,
            registration.c.uuid,
            registration.c.device_id,
            registration.c.assigned_user_id,
            user.c.id.label("user_id"),
            user.c.upn,
        )
        .join_from(
            registration, user, sa.and_(user.c.tenant_id == registration.c.tenant_id, waiting | renamed)
        )
        .where(registration.c.tenant_id == tenant, user.c.id.in_(users))
        .order_by(registration.c.id)
    )
    if not found:
        return
    tx.execute(
        sa.update(registration)
        .where(registration.c.tenant_id == tenant, registration.c.id == sa.bindparam("key"))
        .values(
            assigned_user_id=sa.bindparam("user"),
            assigned_user_upn=sa.bindparam("upn"),
            assigned_user_folded=sa.bindparam("folded"),
        ),
        [{"key": row.id, "user": row.user_id, "upn": row.upn, "folded": fold(row.upn)} for row in found],
    )
    linked = [row for row in found if row.assigned_user_id is None]
    set_assigned_users(tx, tenant, {row.device_id: row.user_id for row in linked})
    _announce(tx, tenant, found)
    told = [(Subject("registration", row.uuid), {"assignedUser": row.upn}) for row in linked]
    events.record_all(tx, tenant, "registration.user_linked", told)


def _announce(tx: Tx, tenant: TenantKey, rows: Sequence[sa.Row[Any]]) -> None:
    if rows:
        keys = frozenset(row.id for row in rows)
        tx.announce(Change(REGISTRATION_CHANGED, tenant, keys, frozenset({"assignedUser"})))
