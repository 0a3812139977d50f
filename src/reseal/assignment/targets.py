"""Whom an item is aimed at: reading and replacing its targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.changes import ASSIGNMENT_CHANGED
from reseal.assignment.filters import Filter, filters_by_id
from reseal.assignment.model import (
    Intent,
    ItemKind,
    ItemRef,
    Mode,
    Target,
    TargetKind,
    reading_order,
)
from reseal.assignment.tables import assignment_target, target_of, target_values
from reseal.directory.groups import groups_by_id
from reseal.directory.model import Group, Membership
from reseal.directory.rules import ESP_FILTER, RuleError, compile_rule
from reseal.directory.tenants import tenant_by_id
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey

_Aim = tuple[TargetKind, int | None]
"""Whom a target names; an item has one target for each."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A stored target with its public id, which stays while the item is aimed at the same group or all."""

    uuid: UUID
    target: Target


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    uuid: UUID
    target: Target


@dataclass(frozen=True, slots=True)
class _Known:
    """What the targets name, by key."""

    groups: Mapping[int, Group]
    filters: Mapping[int, Filter]

    def group(self, target: Target) -> Group | None:
        """The group that the target names, if there is one."""
        return None if target.group is None else self.groups.get(target.group)


def targets_of(tx: Tx, tenant: TenantKey, item: ItemRef) -> tuple[Target, ...]:
    """The item's targets in reading order: includes before exclusions, groups before *all*."""
    return tuple(assignment.target for assignment in assignments_of(tx, tenant, item))


def assignments_of(tx: Tx, tenant: TenantKey, item: ItemRef) -> tuple[Assignment, ...]:
    """The item's targets in reading order, with their public ids."""
    return tuple(Assignment(stored.uuid, stored.target) for stored in _stored(tx, tenant, item))


def targets_of_kind(tx: Tx, tenant: TenantKey, kind: ItemKind) -> dict[ItemRef, tuple[Target, ...]]:
    """The targets of every assigned item of a kind, each in reading order: for lists."""
    by_item: dict[ItemRef, list[Target]] = {}
    statement = (
        sa.select(assignment_target)
        .where(assignment_target.c.tenant_id == tenant, assignment_target.c.item_kind == kind.value)
        .order_by(assignment_target.c.item_id, assignment_target.c.id)
    )
    for row in tx.rows(statement):
        target = target_of(row)
        by_item.setdefault(target.item, []).append(target)
    return {item: tuple(sorted(targets, key=reading_order)) for item, targets in by_item.items()}


def set_targets(
    tx: Tx,
    tenant: TenantKey,
    item: ItemRef,
    targets: Sequence[Target],
    *,
    subject: Subject | None = None,
    actor: str = "system",
) -> bool:
    """Aim the item at exactly these targets; says whether that changed anything.

    `subject` is the item as the log shall name it; without it the change stands under the tenant. Raises
    `Invalid` with one detail for each target that cannot be, and then changes nothing:

    - `TargetTwice`: the same group, *all devices* or *all users* twice;
    - `UnknownGroup`, `UnknownFilter`;
    - `IntentNotAllowed`: another intent than required for anything but an app;
    - `DevicesOnly`: *all users* or a group of users for a deployment profile;
    - `UsersOnly`: *all devices* or a group of devices for an app that is available;
    - `FilterNotForEsp`: a filter on an ESP profile that reads what it may not (`spec/autopilot.md 5.2`).
    """
    if any(target.item != item for target in targets):
        raise ValueError(f"targets of {item} must name it")
    known = _known(tx, tenant, targets)
    _refuse(list(_problems(targets, known)))
    before = _stored(tx, tenant, item)
    if {stored.target for stored in before} == set(targets):
        return False
    _replace(tx, tenant, before, targets)
    tx.announce(Change(ASSIGNMENT_CHANGED, tenant, frozenset(), frozenset({str(item)})))
    payload: dict[str, events.JsonValue] = {
        "item": str(item),
        "targets": [_told(target, known) for target in sorted(targets, key=reading_order)],
    }
    about = subject or Subject("tenant", tenant_by_id(tx, tenant).uuid)
    events.record(tx, tenant, "assignment.targets_changed", about, payload, actor)
    return True


def remove_item(
    tx: Tx, tenant: TenantKey, item: ItemRef, *, subject: Subject | None = None, actor: str = "system"
) -> bool:
    """Take all targets from an item that is about to go; says whether it had any."""
    return set_targets(tx, tenant, item, (), subject=subject, actor=actor)


# --- what may be aimed where ----------------------------------------------------------------------


def _refuse(problems: Sequence[Detail]) -> None:
    if problems:
        first = problems[0]
        raise Invalid(
            code=first.code,
            message=" ".join(dict.fromkeys(problem.message for problem in problems)),
            remedy=first.remedy,
            details=problems,
        )


def _problems(targets: Sequence[Target], known: _Known) -> Iterator[Detail]:
    seen: set[_Aim] = set()
    for index, target in enumerate(targets):
        for code, message, remedy in _problems_of(target, known):
            yield Detail(f"targets[{index}]", message, remedy, code)
        if _aim(target) in seen:
            message = f"The item is aimed at {_called(target, known)} twice."
            remedy = "Keep one target for each group and for all."
            yield Detail(f"targets[{index}]", message, remedy, "TargetTwice")
        seen.add(_aim(target))


_Problem = tuple[str, str, str]


def _problems_of(target: Target, known: _Known) -> Iterator[_Problem]:
    if target.group is not None and target.group not in known.groups:
        yield "UnknownGroup", f"There is no group {target.group}.", "Choose a group of this organisation."
    if target.filter is not None and target.filter not in known.filters:
        yield "UnknownFilter", f"There is no filter {target.filter}.", "Choose a filter of this organisation."
    if target.intent is not Intent.REQUIRED and target.item.kind is not ItemKind.APP:
        message = f"A {target.item.kind} cannot be {target.intent}; only apps have an intent."
        yield "IntentNotAllowed", message, "Make it required."
    yield from _problems_of_scope(target, known)
    yield from _problems_of_filter(target, known)


def _problems_of_scope(target: Target, known: _Known) -> Iterator[_Problem]:
    group = known.group(target)
    membership = group.membership if group else None
    users_only = target.kind is TargetKind.ALL_USERS or membership is Membership.DYNAMIC_USER
    devices_only = target.kind is TargetKind.ALL_DEVICES or membership is Membership.DYNAMIC_DEVICE
    called = _called(target, known)
    if users_only and target.item.kind is ItemKind.PROFILE:
        message = f"A deployment profile is for devices, but it is aimed at {called}, who are users."
        yield "DevicesOnly", message, "Choose a group of devices, or all devices."
    if devices_only and target.intent is Intent.AVAILABLE and target.mode is Mode.INCLUDE:
        message = (
            f"An app that is available is offered to users, but it is aimed at {called}, which are devices."
        )
        yield "UsersOnly", message, "Choose a group of users or all users, or make the app required."


def _problems_of_filter(target: Target, known: _Known) -> Iterator[_Problem]:
    if target.item.kind is not ItemKind.ESP or target.filter is None or target.filter not in known.filters:
        return
    try:
        compile_rule(known.filters[target.filter].rule, ESP_FILTER)
    except RuleError as error:
        message = f"The filter cannot be used for an Enrollment Status Page. {error.message}"
        yield "FilterNotForEsp", message, error.remedy


def _aim(target: Target) -> _Aim:
    return target.kind, target.group


def _called(target: Target, known: _Known) -> str:
    group = known.group(target)
    match target.kind:
        case TargetKind.GROUP:
            return f"the group {group.name}" if group else f"the group {target.group}"
        case TargetKind.ALL_DEVICES:
            return "all devices"
        case TargetKind.ALL_USERS:
            return "all users"
        case _:
            assert_never(target.kind)


# --- rows -----------------------------------------------------------------------------------------


def _known(tx: Tx, tenant: TenantKey, targets: Sequence[Target]) -> _Known:
    return _Known(
        groups=groups_by_id(tx, tenant, {target.group for target in targets if target.group is not None}),
        filters=filters_by_id(tx, tenant, {target.filter for target in targets if target.filter is not None}),
    )


def _stored(tx: Tx, tenant: TenantKey, item: ItemRef) -> list[_Stored]:
    statement = (
        sa.select(assignment_target)
        .where(
            assignment_target.c.tenant_id == tenant,
            assignment_target.c.item_kind == item.kind.value,
            assignment_target.c.item_id == item.id,
        )
        .order_by(assignment_target.c.id)
    )
    rows = [_Stored(row.id, row.uuid, target_of(row)) for row in tx.rows(statement)]
    return sorted(rows, key=lambda stored: reading_order(stored.target))


def _replace(tx: Tx, tenant: TenantKey, before: Sequence[_Stored], targets: Sequence[Target]) -> None:
    """Rewrite the rows that differ; a target that stays keeps its key and public id."""
    ids = {_aim(stored.target): (stored.id, stored.uuid) for stored in before}
    changed = [stored.id for stored in before if stored.target not in targets]
    if changed:
        tx.execute(
            sa.delete(assignment_target).where(
                assignment_target.c.tenant_id == tenant, among(assignment_target.c.id, changed)
            )
        )
    rows = []
    present = {stored.target for stored in before}
    for target in targets:
        if target not in present:
            key, uuid = ids.get(_aim(target)) or (tx.new_key(), tx.new_uuid())
            rows.append({"tenant_id": tenant, "id": key, "uuid": uuid, **target_values(target)})
    if rows:
        tx.execute(sa.insert(assignment_target), rows)


def _told(target: Target, known: _Known) -> dict[str, events.JsonValue]:
    """A target as the log tells it, with public ids."""
    told: dict[str, events.JsonValue] = {"mode": target.mode, "target": target.kind, "intent": target.intent}
    if target.group is not None:
        told |= {"group": str(known.groups[target.group].uuid)}
    if target.filter is not None:
        told |= {"filter": str(known.filters[target.filter].uuid), "filterMode": target.filter_mode}
    return told
