"""What is effective: for a device, for many, and by item; and the assigned user that effects depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import sqlalchemy as sa

from reseal.assignment import basis, facts
from reseal.assignment.changes import DEVICE_USER_CHANGED
from reseal.assignment.model import Entry, ItemKind, ItemRef, Signature, TargetIndex, resolve
from reseal.assignment.tables import (
    assignment_target,
    device_effective,
    effective_entry,
    effective_set,
    entry_of,
    target_of,
)
from reseal.directory.devices import devices_by_id
from reseal.directory.model import MemberKind
from reseal.directory.users import users_by_id
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import NotFound
from reseal.kernel.ids import TenantKey


def entries_for(tx: Tx, tenant: TenantKey, device: int, kind: ItemKind | None = None) -> tuple[Entry, ...]:
    """What is effective for a directory device, of one kind or of all; sorted."""
    return entries_for_many(tx, tenant, [device], kind).get(device, ())


def entries_for_many(
    tx: Tx, tenant: TenantKey, devices: Iterable[int], kind: ItemKind | None = None
) -> dict[int, tuple[Entry, ...]]:
    """What is effective for each of these directory devices; devices with equal sets share one tuple."""
    pointers: dict[int, int] = {}
    for some in chunks(sorted(set(devices)), facts.BATCH):
        statement = (
            sa.select(device_effective.c.device_id, device_effective.c.set_id)
            .where(
                device_effective.c.tenant_id == tenant,
                among(device_effective.c.device_id, some),
                device_effective.c.set_id.is_not(None),
            )
            .order_by(device_effective.c.device_id)
        )
        pointers.update((row.device_id, row.set_id) for row in tx.rows(statement))
    entries = entries_of_sets(tx, tenant, pointers.values(), kind)
    return {device: entries.get(key, ()) for device, key in pointers.items()}


def entries_of_sets(
    tx: Tx, tenant: TenantKey, sets: Iterable[int], kind: ItemKind | None = None
) -> dict[int, tuple[Entry, ...]]:
    """The entries of these effective sets; a set without any is left out."""
    found: dict[int, list[Entry]] = {}
    for some in chunks(sorted(set(sets)), facts.BATCH):
        statement = (
            sa.select(effective_entry)
            .where(effective_entry.c.tenant_id == tenant, among(effective_entry.c.set_id, some))
            .order_by(effective_entry.c.set_id, effective_entry.c.item_kind, effective_entry.c.item_id)
        )
        if kind is not None:
            statement = statement.where(effective_entry.c.item_kind == kind.value)
        for row in tx.rows(statement):
            found.setdefault(row.set_id, []).append(entry_of(row))
    return {key: tuple(sorted(entries)) for key, entries in found.items()}


def entries_for_user(tx: Tx, tenant: TenantKey, device: int, user: int) -> tuple[Entry, ...]:
    """What would be effective for a directory device if `user` were assigned to it; sorted.

    For somebody who is signed in without being the assigned user: worked out on the spot and not kept, unless
    some device has the very same signature.
    """
    known = basis.load(tx, tenant)
    seen = facts.look_at(tx, tenant, [device], facts.Filters.load(tx, tenant, known.filters))
    if not seen:
        return ()
    groups, user_groups = (
        facts.groups_of(tx, tenant, kind, [member], known.groups).get(member, [])
        for kind, member in ((MemberKind.DEVICE, device), (MemberKind.USER, user))
    )
    signature = Signature.of(groups, seen[0].filters, user_groups)
    kept = tx.value(
        sa.select(effective_set.c.id).where(
            effective_set.c.tenant_id == tenant, effective_set.c.signature == signature.digest()
        )
    )
    if kept is not None:
        return entries_of_sets(tx, tenant, [kept]).get(kept, ())
    rows = tx.rows(
        sa.select(assignment_target)
        .where(assignment_target.c.tenant_id == tenant)
        .order_by(assignment_target.c.id)
    )
    targets = TargetIndex(target_of(row) for row in rows)
    return resolve(targets.reaching(signature), signature)


def holders(tx: Tx, tenant: TenantKey, item: ItemRef) -> list[int]:
    """The directory devices that get the item, in any scope and with any intent, in rising order."""
    statement = (
        sa.select(device_effective.c.device_id)
        .join_from(
            effective_entry,
            device_effective,
            sa.and_(
                device_effective.c.tenant_id == effective_entry.c.tenant_id,
                device_effective.c.set_id == effective_entry.c.set_id,
            ),
        )
        .where(
            effective_entry.c.tenant_id == tenant,
            effective_entry.c.item_kind == item.kind.value,
            effective_entry.c.item_id == item.id,
        )
        .distinct()
        .order_by(device_effective.c.device_id)
    )
    return [row.device_id for row in tx.rows(statement)]


def assigned_user(tx: Tx, tenant: TenantKey, device: int) -> int | None:
    """The user assigned to a directory device."""
    key: int | None = tx.value(
        sa.select(device_effective.c.user_id).where(
            device_effective.c.tenant_id == tenant, device_effective.c.device_id == device
        )
    )
    return key


def set_assigned_user(tx: Tx, tenant: TenantKey, device: int, user: int | None) -> None:
    """Assign a user to a directory device, or none; the user's groups then count for it in the user scope.

    Raises `NotFound` for a device or user that does not exist.
    """
    set_assigned_users(tx, tenant, {device: user})


def set_assigned_users(tx: Tx, tenant: TenantKey, users: Mapping[int, int | None]) -> None:
    """Assign users to many directory devices at once; raises `NotFound` as `set_assigned_user` does."""
    wanted = {user for user in users.values() if user is not None}
    _refuse_missing(users.keys() - devices_by_id(tx, tenant, users), "DeviceNotFound", "directory device")
    _refuse_missing(wanted - users_by_id(tx, tenant, wanted).keys(), "UserNotFound", "user")
    present: dict[int, int | None] = {}
    for some in chunks(sorted(users), facts.BATCH):
        statement = (
            sa.select(device_effective.c.device_id, device_effective.c.user_id)
            .where(device_effective.c.tenant_id == tenant, among(device_effective.c.device_id, some))
            .order_by(device_effective.c.device_id)
        )
        present.update((row.device_id, row.user_id) for row in tx.rows(statement))
    changed = [device for device in sorted(users) if users[device] != present.get(device)]
    if not changed:
        return
    insert = tx.insert(device_effective)
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["tenant_id", "device_id"], set_={"user_id": insert.excluded.user_id}
        ),
        [{"tenant_id": tenant, "device_id": device, "user_id": users[device]} for device in changed],
    )
    tx.announce(Change(DEVICE_USER_CHANGED, tenant, frozenset(changed)))


def _refuse_missing(missing: Set[int], code: str, what: str) -> None:
    if missing:
        raise NotFound(
            code=code,
            message=f"There is no {what} {', '.join(map(str, sorted(missing)))} in this organisation.",
            remedy="It may have been deleted; look it up again.",
        )
