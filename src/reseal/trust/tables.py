"""Tables of `trust`: challenges that wait for their answer, failed tries, what was proven last."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.kernel.db import Utc, metadata, tenant_columns


def _registration() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "registration_id"], ["registration.tenant_id", "registration.id"], ondelete="CASCADE"
    )


challenge = sa.Table(
    "trust_challenge",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False, unique=True),
    sa.Column("registration_id", sa.BigInteger, nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("ek_public", sa.LargeBinary, nullable=False),
    sa.Column("ak_public", sa.LargeBinary, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    _registration(),
    sa.Index(None, "tenant_id", "registration_id", "id"),
)
"""`secret_hash` is SHA-256 of the secret inside the credential, `proof` the class that an answer proves."""

failed_try = sa.Table(
    "trust_failed_try",
    metadata,
    *tenant_columns(),
    sa.Column("registration_id", sa.BigInteger, nullable=False),
    sa.Column("ak_name", sa.LargeBinary, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", Utc, nullable=False),
    _registration(),
    sa.UniqueConstraint("tenant_id", "registration_id", "ak_name"),
)
"""Counted for the key that tries, so that a stranger who knows a hash cannot lock its device out."""

proven_tpm = sa.Table(
    "trust_proven_tpm",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("registration_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ak_name", sa.LargeBinary, nullable=False),
    sa.Column("clock", sa.BigInteger, nullable=False),
    sa.Column("reset_count", sa.BigInteger, nullable=False),
    sa.Column("restart_count", sa.BigInteger, nullable=False),
    sa.Column("firmware_version", sa.Text, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("proven_at", Utc, nullable=False),
    _registration(),
)
"""What the TPM of a registration stated when it was last proven: its counters must not fall."""
