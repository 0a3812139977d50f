"""What comes of a sign-in: one code, then a line of refresh tokens.

Theory of operation. A *grant* is one sign-in of a user to a client. Its code is good once, for
`CODE_LIFETIME`; shown once more it gives nothing, and after `REPETITION` it revokes the grant: until then it
is taken for the same request come twice. Every use of a refresh token gives a new one, whose parent is the
one that was used. The grant's *head* is the refresh token that was used last. Good are

- the head: its answer may have been lost on the way, so the device asks again;
- its children: the first of them that is used becomes the head, and the former head is good no more.

Anything else of the family is a token that its owner had put away, so somebody else holds it: the grant is
revoked. A grant also ends when the user's password changes, the user or the bound device is disabled, or
after `REFRESH_LIFETIME` without use.

Units answer refusals as values, because a refusal may have to be kept: a unit that raises keeps nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.credentials import DeviceCredential
from reseal.directory.devices import devices_by_id
from reseal.directory.model import User
from reseal.directory.users import password_hash, users_by_id
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.signin import errors
from reseal.signin.errors import OAuthError
from reseal.signin.tables import code, grant, refresh_token
from reseal.signin.tidying import tidy_later
from reseal.web.phrases import say

CODE_LIFETIME = timedelta(minutes=5)
REPETITION = timedelta(minutes=1)
REFRESH_LIFETIME = timedelta(days=90)
_TOKEN_BYTES = 32
_UNUSED = 0
"""The head of a grant none of whose refresh tokens was used yet, and the parent of its first one."""


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A sign-in that has just succeeded, and what the client asked for."""

    user: User
    client_id: UUID
    audience: str
    amr: tuple[str, ...]
    signed_in_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant that counts: whose it is, and what its tokens say."""

    tenant: TenantKey
    id: int
    user: User
    client_id: UUID
    audience: str
    amr: tuple[str, ...]
    signed_in_at: datetime
    refresh: int
    """The refresh token that was shown; the parent of the next."""
    nonce: str = ""


def give_code(
    tx: Tx, tenant: TenantKey, new: NewGrant, *, redirect_uri: str, code_challenge: str, nonce: str
) -> str:
    """Begin a grant; the code that the client redeems."""
    text, until = new_text(tx), tx.now + CODE_LIFETIME
    tx.execute(
        sa.insert(code).values(
            tenant_id=tenant,
            id=tx.new_key(),
            digest=digest(text),
            grant_id=begin_grant(tx, tenant, new, until=until),
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            nonce=nonce,
            expires_at=until,
        )
    )
    return text


def begin_grant(tx: Tx, tenant: TenantKey, new: NewGrant, *, until: datetime) -> int:
    """The key of a grant that nothing came of yet, and nothing will after `until`."""
    key = tx.new_key()
    tx.execute(
        sa.insert(grant).values(
            tenant_id=tenant,
            id=key,
            user_id=new.user.id,
            client_id=new.client_id,
            audience=new.audience,
            amr=list(new.amr),
            password_mark=password_mark(tx, tenant, new.user.id),
            signed_in_at=new.signed_in_at,
            head=_UNUSED,
            expires_at=until,
        )
    )
    tidy_later(tx, tenant)
    return key


def begun_grant(tx: Tx, owner: TenantKey, key: int, *, tenant: TenantKey | None) -> Grant | OAuthError:
    """A grant of `begin_grant`, whose first tokens are about to be given."""
    row = tx.row(sa.select(grant).where(grant.c.tenant_id == owner, grant.c.id == key))
    if row is None:
        return errors.revoked_grant()
    user = _usable(tx, row, tenant)
    return user if isinstance(user, OAuthError) else _grant(row, user, _UNUSED)


def redeem_code(
    tx: Tx, text: str, *, client_id: UUID, redirect_uri: str, verifier: str, tenant: TenantKey | None
) -> Grant | OAuthError:
    """The grant of a code, once. `tenant` is that of the endpoint, None for all."""
    row = _row_of(tx, code, text)
    if row is None or row.client_id != client_id:
        return errors.unknown_grant(say("authorization code"))
    if row.redirect_uri != redirect_uri:
        return errors.other_redirect()
    if not _fits(verifier, row.code_challenge):
        return errors.wrong_verifier()
    if row.used_at is not None:
        return _shown_twice(tx, row)
    if row.code_expires_at <= tx.now:
        return errors.expired_code()
    user = _usable(tx, row, tenant)
    if isinstance(user, OAuthError):
        return user
    mine = (code.c.tenant_id == row.tenant_id, code.c.id == row.shown_id, code.c.used_at.is_(None))
    if not tx.execute(sa.update(code).where(*mine).values(used_at=tx.now)).rowcount:
        return errors.used_code()
    return _grant(row, user, _UNUSED, row.nonce)


def _shown_twice(tx: Tx, row: sa.Row[Any]) -> OAuthError:
    """By who has the verifier too: the client itself, or somebody who read all of its request."""
    if row.used_at + REPETITION <= tx.now:
        revoke(tx, row, "the code was shown twice")
    return errors.used_code()


def redeem_refresh(
    tx: Tx, text: str, *, client_id: UUID, tenant: TenantKey | None, device: DeviceCredential | None = None
) -> Grant | OAuthError:
    """The grant of a refresh token, which thereby becomes its head. `device` signed the request, and binds
    the grant to itself.
    """
    row = _row_of(tx, refresh_token, text)
    if row is None or row.client_id != client_id:
        return errors.unknown_grant("refresh token")
    if row.token_expires_at <= tx.now:
        return errors.expired_refresh()
    user = _usable(tx, row, tenant)
    if isinstance(user, OAuthError):
        return user
    if not _of_device(tx, row, device):
        return errors.unknown_device()
    move = sa.update(grant).where(
        *_itself(row), grant.c.revoked_because.is_(None), grant.c.head.in_([row.shown_id, row.parent_id])
    )
    if device is None:
        moved = tx.execute(move.values(head=row.shown_id))
    else:  # the first device that signs for a grant binds it; nothing takes that back
        free = grant.c.device_id.is_(None) | (grant.c.device_id == device.device)
        moved = tx.execute(move.where(free).values(head=row.shown_id, device_id=device.device))
        if not moved.rowcount and _bound_to_another(tx, row, device):
            return errors.unknown_device()
    if not moved.rowcount:
        revoke(tx, row, "a refresh token was shown again after its successor")
        return errors.revoked_grant()
    return _grant(row, user, row.shown_id)


def give_refresh(tx: Tx, given: Grant) -> str:
    """The next refresh token of a grant, which lives on with it."""
    text, until = new_text(tx), tx.now + REFRESH_LIFETIME
    tx.execute(
        sa.insert(refresh_token).values(
            tenant_id=given.tenant,
            id=tx.new_key(),
            digest=digest(text),
            grant_id=given.id,
            parent_id=given.refresh,
            expires_at=until,
        )
    )
    mine = (grant.c.tenant_id == given.tenant, grant.c.id == given.id)
    tx.execute(sa.update(grant).where(*mine).values(expires_at=until))
    return text


def revoke(tx: Tx, row: sa.Row[Any], because: str) -> None:
    """End a grant; nothing of its family is good any more. Said once."""
    fresh = sa.update(grant).where(*_itself(row), grant.c.revoked_because.is_(None))
    if not tx.execute(fresh.values(revoked_because=because)).rowcount:
        return
    owner = users_by_id(tx, TenantKey(row.tenant_id), [row.user_id]).get(row.user_id)
    if owner is not None:
        subject = events.Subject("user", owner.uuid)
        told: Mapping[str, str] = {"because": because, "client": str(row.client_id)}
        events.record(tx, TenantKey(row.tenant_id), "user.sign_in_revoked", subject, told)


def password_mark(tx: Tx, tenant: TenantKey, user_id: int) -> bytes:
    """Changes with the user's password, and tells nothing of it."""
    return mark_of(password_hash(tx, tenant, user_id))


def mark_of(password: str | None) -> bytes:
    """The mark of a password's hash."""
    return hashlib.sha256((password or "").encode()).digest()[:16]


def new_text(tx: Tx) -> str:
    """A fresh secret of 256 bits, fit for URLs and cookies."""
    return base64.urlsafe_b64encode(tx.entropy.bytes(_TOKEN_BYTES)).rstrip(b"=").decode()


def digest(text: str) -> bytes:
    """What is stored of a secret; its 256 bits of chance need no salt."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _row_of(tx: Tx, table: sa.Table, text: str) -> sa.Row[Any] | None:
    """The code or refresh token with its grant."""
    of = (table.c.tenant_id == grant.c.tenant_id) & (table.c.grant_id == grant.c.id)
    shown = _SHOWN[table.name]
    return tx.row(sa.select(grant, *shown).join(table, of).where(table.c.digest == digest(text)))


_SHOWN: Mapping[str, Sequence[sa.ColumnElement[Any]]] = {
    code.name: (
        code.c.id.label("shown_id"),
        code.c.redirect_uri,
        code.c.code_challenge,
        code.c.nonce,
        code.c.used_at,
        code.c.expires_at.label("code_expires_at"),
    ),
    refresh_token.name: (
        refresh_token.c.id.label("shown_id"),
        refresh_token.c.parent_id,
        refresh_token.c.expires_at.label("token_expires_at"),
    ),
}


def _usable(tx: Tx, row: sa.Row[Any], tenant: TenantKey | None) -> User | OAuthError:
    """The user of a grant that counts at this endpoint."""
    owner = TenantKey(row.tenant_id)
    if tenant is not None and tenant != owner:
        return errors.other_tenants_grant()
    if row.revoked_because is not None:
        return errors.revoked_grant()
    user = users_by_id(tx, owner, [row.user_id]).get(row.user_id)
    if user is None:
        return errors.revoked_grant()
    if not user.enabled:
        return errors.disabled_user()
    if not hmac.compare_digest(password_mark(tx, owner, user.id), row.password_mark):
        revoke(tx, row, "the password was changed")
        return errors.revoked_grant()
    return user


def _of_device(tx: Tx, row: sa.Row[Any], device: DeviceCredential | None) -> bool:
    """Whether a request signed by `device`, or by none, may use the grant; a bound one ends with its
    device.
    """
    if device is not None:
        return device.tenant == row.tenant_id and row.device_id in {None, device.device}
    if row.device_id is None:
        return True
    bound = devices_by_id(tx, TenantKey(row.tenant_id), [row.device_id]).get(row.device_id)
    return bound is not None and bound.enabled


def _bound_to_another(tx: Tx, row: sa.Row[Any], device: DeviceCredential) -> bool:
    """Whether another device bound the grant since `row` was read."""
    bound = tx.value(sa.select(grant.c.device_id).where(*_itself(row)))
    return bound not in {None, device.device}


def _grant(row: sa.Row[Any], user: User, refresh: int, nonce: str = "") -> Grant:
    return Grant(
        tenant=TenantKey(row.tenant_id),
        id=row.id,
        user=user,
        client_id=row.client_id,
        audience=row.audience,
        amr=tuple(row.amr),
        signed_in_at=row.signed_in_at,
        refresh=refresh,
        nonce=nonce,
    )


def _itself(row: sa.Row[Any]) -> tuple[sa.ColumnElement[bool], ...]:
    return (grant.c.tenant_id == row.tenant_id, grant.c.id == row.id)


def _fits(verifier: str, challenge: str) -> bool:
    """RFC 7636 4.6, method S256."""
    worked = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "replace")).digest())
    return hmac.compare_digest(worked.rstrip(b"="), challenge.encode())
