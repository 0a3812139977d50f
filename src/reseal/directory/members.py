"""Who is in a group, and which groups somebody is in; adding and removing by hand."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.changes import (
    DEVICE_CHANGED,
    DEVICE_MEMBERSHIP_CHANGED,
    USER_CHANGED,
    USER_MEMBERSHIP_CHANGED,
)
from reseal.directory.groups import group_by_id
from reseal.directory.membership import SAMPLE
from reseal.directory.model import Group, Member, MemberKind
from reseal.directory.model_groups import require_by_hand
from reseal.directory.paging import Page, PageKey, page
from reseal.directory.rules.schema import MEMBER_OF
from reseal.directory.tables import device, group, group_member, to_group, user
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks, one_of
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import Key, TenantKey

_TABLES = {MemberKind.USER: user, MemberKind.DEVICE: device}


def add_member(
    tx: Tx, tenant: TenantKey, group_id: int, kind: MemberKind, member_id: int, *, actor: str = "system"
) -> None:
    """Put a user or device into an assigned group.

    Raises `NotFound`, `Conflict` (`DynamicGroupMembership`) for a dynamic group, `Conflict`
    (`AlreadyMember`).
    """
    if not add_members(tx, tenant, group_id, kind, [member_id], actor=actor):
        raise Conflict(
            code="AlreadyMember",
            message=f"The {kind.value} is already a member of {group_by_id(tx, tenant, group_id).name}.",
            remedy="Nothing needs to be done.",
        )


def add_members(
    tx: Tx, tenant: TenantKey, group_id: int, kind: MemberKind, ids: Iterable[int], *, actor: str = "system"
) -> int:
    """Put users or devices into an assigned group, all or none; returns how many were not in it before.

    Raises `NotFound` if one does not exist, `Conflict` (`DynamicGroupMembership`) for a dynamic group.
    """
    target = group_by_id(tx, tenant, group_id)
    require_by_hand(target.membership, target.name)
    uuids = _uuids(tx, tenant, kind, ids)
    new = sorted(uuids.keys() - _present(tx, tenant, group_id, kind, uuids))
    for some in chunks(new):
        tx.execute(
            sa.insert(group_member),
            [
                {"tenant_id": tenant, "group_id": group_id, "member_kind": kind.value, "member_id": key}
                for key in some
            ],
        )
    _tell(tx, tenant, target, kind, {key: uuids[key] for key in new}, "added", actor)
    return len(new)


def remove_member(
    tx: Tx, tenant: TenantKey, group_id: int, kind: MemberKind, member_id: int, *, actor: str = "system"
) -> None:
    """Take a user or device out of an assigned group.

    Raises `NotFound` if it is not in it, `Conflict` (`DynamicGroupMembership`) for a dynamic group.
    """
    target = group_by_id(tx, tenant, group_id)
    require_by_hand(target.membership, target.name)
    removed = tx.execute(
        sa.delete(group_member).where(
            group_member.c.tenant_id == tenant,
            group_member.c.group_id == group_id,
            group_member.c.member_kind == kind.value,
            group_member.c.member_id == member_id,
        )
    )
    if removed.rowcount == 0:
        raise NotFound(
            code="NotAMember",
            message=f"The {kind.value} with the key {member_id} is not a member of {target.name}.",
            remedy="Check the group and the member.",
        )
    _tell(tx, tenant, target, kind, _uuids(tx, tenant, kind, [member_id]), "removed", actor)


def members(
    tx: Tx,
    tenant: TenantKey,
    group_id: int,
    kind: MemberKind,
    *,
    after: PageKey | None = None,
    limit: int = 100,
) -> Page[Member]:
    """The users or the devices of a group, by display name; raises `NotFound` for an unknown group."""
    group_by_id(tx, tenant, group_id)
    table = _TABLES[kind].c
    query = (
        sa.select(table.id, table.uuid, table.display_name, table.display_name_folded)
        .join(
            group_member,
            (group_member.c.tenant_id == table.tenant_id) & (group_member.c.member_id == table.id),
        )
        .where(
            table.tenant_id == tenant,
            group_member.c.group_id == group_id,
            group_member.c.member_kind == kind.value,
        )
    )
    return page(
        tx,
        query,
        table.display_name_folded,
        table.id,
        lambda row: Member(kind, Key(row.id), row.uuid, row.display_name),
        after=after,
        limit=limit,
    )


def count_members(tx: Tx, tenant: TenantKey, group_id: int) -> dict[MemberKind, int]:
    """How many users and how many devices are in a group."""
    member = group_member.c
    counted = {
        row.member_kind: row.counted
        for row in tx.rows(
            sa.select(member.member_kind, sa.func.count().label("counted"))
            .where(member.tenant_id == tenant, member.group_id == group_id)
            .group_by(member.member_kind)
            .order_by(member.member_kind)
        )
    }
    return {kind: counted.get(kind.value, 0) for kind in MemberKind}


def count_members_of(tx: Tx, tenant: TenantKey, group_ids: Iterable[int]) -> dict[int, dict[MemberKind, int]]:
    """How many users and how many devices are in each of these groups; one statement."""
    member = group_member.c
    counted: dict[int, dict[MemberKind, int]] = {}
    for row in tx.rows(
        sa.select(member.group_id, member.member_kind, sa.func.count().label("counted"))
        .where(member.tenant_id == tenant, among(member.group_id, sorted(set(group_ids))))
        .group_by(member.group_id, member.member_kind)
        .order_by(member.group_id, member.member_kind)
    ):
        counted.setdefault(row.group_id, {})[MemberKind(row.member_kind)] = row.counted
    return counted


def count_groups_with(tx: Tx, tenant: TenantKey, kind: MemberKind) -> int:
    """How many groups have at least one member of this kind."""
    counted: int = tx.value(
        sa.select(sa.func.count(sa.distinct(group_member.c.group_id))).where(
            group_member.c.tenant_id == tenant, group_member.c.member_kind == kind.value
        )
    )
    return counted


def groups_of(tx: Tx, tenant: TenantKey, kind: MemberKind, member_id: int) -> tuple[Group, ...]:
    """The groups that a user or device is in, by name."""
    rows = tx.rows(
        sa.select(group)
        .join(
            group_member,
            (group_member.c.tenant_id == group.c.tenant_id) & (group_member.c.group_id == group.c.id),
        )
        .where(
            group.c.tenant_id == tenant,
            group_member.c.member_kind == kind.value,
            group_member.c.member_id == member_id,
        )
        .order_by(group.c.name_folded, group.c.id)
    )
    return tuple(to_group(row) for row in rows)


def group_ids_of(
    tx: Tx, tenant: TenantKey, kind: MemberKind, ids: Iterable[int]
) -> dict[int, tuple[int, ...]]:
    """The keys of the groups that users or devices are in, in order; few statements for many members."""
    held: dict[int, list[int]] = {key: [] for key in sorted(set(ids))}
    member = group_member.c
    for some in chunks(held):
        for row in tx.rows(
            sa.select(member.member_id, member.group_id)
            .where(
                member.tenant_id == tenant,
                member.member_kind == kind.value,
                one_of(member.member_id, some),
            )
            .order_by(member.member_id, member.group_id)
        ):
            held[row.member_id].append(row.group_id)
    return {key: tuple(groups) for key, groups in held.items()}


def _uuids(tx: Tx, tenant: TenantKey, kind: MemberKind, ids: Iterable[int]) -> dict[int, UUID]:
    """Public ids by key; raises `NotFound` for the first key that does not exist."""
    wanted = sorted(set(ids))
    table = _TABLES[kind].c
    found: dict[int, UUID] = {
        row.id: row.uuid
        for some in chunks(wanted)
        for row in tx.rows(
            sa.select(table.id, table.uuid)
            .where(table.tenant_id == tenant, among(table.id, some))
            .order_by(table.id)
        )
    }
    missing = [key for key in wanted if key not in found]
    if missing:
        raise NotFound(
            code="MemberNotFound",
            message=f"There is no {kind.value} with the key {missing[0]} in this organisation.",
            remedy="Check the member; it may have been deleted.",
        )
    return found


def _present(tx: Tx, tenant: TenantKey, group_id: int, kind: MemberKind, ids: Iterable[int]) -> set[int]:
    member = group_member.c
    return {
        row.member_id
        for some in chunks(ids)
        for row in tx.rows(
            sa.select(member.member_id)
            .where(
                member.tenant_id == tenant,
                member.group_id == group_id,
                member.member_kind == kind.value,
                among(member.member_id, some),
            )
            .order_by(member.member_id)
        )
    }


def _tell(
    tx: Tx,
    tenant: TenantKey,
    target: Group,
    kind: MemberKind,
    moved: dict[int, UUID],
    how: str,
    actor: str,
) -> None:
    """Date the group, write the event, and announce: to rules that ask for membership, and to assignment."""
    if not moved:
        return
    tx.execute(
        sa.update(group)
        .where(group.c.tenant_id == tenant, group.c.id == target.id)
        .values(members_changed_at=tx.now)
    )
    told: dict[str, JsonValue] = {
        how: len(moved),
        f"{how}_sample": [str(moved[key]) for key in sorted(moved)[:SAMPLE]],
    }
    events.record(tx, tenant, "group.members_changed", Subject("group", target.uuid), told, actor)
    keys = frozenset(moved)
    if kind is MemberKind.USER:
        tx.announce(Change(USER_CHANGED, tenant, keys, frozenset({MEMBER_OF})))
        tx.announce(Change(USER_MEMBERSHIP_CHANGED, tenant, keys))
    else:
        tx.announce(Change(DEVICE_CHANGED, tenant, keys, frozenset({MEMBER_OF})))
        tx.announce(Change(DEVICE_MEMBERSHIP_CHANGED, tenant, keys))
