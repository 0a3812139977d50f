"""Users and directory devices as membership rules see them, read in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.model import MemberKind, device_view, user_view
from reseal.directory.rules import RuleObject
from reseal.directory.tables import device, group, group_member, user
from reseal.kernel.db import Tx, among, chunks, one_of
from reseal.kernel.ids import TenantKey

BATCH = 1000
FEW_GROUPS = 100
"""Up to so many groups are named in a query; beyond, all memberships of a batch are read."""

_manager = user.alias("manager")
_USERS = sa.select(
    user.c.tenant_id,
    user.c.id,
    user.c.uuid,
    user.c.upn,
    user.c.display_name,
    user.c.enabled,
    user.c.attributes,
    _manager.c.uuid.label("manager_uuid"),
).select_from(
    user.outerjoin(
        _manager, (_manager.c.tenant_id == user.c.tenant_id) & (_manager.c.id == user.c.manager_id)
    )
)
_DEVICES = sa.select(
    device.c.tenant_id,
    device.c.id,
    device.c.uuid,
    device.c.device_id,
    device.c.display_name,
    device.c.enabled,
    device.c.trust_type,
    device.c.profile_type,
    device.c.physical_ids,
    device.c.attributes,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user or device, the groups that it is in at present, and what rules see of it."""

    id: int
    uuid: UUID
    groups: frozenset[int]
    object: RuleObject


def load(
    tx: Tx, tenant: TenantKey, kind: MemberKind, keys: Sequence[int], names: Mapping[int, str]
) -> list[Candidate]:
    """The users or devices with these keys that exist, in order; two statements.

    `names` gives the object ids of the groups that rules ask membership of, by key.
    """
    held = _held(tx, tenant, kind, one_of(group_member.c.member_id, keys))
    return _candidates(tx, tenant, kind, one_of(_table(kind).c.id, keys), held, names)


def stream(
    tx: Tx, tenant: TenantKey, kind: MemberKind, groups: frozenset[int], names: Mapping[int, str]
) -> Iterator[list[Candidate]]:
    """All users or devices in batches, in order of their keys; two statements each.

    Of their memberships at least those in `groups` are told. New rows may be written between batches.
    """
    known = sorted(groups | names.keys())
    key, after = _table(kind).c.id, -1
    while keys := tx.rows(
        sa.select(key).where(_table(kind).c.tenant_id == tenant, key > after).order_by(key).limit(BATCH)
    ):
        first, after = keys[0].id, keys[-1].id
        member = group_member.c.member_id.between(first, after)
        held = _held(
            tx,
            tenant,
            kind,
            member & among(group_member.c.group_id, known) if len(known) <= FEW_GROUPS else member,
        )
        yield _candidates(tx, tenant, kind, key.between(first, after), held, names)


def rule_objects(tx: Tx, tenant: TenantKey, kind: MemberKind, ids: Iterable[int]) -> dict[int, RuleObject]:
    """Users or devices as rules and filters see them, by key; keys that do not exist are left out."""
    return {
        found.id: found.object
        for some in chunks(sorted(set(ids)))
        for found in load(tx, tenant, kind, some, _names_of_groups(tx, tenant, kind, some))
    }


def _table(kind: MemberKind) -> sa.Table:
    return user if kind is MemberKind.USER else device


def _candidates(
    tx: Tx,
    tenant: TenantKey,
    kind: MemberKind,
    condition: sa.ColumnElement[bool],
    held: Mapping[int, frozenset[int]],
    names: Mapping[int, str],
) -> list[Candidate]:
    table = _table(kind)
    query = _USERS if kind is MemberKind.USER else _DEVICES
    rows = tx.rows(query.where(table.c.tenant_id == tenant, condition).order_by(table.c.id))
    return [_candidate(tx, kind, row, held.get(row.id, frozenset()), names) for row in rows]


def _candidate(
    tx: Tx, kind: MemberKind, row: sa.Row[Any], held: frozenset[int], names: Mapping[int, str]
) -> Candidate:
    groups = frozenset(names[key] for key in held if key in names)
    if kind is MemberKind.DEVICE:
        seen = RuleObject(device_view(row._asdict()), groups, now=tx.now)
    else:
        manager = None if row.manager_uuid is None else str(row.manager_uuid)
        seen = RuleObject(user_view(row._asdict()), groups, manager, tx.now)
    return Candidate(row.id, row.uuid, held, seen)


def _held(
    tx: Tx, tenant: TenantKey, kind: MemberKind, condition: sa.ColumnElement[bool]
) -> dict[int, frozenset[int]]:
    """The groups of some users or devices, by the member's key."""
    held: defaultdict[int, set[int]] = defaultdict(set)
    member = group_member.c
    for row in tx.rows(
        sa.select(member.member_id, member.group_id)
        .where(member.tenant_id == tenant, member.member_kind == kind.value, condition)
        .order_by(member.member_id, member.group_id)
    ):
        held[row.member_id].add(row.group_id)
    return {key: frozenset(groups) for key, groups in held.items()}


def _names_of_groups(tx: Tx, tenant: TenantKey, kind: MemberKind, keys: Sequence[int]) -> dict[int, str]:
    member = group_member.c
    rows = tx.rows(
        sa.select(group.c.id, group.c.uuid)
        .distinct()
        .join(group_member, (member.tenant_id == group.c.tenant_id) & (member.group_id == group.c.id))
        .where(group.c.tenant_id == tenant, member.member_kind == kind.value, one_of(member.member_id, keys))
        .order_by(group.c.id)
    )
    return {row.id: str(row.uuid) for row in rows}
