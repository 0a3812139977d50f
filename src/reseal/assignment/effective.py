"""The reactor that keeps every directory device pointing at its effective set, in the unit of the change.

Causes and whom they can touch:

    device in or out of a group, device attributes, assigned user    that device
    user in or out of a group, user gone                             the devices assigned to that user
    targets of an item                                               entries of the sets; and if they now name
                                                                     another group or filter, its devices too
    rule of a filter in use                                          all devices

Whoever can be touched gets its signature made anew, batch by batch; only what comes out different is written
and announced. `rebuild` does the same for everybody and must find nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from reseal.assignment import basis, facts
from reseal.assignment.changes import (
    ASSIGNMENT_CHANGED,
    DEVICE_USER_CHANGED,
    EFFECTIVE_DEVICES_CHANGED,
    EFFECTIVE_SETS_CHANGED,
    FILTER_CHANGED,
)
from reseal.assignment.model import Basis, ItemRef
from reseal.assignment.sets import Keeper, devices_of_sets
from reseal.assignment.tables import assignment_target, device_effective, item_of
from reseal.directory.changes import (
    DEVICE_CHANGED,
    DEVICE_MEMBERSHIP_CHANGED,
    DEVICES_REMOVED,
    GROUPS_REMOVED,
    USER_MEMBERSHIP_CHANGED,
    USERS_REMOVED,
)
from reseal.directory.tenants import tenant_by_id
from reseal.kernel import events
from reseal.kernel.changes import Change, ChangeKind, Reactor
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey

MOST_ITEMS_APART = 200
"""Items edited in one unit up to which their entries are looked at alone; beyond, those of all items are."""


@dataclass(slots=True)
class _Touched:
    """Whom the changes of one unit can touch."""

    devices: set[int] = field(default_factory=set)
    everybody: bool = False
    items: set[ItemRef] = field(default_factory=set)


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """Bring the tenant's effective sets up to date with the changes, and announce what became different."""
    tx.lock(f"causes:{tenant}")
    touched = _Touched(devices=_ids(changes, DEVICE_CHANGED, DEVICE_MEMBERSHIP_CHANGED, DEVICE_USER_CHANGED))
    touched.devices |= _devices_of_users(tx, tenant, _ids(changes, USER_MEMBERSHIP_CHANGED))
    touched.devices |= _release_users(tx, tenant, _ids(changes, USERS_REMOVED))
    touched.items |= _edited_items(changes)
    touched.items |= _drop_targets_of_groups(tx, tenant, _ids(changes, GROUPS_REMOVED))

    known = basis.load(tx, tenant)
    keeper = _follow_targets(tx, tenant, known, touched) if touched.items else Keeper(tx, tenant, known)
    touched.everybody |= bool(known.filters & _ids(changes, FILTER_CHANGED))
    keeper.leave(_forget_devices(tx, tenant, _ids(changes, DEVICES_REMOVED)))
    for batch in _batches(tx, tenant, touched):
        keeper.point(batch)
    keeper.finish_devices()
    if touched.items:
        keeper.resolve_again(frozenset(touched.items) if len(touched.items) <= MOST_ITEMS_APART else None)
    _tell(tx, tenant, keeper)


REACTOR = Reactor(
    "effective.react",
    frozenset(
        {
            ASSIGNMENT_CHANGED,
            DEVICE_CHANGED,
            DEVICE_MEMBERSHIP_CHANGED,
            DEVICE_USER_CHANGED,
            DEVICES_REMOVED,
            FILTER_CHANGED,
            GROUPS_REMOVED,
            USER_MEMBERSHIP_CHANGED,
            USERS_REMOVED,
        }
    ),
    react,
)


def rebuild(tx: Tx, tenant: TenantKey) -> None:
    """Work everything out from the causes alone, in batches; announces what had been different."""
    tx.lock(f"causes:{tenant}")
    followed, _ = basis.follow_targets(tx, tenant, basis.load(tx, tenant))
    keeper = Keeper(tx, tenant, followed)
    for batch in facts.all_devices(tx, tenant):
        keeper.point(batch)
    keeper.finish_devices()
    keeper.resolve_again(None)
    _tell(tx, tenant, keeper)


# --- whom the changes touch -----------------------------------------------------------------------


def _ids(changes: Iterable[Change], *kinds: ChangeKind) -> set[int]:
    return {key for change in changes if change.kind in kinds for key in change.ids}


def _edited_items(changes: Iterable[Change]) -> set[ItemRef]:
    return {
        ItemRef.parse(name)
        for change in changes
        if change.kind == ASSIGNMENT_CHANGED
        for name in change.attributes
    }


def _follow_targets(tx: Tx, tenant: TenantKey, known: Basis, touched: _Touched) -> Keeper:
    """A keeper on the basis of the edited targets; adds whom the shift of the basis touches."""
    followed, shift = basis.follow_targets(tx, tenant, known)
    keeper = Keeper(tx, tenant, followed)
    touched.everybody |= bool(shift.added.filters)
    touched.devices |= set(facts.devices_reached_by(tx, tenant, shift.added.groups))
    if shift.removed != Basis():
        touched.devices |= set(keeper.devices_of_sets_with(shift.removed))
    return keeper


def _batches(tx: Tx, tenant: TenantKey, touched: _Touched) -> Iterator[list[int]]:
    if touched.everybody:
        return facts.all_devices(tx, tenant)
    return chunks(sorted(touched.devices), facts.BATCH)


# --- letting go of what the directory removed -----------------------------------------------------


def _devices_of_users(tx: Tx, tenant: TenantKey, users: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(sorted(users)):
        statement = (
            sa.select(device_effective.c.device_id)
            .where(device_effective.c.tenant_id == tenant, among(device_effective.c.user_id, some))
            .order_by(device_effective.c.device_id)
        )
        found.update(row.device_id for row in tx.rows(statement))
    return found


def _release_users(tx: Tx, tenant: TenantKey, users: Iterable[int]) -> set[int]:
    devices = _devices_of_users(tx, tenant, users)
    for some in chunks(sorted(devices)):
        tx.execute(
            device_effective.update()
            .where(device_effective.c.tenant_id == tenant, among(device_effective.c.device_id, some))
            .values(user_id=None)
        )
    return devices


def _forget_devices(tx: Tx, tenant: TenantKey, devices: Iterable[int]) -> set[int]:
    """Remove the rows of these devices; returns the sets they pointed at."""
    left: set[int] = set()
    for some in chunks(sorted(devices)):
        statement = (
            device_effective.delete()
            .where(device_effective.c.tenant_id == tenant, among(device_effective.c.device_id, some))
            .returning(device_effective.c.set_id)
        )
        left.update(row.set_id for row in tx.rows(statement) if row.set_id is not None)
    return left


def _drop_targets_of_groups(tx: Tx, tenant: TenantKey, groups: Iterable[int]) -> set[ItemRef]:
    """Remove the targets that name these groups, and say so in the log; returns their items."""
    items: set[ItemRef] = set()
    for some in chunks(sorted(groups)):
        statement = (
            assignment_target.delete()
            .where(assignment_target.c.tenant_id == tenant, among(assignment_target.c.group_id, some))
            .returning(assignment_target.c.item_kind, assignment_target.c.item_id)
        )
        items.update(item_of(row) for row in tx.rows(statement))
    if items:
        payload: events.JsonValue = [str(item) for item in sorted(items)]
        _record(tx, tenant, "assignment.groups_removed", {"items": payload})
    return items


# --- telling --------------------------------------------------------------------------------------


def _tell(tx: Tx, tenant: TenantKey, keeper: Keeper) -> None:
    tx.announce(Change(EFFECTIVE_DEVICES_CHANGED, tenant, frozenset(keeper.moved)))
    tx.announce(Change(EFFECTIVE_SETS_CHANGED, tenant, frozenset(keeper.changed)))
    affected = set(keeper.moved).union(devices_of_sets(tx, tenant, keeper.changed))
    if affected:
        _record(tx, tenant, "assignment.effective_changed", {"devices": len(affected)})


def _record(tx: Tx, tenant: TenantKey, kind: str, payload: dict[str, events.JsonValue]) -> None:
    subject = events.Subject("tenant", tenant_by_id(tx, tenant).uuid)
    events.record(tx, tenant, kind, subject, payload)
