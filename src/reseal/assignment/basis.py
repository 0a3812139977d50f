"""Which groups and filters matter: those that some target names. An edit that changes them shows whom it can
touch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from reseal.assignment.model import Basis
from reseal.assignment.tables import assignment_target, effective_basis
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey


@dataclass(frozen=True, slots=True)
class Shift:
    """What entered and what left the basis."""

    added: Basis
    removed: Basis


def load(tx: Tx, tenant: TenantKey) -> Basis:
    """The basis with which the tenant's signatures were last made."""
    rows = tx.rows(
        sa.select(effective_basis.c.kind, effective_basis.c.id)
        .where(effective_basis.c.tenant_id == tenant)
        .order_by(effective_basis.c.kind, effective_basis.c.id)
    )
    return Basis(
        groups=frozenset(row.id for row in rows if row.kind == "group"),
        filters=frozenset(row.id for row in rows if row.kind == "filter"),
    )


def follow_targets(tx: Tx, tenant: TenantKey, before: Basis) -> tuple[Basis, Shift]:
    """Make the basis what the targets name now; returns it with what shifted."""
    after = _named_by_targets(tx, tenant)
    shift = Shift(
        added=Basis(after.groups - before.groups, after.filters - before.filters),
        removed=Basis(before.groups - after.groups, before.filters - after.filters),
    )
    if gone := _rows(shift.removed):
        tx.execute(
            effective_basis.delete().where(
                effective_basis.c.tenant_id == tenant,
                effective_basis.c.kind == sa.bindparam("gone_kind"),
                effective_basis.c.id == sa.bindparam("gone_id"),
            ),
            [{"gone_kind": kind, "gone_id": key} for kind, key in gone],
        )
    if new := _rows(shift.added):
        tx.execute(
            tx.insert(effective_basis), [{"tenant_id": tenant, "kind": kind, "id": key} for kind, key in new]
        )
    return after, shift


def _named_by_targets(tx: Tx, tenant: TenantKey) -> Basis:
    columns = (assignment_target.c.group_id, assignment_target.c.filter_id)
    rows = tx.rows(
        sa.select(*columns).where(assignment_target.c.tenant_id == tenant).distinct().order_by(*columns)
    )
    return Basis(
        groups=frozenset(row.group_id for row in rows if row.group_id is not None),
        filters=frozenset(row.filter_id for row in rows if row.filter_id is not None),
    )


def _rows(basis: Basis) -> Iterable[tuple[str, int]]:
    return [("group", key) for key in sorted(basis.groups)] + [
        ("filter", key) for key in sorted(basis.filters)
    ]
