"""Groups: creating, finding, changing and deleting them; `members` and `membership` say who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.changes import (
    DEVICE_MEMBERSHIP_CHANGED,
    GROUPS_REMOVED,
    RULE_CHANGED,
    USER_MEMBERSHIP_CHANGED,
)
from reseal.directory.membership import RULE_CLOCK, watch_clock
from reseal.directory.model import Group, MemberKind, Membership, Processing
from reseal.directory.model_groups import require_room, require_rule
from reseal.directory.model_names import description as checked_description
from reseal.directory.model_names import display_name, fold
from reseal.directory.paging import Page, PageKey, page
from reseal.directory.references import compile_for_group, uses_of
from reseal.directory.rulebook import schema_of
from reseal.directory.rules import Rule, compile_rule
from reseal.directory.tables import group, group_member, to_group
from reseal.directory.tenants import differences, tenant_by_id
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.deadlines import cancel
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey


class GroupChanges(TypedDict, total=False):
    """What `update_group` changes. How members come into a group is fixed when it is created."""

    name: str
    description: str
    rule: str
    processing: Processing


_TOLD = ("name", "description", "rule", "processing")
"""What the event of an edit shows, before and after."""


def create_group(
    tx: Tx,
    tenant: TenantKey,
    name: str,
    *,
    description: str = "",
    membership: Membership = Membership.ASSIGNED,
    rule: str | None = None,
    actor: str = "system",
) -> Group:
    """A new group. A dynamic one has its members when the unit ends.

    Raises `Invalid` for an unfit name or rule (`RuleError` with a position), `Conflict` (`GroupNameTaken`) if
    another group has the name, `Conflict` (`TooManyDynamicGroups`) at the organisation's limit.
    """
    require_rule(membership, rule)
    uuid = tx.new_uuid()
    compiled = None if rule is None else compile_for_group(tx, tenant, uuid, membership, rule)
    if compiled is not None:
        require_room(_count_dynamic(tx, tenant), tenant_by_id(tx, tenant).settings.dynamic_group_limit)
    shown = display_name(name, of="group")
    row = tx.row(
        tx.insert(group)
        .values(
            tenant_id=tenant,
            id=tx.new_key(),
            uuid=uuid,
            name=shown,
            name_folded=fold(shown),
            description=checked_description(description, of="group"),
            membership=membership.value,
            rule=rule,
            rule_updated_at=tx.now if compiled else None,
            processing=Processing.ON.value,
            created_at=tx.now,
            modified_at=tx.now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "name_folded"])
        .returning(*group.c)
    )
    if row is None:
        raise _name_taken(shown)
    created = to_group(row)
    told = {"name": created.name, "membership": membership.value, "rule": rule}
    _record(tx, tenant, created, "group.created", told, actor)
    if compiled is not None:
        _rule_changed(tx, tenant, created.id, compiled)
    return created


def group_by_id(tx: Tx, tenant: TenantKey, group_id: int) -> Group:
    """The group with this internal key; raises `NotFound`."""
    return _found(tx, tenant, group.c.id == group_id, f"with the key {group_id}")


def group_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> Group:
    """The group with this object id; raises `NotFound`."""
    return _found(tx, tenant, group.c.uuid == uuid, f"with the id {uuid}")


def groups_by_id(tx: Tx, tenant: TenantKey, ids: Iterable[int]) -> dict[int, Group]:
    """Those of `ids` that exist, by key; a few statements however many there are."""
    return {
        row.id: to_group(row)
        for some in chunks(sorted(set(ids)))
        for row in tx.rows(
            sa.select(group).where(group.c.tenant_id == tenant, among(group.c.id, some)).order_by(group.c.id)
        )
    }


def find_group(tx: Tx, tenant: TenantKey, name: str) -> Group | None:
    """The group of this name, in any letter case, or None."""
    row = tx.row(sa.select(group).where(group.c.tenant_id == tenant, group.c.name_folded == fold(name)))
    return None if row is None else to_group(row)


def list_groups(
    tx: Tx, tenant: TenantKey, *, search: str = "", after: PageKey | None = None, limit: int = 100
) -> Page[Group]:
    """Groups by name; `search` keeps those with that text in it."""
    query = sa.select(group).where(group.c.tenant_id == tenant)
    if search:
        query = query.where(group.c.name_folded.contains(fold(search), autoescape=True))
    return page(tx, query, group.c.name_folded, group.c.id, to_group, after=after, limit=limit)


def update_group(
    tx: Tx, tenant: TenantKey, group_id: int, *, actor: str = "system", **changes: Unpack[GroupChanges]
) -> Group:
    """Change a group; what is not named stays. A new rule, even by a blank, is evaluated for everybody.

    A paused group keeps its members; switched on again, it follows its rule at once. Raises what
    `create_group` raises, and `NotFound`.
    """
    present = group_by_id(tx, tenant, group_id)
    values = _checked(tx, tenant, present, changes)
    if not values:
        return present
    if "rule" in values:
        values["rule_updated_at"] = tx.now
    row = tx.execute(
        sa.update(group)
        .where(group.c.tenant_id == tenant, group.c.id == group_id)
        .values(modified_at=tx.now, **values)
        .returning(*group.c)
    ).one()
    changed = to_group(row)
    told: dict[str, Any] = {name: value for name, value in values.items() if name in _TOLD}
    before: dict[str, Any] = {name: getattr(present, name) for name in told}
    kind = "group.rule_changed" if "rule" in told else "group.changed"
    _record(tx, tenant, changed, kind, differences(before, told), actor)
    if changed.rule is not None and not told.keys().isdisjoint({"rule", "processing"}):
        _rule_changed(tx, tenant, group_id, compile_rule(changed.rule, schema_of(changed.membership)))
    return changed


def delete_group(tx: Tx, tenant: TenantKey, group_id: int, *, actor: str = "system") -> None:
    """Delete a group for good; assignments to it are forgotten by whoever keeps them.

    Raises `NotFound`, and `Conflict` (`GroupInUse`) with one detail per use while the directory itself
    refers to it: another group's rule, *Users may join devices*, the MDM user scope.
    """
    gone = group_by_id(tx, tenant, group_id)
    uses = uses_of(tx, tenant, gone)
    if uses:
        raise Conflict(
            code="GroupInUse",
            message=f"The group {gone.name} cannot be deleted: " + " ".join(use.message for use in uses),
            remedy="Take it out there first.",
            details=uses,
        )
    of_group = (group_member.c.tenant_id == tenant) & (group_member.c.group_id == group_id)
    former = {kind: _member_keys(tx, of_group, kind) for kind in MemberKind}
    tx.execute(sa.delete(group_member).where(of_group))
    tx.execute(sa.delete(group).where(group.c.tenant_id == tenant, group.c.id == group_id))
    cancel(tx, tenant, "group", group_id, RULE_CLOCK)
    tx.announce(Change(GROUPS_REMOVED, tenant, frozenset({group_id})))
    tx.announce(Change(USER_MEMBERSHIP_CHANGED, tenant, former[MemberKind.USER]))
    tx.announce(Change(DEVICE_MEMBERSHIP_CHANGED, tenant, former[MemberKind.DEVICE]))
    if gone.rule is not None:
        tx.announce(Change(RULE_CHANGED, tenant, frozenset({group_id})))
    told = {"name": gone.name, "members": sum(len(keys) for keys in former.values())}
    _record(tx, tenant, gone, "group.deleted", told, actor)


def _checked(tx: Tx, tenant: TenantKey, present: Group, changes: GroupChanges) -> dict[str, Any]:
    """What differs of `changes`, in the form in which it is stored; raises for what cannot be."""
    values: dict[str, Any] = {}
    if "name" in changes and (name := display_name(changes["name"], of="group")) != present.name:
        holder = find_group(tx, tenant, name)
        if holder is not None and holder.id != present.id:
            raise _name_taken(name)
        values |= {"name": name, "name_folded": fold(name)}
    if "description" in changes:
        text = checked_description(changes["description"], of="group")
        values |= {"description": text} if text != present.description else {}
    if "rule" in changes and changes["rule"] != present.rule:
        require_rule(present.membership, changes["rule"])
        compile_for_group(tx, tenant, present.uuid, present.membership, changes["rule"])
        values["rule"] = changes["rule"]
    if "processing" in changes and changes["processing"] is not present.processing:
        if not present.membership.is_dynamic:
            raise Invalid(
                code="NotADynamicGroup",
                message=f"The group {present.name} has no rule whose processing could be paused.",
                remedy="Pause dynamic groups only.",
            )
        values["processing"] = changes["processing"].value
    return values


def _rule_changed(tx: Tx, tenant: TenantKey, key: int, rule: Rule) -> None:
    tx.announce(Change(RULE_CHANGED, tenant, frozenset({key})))
    if rule.reads_clock:
        watch_clock(tx, tenant, key)
    else:
        cancel(tx, tenant, "group", key, RULE_CLOCK)


def _count_dynamic(tx: Tx, tenant: TenantKey) -> int:
    counted: int = tx.value(
        sa.select(sa.func.count())
        .select_from(group)
        .where(group.c.tenant_id == tenant, group.c.membership != Membership.ASSIGNED.value)
    )
    return counted


def _member_keys(tx: Tx, of_group: sa.ColumnElement[bool], kind: MemberKind) -> frozenset[int]:
    member = group_member.c
    rows = tx.rows(
        sa.select(member.member_id)
        .where(of_group, member.member_kind == kind.value)
        .order_by(member.member_id)
    )
    return frozenset(row.member_id for row in rows)


def _found(tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool], what: str) -> Group:
    row = tx.row(sa.select(group).where(group.c.tenant_id == tenant, condition))
    if row is None:
        raise NotFound(
            code="GroupNotFound",
            message=f"There is no group {what} in this organisation.",
            remedy="Check the group; it may have been deleted.",
        )
    return to_group(row)


def _name_taken(name: str) -> Conflict:
    return Conflict(
        code="GroupNameTaken",
        message=f"A group called {name} already exists.",
        remedy="Choose another name, or change the existing group.",
    )


def _record(
    tx: Tx, tenant: TenantKey, subject: Group, kind: str, payload: Mapping[str, Any], actor: str
) -> None:
    events.record(tx, tenant, kind, Subject("group", subject.uuid), payload, actor)
