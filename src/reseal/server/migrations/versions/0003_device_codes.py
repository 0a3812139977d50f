"""Codes for devices without a browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reseal.kernel.db import Utc

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "signin_device_code",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_code", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("polled_at", Utc(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signin_device_code")),
        sa.UniqueConstraint("digest", name=op.f("uq_signin_device_code_digest")),
        sa.UniqueConstraint("user_code", name=op.f("uq_signin_device_code_user_code")),
    )
    with op.batch_alter_table("signin_device_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signin_device_code_expires_at"), ["expires_at"], unique=False)
