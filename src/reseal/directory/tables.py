"""The directory's tables, and how a row becomes a value.

Only the services of this package read and write them. Folded names compare and sort by code point on both
databases, so that lists page alike.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from reseal.directory.model import (
    Branding,
    Device,
    Group,
    Membership,
    Processing,
    ProfileType,
    Tenant,
    TenantSettings,
    TrustType,
    User,
)
from reseal.kernel.db import Json, Utc, metadata, tenant_columns
from reseal.kernel.ids import Key, TenantKey

Folded = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""A folded name (`model_names.fold`): for looking up, sorting and paging, never for showing."""

tenant = sa.Table(
    "tenant",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("branding", Json, nullable=False),
    sa.Column("rules_version", sa.BigInteger, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
)

domain = sa.Table(
    "domain",
    metadata,
    sa.Column("name_folded", Folded, primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
)

user = sa.Table(
    "user",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("upn", sa.Text, nullable=False),
    sa.Column("upn_folded", Folded, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("display_name_folded", Folded, nullable=False),
    sa.Column("licensed", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("manager_id", sa.BigInteger),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.ForeignKeyConstraint(["tenant_id", "manager_id"], ["user.tenant_id", "user.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "upn_folded"),
    sa.Index(None, "tenant_id", "display_name_folded", "id"),
    sa.Index(None, "tenant_id", "manager_id"),
)

group = sa.Table(
    "directory_group",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", Folded, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("membership", sa.Text, nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("rule_updated_at", Utc),
    sa.Column("processing", sa.Text, nullable=False),
    sa.Column("members_changed_at", Utc),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "name_folded"),
)

group_member = sa.Table(
    "group_member",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("group_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("member_kind", sa.Text, primary_key=True),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(["tenant_id", "group_id"], ["directory_group.tenant_id", "directory_group.id"]),
    sa.Index(None, "tenant_id", "member_kind", "member_id", "group_id"),
    sqlite_with_rowid=False,
)

device = sa.Table(
    "directory_device",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("device_id", sa.Uuid, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("display_name_folded", Folded, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("trust_type", sa.Text),
    sa.Column("profile_type", sa.Text, nullable=False),
    sa.Column("is_managed", sa.Boolean, nullable=False),
    sa.Column("is_compliant", sa.Boolean),
    sa.Column("owner_user_id", sa.BigInteger),
    sa.Column("physical_ids", Json, nullable=False),
    sa.Column("protected_by", sa.Text),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.ForeignKeyConstraint(["tenant_id", "owner_user_id"], ["user.tenant_id", "user.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "device_id"),
    sa.Index(None, "tenant_id", "display_name_folded", "id"),
    sa.Index(None, "tenant_id", "owner_user_id"),
)

device_credential = sa.Table(
    "directory_device_credential",
    metadata,
    *tenant_columns(),
    sa.Column("device_id", sa.BigInteger, nullable=False),
    sa.Column("thumbprint", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("transport_key", sa.LargeBinary, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "device_id"], ["directory_device.tenant_id", "directory_device.id"], ondelete="CASCADE"
    ),
    sa.UniqueConstraint("tenant_id", "device_id"),
)
"""The certificate by which a joined device proves itself: one for each device. `thumbprint` is the SHA-256 of
its DER form, `user_id` the key of who joined the device (kept when that user is deleted).
"""

role_assignment = sa.Table(
    "role_assignment",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("role", sa.Text, primary_key=True),
    sa.ForeignKeyConstraint(["tenant_id", "user_id"], ["user.tenant_id", "user.id"]),
)

join_selected = sa.Table(
    "join_selected",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.id"), primary_key=True, autoincrement=False),
    sa.Column("member_kind", sa.Text, primary_key=True),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
)
"""Who stands in *Users may join devices: Selected*; `member_kind` is `user` or `group`."""

mdm_scope_group = sa.Table(
    "mdm_scope_group",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("group_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(["tenant_id", "group_id"], ["directory_group.tenant_id", "directory_group.id"]),
)
"""The groups of *MDM user scope: Some*."""


def to_tenant(row: sa.Row[Any]) -> Tenant:
    """A row of `tenant` as a value."""
    return Tenant(
        id=TenantKey(row.id),
        uuid=row.uuid,
        name=row.name,
        settings=TenantSettings.from_json(row.settings),
        branding={locale: Branding.from_json(stored) for locale, stored in sorted(row.branding.items())},
        created_at=row.created_at,
    )


def to_user(row: sa.Row[Any]) -> User:
    """A row of `user` as a value."""
    return User(
        id=Key(row.id),
        uuid=row.uuid,
        upn=row.upn,
        display_name=row.display_name,
        licensed=row.licensed,
        enabled=row.enabled,
        manager_id=row.manager_id,
        attributes=row.attributes,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )


def to_group(row: sa.Row[Any]) -> Group:
    """A row of `directory_group` as a value."""
    return Group(
        id=Key(row.id),
        uuid=row.uuid,
        name=row.name,
        description=row.description,
        membership=Membership(row.membership),
        rule=row.rule,
        rule_updated_at=row.rule_updated_at,
        processing=Processing(row.processing),
        members_changed_at=row.members_changed_at,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )


def to_device(row: sa.Row[Any]) -> Device:
    """A row of `directory_device` as a value."""
    return Device(
        id=Key(row.id),
        uuid=row.uuid,
        device_id=row.device_id,
        display_name=row.display_name,
        enabled=row.enabled,
        trust_type=None if row.trust_type is None else TrustType(row.trust_type),
        profile_type=ProfileType(row.profile_type),
        is_managed=row.is_managed,
        is_compliant=row.is_compliant,
        owner_user_id=row.owner_user_id,
        physical_ids=tuple(row.physical_ids),
        protected_by=row.protected_by,
        attributes=row.attributes,
        created_at=row.created_at,
    )
