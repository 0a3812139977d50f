"""What must hold in a database whatever happened to the server: nothing is half there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from reseal.assignment.tables import device_effective
from reseal.autopilot.profile_assignment import effective_profiles
from reseal.autopilot.registrations import list_registrations
from reseal.autopilot.tables import hardware_identity, import_record, registration
from reseal.blueprint.service import export_document
from reseal.directory.groups import list_groups
from reseal.directory.members import members
from reseal.directory.model import MemberKind, Tenant
from reseal.directory.tables import device
from reseal.directory.tenants import list_tenants
from reseal.esp.effective import effective_esps
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events.chain import event
from reseal.kernel.ids import TenantKey
from tests.support.rebuilding import kept_and_rebuilt

_MANY = 1000


def problems(tx: Tx) -> list[str]:
    """Everything that is half there, in any tenant; needs a unit that may write, and takes all of it back."""
    found = list(_of_storage(tx))
    for tenant in list_tenants(tx):
        found += (f"{tenant.name}: {problem}" for problem in _of_tenant(tx, tenant.id))
    return found


def _of_storage(tx: Tx) -> Iterator[str]:
    if not tx.on_postgresql:
        if tx.value(sa.text("PRAGMA integrity_check")) != "ok":
            yield "the file is damaged"
        yield from (f"foreign key: {tuple(row)}" for row in tx.rows(sa.text("PRAGMA foreign_key_check")))
        if unsealed := _count(tx, event.c.position.is_(None)):
            yield f"{unsealed} events have no position"
    identities = tx.value(sa.select(sa.func.count()).select_from(hardware_identity))
    registrations = tx.value(sa.select(sa.func.count()).select_from(registration))
    if identities != registrations:
        yield f"{identities} hardware identities, {registrations} registrations"


def _count(tx: Tx, condition: sa.ColumnElement[bool]) -> int:
    counted: int = tx.value(sa.select(sa.func.count()).select_from(event).where(condition))
    return counted


def _of_tenant(tx: Tx, tenant: TenantKey) -> Iterator[str]:
    registered = _column(tx, registration.c.uuid, tenant)
    if told := registered ^ _told(tx, tenant):
        yield f"registrations without the event, or events without the registration: {told}"
    if unrecorded := registered - _column(tx, import_record.c.registration_uuid, tenant):
        yield f"registrations without the verdict of their import: {unrecorded}"
    devices = _column(tx, registration.c.device_id, tenant)
    if odd := devices ^ _column(tx, device.c.id, tenant, device.c.protected_by.is_not(None)):
        yield f"registrations without their directory device, or the other way round: {odd}"
    placed = _column(tx, device_effective.c.device_id, tenant, device_effective.c.set_id.is_not(None))
    if odd := _column(tx, device.c.id, tenant) ^ placed:
        yield f"directory devices without effective set, or the other way round: {odd}"
    kept, rebuilt = kept_and_rebuilt(tx, tenant)
    yield from (f"{name} differ from a rebuild" for name in kept if kept[name] != rebuilt[name])
    verified = events.verify(tx, tenant)
    if not verified.intact:
        yield f"the log is broken at {verified.broken_at}: {verified.reason}"
    if verified.count != _count(tx, (event.c.tenant_id == tenant) & event.c.position.is_not(None)):
        yield "positions have gaps"


def _column(
    tx: Tx, column: sa.Column[Any], tenant: TenantKey, *conditions: sa.ColumnElement[bool]
) -> set[Any]:
    statement = sa.select(column).where(column.table.c.tenant_id == tenant, *conditions).order_by(column)
    return {value for (value,) in tx.rows(statement) if value is not None}


def _told(tx: Tx, tenant: TenantKey) -> set[Any]:
    """The registrations that exist according to the log."""
    log = tx.rows(sa.select(event).where(event.c.tenant_id == tenant).order_by(event.c.id))
    created = [row.subject_id for row in log if row.kind == "registration.created"]
    deleted = [row.subject_id for row in log if row.kind == "registration.deleted"]
    assert len(set(created)) == len(created), "a registration was made twice"
    return set(created) - set(deleted)


def picture(tx: Tx) -> list[dict[str, Any]]:
    """What people see of every tenant, in words that are the same for equal tenants."""
    return [_picture(tx, tenant) for tenant in list_tenants(tx)]


def _picture(tx: Tx, tenant: Tenant) -> dict[str, Any]:
    found = list_registrations(tx, tenant.id, limit=_MANY).items
    profiles = effective_profiles(tx, tenant.id, [one.id for one in found])
    pages = effective_esps(tx, tenant.id, [one.device_id for one in found], technician=True)
    groups = list_groups(tx, tenant.id, limit=_MANY).items
    return {
        "document": export_document(tx, tenant.id).document,
        "registrations": {
            one.serial: {
                "group tag": one.group_tag,
                "assigned user": one.assigned_user_upn,
                "device name": one.device_name,
                "profile": profiles[one.id].name,
                "page": pages[one.device_id].profile.name,
            }
            for one in found
        },
        "devices in groups": {
            one.name: [
                member.display_name
                for member in members(tx, tenant.id, one.id, MemberKind.DEVICE, limit=_MANY).items
            ]
            for one in groups
        },
    }
