"""What the pages of enrolment give to browsers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reseal.kernel.db import Utc

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "mdm_voucher",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("password_mark", sa.LargeBinary(), nullable=False),
        sa.Column("used_for", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_mdm_voucher_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_mdm_voucher")),
        sa.UniqueConstraint("digest", name=op.f("uq_mdm_voucher_digest")),
    )
    with op.batch_alter_table("mdm_voucher", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mdm_voucher_tenant_id_expires_at"), ["tenant_id", "expires_at"], unique=False
        )
