"""Registrations: finding them, their editable attributes, their assigned user, and their end.

Editing rewrites the physical ids of the directory device, so that groups, profile and Enrollment Status Page
follow in the same unit (spec/autopilot.md 2.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.service import set_assigned_user, set_assigned_users
from reseal.autopilot import identities
from reseal.autopilot.changes import REGISTRATION_CHANGED, REGISTRATIONS_REMOVED
from reseal.autopilot.model import (
    FRIENDLY_NAME_LIMIT,
    PROTECTED_BY,
    Registration,
    RegistrationChanges,
)
from reseal.autopilot.model_naming import check_device_name
from reseal.autopilot.tables import registration, to_registration
from reseal.directory.devices import (
    delete_devices,
    device_by_id,
    devices_by_id,
    set_physical_ids,
    update_device,
)
from reseal.directory.model import User
from reseal.directory.model_names import fold, require_own_domain
from reseal.directory.model_physical import ORDER_ID, PURCHASE_ORDER_ID, PhysicalId, compose, parse
from reseal.directory.paging import Page, PageKey, page
from reseal.directory.tenants import folded_domains
from reseal.directory.users import find_user
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey

# --- finding ------------------------------------------------------------------------------------------------


def registration_by_id(tx: Tx, tenant: TenantKey, key: int) -> Registration:
    """The registration with this internal key; raises `NotFound`."""
    return _found(tx, _BY_ID, {"at_tenant": tenant, "key": key}, f"with the key {key}")


def registration_by_uuid(tx: Tx, tenant: TenantKey, ztdid: UUID) -> Registration:
    """The registration with this ZTDID; raises `NotFound`."""
    return _found(tx, _BY_UUID, {"at_tenant": tenant, "ztdid": ztdid}, f"with the ZTDID {ztdid}")


_OF_TENANT = sa.select(registration).where(registration.c.tenant_id == sa.bindparam("at_tenant"))
_BY_ID = _OF_TENANT.where(registration.c.id == sa.bindparam("key"))
_BY_UUID = _OF_TENANT.where(registration.c.uuid == sa.bindparam("ztdid"))
_OF_DEVICE = _OF_TENANT.where(registration.c.device_id == sa.bindparam("device"))
"""Statements that every device takes many times are made once: making one takes longer than running it."""


def registration_of_device(tx: Tx, tenant: TenantKey, device_id: int) -> Registration | None:
    """The registration of a directory device, if it is registered with Autopilot."""
    row = tx.row(_OF_DEVICE, {"at_tenant": tenant, "device": device_id})
    return None if row is None else to_registration(row)


def registrations_by_id(tx: Tx, tenant: TenantKey, keys: Iterable[int]) -> dict[int, Registration]:
    """Those of `keys` that exist, by key; few statements for many."""
    return {
        row.id: to_registration(row)
        for some in chunks(sorted(set(keys)))
        for row in tx.rows(
            sa.select(registration)
            .where(registration.c.tenant_id == tenant, among(registration.c.id, some))
            .order_by(registration.c.id)
        )
    }


def registrations_by_uuid(tx: Tx, tenant: TenantKey, ztdids: Iterable[UUID]) -> dict[UUID, Registration]:
    """Those of `ztdids` that exist, by ZTDID; few statements for many."""
    return {
        row.uuid: to_registration(row)
        for some in chunks(sorted(set(ztdids)))
        for row in tx.rows(
            sa.select(registration)
            .where(registration.c.tenant_id == tenant, registration.c.uuid.in_(some))
            .order_by(registration.c.id)
        )
    }


def list_registrations(
    tx: Tx,
    tenant: TenantKey,
    *,
    serial: str = "",
    group_tag: str | None = None,
    after: PageKey | None = None,
    limit: int = 100,
) -> Page[Registration]:
    """Registrations by serial number; those whose serial number begins with `serial`, with that group tag if
    given.
    """
    query = sa.select(registration).where(registration.c.tenant_id == tenant)
    if serial:
        query = query.where(registration.c.serial_folded.startswith(fold(serial), autoescape=True))
    if group_tag is not None:
        query = query.where(registration.c.group_tag == group_tag)
    return _page(tx, query, after, limit)


def without_profile(
    tx: Tx, tenant: TenantKey, *, after: PageKey | None = None, limit: int = 100
) -> Page[Registration]:
    """The alert list: registrations that no assigned profile reaches, whether or not the built-in default
    serves them.

    The built-in default does not allow pre-provisioning, so a device on this list is not ready for a
    technician.
    """
    query = sa.select(registration).where(
        registration.c.tenant_id == tenant, registration.c.profile_id.is_(None)
    )
    return _page(tx, query, after, limit)


def count_without_profile(tx: Tx, tenant: TenantKey) -> int:
    """How many registrations are on the alert list."""
    counted: int = tx.value(
        sa.select(sa.func.count())
        .select_from(registration)
        .where(registration.c.tenant_id == tenant, registration.c.profile_id.is_(None))
    )
    return counted


@dataclass(frozen=True, slots=True)
class Counted:
    """How many registrations there are, and how many of them have an assigned user."""

    all: int = 0
    with_user: int = 0


def count_by_profile(tx: Tx, tenant: TenantKey) -> dict[int | None, Counted]:
    """How many registrations each profile reaches; None stands for those that none reaches."""
    columns = registration.c
    rows = tx.rows(
        sa.select(
            columns.profile_id,
            sa.func.count().label("counted"),
            sa.func.count(columns.assigned_user_id).label("with_user"),
        )
        .where(columns.tenant_id == tenant)
        .group_by(columns.profile_id)
        .order_by(columns.profile_id)
    )
    return {row.profile_id: Counted(row.counted, row.with_user) for row in rows}


# --- editing ------------------------------------------------------------------------------------------------


def update_registration(
    tx: Tx, tenant: TenantKey, key: int, changes: RegistrationChanges, *, actor: str = "system"
) -> bool:
    """Change a registration; returns whether anything was different. All or nothing.

    Raises `NotFound` for an unknown registration or user (`UserNotFound`), `Conflict` (`UserNotLicensed`) for
    a user without licence, `Invalid` for an unfit device name, group tag, purchase order or friendly name.
    """
    tx.lock(f"causes:{tenant}")
    present = registration_by_id(tx, tenant, key)
    after = wanted(tx, tenant, present, changes)
    if after == present:
        return False
    tx.execute(
        sa.update(registration)
        .where(registration.c.tenant_id == tenant, registration.c.id == key)
        .values(
            group_tag=after.group_tag,
            purchase_order=after.purchase_order,
            device_name=after.device_name,
            assigned_user_id=after.assigned_user_id,
            assigned_user_upn=after.assigned_user_upn,
            assigned_user_folded=fold(after.assigned_user_upn),
            addressable_user_name=after.addressable_user_name,
            modified_at=tx.now,
        )
    )
    if (after.group_tag, after.purchase_order) != (present.group_tag, present.purchase_order):
        _write_physical_ids(tx, tenant, after, actor)
    if after.assigned_user_id != present.assigned_user_id:
        set_assigned_user(tx, tenant, after.device_id, after.assigned_user_id)
    changed = differences(present, after)
    tx.announce(Change(REGISTRATION_CHANGED, tenant, frozenset({key}), frozenset(changed)))
    events.record(tx, tenant, "registration.changed", Subject("registration", present.uuid), changed, actor)
    return True


def wanted(tx: Tx, tenant: TenantKey, present: Registration, changes: RegistrationChanges) -> Registration:
    """The registration as these changes would make it. Raises as `update_registration`."""
    after = present
    if changes.group_tag is not None:
        after = replace(after, group_tag=_physical_value(ORDER_ID, changes.group_tag))
    if changes.purchase_order is not None:
        after = replace(after, purchase_order=_physical_value(PURCHASE_ORDER_ID, changes.purchase_order))
    if changes.device_name is not None:
        if changes.device_name:
            check_device_name(changes.device_name)
        after = replace(after, device_name=changes.device_name)
    if changes.addressable_user_name is not None:
        after = replace(after, addressable_user_name=_friendly_name(changes.addressable_user_name))
    if changes.assigned_user_upn is not None:
        after = _with_user(tx, tenant, after, changes.assigned_user_upn.strip(), changes)
    return after


def _with_user(
    tx: Tx, tenant: TenantKey, wanted: Registration, upn: str, changes: RegistrationChanges
) -> Registration:
    """Assign `upn`, or nobody; taking the user away takes the friendly name along unless another one was
    given.
    """
    if not upn:
        name = wanted.addressable_user_name if changes.addressable_user_name else ""
        return replace(wanted, assigned_user_id=None, assigned_user_upn="", addressable_user_name=name)
    found = _assignable_user(tx, tenant, upn)
    return replace(wanted, assigned_user_id=found.id, assigned_user_upn=found.upn)


def _assignable_user(tx: Tx, tenant: TenantKey, upn: str) -> User:
    require_own_domain(upn, folded_domains(tx, tenant))
    found = find_user(tx, tenant, upn)
    if found is None:
        raise NotFound(
            code="UserNotFound",
            message=f"There is no user {upn} in this organisation.",
            remedy="Check the user principal name, or create the user first.",
        )
    if not found.licensed:
        raise Conflict(
            code="UserNotLicensed",
            message=f"{found.upn} has no licence for device management and cannot be assigned to a device.",
            remedy="License the user, then assign the device.",
        )
    return found


def _physical_value(tag: str, text: str) -> str:
    value = text.strip()
    if value:
        parse(str(PhysicalId(tag, value)))
    return value


def _friendly_name(text: str) -> str:
    name = text.strip()
    if len(name) > FRIENDLY_NAME_LIMIT or not name.isprintable():
        raise Invalid(
            code="AddressableUserName",
            message="The friendly name of the user is too long or holds characters that cannot be seen.",
            remedy=f"Use at most {FRIENDLY_NAME_LIMIT} characters.",
        )
    return name


def _write_physical_ids(tx: Tx, tenant: TenantKey, wanted: Registration, actor: str) -> None:
    device = device_by_id(tx, tenant, wanted.device_id)
    ids = compose(
        device.physical_ids,
        ztdid=wanted.uuid,
        group_tag=wanted.group_tag,
        purchase_order=wanted.purchase_order,
    )
    set_physical_ids(tx, tenant, device.id, ids, actor=actor)


_GRAPH_NAMES: Final = {
    "group_tag": "groupTag",
    "purchase_order": "purchaseOrder",
    "device_name": "deviceName",
    "assigned_user_upn": "assignedUser",
    "addressable_user_name": "addressableUserName",
}


def differences(before: Registration, after: Registration) -> dict[str, JsonValue]:
    """What an event says of a change."""
    return {
        told: {"from": getattr(before, name), "to": getattr(after, name)}
        for name, told in _GRAPH_NAMES.items()
        if getattr(before, name) != getattr(after, name)
    }


# --- the end ------------------------------------------------------------------------------------------------


def deregister(
    tx: Tx,
    tenant: TenantKey,
    keys: Iterable[int],
    *,
    keep_directory_device: bool = False,
    actor: str = "system",
) -> None:
    """End registrations in one step; the hardware can be registered anew, by anybody (spec/autopilot.md 2.6).

    The directory device goes along unless it is to be kept; a kept one loses its Autopilot ids and its
    protection. Raises `NotFound` if one of them does not exist, and then ends none.
    """
    identities.hold(tx, tenant)
    gone = registrations_by_id(tx, tenant, keys)
    missing = sorted(set(keys) - set(gone))
    if missing:
        raise _not_found(f"with the key {missing[0]}")
    for some in chunks(sorted(gone)):
        tx.execute(
            sa.delete(registration).where(registration.c.tenant_id == tenant, among(registration.c.id, some))
        )
    identities.remove(tx, [one.identity_id for one in gone.values()])
    devices = [one.device_id for one in gone.values()]
    if keep_directory_device:
        _release_devices(tx, tenant, devices, actor)
    else:
        delete_devices(tx, tenant, devices, released_by=PROTECTED_BY, actor=actor)
    tx.announce(Change(REGISTRATIONS_REMOVED, tenant, frozenset(gone)))
    told = [
        (Subject("registration", one.uuid), _farewell(one, keep_directory_device)) for one in gone.values()
    ]
    events.record_all(tx, tenant, "registration.deleted", told, actor)


def _farewell(gone: Registration, kept_device: bool) -> dict[str, JsonValue]:
    return {"serial": gone.serial, "keptDirectoryDevice": kept_device}


def _release_devices(tx: Tx, tenant: TenantKey, devices: Sequence[int], actor: str) -> None:
    set_assigned_users(tx, tenant, dict.fromkeys(devices))
    for device in devices_by_id(tx, tenant, devices).values():
        ids = compose(device.physical_ids, ztdid=None)
        update_device(tx, tenant, device.id, physical_ids=ids, protected_by=None, actor=actor)


def _page(tx: Tx, query: sa.Select[Any], after: PageKey | None, limit: int) -> Page[Registration]:
    columns = registration.c
    return page(tx, query, columns.serial_folded, columns.id, to_registration, after=after, limit=limit)


def _found(tx: Tx, query: sa.Select[Any], parameters: Mapping[str, Any], what: str) -> Registration:
    row = tx.row(query, parameters)
    if row is None:
        raise _not_found(what)
    return to_registration(row)


def _not_found(what: str) -> NotFound:
    return NotFound(
        code="RegistrationNotFound",
        message=f"There is no Autopilot device {what} in this organisation.",
        remedy="Check the device; it may have been deregistered.",
    )
