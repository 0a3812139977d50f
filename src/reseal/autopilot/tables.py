"""Where registrations, hardware identities, profiles and imports lie, and how a row becomes a value.

`hardware_identity` and `hardware_key` know no tenant: they are what makes "registered to another
organisation" known. An identity lives as long as its registration. `hardware_presentation` keeps hashes that
differed from the registered one, so that a repair can be confirmed and a clone be looked at.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reseal.autopilot.model import ProfileStatus, Registration, RemediationState
from reseal.autopilot.model_profile import Profile, ProfileSource, from_json
from reseal.directory.tables import Folded
from reseal.kernel.db import Json, Utc, metadata, tenant_columns

hardware_identity = sa.Table(
    "hardware_identity",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("manufacturer", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("captured_at", Utc),
    sa.Column("created_at", Utc, nullable=False),
)
"""`hash` is the decoded blob without the zeros that pad it."""

hardware_key = sa.Table(
    "hardware_key",
    metadata,
    sa.Column("identity_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.ForeignKeyConstraint(["identity_id"], ["hardware_identity.id"], ondelete="CASCADE"),
    sa.Index(None, "kind", "value", "identity_id"),
    sqlite_with_rowid=False,
)

registration = sa.Table(
    "registration",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("identity_id", sa.ForeignKey("hardware_identity.id"), nullable=False, unique=True),
    sa.Column("device_id", sa.BigInteger, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("serial_folded", Folded, nullable=False),
    sa.Column("manufacturer", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("product_key", sa.Text, nullable=False),
    sa.Column("group_tag", sa.Text, nullable=False),
    sa.Column("purchase_order", sa.Text, nullable=False),
    sa.Column("assigned_user_id", sa.BigInteger),
    sa.Column("assigned_user_upn", sa.Text, nullable=False),
    sa.Column("assigned_user_folded", Folded, nullable=False),
    sa.Column("addressable_user_name", sa.Text, nullable=False),
    sa.Column("device_name", sa.Text, nullable=False),
    sa.Column("profile_id", sa.BigInteger),
    sa.Column("profile_source", sa.Text),
    sa.Column("profile_assigned_at", Utc),
    sa.Column("profile_status", sa.Text, nullable=False),
    sa.Column("remediation_state", sa.Text, nullable=False),
    sa.Column("remediation_at", Utc),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "device_id"], ["directory_device.tenant_id", "directory_device.id"]
    ),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "device_id"),
    sa.Index(None, "tenant_id", "serial_folded", "id"),
    sa.Index(None, "tenant_id", "profile_id"),
    sa.Index(None, "tenant_id", "assigned_user_id"),
    sa.Index(None, "tenant_id", "assigned_user_folded"),
)
"""`assigned_user_id` and `profile_id` have no foreign key: the reactors let go of what was removed, inside
the same unit. `profile_id` is null for a device that gets the built-in default: whether it does is the
tenant's setting."""

hardware_presentation = sa.Table(
    "hardware_presentation",
    metadata,
    *tenant_columns(),
    sa.Column("registration_id", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("recognition", sa.Text, nullable=False),
    sa.Column("points", sa.Integer, nullable=False),
    sa.Column("differences", Json, nullable=False),
    sa.Column("first_at", Utc, nullable=False),
    sa.Column("last_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "registration_id"], ["registration.tenant_id", "registration.id"], ondelete="CASCADE"
    ),
    sa.UniqueConstraint("tenant_id", "registration_id", "digest"),
)
"""`digest` is over the evidence, not over the blob, so that captures of one machine are one row."""

autopilot_profile = sa.Table(
    "autopilot_profile",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", Folded, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "name_folded"),
)

import_batch = sa.Table(
    "import_batch",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("import_id", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
)

import_record = sa.Table(
    "import_record",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("batch_id", sa.BigInteger, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("code_name", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("warnings", Json, nullable=False),
    sa.Column("registration_uuid", sa.Uuid),
    sa.Column("row", Json),
    sa.ForeignKeyConstraint(
        ["tenant_id", "batch_id"], ["import_batch.tenant_id", "import_batch.id"], ondelete="CASCADE"
    ),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.Index(None, "tenant_id", "batch_id", "line"),
)
"""`registration_uuid` stays when the registration goes: the record says what the import did. `row` holds what
was submitted through the API, so that a restarted server goes on with it; rows of a file have none."""

autopilot_sync = sa.Table(
    "autopilot_sync",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.id"), primary_key=True, autoincrement=False),
    sa.Column("last_manual_at", Utc, nullable=False),
)


def to_registration(row: sa.Row[Any]) -> Registration:
    """A row of `registration` as a value."""
    return Registration(
        id=row.id,
        uuid=row.uuid,
        identity_id=row.identity_id,
        device_id=row.device_id,
        serial=row.serial,
        manufacturer=row.manufacturer,
        model=row.model,
        sku=row.sku,
        family=row.family,
        product_key=row.product_key,
        group_tag=row.group_tag,
        purchase_order=row.purchase_order,
        assigned_user_id=row.assigned_user_id,
        assigned_user_upn=row.assigned_user_upn,
        addressable_user_name=row.addressable_user_name,
        device_name=row.device_name,
        profile_id=row.profile_id,
        profile_source=None if row.profile_source is None else ProfileSource(row.profile_source),
        profile_assigned_at=row.profile_assigned_at,
        profile_status=ProfileStatus(row.profile_status),
        remediation_state=RemediationState(row.remediation_state),
        remediation_at=row.remediation_at,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )


def to_profile(row: sa.Row[Any]) -> Profile:
    """A row of `autopilot_profile` as a value."""
    return Profile(
        id=row.id,
        uuid=row.uuid,
        name=row.name,
        description=row.description,
        settings=from_json(row.settings),
        created_at=row.created_at,
        modified_at=row.modified_at,
    )
