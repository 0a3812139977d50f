"""Tables of `signin`: client registrations, signing keys, and what came of sign-ins.

Codes, refresh tokens and session cookies are kept as SHA-256 of their text: whoever reads the database cannot
use them. What is over is removed by `tidying`.
"""

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

grant = sa.Table(
    "signin_grant",
    metadata,
    *tenant_columns(),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("client_id", sa.Uuid, nullable=False),
    sa.Column("device_id", sa.BigInteger),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("amr", Json, nullable=False),
    sa.Column("password_mark", sa.LargeBinary, nullable=False),
    sa.Column("signed_in_at", Utc, nullable=False),
    sa.Column("head", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("revoked_because", sa.Text),
    sa.Index(None, "tenant_id", "expires_at"),
    sa.Index(None, "tenant_id", "user_id"),
)
"""One sign-in of a user to a client, and the family of refresh tokens that came of it (`grants`)."""

code = sa.Table(
    "signin_code",
    metadata,
    *tenant_columns(),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("grant_id", sa.BigInteger, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("code_challenge", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("used_at", Utc),
    sa.ForeignKeyConstraint(["tenant_id", "grant_id"], ["signin_grant.tenant_id", "signin_grant.id"]),
    sa.Index(None, "tenant_id", "grant_id"),
    sa.Index(None, "tenant_id", "expires_at"),
)

refresh_token = sa.Table(
    "signin_refresh_token",
    metadata,
    *tenant_columns(),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("grant_id", sa.BigInteger, nullable=False),
    sa.Column("parent_id", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id", "grant_id"], ["signin_grant.tenant_id", "signin_grant.id"]),
    sa.Index(None, "tenant_id", "grant_id"),
    sa.Index(None, "tenant_id", "expires_at"),
)

session = sa.Table(
    "signin_session",
    metadata,
    *tenant_columns(),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("password_mark", sa.LargeBinary, nullable=False),
    sa.Column("signed_in_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Index(None, "tenant_id", "expires_at"),
)
"""A browser whose user signed in."""

device_code = sa.Table(
    "signin_device_code",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("user_code", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("client_id", sa.Uuid, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("asked_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False, index=True),
    sa.Column("interval_seconds", sa.Integer, nullable=False),
    sa.Column("polled_at", Utc),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("grant_id", sa.BigInteger),
)
"""Programs that wait for a person to type their code in a browser (`device_codes`). `tenant_id` is that of
the endpoint, and stays empty at the endpoint for all until somebody has signed in. `user_code` is a keyed
digest: a plain one of so few letters could be guessed.
"""

used_nonce = sa.Table(
    "signin_used_nonce",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("expires_at", Utc, nullable=False, index=True),
)
"""Nonces that were used and could be shown again; of no tenant, as nonces are (spec/identity.md 3.1)."""
