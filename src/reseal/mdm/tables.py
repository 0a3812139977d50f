"""Tables of `mdm`: the session of each enrolment, what a device told of itself, and what the pages of
enrolment gave to browsers.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reseal.kernel.db import Json, Utc, metadata, tenant_columns

mdm_session = sa.Table(
    "mdm_session",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("enrolment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("session_state", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("msg_id", sa.BigInteger, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("reply", sa.LargeBinary, nullable=False),
    sa.Column("replied_at", Utc),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("login_at", Utc),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("token", sa.LargeBinary, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("in_flight", Json, nullable=False),
    sa.Column("asked", Json, nullable=False),
    sa.Column("unfinished", sa.LargeBinary),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("notes", Json, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False),
    sa.Column("unenrol", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "enrolment_id"], ["managed_enrolment.tenant_id", "managed_enrolment.id"]
    ),
)
"""One row per enrolment that ever had a session with something to keep; `sessions.model.Session` says what
the columns mean. Whoever writes here holds the lock of the enrolment.
"""

mdm_inventory = sa.Table(
    "mdm_inventory",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("enrolment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("answers", Json, nullable=False),
    sa.Column("read_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "enrolment_id"], ["managed_enrolment.tenant_id", "managed_enrolment.id"]
    ),
)
"""What a device answered when it was asked what it is: node -> value."""


mdm_voucher = sa.Table(
    "mdm_voucher",
    metadata,
    *tenant_columns(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("password_mark", sa.LargeBinary, nullable=False),
    sa.Column("used_for", sa.LargeBinary),
    sa.Column("expires_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.Index(None, "tenant_id", "expires_at"),
)
"""What a page gave for a device to bring back (`enrolment.vouchers`): `digest` is SHA-256 of its text.
`user_id` has no foreign key: a voucher whose user was deleted counts no more. `used_for` is SHA-256 of the
certificate request that used it up.
"""


def of_enrolment(
    table: sa.Table, tenant: int, enrolment: int
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """The row of an enrolment in one of these tables."""
    return table.c.tenant_id == tenant, table.c.enrolment_id == enrolment


def session_columns() -> tuple[sa.Label[Any], ...]:
    """The columns of a session under names that do not meet those of other tables in a join."""
    return tuple(column.label(f"session__{column.name}") for column in mdm_session.c)
