"""Rows of an import that can become registrations do so: a handful of statements for hundreds of them.

Nobody else makes registrations. The directory device, the hardware identity and the assigned user come into
being in the same unit, so that everything that follows from them is effective when it commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.service import set_assigned_users
from reseal.autopilot import identities
from reseal.autopilot.changes import REGISTRATION_CHANGED
from reseal.autopilot.import_records import SUBJECT, Batch
from reseal.autopilot.model import PROTECTED_BY, ProfileStatus, RemediationState
from reseal.autopilot.model_import import Acceptance, Claim, Facts, Prepared, UserFact, Verdict, accept, judge
from reseal.autopilot.model_matching import claim_keys
from reseal.autopilot.tables import import_record, registration
from reseal.directory.devices import create_devices
from reseal.directory.model import Device, NewDevice
from reseal.directory.model_attributes import TEXT_LIMIT as ATTRIBUTE_LIMIT
from reseal.directory.model_names import fold
from reseal.directory.model_physical import compose
from reseal.directory.tables import user
from reseal.directory.tenants import folded_domains
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, chunks
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


def decide_and_register(
    tx: Tx, tenant: TenantKey, batch: Batch, rows: Sequence[Prepared | Verdict], actor: str
) -> list[Verdict]:
    """A verdict for each row, in order; what is accepted is registered."""
    identities.hold(tx, tenant)
    decided = _decide(tx, tenant, batch, rows)
    accepted = [row for row in decided if isinstance(row, Acceptance)]
    made = iter(_register(tx, tenant, batch, accepted, actor))
    verdicts = [row if isinstance(row, Verdict) else accept(row, next(made)) for row in decided]
    refused = Counter(verdict.name for verdict in verdicts if not verdict.imported)
    told: dict[str, JsonValue] = {"imported": len(accepted), "refused": dict(sorted(refused.items()))}
    events.record(tx, tenant, "import.rows_decided", Subject(SUBJECT, batch.uuid), told, actor)
    return verdicts


def _decide(
    tx: Tx, tenant: TenantKey, batch: Batch, rows: Sequence[Prepared | Verdict]
) -> list[Acceptance | Verdict]:
    prepared = [row for row in rows if isinstance(row, Prepared)]
    holders = identities.holders_of(tx, {key for row in prepared for key in claim_keys(row.keys)})
    lines = _lines_of(
        tx, tenant, batch, {found.registration for group in holders.values() for found in group}
    )
    serials = _known_serials(tx, tenant, [row.serial for row in prepared])
    upns = sorted({fold(row.row.assigned_user.strip()) for row in prepared if row.row.assigned_user.strip()})
    users = _users(tx, tenant, upns)
    domains = folded_domains(tx, tenant) if upns else frozenset[str]()

    def facts(row: Prepared) -> Facts:
        found = {one.identity_id: one for key in claim_keys(row.keys) for one in holders.get(key, ())}
        return Facts(
            claims=[
                Claim(one.tenant, one.registration, one.keys, lines.get(one.registration))
                for one in found.values()
            ],
            serial_known=fold(row.serial) in serials,
            domains=domains,
            user=users.get(fold(row.row.assigned_user.strip())),
        )

    return [row if isinstance(row, Verdict) else judge(tenant, row, facts(row)) for row in rows]


def _lines_of(tx: Tx, tenant: TenantKey, batch: Batch, registrations: Iterable[UUID]) -> dict[UUID, int]:
    """Which of the registrations this same import made, and from which lines."""
    found: dict[UUID, int] = {}
    for some in chunks(sorted(registrations)):
        statement = (
            sa.select(import_record.c.registration_uuid, import_record.c.line)
            .where(
                import_record.c.tenant_id == tenant,
                import_record.c.batch_id == batch.id,
                import_record.c.registration_uuid.in_(some),
            )
            .order_by(import_record.c.line)
        )
        found |= {row.registration_uuid: row.line for row in tx.rows(statement)}
    return found


def _known_serials(tx: Tx, tenant: TenantKey, serials: Iterable[str]) -> frozenset[str]:
    statement = (
        sa.select(registration.c.serial_folded)
        .where(
            registration.c.tenant_id == tenant,
            registration.c.serial_folded.in_(sorted({fold(serial) for serial in serials})),
        )
        .order_by(registration.c.serial_folded)
    )
    return frozenset(row.serial_folded for row in tx.rows(statement))


def _users(tx: Tx, tenant: TenantKey, upns: Sequence[str]) -> dict[str, UserFact]:
    """The users with these folded names; read in one go, which the directory's own services do not offer."""
    if not upns:
        return {}
    statement = (
        sa.select(user.c.id, user.c.upn, user.c.upn_folded, user.c.licensed)
        .where(user.c.tenant_id == tenant, user.c.upn_folded.in_(upns))
        .order_by(user.c.upn_folded)
    )
    return {row.upn_folded: UserFact(row.id, row.upn, row.licensed) for row in tx.rows(statement)}


def _register(
    tx: Tx, tenant: TenantKey, batch: Batch, accepted: Sequence[Acceptance], actor: str
) -> list[UUID]:
    """Make registrations with their identities and directory devices; returns their ZTDIDs in order."""
    if not accepted:
        return []
    ztdids = [tx.new_uuid() for _ in accepted]
    new = [_directory_device(one, ztdid) for one, ztdid in zip(accepted, ztdids, strict=True)]
    devices = create_devices(tx, tenant, new, actor=actor)
    identity_ids = [tx.new_key() for _ in accepted]
    identities.add(
        tx,
        {
            key: (one.prepared.hash, one.prepared.keys)
            for key, one in zip(identity_ids, accepted, strict=True)
        },
    )
    rows = [
        _registration_row(tx, tenant, *parts)
        for parts in zip(accepted, ztdids, devices, identity_ids, strict=True)
    ]
    tx.execute(sa.insert(registration), rows)
    users = {row["device_id"]: row["assigned_user_id"] for row in rows if row["assigned_user_id"] is not None}
    if users:
        set_assigned_users(tx, tenant, users)
    tx.announce(
        Change(REGISTRATION_CHANGED, tenant, frozenset(row["id"] for row in rows), frozenset({"registered"}))
    )
    told = [
        (Subject("registration", row["uuid"]), _told(row, batch, one.prepared.row.line))
        for one, row in zip(accepted, rows, strict=True)
    ]
    events.record_all(tx, tenant, "registration.created", told, actor)
    return ztdids


def _told(row: Mapping[str, Any], batch: Batch, line: int) -> dict[str, JsonValue]:
    return {
        "serial": row["serial"],
        "groupTag": row["group_tag"],
        "assignedUser": row["assigned_user_upn"],
        "import": str(batch.uuid),
        "line": line,
    }


def _directory_device(accepted: Acceptance, ztdid: UUID) -> NewDevice:
    prepared = accepted.prepared
    attributes = {"deviceManufacturer": prepared.hash.manufacturer, "deviceModel": prepared.hash.model}
    # A hash may say more than an attribute holds; the registration has all of it.
    return NewDevice(
        display_name=prepared.serial,
        physical_ids=compose(
            ztdid=ztdid,
            group_tag=prepared.row.group_tag.strip(),
            purchase_order=prepared.row.purchase_order.strip(),
        ),
        attributes={name: value[:ATTRIBUTE_LIMIT] for name, value in attributes.items() if value},
        protected_by=PROTECTED_BY,
    )


def _registration_row(
    tx: Tx, tenant: TenantKey, accepted: Acceptance, ztdid: UUID, device: Device, identity: int
) -> dict[str, Any]:
    prepared = accepted.prepared
    row, presented = prepared.row, prepared.hash
    return {
        "tenant_id": tenant,
        "id": tx.new_key(),
        "uuid": ztdid,
        "identity_id": identity,
        "device_id": device.id,
        "serial": prepared.serial,
        "serial_folded": fold(prepared.serial),
        "manufacturer": presented.manufacturer,
        "model": presented.model,
        "sku": presented.sku,
        "family": presented.family,
        "product_key": row.product_key.strip() or presented.product_key_id,
        "group_tag": row.group_tag.strip(),
        "purchase_order": row.purchase_order.strip(),
        "assigned_user_id": accepted.user.id if accepted.user else None,
        "assigned_user_upn": accepted.assigned_user_upn,
        "assigned_user_folded": fold(accepted.assigned_user_upn),
        "addressable_user_name": "",
        "device_name": "",
        "profile_status": ProfileStatus.ASSIGNING.value,
        "remediation_state": RemediationState.NONE.value,
        "created_at": tx.now,
        "modified_at": tx.now,
    }
