"""Signing in on a device that has no browser (RFC 8628, spec/identity.md 1.4).

Theory of operation. A program asks for a pair of codes. It keeps the *device code*, with which it polls the
token endpoint, and shows its user the *user code*, to be typed into a browser anywhere. There somebody signs
in, is told which program asked from where, and says yes or no.

    pending --approve--> approved --poll--> redeemed
       `-----decline---> declined

After `LIFETIME` none of it counts; `KEPT` longer the program is told so. Who polls sooner than `interval`
after the last time is told to slow down, and the interval grows (RFC 8628 3.5).

Whoever types a code gives away their account to the program that shows it, and people can be talked into
that. So an address cannot be made that fills the code in, and the page says plainly what a yes means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.entropy import Entropy
from reseal.kernel.ids import TenantKey
from reseal.signin import errors
from reseal.signin.accounts import Circumstances, record_sign_in
from reseal.signin.errors import OAuthError
from reseal.signin.first_party import FirstParty, find_first_party
from reseal.signin.grants import Grant, NewGrant, begin_grant, begun_grant, digest, new_text
from reseal.signin.sessions import Session
from reseal.signin.tables import device_code
from reseal.web.seals import Seals

LIFETIME = timedelta(minutes=15)
KEPT = timedelta(minutes=15)
INTERVAL = timedelta(seconds=5)
SLOWER_BY = timedelta(seconds=5)
_JITTER = timedelta(seconds=1)
"""Clocks and networks are no exacter than that."""

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Of user codes: no vowels, which would make words, and no digits, which look like letters (RFC 8628 6.1)."""
LENGTH = 8
_DRAWS = 10


class State(StrEnum):
    """What became of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    REDEEMED = "redeemed"


@dataclass(frozen=True, slots=True)
class Codes:
    """A fresh pair."""

    device: str
    user: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for a person. `tenant` is the only one whose users may answer, or None."""

    id: int
    client: FirstParty
    audience: str
    address: str
    asked_at: datetime
    tenant: TenantKey | None


def code_text(code: str) -> str:
    """A user code as it is shown: in two halves."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def typed_code(text: str) -> str:
    """What somebody typed, as the code is stored: small letters, dashes and blanks do not matter. Empty if it
    can be none.
    """
    letters = "".join(sign for sign in text.upper() if sign.isalnum())
    return letters if len(letters) == LENGTH and set(letters) <= set(LETTERS) else ""


def ask(
    tx: Tx, seals: Seals, client: FirstParty, audience: str, address: str, tenant: TenantKey | None
) -> Codes:
    """A new pair of codes, for a program at `address`."""
    tx.execute(sa.delete(device_code).where(device_code.c.expires_at <= tx.now - KEPT))
    device = new_text(tx)
    for _ in range(_DRAWS):
        user = _drawn(tx.entropy)
        fresh = tx.insert(device_code).values(
            id=tx.new_key(),
            digest=digest(device),
            user_code=_fingerprint(seals, user),
            tenant_id=tenant,
            client_id=client.id,
            audience=audience,
            address=address,
            asked_at=tx.now,
            expires_at=tx.now + LIFETIME,
            interval_seconds=int(INTERVAL.total_seconds()),
            state=State.PENDING,
        )
        if tx.value(fresh.on_conflict_do_nothing().returning(device_code.c.id)) is not None:
            return Codes(device, user)
    raise RuntimeError(f"{_DRAWS} codes were taken already, of {len(LETTERS) ** LENGTH:,}")


def find_waiting(tx: Tx, seals: Seals, user_code: str) -> Waiting | None:
    """The request that waits under a code (`typed_code`)."""
    if not user_code:
        return None
    row = tx.row(
        sa.select(device_code).where(
            device_code.c.user_code == _fingerprint(seals, user_code), *_still_waiting(tx)
        )
    )
    client = None if row is None else find_first_party(str(row.client_id))
    if row is None or client is None:
        return None
    tenant = None if row.tenant_id is None else TenantKey(row.tenant_id)
    return Waiting(row.id, client, row.audience, row.address, row.asked_at, tenant)


def approve(tx: Tx, waiting: Waiting, session: Session, amr: tuple[str, ...]) -> bool:
    """The signed-in user says yes. False if the request does not wait any more, or not for them."""
    if not _answered(tx, waiting, session, State.APPROVED):
        return False
    new = NewGrant(session.user, waiting.client.id, waiting.audience, amr, session.signed_in_at)
    key = begin_grant(tx, session.tenant, new, until=tx.now + LIFETIME)
    tx.execute(sa.update(device_code).where(device_code.c.id == waiting.id).values(grant_id=key))
    record_sign_in(tx, session.tenant, session.user, _circumstances(waiting), "device_code")
    return True


def decline(tx: Tx, waiting: Waiting, session: Session) -> bool:
    """The signed-in user says no. That is kept on record: somebody may have tried to trick them."""
    if not _answered(tx, waiting, session, State.DECLINED):
        return False
    user = session.user
    subject, told = events.Subject("user", user.uuid), _circumstances(waiting).to_json()
    events.record(tx, session.tenant, "user.device_code_declined", subject, told, f"user:{user.uuid}")
    return True


def poll(tx: Tx, text: str, *, client_id: UUID, tenant: TenantKey | None, old: bool) -> Grant | OAuthError:
    """What a program is told that asks with its device code: the grant, once, or why there is none yet."""
    row = tx.row(sa.select(device_code).where(device_code.c.digest == digest(text)))
    if row is None or row.client_id != client_id:
        return errors.unknown_device_code()
    if row.expires_at <= tx.now:
        return errors.expired_device_code(old=old)
    match State(row.state):
        case State.PENDING:
            return _pending(tx, row)
        case State.DECLINED:
            return errors.declined()
        case State.REDEEMED:
            return errors.used_device_code()
        case State.APPROVED:
            mine = (device_code.c.id == row.id, device_code.c.state == State.APPROVED)
            if not tx.execute(sa.update(device_code).where(*mine).values(state=State.REDEEMED)).rowcount:
                return errors.used_device_code()
            return begun_grant(tx, TenantKey(row.tenant_id), row.grant_id, tenant=tenant)


def _pending(tx: Tx, row: sa.Row[Any]) -> OAuthError:
    interval = timedelta(seconds=row.interval_seconds)
    hasty = row.polled_at is not None and tx.now < row.polled_at + interval - _JITTER
    seconds = int((interval + (SLOWER_BY if hasty else timedelta(0))).total_seconds())
    tx.execute(
        sa.update(device_code)
        .where(device_code.c.id == row.id)
        .values(polled_at=tx.now, interval_seconds=seconds)
    )
    return errors.slow_down(seconds) if hasty else errors.authorization_pending()


def _answered(tx: Tx, waiting: Waiting, session: Session, state: State) -> bool:
    """Whether this answer is the one that counts."""
    theirs = device_code.c.tenant_id.is_(None) | (device_code.c.tenant_id == session.tenant)
    mine = (device_code.c.id == waiting.id, theirs, *_still_waiting(tx))
    answer = sa.update(device_code).where(*mine).values(state=state, tenant_id=session.tenant)
    return bool(tx.execute(answer).rowcount)


def _still_waiting(tx: Tx) -> tuple[sa.ColumnElement[bool], ...]:
    return (device_code.c.state == State.PENDING, device_code.c.expires_at > tx.now)


def _circumstances(waiting: Waiting) -> Circumstances:
    return Circumstances(waiting.client.name, waiting.audience, waiting.address)


def _drawn(entropy: Entropy) -> str:
    return "".join(LETTERS[entropy.below(len(LETTERS))] for _ in range(LENGTH))


def _fingerprint(seals: Seals, user_code: str) -> bytes:
    return seals.fingerprint("user code", user_code.encode())
