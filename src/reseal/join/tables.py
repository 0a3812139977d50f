"""Tables of `join`: join tickets, and what was answered to whom."""

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

made = sa.Table(
    "join_made",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("device_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key_hash", sa.LargeBinary, nullable=False),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("made_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "device_id"], ["directory_device.tenant_id", "directory_device.id"], ondelete="CASCADE"
    ),
    sa.UniqueConstraint("tenant_id", "key_hash"),
)
"""The last join of each device: `key_hash` is SHA-256 of its key, `certificate` what it was given. A device
that did not get the answer asks again with the same key."""
