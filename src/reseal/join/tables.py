"""Tables of `join`: join tickets."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.kernel.db import Utc, metadata, tenant_columns

ticket = sa.Table(
    "join_ticket",
    metadata,
    *tenant_columns(),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("registration_id", sa.BigInteger, nullable=False),
    sa.Column("key_hash", sa.LargeBinary, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("used_for", sa.LargeBinary),
    sa.Column("expires_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.Index(None, "tenant_id", "registration_id"),
)
"""`hash` is SHA-256 of the ticket, `key_hash` of the certified key. `registration_id` has no foreign key: a
device that is deregistered meanwhile is told so. `used_for` is SHA-256 of the request that used the ticket:
the same request again is a repetition, anything else is refused."""
