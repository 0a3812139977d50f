"""Tables of `runtime`: runs of our own devices, and the names that devices were given."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.kernel.db import Utc, metadata, tenant_columns


def _registration() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "registration_id"], ["registration.tenant_id", "registration.id"], ondelete="CASCADE"
    )


run = sa.Table(
    "runtime_run",
    metadata,
    *tenant_columns(),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("registration_id", sa.BigInteger, nullable=False),
    sa.Column("reported", sa.BigInteger, nullable=False),
    sa.Column("kept", sa.Integer, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    _registration(),
    sa.Index(None, "tenant_id", "registration_id", "id"),
)
"""`hash` is SHA-256 of the bearer token, `reported` the highest number that was taken, `kept` how many."""

given_name = sa.Table(
    "runtime_given_name",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("registration_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    _registration(),
    sa.Index(None, "tenant_id", "name"),
)
"""What a template made for a device: random digits stay what they are as long as the template does. An empty
`name`: the template makes no valid one for this serial number."""
