"""Tables of `signin`: client registrations and the keys that sign tokens."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.kernel.db import Json, Utc, metadata, tenant_columns

client = sa.Table(
    "signin_client",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("permissions", Json, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
)

signing_key = sa.Table(
    "signin_signing_key",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kid", sa.Text, nullable=False, unique=True),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
)
