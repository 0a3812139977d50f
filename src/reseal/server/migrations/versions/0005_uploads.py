"""Which contents each organisation has sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reseal.kernel.db import Utc

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "content_upload",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_content_upload_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "sha256", name=op.f("pk_content_upload")),
    )
