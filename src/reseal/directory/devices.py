"""Directory devices: the objects that groups hold and assignments target.

A registration writes its physical ids here and protects the device; a join fills in trust, owner and name;
the management service its flags. This module knows none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.changes import DEVICE_CHANGED, DEVICES_REMOVED
from reseal.directory.model import (
    AttributeValue,
    Device,
    MemberKind,
    NewDevice,
    ProfileType,
    TrustType,
    device_view,
    view_changes,
)
from reseal.directory.model_attributes import merge_device_attributes
from reseal.directory.model_names import display_name, fold
from reseal.directory.model_physical import check
from reseal.directory.paging import Page, PageKey, page
from reseal.directory.tables import device, group_member, to_device
from reseal.directory.tenants import differences
from reseal.directory.users import public_ids, user_by_id
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks, one_of
from reseal.kernel.errors import Conflict, Detail, NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import Key, TenantKey

_PLAIN_NAMES = {"is_managed": "isManaged", "is_compliant": "isCompliant", "owner_user_id": "owner"}
"""Columns that no membership rule reads, as a change names them."""


class DeviceChanges(TypedDict, total=False):
    """What `update_device` changes. `attributes` is merged into the present ones; None removes one."""

    display_name: str
    enabled: bool
    trust_type: TrustType | None
    profile_type: ProfileType
    is_managed: bool
    is_compliant: bool | None
    owner_user_id: int | None
    physical_ids: Sequence[str]
    protected_by: str | None
    attributes: Mapping[str, AttributeValue | None]


def create_device(
    tx: Tx,
    tenant: TenantKey,
    display_name_: str,
    physical_ids: Sequence[str] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
    *,
    protected_by: str | None = None,
    actor: str = "system",
) -> Device:
    """One new directory device; see `create_devices`."""
    new = NewDevice(display_name_, physical_ids, attributes, protected_by)
    return create_devices(tx, tenant, [new], actor=actor)[0]


def create_devices(
    tx: Tx, tenant: TenantKey, new: Sequence[NewDevice], *, actor: str = "system"
) -> tuple[Device, ...]:
    """New directory devices in the order given, enabled and not yet joined; few statements for many.

    Raises `Invalid` for an unfit name, physical id or attribute.
    """
    created = tuple(_created(tx, one) for one in new)
    for some in chunks(created):
        tx.execute(sa.insert(device), [_columns(tenant, one) for one in some])
    tx.announce(Change(DEVICE_CHANGED, tenant, frozenset(one.id for one in created)))
    _record(tx, tenant, "created", {one.uuid: _shown(one) for one in created}, actor)
    return created


def device_by_id(tx: Tx, tenant: TenantKey, device_id: int) -> Device:
    """The directory device with this internal key; raises `NotFound`."""
    return to_device(_row(tx, tenant, device.c.id == device_id, f"with the key {device_id}"))


def device_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> Device:
    """The directory device with this object id; raises `NotFound`."""
    return to_device(_row(tx, tenant, device.c.uuid == uuid, f"with the object id {uuid}"))


def device_by_device_id(tx: Tx, tenant: TenantKey, device_id: UUID) -> Device:
    """The directory device with this device id, which its certificate names; raises `NotFound`."""
    return to_device(_row(tx, tenant, device.c.device_id == device_id, f"with the device id {device_id}"))


def devices_by_id(tx: Tx, tenant: TenantKey, ids: Iterable[int]) -> dict[int, Device]:
    """Those of `ids` that exist, by key; a few statements however many there are."""
    return {
        row.id: to_device(row)
        for some in chunks(sorted(set(ids)))
        for row in tx.rows(
            sa.select(device)
            .where(device.c.tenant_id == tenant, among(device.c.id, some))
            .order_by(device.c.id)
        )
    }


def list_devices(
    tx: Tx, tenant: TenantKey, *, search: str = "", after: PageKey | None = None, limit: int = 100
) -> Page[Device]:
    """Directory devices by display name; `search` keeps those with that text in it."""
    query = sa.select(device).where(device.c.tenant_id == tenant)
    if search:
        query = query.where(device.c.display_name_folded.contains(fold(search), autoescape=True))
    return page(tx, query, device.c.display_name_folded, device.c.id, to_device, after=after, limit=limit)


def devices_of_user(tx: Tx, tenant: TenantKey, user_id: int) -> tuple[Device, ...]:
    """The devices that a user owns, oldest first."""
    rows = tx.rows(
        sa.select(device)
        .where(device.c.tenant_id == tenant, device.c.owner_user_id == user_id)
        .order_by(device.c.id)
    )
    return tuple(to_device(row) for row in rows)


def count_joined(tx: Tx, tenant: TenantKey, user_id: int) -> int:
    """How many devices count towards a user's quota: joined or registered, but not by a domain controller.

    `spec/identity.md 2.5`.
    """
    counted: int = tx.value(
        sa.select(sa.func.count())
        .select_from(device)
        .where(
            device.c.tenant_id == tenant,
            device.c.owner_user_id == user_id,
            device.c.trust_type.in_([TrustType.AZURE_AD.value, TrustType.WORKPLACE.value]),
        )
    )
    return counted


def update_device(
    tx: Tx, tenant: TenantKey, device_id: int, *, actor: str = "system", **changes: Unpack[DeviceChanges]
) -> Device:
    """Change a directory device; what is not named stays, and nothing is written if nothing differs.

    Raises `NotFound` for an unknown device or owner, `Invalid` for an unfit name, physical id or attribute.
    """
    row = _row(tx, tenant, device.c.id == device_id, f"with the key {device_id}", to_change=True)
    before = row._asdict()
    values = {
        name: value for name, value in _checked(tx, tenant, before, changes).items() if value != before[name]
    }
    if not values:
        return to_device(row)
    changed = tx.execute(
        sa.update(device)
        .where(device.c.tenant_id == tenant, device.c.id == device_id)
        .values(**_with_folded(values))
        .returning(*device.c)
    ).one()
    names = set(view_changes(device_view(before), device_view(changed._asdict())))
    names.update(_PLAIN_NAMES[name] for name in values if name in _PLAIN_NAMES)
    if names:
        tx.announce(Change(DEVICE_CHANGED, tenant, frozenset({device_id}), frozenset(names)))
    told = differences({name: before[name] for name in values}, values)
    if "owner_user_id" in told:
        told["owner"] = public_ids(tx, tenant, told.pop("owner_user_id"))
    _record(tx, tenant, _verb(values), {row.uuid: told}, actor)
    return to_device(changed)


def set_physical_ids(
    tx: Tx, tenant: TenantKey, device_id: int, physical_ids: Sequence[str], *, actor: str = "system"
) -> Device:
    """Replace the physical ids of a directory device, which moves it between groups; see `update_device`."""
    return update_device(tx, tenant, device_id, physical_ids=physical_ids, actor=actor)


def set_many_physical_ids(
    tx: Tx, tenant: TenantKey, physical_ids: Mapping[int, Sequence[str]], *, actor: str = "system"
) -> None:
    """Replace the physical ids of many directory devices in few statements; unknown keys are passed over."""
    wanted = {key: list(check(physical_ids[key])) for key in sorted(physical_ids)}
    present = devices_by_id(tx, tenant, wanted)
    changed = [found for found in present.values() if list(found.physical_ids) != wanted[found.id]]
    statement = (
        sa.update(device)
        .where(device.c.tenant_id == tenant, device.c.id == sa.bindparam("key"))
        .values(physical_ids=sa.bindparam("ids"))
    )
    for some in chunks(changed):
        tx.execute(statement, [{"key": found.id, "ids": wanted[found.id]} for found in some])
    if changed:
        keys = frozenset(found.id for found in changed)
        tx.announce(Change(DEVICE_CHANGED, tenant, keys, frozenset({"devicePhysicalIds"})))
    told = {
        found.uuid: {"physical_ids": {"from": list(found.physical_ids), "to": wanted[found.id]}}
        for found in changed
    }
    _record(tx, tenant, "physical_ids_changed", told, actor)


def delete_device(
    tx: Tx, tenant: TenantKey, device_id: int, *, released_by: str | None = None, actor: str = "system"
) -> None:
    """Delete one directory device; see `delete_devices`. Raises `NotFound`."""
    device_by_id(tx, tenant, device_id)
    delete_devices(tx, tenant, [device_id], released_by=released_by, actor=actor)


def delete_devices(
    tx: Tx,
    tenant: TenantKey,
    ids: Iterable[int],
    *,
    released_by: str | None = None,
    actor: str = "system",
) -> None:
    """Delete directory devices for good, all or none; keys that do not exist are passed over.

    Raises `Conflict` (`DeviceProtected`) if one is protected by somebody other than `released_by`
    (`spec/autopilot.md 12`, item 32: deleting it would break its deployment).
    """
    gone = devices_by_id(tx, tenant, ids)
    held = [found for found in gone.values() if found.protected_by not in (None, released_by)]
    if held:
        raise _protected(held)
    for some in chunks(sorted(gone)):
        tx.execute(
            sa.delete(group_member).where(
                group_member.c.tenant_id == tenant,
                group_member.c.member_kind == MemberKind.DEVICE.value,
                one_of(group_member.c.member_id, some),
            )
        )
        tx.execute(sa.delete(device).where(device.c.tenant_id == tenant, among(device.c.id, some)))
    tx.announce(Change(DEVICES_REMOVED, tenant, frozenset(gone)))
    _record(tx, tenant, "deleted", {found.uuid: _shown(found) for found in gone.values()}, actor)


def _created(tx: Tx, new: NewDevice) -> Device:
    return Device(
        id=Key(tx.new_key()),
        uuid=tx.new_uuid(),
        device_id=tx.new_uuid(),
        display_name=display_name(new.display_name, of="device"),
        enabled=True,
        trust_type=None,
        profile_type=ProfileType.REGISTERED_DEVICE,
        is_managed=False,
        is_compliant=None,
        owner_user_id=None,
        physical_ids=check(new.physical_ids),
        protected_by=new.protected_by,
        attributes=merge_device_attributes({}, new.attributes or {}),
        created_at=tx.now,
    )


def _columns(tenant: TenantKey, one: Device) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "id": one.id,
        "uuid": one.uuid,
        "device_id": one.device_id,
        "display_name": one.display_name,
        "display_name_folded": fold(one.display_name),
        "enabled": one.enabled,
        "trust_type": one.trust_type,
        "profile_type": one.profile_type.value,
        "is_managed": one.is_managed,
        "is_compliant": one.is_compliant,
        "owner_user_id": one.owner_user_id,
        "physical_ids": list(one.physical_ids),
        "protected_by": one.protected_by,
        "attributes": one.attributes,
        "created_at": one.created_at,
    }


def _checked(tx: Tx, tenant: TenantKey, before: Mapping[str, Any], changes: DeviceChanges) -> dict[str, Any]:
    """`changes` in the form in which they are stored; raises for what cannot be."""
    values: dict[str, Any] = dict(changes)
    if "display_name" in changes:
        values["display_name"] = display_name(changes["display_name"], of="device")
    if "physical_ids" in changes:
        values["physical_ids"] = list(check(changes["physical_ids"]))
    if "attributes" in changes:
        values["attributes"] = merge_device_attributes(before["attributes"], changes["attributes"])
    for name in ("trust_type", "profile_type"):
        if values.get(name) is not None:
            values[name] = str(values[name])
    if (owner_user_id := changes.get("owner_user_id")) is not None:
        user_by_id(tx, tenant, owner_user_id)
    return values


def _with_folded(values: Mapping[str, Any]) -> dict[str, Any]:
    if "display_name" not in values:
        return dict(values)
    return {**values, "display_name_folded": fold(values["display_name"])}


def _verb(values: Mapping[str, Any]) -> str:
    """An edit of the physical ids alone has a name of its own: it may move a device to another profile."""
    return "physical_ids_changed" if list(values) == ["physical_ids"] else "changed"


def _shown(one: Device) -> dict[str, Any]:
    return {"display_name": one.display_name, "physical_ids": list(one.physical_ids)}


def _record(tx: Tx, tenant: TenantKey, verb: str, told: Mapping[UUID, Mapping[str, Any]], actor: str) -> None:
    """One event about each device, by its object id."""
    subjects = [(Subject("device", uuid), payload) for uuid, payload in told.items()]
    events.record_all(tx, tenant, f"device.{verb}", subjects, actor)


def _row(
    tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool], what: str, *, to_change: bool = False
) -> sa.Row[Any]:
    """The row of a device; `to_change` keeps other units from changing it between reading and writing."""
    query = sa.select(device).where(device.c.tenant_id == tenant, condition)
    row = tx.row(query.with_for_update() if to_change else query)
    if row is None:
        raise NotFound(
            code="DeviceNotFound",
            message=f"There is no directory device {what} in this organisation.",
            remedy="Check the device; it may have been deleted.",
        )
    return row


def _protected(held: Sequence[Device]) -> Conflict:
    first = held[0]
    return Conflict(
        code="DeviceProtected",
        message=f"The directory device {first.display_name} cannot be deleted: "
        f"{first.protected_by} still needs it.",
        remedy=f"Remove the device from {first.protected_by} first; the directory device can go with it.",
        details=[Detail(str(found.uuid), f"{found.display_name} is protected.") for found in held],
    )
