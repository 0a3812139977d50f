"""The reactor: enrolments that a change can touch are marked stale, or end, in the unit of the change.

Causes and whom they touch:

    effective set of a device, or its assigned user    the enrolments of that device
    entries of an effective set                        those of the devices that point at it
    assignment, filter or body of an item              those that have the item or are about to get it, and
                                                       those with a user on them whom a target names
    user in or out of a group                          the enrolments with that user on them
    user, directory device, registration gone          those that name it; that of a device ends

Marking is all that is done here: what a device shall have is worked out when it comes (`desired.refresh`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from reseal.assignment.changes import (
    ASSIGNMENT_CHANGED,
    DEVICE_USER_CHANGED,
    EFFECTIVE_DEVICES_CHANGED,
    EFFECTIVE_SETS_CHANGED,
    FILTER_CHANGED,
)
from reseal.assignment.model import ItemRef, Mode, TargetKind
from reseal.assignment.tables import assignment_target, device_effective, effective_entry
from reseal.autopilot.changes import REGISTRATIONS_REMOVED
from reseal.catalog.changes import ITEMS_CHANGED
from reseal.directory.changes import DEVICES_REMOVED, USER_MEMBERSHIP_CHANGED, USERS_REMOVED
from reseal.directory.model import MemberKind
from reseal.directory.tables import group_member
from reseal.kernel.changes import Change, ChangeKind, Reactor
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import ACTIVE, end_enrolments_of_devices
from reseal.managed.tables import enrolment, item, on_device
from reseal.managed.wanted import KINDS

DEVICE_GONE: Final = "directory device deleted"


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """Mark the enrolments that these changes can touch."""
    if not tx.value(sa.select(sa.exists().where(enrolment.c.tenant_id == tenant, ACTIVE))):
        return
    end_enrolments_of_devices(tx, tenant, _ids(changes, DEVICES_REMOVED), DEVICE_GONE)
    _forget_registrations(tx, tenant, _ids(changes, REGISTRATIONS_REMOVED))
    _forget_users(tx, tenant, _ids(changes, USERS_REMOVED))
    for some in chunks(sorted(_ids(changes, EFFECTIVE_DEVICES_CHANGED, DEVICE_USER_CHANGED))):
        _mark(tx, tenant, among(enrolment.c.device_id, some))
    for some in chunks(sorted(_ids(changes, EFFECTIVE_SETS_CHANGED))):
        pointing = sa.select(device_effective.c.device_id).where(
            device_effective.c.tenant_id == tenant, among(device_effective.c.set_id, some)
        )
        _mark(tx, tenant, enrolment.c.device_id.in_(pointing))
    for some in chunks(sorted(_ids(changes, USER_MEMBERSHIP_CHANGED))):
        _mark(tx, tenant, _has_users(tenant, among(on_device.c.user_id, some)))
    for items in chunks(sorted(_touched_items(tx, tenant, changes))):
        _mark_around(tx, tenant, items)


REACTOR: Final = Reactor(
    "managed.stale",
    frozenset(
        {
            ASSIGNMENT_CHANGED,
            DEVICES_REMOVED,
            DEVICE_USER_CHANGED,
            EFFECTIVE_DEVICES_CHANGED,
            EFFECTIVE_SETS_CHANGED,
            FILTER_CHANGED,
            ITEMS_CHANGED,
            REGISTRATIONS_REMOVED,
            USERS_REMOVED,
            USER_MEMBERSHIP_CHANGED,
        }
    ),
    react,
)


def _ids(changes: Iterable[Change], *kinds: ChangeKind) -> set[int]:
    return {key for change in changes if change.kind in kinds for key in change.ids}


def _mark(tx: Tx, tenant: TenantKey, which: sa.ColumnElement[bool]) -> None:
    """On PostgreSQL those that are stale already are written too: a check-in that just works one of them out
    holds its row, and this change must come after it (`desired.refresh`).
    """
    statement = enrolment.update().where(enrolment.c.tenant_id == tenant, ACTIVE, which).values(stale=True)
    tx.execute(statement if tx.on_postgresql else statement.where(~enrolment.c.stale))


def _has_users(tenant: TenantKey, *which: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """The enrolments with some of these users on them."""
    return enrolment.c.id.in_(
        sa.select(on_device.c.enrolment_id).where(on_device.c.tenant_id == tenant, *which)
    )


def _touched_items(tx: Tx, tenant: TenantKey, changes: Iterable[Change]) -> set[int]:
    """Keys of catalogue items; keys are not shared between kinds."""
    found = _ids(changes, ITEMS_CHANGED)
    named = (
        ItemRef.parse(name)
        for change in changes
        if change.kind == ASSIGNMENT_CHANGED
        for name in change.attributes
    )
    found.update(reference.id for reference in named if reference.kind in KINDS)
    for some in chunks(sorted(_ids(changes, FILTER_CHANGED))):
        statement = (
            sa.select(assignment_target.c.item_id)
            .where(
                assignment_target.c.tenant_id == tenant,
                among(assignment_target.c.filter_id, some),
                assignment_target.c.item_kind.in_(sorted(KINDS)),
            )
            .distinct()
            .order_by(assignment_target.c.item_id)
        )
        found.update(row.item_id for row in tx.rows(statement))
    return found


def _mark_around(tx: Tx, tenant: TenantKey, items: Sequence[int]) -> None:
    """Those that have one of the items, are about to get it, or may get it by a user who is on them without
    being assigned.
    """
    having = sa.select(item.c.enrolment_id).where(item.c.tenant_id == tenant, among(item.c.item_id, items))
    _mark(tx, tenant, enrolment.c.id.in_(having))
    getting = (
        sa.select(device_effective.c.device_id)
        .join_from(
            effective_entry,
            device_effective,
            sa.and_(
                device_effective.c.tenant_id == effective_entry.c.tenant_id,
                device_effective.c.set_id == effective_entry.c.set_id,
            ),
        )
        .where(effective_entry.c.tenant_id == tenant, among(effective_entry.c.item_id, items))
    )
    _mark(tx, tenant, enrolment.c.device_id.in_(getting))
    everybody, groups = _whom_targets_name(tx, tenant, items)
    if everybody:
        _mark(tx, tenant, _has_users(tenant))
        return
    for some in chunks(groups):
        members = sa.select(group_member.c.member_id).where(
            group_member.c.tenant_id == tenant,
            among(group_member.c.group_id, some),
            group_member.c.member_kind == MemberKind.USER.value,
        )
        _mark(tx, tenant, _has_users(tenant, on_device.c.user_id.in_(members)))


def _whom_targets_name(tx: Tx, tenant: TenantKey, items: Sequence[int]) -> tuple[bool, list[int]]:
    """Whether a target includes all users, and the groups that are included.

    Whom a target excludes need not be looked for: they have the item, or they never got it.
    """
    columns = (assignment_target.c.target_kind, assignment_target.c.group_id)
    rows = tx.rows(
        sa.select(*columns)
        .where(
            assignment_target.c.tenant_id == tenant,
            among(assignment_target.c.item_id, items),
            assignment_target.c.item_kind.in_(sorted(KINDS)),
            assignment_target.c.mode == Mode.INCLUDE.value,
        )
        .distinct()
        .order_by(*columns)
    )
    everybody = any(row.target_kind == TargetKind.ALL_USERS.value for row in rows)
    return everybody, [row.group_id for row in rows if row.group_id is not None]


def _forget_registrations(tx: Tx, tenant: TenantKey, registrations: Iterable[int]) -> None:
    for some in chunks(sorted(registrations)):
        tx.execute(
            enrolment.update()
            .where(enrolment.c.tenant_id == tenant, among(enrolment.c.registration_id, some))
            .values(registration_id=None)
        )


def _forget_users(tx: Tx, tenant: TenantKey, users: Iterable[int]) -> None:
    for some in chunks(sorted(users)):
        _mark(tx, tenant, _has_users(tenant, among(on_device.c.user_id, some)))
        tx.execute(
            on_device.delete().where(on_device.c.tenant_id == tenant, among(on_device.c.user_id, some))
        )
        tx.execute(
            enrolment.update()
            .where(enrolment.c.tenant_id == tenant, among(enrolment.c.owner_user_id, some))
            .values(owner_user_id=None)
        )
