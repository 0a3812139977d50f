"""Registrations follow the directory's users: who appears, who is renamed, who is gone.

An import may name a user who does not exist yet. The name is kept, and this reactor links the registration
when a licensed user of that name appears (spec/autopilot.md 12, item 28).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from reseal.assignment.service import set_assigned_users
from reseal.autopilot.changes import REGISTRATION_CHANGED
from reseal.autopilot.tables import registration
from reseal.directory.changes import USER_CHANGED, USERS_REMOVED
from reseal.directory.tables import user
from reseal.kernel import events
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, among, chunks
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
        .where(registration.c.tenant_id == tenant, among(registration.c.assigned_user_id, users))
        .values(assigned_user_id=None)
        .returning(registration.c.id)
    )
    _announce(tx, tenant, freed)


@dataclass(frozen=True, slots=True)
class _Link:
    """A registration and the user whose name it bears, or will bear."""

    registration: sa.Row[Any]
    user: sa.Row[Any]


def _follow(tx: Tx, tenant: TenantKey, users: Sequence[int]) -> None:
    present = tx.rows(
        sa.select(user.c.id, user.c.upn, user.c.upn_folded, user.c.licensed)
        .where(user.c.tenant_id == tenant, among(user.c.id, users))
        .order_by(user.c.id)
    )
    appeared = _waiting(tx, tenant, {one.upn_folded: one for one in present if one.licensed})
    links = [*appeared, *_under_a_former_name(tx, tenant, {one.id: one for one in present})]
    if not links:
        return
    tx.execute(
        sa.update(registration)
        .where(registration.c.tenant_id == tenant, registration.c.id == sa.bindparam("key"))
        .values(
            assigned_user_id=sa.bindparam("user"),
            assigned_user_upn=sa.bindparam("upn"),
            assigned_user_folded=sa.bindparam("folded"),
        ),
        [
            {
                "key": link.registration.id,
                "user": link.user.id,
                "upn": link.user.upn,
                "folded": link.user.upn_folded,
            }
            for link in links
        ],
    )
    set_assigned_users(tx, tenant, {link.registration.device_id: link.user.id for link in appeared})
    _announce(tx, tenant, [link.registration for link in links])
    told = [
        (Subject("registration", link.registration.uuid), {"assignedUser": link.user.upn})
        for link in appeared
    ]
    events.record_all(tx, tenant, "registration.user_linked", told)


# Two statements and not one joined by OR: each finds its rows by an index, in whose order it returns them.


def _waiting(tx: Tx, tenant: TenantKey, users: Mapping[str, sa.Row[Any]]) -> list[_Link]:
    """Registrations that wait for a user of one of these (folded) names."""
    column = registration.c.assigned_user_folded
    rows = tx.rows(
        _LINKED.where(
            registration.c.tenant_id == tenant,
            column.in_(list(users)),
            registration.c.assigned_user_id.is_(None),
        ).order_by(column, registration.c.id)
    )
    return [_Link(row, users[row.assigned_user_folded]) for row in rows]


def _under_a_former_name(tx: Tx, tenant: TenantKey, users: Mapping[int, sa.Row[Any]]) -> list[_Link]:
    """Registrations of these users that bear another name than the user has now."""
    column = registration.c.assigned_user_id
    rows = tx.rows(
        _LINKED.where(registration.c.tenant_id == tenant, among(column, list(users))).order_by(
            column, registration.c.id
        )
    )
    links = [_Link(row, users[row.assigned_user_id]) for row in rows]
    return [link for link in links if link.registration.assigned_user_upn != link.user.upn]


_LINKED: Final = sa.select(
    registration.c.id,
    registration.c.uuid,
    registration.c.device_id,
    registration.c.assigned_user_id,
    registration.c.assigned_user_upn,
    registration.c.assigned_user_folded,
)


def _announce(tx: Tx, tenant: TenantKey, rows: Sequence[sa.Row[Any]]) -> None:
    if rows:
        keys = frozenset(row.id for row in rows)
        tx.announce(Change(REGISTRATION_CHANGED, tenant, keys, frozenset({"assignedUser"})))
