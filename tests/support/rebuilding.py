"""What follows from the causes of assignment, as it is kept and as it would be made anew."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reseal.assignment import service as assignment
from reseal.assignment.tables import device_effective, effective_entry, effective_set
from reseal.autopilot.tables import registration
from reseal.directory.membership import rebuild_memberships
from reseal.directory.tables import group, group_member
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey


def kept_and_rebuilt(tx: Tx, tenant: TenantKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows as the edits left them, and as a rebuild from the causes makes them."""
    kept = _rows(tx, tenant)
    with tx.preview():
        _forget(tx, tenant)
        rebuild_memberships(tx, tenant)
        tx.settle()
        assignment.rebuild(tx, tenant)
        tx.settle()
        return kept, _rows(tx, tenant)


def _forget(tx: Tx, tenant: TenantKey) -> None:
    """Take out everything that follows; what people decided (members by hand, assigned users) stays."""
    dynamic = sa.select(group.c.id).where(group.c.tenant_id == tenant, group.c.rule.is_not(None))
    for statement in (
        sa.delete(group_member).where(group_member.c.group_id.in_(dynamic)),
        sa.update(device_effective).values(set_id=None),
        sa.delete(effective_entry),
        sa.delete(effective_set),
        sa.update(registration).values(profile_id=None, profile_source=None),
    ):
        table = statement.table
        tx.execute(statement.where(table.c.tenant_id == tenant))


def _rows(tx: Tx, tenant: TenantKey) -> dict[str, Any]:
    """Everything that follows from the causes; keys of effective sets are replaced by what they stand for."""
    members = sa.select(group_member.c.group_id, group_member.c.member_kind, group_member.c.member_id)
    profiles = sa.select(
        registration.c.id,
        registration.c.profile_id,
        registration.c.profile_source,
        registration.c.profile_status,
    )
    pointed = sa.select(
        device_effective.c.device_id, device_effective.c.user_id, effective_set.c.signature
    ).outerjoin_from(device_effective, effective_set, effective_set.c.id == device_effective.c.set_id)
    entries = sa.select(
        effective_set.c.signature, effective_entry.c.item_kind, effective_entry.c.item_id
    ).join_from(effective_set, effective_entry, effective_set.c.id == effective_entry.c.set_id)
    asked = {
        "members": members.where(group_member.c.tenant_id == tenant).order_by(*members.selected_columns),
        "registrations": profiles.where(registration.c.tenant_id == tenant).order_by(registration.c.id),
        "devices": pointed.where(device_effective.c.tenant_id == tenant).order_by(
            device_effective.c.device_id
        ),
        "entries": entries.where(effective_set.c.tenant_id == tenant).order_by(*entries.selected_columns),
    }
    return {name: [tuple(row) for row in tx.rows(statement)] for name, statement in asked.items()}
