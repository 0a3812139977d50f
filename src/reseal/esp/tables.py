"""Where Enrollment Status Page profiles lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from reseal.directory.tables import Folded
from reseal.esp.model import EspProfile, from_json
from reseal.kernel.db import Json, Utc, metadata, tenant_columns

esp_profile = sa.Table(
    "esp_profile",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", Folded, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "name_folded"),
    sa.Index(None, "tenant_id", "priority"),
)
"""`priority` is not unique in the table: it is rewritten row by row inside a unit."""

esp_selected_app = sa.Table(
    "esp_selected_app",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("esp_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("app_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "esp_id"], ["esp_profile.tenant_id", "esp_profile.id"], ondelete="CASCADE"
    ),
    sa.Index(None, "tenant_id", "app_id"),
    sqlite_with_rowid=False,
)
"""`app_id` has no foreign key: the reactor removes an app from all selections when it leaves the
catalogue.
"""


def to_esp(row: sa.Row[Any], selected_apps: Iterable[int]) -> EspProfile:
    """A row of `esp_profile` with the apps selected in it, as a value."""
    return EspProfile(
        id=row.id,
        uuid=row.uuid,
        name=row.name,
        description=row.description,
        priority=row.priority,
        is_default=row.is_default,
        settings=from_json(row.settings),
        selected_apps=tuple(sorted(selected_apps)),
        created_at=row.created_at,
        modified_at=row.modified_at,
    )
