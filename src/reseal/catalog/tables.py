"""Where items lie: one table for all kinds, the body as a document."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reseal.catalog.model import CatalogItem, Kind
from reseal.catalog.model_json import body_from_json
from reseal.directory.tables import Folded
from reseal.kernel.db import Json, Utc, metadata, tenant_columns

catalog_item = sa.Table(
    "catalog_item",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", Folded, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("content_sha256", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "kind", "name_folded"),
    sa.Index(None, "content_sha256"),
)

content_upload = sa.Table(
    "content_upload",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.id"), primary_key=True, autoincrement=False),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("first_at", Utc, nullable=False),
)
"""Which contents each tenant has sent: the blob store knows digests only, and all tenants' lie in it."""


def to_item(row: sa.Row[Any]) -> CatalogItem:
    """A row of `catalog_item` as a value."""
    kind = Kind(row.kind)
    return CatalogItem(
        id=row.id,
        uuid=row.uuid,
        kind=kind,
        name=row.name,
        description=row.description,
        body=body_from_json(kind, row.body),
        version=row.version,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )
