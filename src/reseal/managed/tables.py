"""Tables of `managed`: enrolments, their certificates, secrets and users, deliveries.

Devices, registrations, users and catalogue items have no foreign keys here: the reactor lets go of what was
removed, inside the same unit. What belongs to an enrolment is deleted when it ends; its own row stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from reseal.catalog.model import Kind
from reseal.kernel.db import Json, Utc, metadata, tenant_columns
from reseal.managed.model import EnrolledBy, Enrolment, EnrolmentState, EnrolmentUser, Item, ItemState

enrolment = sa.Table(
    "managed_enrolment",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
    sa.Column("device_id", sa.BigInteger, nullable=False),
    sa.Column("registration_id", sa.BigInteger),
    sa.Column("enrolled_by", sa.Text, nullable=False),
    sa.Column("in_oobe", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("ended_because", sa.Text, nullable=False),
    sa.Column("hardware_id", sa.Text, nullable=False),
    sa.Column("wire_device_id", sa.Text, nullable=False),
    sa.Column("device_name", sa.Text, nullable=False),
    sa.Column("os_version", sa.Text, nullable=False),
    sa.Column("owner_user_id", sa.BigInteger),
    sa.Column("stale", sa.Boolean, nullable=False),
    sa.Column("open_items", sa.Integer, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("unblocked", sa.Boolean, nullable=False),
    sa.Column("renewing", sa.Boolean, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("ended_at", Utc),
    sa.Column("last_contact_at", Utc),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.Index(None, "tenant_id", "device_id"),
    sa.Index(None, "tenant_id", "registration_id"),
    sa.Index(None, "tenant_id", "owner_user_id"),
    sa.Index(None, "tenant_id", "state"),
)


def _of_enrolment() -> tuple[sa.Column[Any], ...]:
    """The first two parts of the key of what belongs to an enrolment."""
    return (
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("enrolment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    )


def _to_enrolment_row() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "enrolment_id"], ["managed_enrolment.tenant_id", "managed_enrolment.id"]
    )


certificate = sa.Table(
    "managed_certificate",
    metadata,
    sa.Column("thumbprint", sa.LargeBinary, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("enrolment_id", sa.BigInteger, nullable=False),
    sa.Column("not_after", Utc, nullable=False),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("issued_at", Utc, nullable=False),
    _to_enrolment_row(),
    sa.Index(None, "tenant_id", "enrolment_id"),
)
"""The certificates that prove an enrolment; `thumbprint` is SHA-256, `store` where on the device it lies."""

secret = sa.Table(
    "managed_secret",
    metadata,
    *_of_enrolment(),
    sa.Column("device_secret", sa.LargeBinary, nullable=False),
    sa.Column("server_secret", sa.LargeBinary, nullable=False),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    _to_enrolment_row(),
)
"""What digest sessions are proven by, encrypted."""

on_device = sa.Table(
    "managed_user",
    metadata,
    *_of_enrolment(),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("first_seen_at", Utc, nullable=False),
    sa.Column("is_primary", sa.Boolean, nullable=False),
    sa.Column("session_seen", sa.Boolean, nullable=False),
    _to_enrolment_row(),
    sa.Index(None, "tenant_id", "user_id"),
)

item = sa.Table(
    "managed_item",
    metadata,
    *_of_enrolment(),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("item_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("item_uuid", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("progress", Json, nullable=False),
    sa.Column("leftovers", Json, nullable=False),
    sa.Column("exec_sent", sa.Boolean, nullable=False),
    sa.Column("error", sa.BigInteger),
    sa.Column("since", Utc, nullable=False),
    sa.Column("changed_at", Utc),
    _to_enrolment_row(),
    sa.Index(None, "tenant_id", "item_id"),
    sqlite_with_rowid=False,
)

delivery = sa.Table(
    "managed_delivery",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("nodes", Json, nullable=False),
)
"""The addresses of the nodes that make up what a digest stands for, so that they can be deleted when the
catalogue no longer knows them."""

content_key = sa.Table(
    "managed_content_key",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
)
"""Keys by which URLs of contents are signed, encrypted; the newest signs, all verify."""


def to_enrolment(row: sa.Row[Any]) -> Enrolment:
    """A row of `managed_enrolment` as a value."""
    return Enrolment(
        id=row.id,
        uuid=row.uuid,
        device_id=row.device_id,
        registration_id=row.registration_id,
        enrolled_by=EnrolledBy(row.enrolled_by),
        in_oobe=row.in_oobe,
        state=EnrolmentState(row.state),
        ended_because=row.ended_because,
        hardware_id=row.hardware_id,
        wire_device_id=row.wire_device_id,
        device_name=row.device_name,
        os_version=row.os_version,
        owner_user_id=row.owner_user_id,
        stale=row.stale,
        open_items=row.open_items,
        created_at=row.created_at,
        ended_at=row.ended_at,
        last_contact_at=row.last_contact_at,
        request=row.request,
        unblocked=row.unblocked,
        renewing=row.renewing,
    )


def to_user(row: sa.Row[Any]) -> EnrolmentUser:
    """A row of `managed_user` as a value."""
    return EnrolmentUser(
        user_id=row.user_id,
        first_seen_at=row.first_seen_at,
        is_primary=row.is_primary,
        session_seen=row.session_seen,
    )


def to_item(row: Sequence[Any]) -> Item:
    """A row of `managed_item`, all its columns in their order, as a value. A check-in has dozens of them, and
    columns by name take four times as long.
    """
    _, _, user, kind, item_id, uuid, name, version, digest, required, state, *rest = row
    attempt, progress, leftovers, exec_sent, error, since, changed_at = rest
    return Item(
        user=user,
        kind=Kind(kind),
        item_id=item_id,
        item_uuid=uuid,
        name=name,
        version=version,
        digest=digest,
        required=required,
        state=ItemState(state),
        attempt=attempt,
        progress=progress,
        exec_sent=exec_sent,
        error=error,
        since=since,
        changed_at=changed_at,
        leftovers=tuple(leftovers),
    )


def item_values(found: Item) -> dict[str, Any]:
    """The columns of a delivery that change, without its key."""
    return {
        "item_uuid": found.item_uuid,
        "name": found.name,
        "version": found.version,
        "digest": found.digest,
        "required": found.required,
        "state": found.state.value,
        "attempt": found.attempt,
        "progress": found.progress,
        "leftovers": list(found.leftovers),
        "exec_sent": found.exec_sent,
        "error": found.error,
        "since": found.since,
        "changed_at": found.changed_at,
    }
