"""Who holds which directory role."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.model import Role
from reseal.directory.model_roles import permissions_of
from reseal.directory.tables import role_assignment, user
from reseal.directory.tables import tenant as tenant_table
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey


def assign_role(tx: Tx, tenant: TenantKey, user_id: int, role: Role, *, actor: str = "system") -> None:
    """Give a user a role; nothing happens if they hold it. Raises `NotFound` for an unknown user."""
    uuid = _user_uuid(tx, tenant, user_id)
    inserted = tx.value(
        tx.insert(role_assignment)
        .values(tenant_id=tenant, user_id=user_id, role=role.value)
        .on_conflict_do_nothing()
        .returning(role_assignment.c.role)
    )
    if inserted is not None:
        events.record(tx, tenant, "user.role_assigned", Subject("user", uuid), {"role": role.value}, actor)


def remove_role(tx: Tx, tenant: TenantKey, user_id: int, role: Role, *, actor: str = "system") -> None:
    """Take a role from a user; nothing happens if they do not hold it.

    Raises `Conflict` (`LastAdministrator`) if nobody could administer the organisation afterwards.
    """
    uuid = _user_uuid(tx, tenant, user_id)
    if role is Role.GLOBAL_ADMINISTRATOR:
        require_other_administrator(tx, tenant, user_id)
    removed = tx.execute(
        sa.delete(role_assignment).where(
            role_assignment.c.tenant_id == tenant,
            role_assignment.c.user_id == user_id,
            role_assignment.c.role == role.value,
        )
    )
    if removed.rowcount:
        events.record(tx, tenant, "user.role_removed", Subject("user", uuid), {"role": role.value}, actor)


def roles_of(tx: Tx, tenant: TenantKey, user_id: int) -> tuple[Role, ...]:
    """The roles that a user holds, by name."""
    held = role_assignment.c
    rows = tx.rows(
        sa.select(held.role).where(held.tenant_id == tenant, held.user_id == user_id).order_by(held.role)
    )
    return tuple(Role(row.role) for row in rows)


def roles_by_user(tx: Tx, tenant: TenantKey) -> dict[int, tuple[Role, ...]]:
    """The roles of everybody who holds any, by the user's key; one statement."""
    held: dict[int, list[Role]] = {}
    assigned = role_assignment.c
    for row in tx.rows(
        sa.select(assigned.user_id, assigned.role)
        .where(assigned.tenant_id == tenant)
        .order_by(assigned.user_id, assigned.role)
    ):
        held.setdefault(row.user_id, []).append(Role(row.role))
    return {user_id: tuple(roles) for user_id, roles in held.items()}


def permissions_of_user(tx: Tx, tenant: TenantKey, user_id: int) -> frozenset[str]:
    """All that a user may do by their roles."""
    return permissions_of(roles_of(tx, tenant, user_id))


def standing_of_user(tx: Tx, tenant: TenantKey, user_id: int) -> tuple[UUID, str, frozenset[str]]:
    """A user's organisation, its id and name, and all that the user may do there; one statement."""
    rows = tx.rows(_STANDING, {"at_tenant": tenant, "at_user": user_id})
    roles = [Role(row.role) for row in rows if row.role is not None]
    return rows[0].uuid, rows[0].name, permissions_of(roles)


_STANDING: Final = (
    sa.select(tenant_table.c.uuid, tenant_table.c.name, role_assignment.c.role)
    .outerjoin_from(
        tenant_table,
        role_assignment,
        sa.and_(
            role_assignment.c.tenant_id == tenant_table.c.id,
            role_assignment.c.user_id == sa.bindparam("at_user"),
        ),
    )
    .where(tenant_table.c.id == sa.bindparam("at_tenant"))
    .order_by(role_assignment.c.role)
)


def require_other_administrator(tx: Tx, tenant: TenantKey, user_id: int) -> None:
    """Raise `Conflict` (`LastAdministrator`) if this user is the only enabled Global Administrator."""
    enabled = tx.rows(
        sa.select(user.c.id, user.c.upn)
        .join(
            role_assignment,
            (role_assignment.c.tenant_id == user.c.tenant_id) & (role_assignment.c.user_id == user.c.id),
        )
        .where(
            user.c.tenant_id == tenant,
            user.c.enabled,
            role_assignment.c.role == Role.GLOBAL_ADMINISTRATOR.value,
        )
        .order_by(user.c.id)
    )
    if [row.id for row in enabled] == [user_id]:
        raise Conflict(
            code="LastAdministrator",
            message=f"{enabled[0].upn} is the only enabled Global Administrator of the organisation.",
            remedy="Make another user Global Administrator first.",
        )


def _user_uuid(tx: Tx, tenant: TenantKey, user_id: int) -> UUID:
    uuid: UUID | None = tx.value(
        sa.select(user.c.uuid).where(user.c.tenant_id == tenant, user.c.id == user_id)
    )
    if uuid is None:
        raise NotFound(
            code="UserNotFound",
            message=f"There is no user with the key {user_id} in this organisation.",
            remedy="Check the user; it may have been deleted.",
        )
    return uuid
