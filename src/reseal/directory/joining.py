"""Who may join devices and whose devices enrol: the selections on record, and the decisions made from them.

The decisions themselves are pure (`model_joining`); here the facts are collected. Every setting counts from
the next join attempt on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from reseal.directory.devices import count_joined
from reseal.directory.groups import group_by_id, groups_by_id
from reseal.directory.members import count_members
from reseal.directory.model import EnrollDecision, Group, JoinDecision, MemberKind, User
from reseal.directory.model_groups import require_group_of_users
from reseal.directory.model_joining import decide_enrolment, decide_join
from reseal.directory.model_settings import JoinAllowed, MdmScope
from reseal.directory.tables import group_member, join_selected, mdm_scope_group
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.directory.users import user_by_id, users_by_id
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey

_GROUP = "group"


@dataclass(frozen=True, slots=True)
class JoinSelection:
    """Who stands in *Users may join devices: Selected*; sorted by name."""

    users: tuple[User, ...]
    groups: tuple[Group, ...]


def may_join(tx: Tx, tenant: TenantKey, user_id: int) -> JoinDecision:
    """Whether a user may join one more device now (`spec/autopilot.md 12`, items 7-9); raises `NotFound`.

    The technician flow joins with a device token and does not ask (item 10).
    """
    settings = tenant_by_id(tx, tenant).settings
    user = user_by_id(tx, tenant, user_id)
    selected = settings.join_allowed is JoinAllowed.SELECTED and _is_selected(tx, tenant, user_id)
    devices = count_joined(tx, tenant, user_id)
    return decide_join(settings, user.upn, enabled=user.enabled, selected=selected, devices=devices)


def may_enroll(tx: Tx, tenant: TenantKey, user_id: int | None) -> EnrollDecision:
    """Whether the device of a user enrols automatically (items 1-3, 5); None is a device in the technician
    flow.

    Raises `NotFound` for an unknown user.
    """
    settings = tenant_by_id(tx, tenant).settings
    if user_id is None:
        return decide_enrolment(settings, None, in_scope=False, licensed=False)
    user = user_by_id(tx, tenant, user_id)
    in_scope = settings.mdm_scope is MdmScope.SOME and _is_in_mdm_scope(tx, tenant, user_id)
    return decide_enrolment(settings, user.upn, in_scope=in_scope, licensed=user.licensed)


def join_selection(tx: Tx, tenant: TenantKey) -> JoinSelection:
    """The users and groups selected to join devices; they count while the setting is *Selected*."""
    selected = join_selected.c
    rows = tx.rows(
        sa.select(selected.member_kind, selected.member_id)
        .where(selected.tenant_id == tenant)
        .order_by(selected.member_kind, selected.member_id)
    )
    users = users_by_id(tx, tenant, [row.member_id for row in rows if row.member_kind == MemberKind.USER])
    groups = groups_by_id(tx, tenant, [row.member_id for row in rows if row.member_kind == _GROUP])
    return JoinSelection(
        tuple(sorted(users.values(), key=lambda user: (user.display_name, user.id))),
        tuple(sorted(groups.values(), key=lambda group: (group.name, group.id))),
    )


def select_for_join(
    tx: Tx, tenant: TenantKey, users: Iterable[int], groups: Iterable[int], *, actor: str = "system"
) -> None:
    """Replace the users and groups in *Selected*.

    Raises `NotFound` for an unknown one, `Invalid` (`NotAGroupOfUsers`) for a group that holds devices
    (item 11).
    """
    chosen_users = [user_by_id(tx, tenant, key) for key in sorted(set(users))]
    chosen_groups = [
        _group_of_users(tx, tenant, key, "'Users may join devices'") for key in sorted(set(groups))
    ]
    rows = [
        *({"member_kind": MemberKind.USER.value, "member_id": user.id} for user in chosen_users),
        *({"member_kind": _GROUP, "member_id": group.id} for group in chosen_groups),
    ]
    tx.execute(sa.delete(join_selected).where(join_selected.c.tenant_id == tenant))
    if rows:
        tx.execute(sa.insert(join_selected), [{"tenant_id": tenant, **row} for row in rows])
    told = {
        "users": [user.upn for user in chosen_users],
        "groups": [group.name for group in chosen_groups],
    }
    _record(tx, tenant, "tenant.join_selection_changed", told, actor)


def mdm_scope_groups(tx: Tx, tenant: TenantKey) -> tuple[Group, ...]:
    """The groups of the MDM user scope, by name; they count while the scope is *Some*."""
    scope = mdm_scope_group.c
    rows = tx.rows(sa.select(scope.group_id).where(scope.tenant_id == tenant).order_by(scope.group_id))
    groups = groups_by_id(tx, tenant, [row.group_id for row in rows])
    return tuple(sorted(groups.values(), key=lambda group: (group.name, group.id)))


def count_chosen(tx: Tx, tenant: TenantKey) -> tuple[int, int]:
    """How many groups the MDM user scope names, and how many users and groups are selected to join."""
    groups = sa.select(sa.func.count()).where(mdm_scope_group.c.tenant_id == tenant).scalar_subquery()
    selected = sa.select(sa.func.count()).where(join_selected.c.tenant_id == tenant).scalar_subquery()
    row = tx.execute(sa.select(groups.label("groups"), selected.label("selected"))).one()
    return row.groups, row.selected


def set_mdm_scope(
    tx: Tx, tenant: TenantKey, scope: MdmScope, groups: Iterable[int] = (), *, actor: str = "system"
) -> None:
    """Set the MDM user scope: `SOME` with these groups of users, `ALL` or `NONE` with none.

    Raises `NotFound` for an unknown group, `Invalid` (`NotAGroupOfUsers`) for one that holds devices.
    """
    chosen = (
        [_group_of_users(tx, tenant, key, "the MDM user scope") for key in sorted(set(groups))]
        if scope is MdmScope.SOME
        else []
    )
    before = [group.name for group in mdm_scope_groups(tx, tenant)]
    after = sorted(group.name for group in chosen)
    settings = tenant_by_id(tx, tenant).settings
    update_settings(tx, tenant, replace(settings, mdm_scope=scope), actor=actor)
    if before == after:
        return
    tx.execute(sa.delete(mdm_scope_group).where(mdm_scope_group.c.tenant_id == tenant))
    if chosen:
        tx.execute(
            sa.insert(mdm_scope_group), [{"tenant_id": tenant, "group_id": group.id} for group in chosen]
        )
    _record(tx, tenant, "tenant.mdm_scope_changed", {"groups": {"from": before, "to": after}}, actor)


def add_mdm_scope_group(tx: Tx, tenant: TenantKey, group_id: int, *, actor: str = "system") -> None:
    """Add a group to the MDM user scope, which thereby becomes *Some* (`spec/graph-api.md 2.15`)."""
    present = [group.id for group in mdm_scope_groups(tx, tenant)]
    set_mdm_scope(tx, tenant, MdmScope.SOME, [*present, group_id], actor=actor)


def remove_mdm_scope_group(tx: Tx, tenant: TenantKey, group_id: int, *, actor: str = "system") -> None:
    """Take a group out of the MDM user scope; raises `NotFound` if it is not in it."""
    present = {group.id: group for group in mdm_scope_groups(tx, tenant)}
    if group_id not in present:
        raise NotFound(
            code="NotInMdmScope",
            message=f"The group with the key {group_id} is not part of the MDM user scope.",
            remedy="Choose one of its groups.",
        )
    set_mdm_scope(tx, tenant, MdmScope.SOME, present.keys() - {group_id}, actor=actor)


def _is_selected(tx: Tx, tenant: TenantKey, user_id: int) -> bool:
    selected = join_selected.c
    of_user = sa.select(group_member.c.group_id).where(
        group_member.c.tenant_id == tenant,
        group_member.c.member_kind == MemberKind.USER.value,
        group_member.c.member_id == user_id,
    )
    directly = (selected.member_kind == MemberKind.USER.value) & (selected.member_id == user_id)
    by_group = (selected.member_kind == _GROUP) & selected.member_id.in_(of_user)
    return bool(tx.value(sa.select(sa.exists().where(selected.tenant_id == tenant, directly | by_group))))


def _is_in_mdm_scope(tx: Tx, tenant: TenantKey, user_id: int) -> bool:
    scope, member = mdm_scope_group.c, group_member.c
    return bool(
        tx.value(
            sa.select(
                sa.exists().where(
                    scope.tenant_id == tenant,
                    member.tenant_id == scope.tenant_id,
                    member.group_id == scope.group_id,
                    member.member_kind == MemberKind.USER.value,
                    member.member_id == user_id,
                )
            )
        )
    )


def _group_of_users(tx: Tx, tenant: TenantKey, group_id: int, where: str) -> Group:
    group = group_by_id(tx, tenant, group_id)
    holds_devices = count_members(tx, tenant, group_id)[MemberKind.DEVICE] > 0
    require_group_of_users(group.membership, group.name, holds_devices=holds_devices, where=where)
    return group


def _record(tx: Tx, tenant: TenantKey, kind: str, payload: Mapping[str, Any], actor: str) -> None:
    events.record(tx, tenant, kind, Subject("tenant", tenant_by_id(tx, tenant).uuid), payload, actor)
