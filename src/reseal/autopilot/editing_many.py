"""Editing many registrations at once: the same group tag or the same user for all, few statements for many.

What becomes of each is what `registrations.update_registration` would make of it, and each has its event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from reseal.assignment.service import set_assigned_users
from reseal.autopilot.changes import REGISTRATION_CHANGED
from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.autopilot.registrations import differences, registrations_by_id, wanted
from reseal.autopilot.tables import registration
from reseal.directory.devices import devices_by_id, set_many_physical_ids
from reseal.directory.model_names import fold
from reseal.directory.model_physical import compose
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey


def set_tag_of_many(
    tx: Tx, tenant: TenantKey, keys: Sequence[int], tag: str, *, actor: str = "system"
) -> list[Registration]:
    """Give these registrations a group tag, or none; those that had another, as they were.

    Raises `Invalid` for an unfit tag. Keys that do not exist are passed over.
    """
    tx.lock(f"causes:{tenant}")
    moved = _moved(tx, tenant, keys, RegistrationChanges(group_tag=tag))
    if not moved:
        return []
    value = moved[0][1].group_tag
    _write(tx, tenant, moved, {"group_tag": value}, actor)
    devices = devices_by_id(tx, tenant, [after.device_id for _, after in moved])
    set_many_physical_ids(
        tx,
        tenant,
        {
            after.device_id: compose(
                devices[after.device_id].physical_ids,
                ztdid=after.uuid,
                group_tag=after.group_tag,
                purchase_order=after.purchase_order,
            )
            for _, after in moved
        },
        actor=actor,
    )
    return [before for before, _ in moved]


def set_user_of_many(
    tx: Tx, tenant: TenantKey, keys: Sequence[int], upn: str, *, actor: str = "system"
) -> list[Registration]:
    """Assign a user to these registrations, or nobody; those that had another, as they were.

    Raises `NotFound` (`UserNotFound`), `Conflict` (`UserNotLicensed`), `Invalid` for a foreign domain.
    """
    tx.lock(f"causes:{tenant}")
    moved = _moved(tx, tenant, keys, RegistrationChanges(assigned_user_upn=upn))
    if not moved:
        return []
    one = moved[0][1]
    values = {
        "assigned_user_id": one.assigned_user_id,
        "assigned_user_upn": one.assigned_user_upn,
        "assigned_user_folded": fold(one.assigned_user_upn),
        **({} if one.assigned_user_upn else {"addressable_user_name": ""}),
    }
    _write(tx, tenant, moved, values, actor)
    set_assigned_users(tx, tenant, {after.device_id: one.assigned_user_id for _, after in moved})
    return [before for before, _ in moved]


def _moved(
    tx: Tx, tenant: TenantKey, keys: Sequence[int], changes: RegistrationChanges
) -> list[tuple[Registration, Registration]]:
    """Those that become different, each as it was and as it is to be. The change is looked at once: what it
    makes of the first, it makes of all.
    """
    present = [one for _, one in sorted(registrations_by_id(tx, tenant, keys).items())]
    if not present:
        return []
    first = wanted(tx, tenant, present[0], changes)
    if changes.group_tag is not None:
        after = [replace(one, group_tag=first.group_tag) for one in present]
    else:
        after = [
            replace(
                one,
                assigned_user_id=first.assigned_user_id,
                assigned_user_upn=first.assigned_user_upn,
                addressable_user_name=one.addressable_user_name if first.assigned_user_upn else "",
            )
            for one in present
        ]
    return [(old, new) for old, new in zip(present, after, strict=True) if old != new]


def _write(
    tx: Tx,
    tenant: TenantKey,
    moved: Sequence[tuple[Registration, Registration]],
    values: Mapping[str, object],
    actor: str,
) -> None:
    keys = [after.id for _, after in moved]
    for some in chunks(keys):
        tx.execute(
            sa.update(registration)
            .where(registration.c.tenant_id == tenant, among(registration.c.id, some))
            .values(**values, modified_at=tx.now)
        )
    told = {after.id: differences(before, after) for before, after in moved}
    names = frozenset(name for changed in told.values() for name in changed)
    tx.announce(Change(REGISTRATION_CHANGED, tenant, frozenset(keys), names))
    events.record_all(
        tx,
        tenant,
        "registration.changed",
        [(events.Subject("registration", after.uuid), told[after.id]) for _, after in moved],
        actor,
    )
