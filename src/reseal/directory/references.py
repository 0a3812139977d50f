"""What a membership rule names, and where the directory itself refers to a group.

A rule that named a group or manager who does not exist would quietly hold nobody, so it is refused; and a
group that others rely on is not deleted from under them.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.model import Group, Membership
from reseal.directory.rulebook import Tier, schema_of, tier_of
from reseal.directory.rules import Rule, compile_rule
from reseal.directory.tables import group, join_selected, mdm_scope_group, to_group, user
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey


def compile_for_group(tx: Tx, tenant: TenantKey, uuid: UUID, membership: Membership, text: str) -> Rule:
    """The compiled rule of the group `uuid`, which need not exist yet.

    Raises `RuleError` if it cannot be read, `Invalid` if it names a group or manager that does not exist
    (`UnknownGroup`, `UnknownManager`), or if groups that use memberOf would name one another
    (`NestedMemberOf`).
    """
    rule = compile_rule(text, schema_of(membership))
    if rule.direct_reports_of is not None:
        _require_manager(tx, tenant, rule.direct_reports_of)
    if tier_of(rule) is Tier.GROUPS:
        for named in sorted(rule.member_of):
            _require_nameable(_group_of(tx, tenant, named), named, uuid)
        _require_not_named(tx, tenant, uuid)
    return rule


def uses_of(tx: Tx, tenant: TenantKey, used: Group) -> list[Detail]:
    """Where the directory refers to a group, one detail for each place."""
    uses = [
        Detail(other.name, f"The rule of the group {other.name} names it.", "Change that rule.")
        for other in _naming(tx, tenant, used.uuid)
    ]
    if tx.value(
        sa.select(join_selected.c.member_id).where(
            join_selected.c.tenant_id == tenant,
            join_selected.c.member_kind == "group",
            join_selected.c.member_id == used.id,
        )
    ):
        uses.append(
            Detail("join", "It is selected in 'Users may join devices'.", "Remove it from the selection.")
        )
    if tx.value(
        sa.select(mdm_scope_group.c.group_id).where(
            mdm_scope_group.c.tenant_id == tenant, mdm_scope_group.c.group_id == used.id
        )
    ):
        uses.append(Detail("mdm", "It is part of the MDM user scope.", "Remove it from the scope."))
    return uses


def _require_manager(tx: Tx, tenant: TenantKey, text: str) -> None:
    if _uuid(text) is None or not tx.value(
        sa.select(user.c.id).where(user.c.tenant_id == tenant, user.c.uuid == _uuid(text))
    ):
        raise Invalid(
            code="UnknownManager",
            message=f"The rule names the manager {text}, who is no user of this organisation.",
            remedy="Give the object id of a user.",
        )


def _require_nameable(named: Group | None, text: str, namer: UUID) -> None:
    if named is None:
        raise Invalid(
            code="UnknownGroup",
            message=f"The rule names the group {text}, which does not exist in this organisation.",
            remedy="Give the object id of a group, as its page shows it.",
        )
    if named.uuid == namer:
        raise Invalid(
            code="NestedMemberOf",
            message="The rule names its own group.",
            remedy="Name other groups only.",
        )
    if (
        named.rule is not None
        and tier_of(compile_rule(named.rule, schema_of(named.membership))) is Tier.GROUPS
    ):
        raise Invalid(
            code="NestedMemberOf",
            message=f"The rule names the group {named.name}, whose own rule uses memberOf.",
            remedy="Name the groups that its rule names instead.",
        )


def _require_not_named(tx: Tx, tenant: TenantKey, uuid: UUID) -> None:
    other = next(_naming(tx, tenant, uuid), None)
    if other is not None:
        raise Invalid(
            code="NestedMemberOf",
            message=f"The rule cannot use memberOf: the rule of the group {other.name} names this group.",
            remedy=f"Change the rule of {other.name} first.",
        )


def _naming(tx: Tx, tenant: TenantKey, uuid: UUID) -> Iterator[Group]:
    """The groups whose rules ask for membership of the group `uuid`."""
    for row in tx.rows(
        sa.select(group)
        .where(group.c.tenant_id == tenant, sa.func.lower(group.c.rule).contains(str(uuid)))
        .order_by(group.c.name_folded)
    ):
        found = to_group(row)
        if str(uuid) in compile_rule(row.rule, schema_of(found.membership)).member_of:
            yield found


def _group_of(tx: Tx, tenant: TenantKey, text: str) -> Group | None:
    row = tx.row(sa.select(group).where(group.c.tenant_id == tenant, group.c.uuid == _uuid(text)))
    return None if row is None else to_group(row)


def _uuid(text: str) -> UUID | None:
    """The id that `text` spells in its usual form: no other form would ever be equal to a stored one."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
