"""Enrolments: beginning and ending them, finding them, who is on them.

At most one enrolment of a directory device is active. Whoever begins a new one has proven that it is the same
device; the earlier one ends in the same unit, with its certificate, its secrets and its deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.tables import registration
from reseal.directory.devices import devices_by_id, update_device
from reseal.directory.tables import device as directory_device
from reseal.directory.users import user_by_id
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.managed.changes import ENROLMENTS_ENDED
from reseal.managed.model import EnrolledBy, Enrolment, EnrolmentState, EnrolmentUser
from reseal.managed.tables import certificate, enrolment, item, on_device, secret, to_enrolment, to_user

REPLACED: Final = "replaced"
"""Why an enrolment ended: the same device enrolled again."""

CONTACT_EVERY: Final = timedelta(minutes=5)
"""How exactly the last contact is known; a write for each poll would be one a minute for every device."""

ACTIVE: Final = enrolment.c.state == EnrolmentState.ACTIVE.value
"""Of rows of `managed_enrolment`."""

_OF_AN_ENROLMENT: Final = (certificate, secret, item, on_device)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEnrolment:
    """What is known of an enrolment when it begins. `uuid` is what its certificate was issued for."""

    uuid: UUID
    device: int
    """Key of the directory device."""
    registration: int | None
    enrolled_by: EnrolledBy
    owner: int | None
    in_oobe: bool = False
    hardware_id: str = ""
    wire_device_id: str = ""
    device_name: str = ""
    os_version: str = ""
    request: bytes = b""
    """SHA-256 of its certificate request."""


def create_enrolment(tx: Tx, tenant: TenantKey, new: NewEnrolment, *, actor: str = "system") -> Enrolment:
    """Begin an enrolment, with its owner on it; earlier active ones of the same directory device or
    registration end.

    It is stale: what the device shall have is not worked out yet.
    """
    _end(tx, tenant, _active_of(tx, tenant, new), REPLACED, actor)
    created = Enrolment(
        id=tx.new_key(),
        uuid=new.uuid,
        device_id=new.device,
        registration_id=new.registration,
        enrolled_by=new.enrolled_by,
        in_oobe=new.in_oobe,
        state=EnrolmentState.ACTIVE,
        ended_because="",
        hardware_id=new.hardware_id,
        wire_device_id=new.wire_device_id,
        device_name=new.device_name,
        os_version=new.os_version,
        owner_user_id=new.owner,
        stale=True,
        open_items=0,
        created_at=tx.now,
        ended_at=None,
        last_contact_at=None,
        request=new.request,
    )
    row = {field.name: getattr(created, field.name) for field in fields(Enrolment)}
    tx.execute(enrolment.insert().values(tenant_id=tenant, **row))
    if new.owner is not None:
        _insert_user(tx, tenant, created.id, new.owner, primary=True)
    told: dict[str, JsonValue] = {
        "by": created.enrolled_by.value,
        "inOobe": created.in_oobe,
        "deviceName": created.device_name,
        "osVersion": created.os_version,
    }
    events.record(tx, tenant, "enrolment.begun", Subject("enrolment", created.uuid), told, actor)
    return created


def _active_of(tx: Tx, tenant: TenantKey, new: NewEnrolment) -> list[Enrolment]:
    same = enrolment.c.device_id == new.device
    if new.registration is not None:
        same |= enrolment.c.registration_id == new.registration
    return _found(tx, enrolment.c.tenant_id == tenant, ACTIVE, same)


def continue_enrolment(tx: Tx, tenant: TenantKey, present: Enrolment, request: bytes) -> None:
    """The device asks again for an enrolment whose answer it did not get, with `request` now."""
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, enrolment.c.id == present.id)
        .values(request=request)
    )
    events.record(tx, tenant, "enrolment.repeated", Subject("enrolment", present.uuid), {})


def unblock_enrolment(tx: Tx, tenant: TenantKey, enrolment_id: int, *, actor: str = "system") -> None:
    """Let a pre-provisioned device go through the technician flow once more. Raises `NotFound`."""
    found = enrolment_by_id(tx, tenant, enrolment_id)
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
        .values(unblocked=True)
    )
    events.record(tx, tenant, "enrolment.unblocked", Subject("enrolment", found.uuid), {}, actor)


# --- the end ------------------------------------------------------------------------------------------------


def end_enrolment(
    tx: Tx, tenant: TenantKey, enrolment_id: int, because: str, *, actor: str = "system"
) -> Enrolment | None:
    """End an enrolment; returns it as it was, or None if it had ended before or does not exist.

    Its certificate is worth nothing from now on, and its directory device is not managed any more.
    """
    ended = _found(tx, enrolment.c.tenant_id == tenant, ACTIVE, enrolment.c.id == enrolment_id)
    _end(tx, tenant, ended, because, actor)
    for gone in ended:
        if devices_by_id(tx, tenant, [gone.device_id]):
            update_device(tx, tenant, gone.device_id, is_managed=False, actor=actor)
        return gone
    return None


def end_enrolments_of_devices(tx: Tx, tenant: TenantKey, devices: Iterable[int], because: str) -> None:
    """End the active enrolments of directory devices that are gone; few statements for many."""
    for some in chunks(sorted(devices)):
        found = _found(tx, enrolment.c.tenant_id == tenant, ACTIVE, among(enrolment.c.device_id, some))
        _end(tx, tenant, found, because, "system")


def _end(tx: Tx, tenant: TenantKey, ended: Sequence[Enrolment], because: str, actor: str) -> None:
    if not ended:
        return
    keys = [one.id for one in ended]
    for table in _OF_AN_ENROLMENT:
        tx.execute(table.delete().where(table.c.tenant_id == tenant, among(table.c.enrolment_id, keys)))
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, among(enrolment.c.id, keys))
        .values(
            state=EnrolmentState.ENDED.value,
            ended_because=because,
            ended_at=tx.now,
            stale=False,
            open_items=0,
            renewing=False,
        )
    )
    tx.announce(Change(ENROLMENTS_ENDED, tenant, frozenset(keys)))
    told: dict[str, JsonValue] = {"because": because}
    subjects = [(Subject("enrolment", one.uuid), told) for one in ended]
    events.record_all(tx, tenant, "enrolment.ended", subjects, actor)


# --- finding ------------------------------------------------------------------------------------------------


def enrolment_by_id(tx: Tx, tenant: TenantKey, enrolment_id: int) -> Enrolment:
    """The enrolment with this key, active or ended; raises `NotFound`."""
    found = _found(tx, enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
    if not found:
        raise NotFound(
            code="EnrolmentNotFound",
            message=f"There is no enrolment {enrolment_id} in this organisation.",
            remedy="Check the device; it may have been deleted.",
        )
    return found[0]


def hold_enrolment(tx: Tx, tenant: TenantKey, enrolment_id: int) -> None:
    """Keep other units, sessions above all, from changing what hangs on the enrolment until this one ends.

    SQLite has one writer, which holds everything already.
    """
    if tx.on_postgresql:
        key = (enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
        tx.execute(sa.select(enrolment.c.id).where(*key).with_for_update())


def enrolments_by_id(tx: Tx, tenant: TenantKey, keys: Iterable[int]) -> dict[int, Enrolment]:
    """Those of `keys` that exist, active or ended, by key; few statements for many."""
    return {
        one.id: one
        for some in chunks(sorted(set(keys)))
        for one in _found(tx, enrolment.c.tenant_id == tenant, among(enrolment.c.id, some))
    }


def enrolment_by_uuid(tx: Tx, uuid: UUID) -> tuple[TenantKey, Enrolment] | None:
    """The enrolment with this EntDMID in whichever organisation, active or ended."""
    row = tx.row(sa.select(enrolment).where(enrolment.c.uuid == uuid))
    return None if row is None else (TenantKey(row.tenant_id), to_enrolment(row))


def active_enrolment_of_registration(tx: Tx, tenant: TenantKey, registration: int) -> Enrolment | None:
    """The active enrolment of a registered device."""
    found = _found(tx, enrolment.c.tenant_id == tenant, ACTIVE, enrolment.c.registration_id == registration)
    return found[-1] if found else None


def active_enrolment_of_device(tx: Tx, tenant: TenantKey, device: int) -> Enrolment | None:
    """The active enrolment of a directory device."""
    found = _found(tx, enrolment.c.tenant_id == tenant, ACTIVE, enrolment.c.device_id == device)
    return found[-1] if found else None


_by_certificate = (
    sa.select(*enrolment.c)
    .join_from(
        certificate,
        enrolment,
        sa.and_(
            enrolment.c.tenant_id == certificate.c.tenant_id, enrolment.c.id == certificate.c.enrolment_id
        ),
    )
    .where(
        certificate.c.thumbprint == sa.bindparam("thumbprint"),
        certificate.c.not_after > sa.bindparam("now"),
        ACTIVE,
    )
)


def enrolment_of_certificate(tx: Tx, sha256: bytes) -> tuple[TenantKey, Enrolment] | None:
    """The active enrolment that a TLS client certificate proves, by SHA-256 of its DER form.

    None for a certificate that is not ours, was revoked or is expired. If the enrolment is `renewing`,
    follow up with `certificates.note_certificate`.
    """
    row = tx.row(_by_certificate, {"thumbprint": sha256, "now": tx.now})
    return None if row is None else (TenantKey(row.tenant_id), to_enrolment(row))


def enrolment_of_digest_user(tx: Tx, username: str) -> tuple[TenantKey, Enrolment] | None:
    """The active enrolment that a digest session names: its user name is the EntDMID."""
    try:
        uuid = UUID(username)
    except ValueError:
        return None
    row = tx.row(sa.select(enrolment).where(enrolment.c.uuid == uuid, ACTIVE))
    return None if row is None else (TenantKey(row.tenant_id), to_enrolment(row))


def subjects_beside(
    tx: Tx, tenant: TenantKey, registration_key: int, enrolment_id: int | None
) -> frozenset[UUID]:
    """What else events tell of that belong to the run of a registration: the enrolment, and the directory
    devices of both; one statement.
    """
    of_enrolment = (enrolment.c.tenant_id == tenant, enrolment.c.id == (enrolment_id or 0))
    keys = sa.union_all(
        sa.select(registration.c.device_id).where(
            registration.c.tenant_id == tenant, registration.c.id == registration_key
        ),
        sa.select(enrolment.c.device_id).where(*of_enrolment),
    )
    found = sa.union_all(
        sa.select(directory_device.c.uuid).where(
            directory_device.c.tenant_id == tenant, directory_device.c.id.in_(keys)
        ),
        sa.select(enrolment.c.uuid).where(*of_enrolment),
    ).subquery()
    return frozenset(row.uuid for row in tx.rows(sa.select(found.c.uuid).order_by(found.c.uuid)))


def _found(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Enrolment]:
    rows = tx.rows(sa.select(enrolment).where(*conditions).order_by(enrolment.c.id))
    return [to_enrolment(row) for row in rows]


# --- contact and users --------------------------------------------------------------------------------------


def is_contact_due(last_contact_at: datetime | None, now: datetime) -> bool:
    """Whether `note_contact` would write: a check-in that has nothing else to write asks first."""
    return last_contact_at is None or now - last_contact_at >= CONTACT_EVERY


def note_contact(tx: Tx, tenant: TenantKey, enrolment_id: int) -> None:
    """The device was here; written at most every `CONTACT_EVERY`."""
    last = enrolment.c.last_contact_at
    tx.execute(
        enrolment.update()
        .where(
            enrolment.c.tenant_id == tenant,
            enrolment.c.id == enrolment_id,
            last.is_(None) | (last <= tx.now - CONTACT_EVERY),
        )
        .values(last_contact_at=tx.now)
    )


def note_device(
    tx: Tx, tenant: TenantKey, enrolment_id: int, *, device_name: str = "", os_version: str = ""
) -> None:
    """What the device says it is called and which version of Windows it has; empty: not said."""
    said = {"device_name": device_name, "os_version": os_version}
    values = {name: value for name, value in said.items() if value}
    if values:
        at_enrolment = (enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
        tx.execute(enrolment.update().where(*at_enrolment).values(**values))


def note_user(
    tx: Tx, tenant: TenantKey, enrolment_id: int, user: int, *, primary: bool = False, session: bool = False
) -> bool:
    """A directory user was seen on the device, by a verified token; returns whether that is news.

    `primary` makes the user the owner (see `set_owner`) unless there is one; `session` says that the device
    reported the user to be logged on. What is known stays. A new user makes the enrolment stale.
    """
    known = {one.user_id: one for one in users_of(tx, tenant, enrolment_id)}
    if user not in known:
        _add_user(tx, tenant, enrolment_id, user, session=session)
    elif session and not known[user].session_seen:
        at_user = (*_key(on_device, tenant, enrolment_id), on_device.c.user_id == user)
        tx.execute(on_device.update().where(*at_user).values(session_seen=True))
    elif not primary or known[user].is_primary:
        return False
    if primary and not any(one.is_primary for one in known.values()):
        set_owner(tx, tenant, enrolment_id, user)
    return True


def _add_user(tx: Tx, tenant: TenantKey, enrolment_id: int, user: int, *, session: bool) -> None:
    _insert_user(tx, tenant, enrolment_id, user, session=session)
    # A unit that changes this user's groups either sees the row, or is over before they are read.
    tx.lock(f"causes:{tenant}")
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
        .values(stale=True)
    )
    found = enrolment_by_id(tx, tenant, enrolment_id)
    told: dict[str, JsonValue] = {"user": str(user_by_id(tx, tenant, user).uuid)}
    events.record(tx, tenant, "enrolment.user_seen", Subject("enrolment", found.uuid), told)


def _insert_user(
    tx: Tx, tenant: TenantKey, enrolment_id: int, user: int, *, primary: bool = False, session: bool = False
) -> None:
    row = {
        "tenant_id": tenant,
        "enrolment_id": enrolment_id,
        "user_id": user,
        "first_seen_at": tx.now,
        "is_primary": primary,
        "session_seen": session,
    }
    tx.execute(tx.insert(on_device).values(row).on_conflict_do_nothing())


def users_of(tx: Tx, tenant: TenantKey, enrolment_id: int) -> tuple[EnrolmentUser, ...]:
    """The directory users seen on the device, in the order in which they came."""
    rows = tx.rows(
        sa.select(on_device)
        .where(*_key(on_device, tenant, enrolment_id))
        .order_by(on_device.c.first_seen_at, on_device.c.user_id)
    )
    return tuple(map(to_user, rows))


def set_owner(
    tx: Tx, tenant: TenantKey, enrolment_id: int, user: int | None, *, actor: str = "system"
) -> None:
    """Make a user, who was noted before, the primary user and the owner of the device; None: nobody.

    The directory device gets the same owner (spec/autopilot.md check 166). Raises `NotFound`.
    """
    found = enrolment_by_id(tx, tenant, enrolment_id)
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
        .values(owner_user_id=user)
    )
    is_owner = sa.false() if user is None else on_device.c.user_id == user
    tx.execute(on_device.update().where(*_key(on_device, tenant, enrolment_id)).values(is_primary=is_owner))
    update_device(tx, tenant, found.device_id, owner_user_id=user, actor=actor)
    owner = None if user is None else str(user_by_id(tx, tenant, user).uuid)
    told: dict[str, JsonValue] = {"user": owner}
    events.record(tx, tenant, "enrolment.owner_changed", Subject("enrolment", found.uuid), told, actor)


def _key(table: sa.Table, tenant: TenantKey, enrolment_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.tenant_id == tenant, table.c.enrolment_id == enrolment_id
