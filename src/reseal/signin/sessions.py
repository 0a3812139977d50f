"""Browsers whose user has signed in: they are not asked again until the session ends."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from reseal.directory.model import User
from reseal.directory.tables import to_user, user
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.signin.accounts import record_sign_out
from reseal.signin.grants import digest, mark_of, new_text, password_mark
from reseal.signin.tables import session
from reseal.signin.tidying import tidy_later

LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and since when."""

    tenant: TenantKey
    user: User
    signed_in_at: datetime


def open_session(tx: Tx, tenant: TenantKey, who: User) -> str:
    """A new session of a user who has just signed in; the text for the cookie."""
    text = new_text(tx)
    tx.execute(
        sa.insert(session).values(
            tenant_id=tenant,
            id=tx.new_key(),
            digest=digest(text),
            user_id=who.id,
            password_mark=password_mark(tx, tenant, who.id),
            signed_in_at=tx.now,
            expires_at=tx.now + LIFETIME,
        )
    )
    tidy_later(tx, tenant)
    return text


def find_session(tx: Tx, text: str) -> Session | None:
    """The session of a cookie, if it counts: its user is enabled and has the password they signed in with."""
    row = tx.row(_FIND, {"digest": digest(text), "now": tx.now})
    if row is None or not row.enabled:
        return None
    if not hmac.compare_digest(mark_of(row.password_hash), row.password_mark):
        return None
    return Session(TenantKey(row.tenant_id), to_user(row), row.signed_in_at)


_FIND = (
    sa.select(user, session.c.password_mark, session.c.signed_in_at)
    .join_from(
        session, user, sa.and_(user.c.tenant_id == session.c.tenant_id, user.c.id == session.c.user_id)
    )
    .where(
        session.c.digest == sa.bindparam("digest"),
        session.c.expires_at > sa.bindparam("now", type_=session.c.expires_at.type),
    )
)
"""One statement, made once: every request for a page asks it."""


def forget_session(tx: Tx, text: str) -> None:
    """End a browser's session without a word, because another takes its place."""
    tx.execute(sa.delete(session).where(session.c.digest == digest(text)))


def close_session(tx: Tx, text: str) -> None:
    """Sign a browser out; nothing if it was not signed in."""
    found = find_session(tx, text)
    forget_session(tx, text)
    if found is not None:
        record_sign_out(tx, found.tenant, found.user)
