"""One attempt to sign in with a password: lock, check, keep on record (spec/identity.md 7.3).

An unknown name takes the same time and the same number of units of work as a wrong password, is locked alike,
and gets the same answer. That an account is disabled is said only to who knows its password.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from reseal.directory.model import Tenant, User
from reseal.directory.users import password_hash, users_by_id
from reseal.kernel.db import Tx
from reseal.signin.accounts import Account, Circumstances, find_account, record_refusal, record_sign_in
from reseal.signin.authorization import Authorization
from reseal.signin.grants import NewGrant, give_code
from reseal.signin.pages import Alert
from reseal.signin.parts import Parts
from reseal.signin.sessions import Session, forget_session, open_session
from reseal.signin.texts import Texts

PASSWORD = ("pwd",)
"""`amr` of a sign-in with a password."""

_WRONG, _LOCKED, _DISABLED = 50126, 50053, 50057
WRONG = f"AADSTS{_WRONG}"
"""A wrong password, or a name that nobody has."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """It succeeded: the code for the client, the session for the browser's cookie."""

    code: str
    session: str


@dataclass(frozen=True, slots=True)
class Browser:
    """Where somebody signs in: `address` is the network's, `session` the cookie of an earlier sign-in,
    `request` the number of the request.
    """

    address: str
    session: str
    request: str = ""

    def circumstances(self, asked: Authorization) -> Circumstances:
        """For the log."""
        return Circumstances(asked.addressee.client.name, asked.resource.audience, self.address, self.request)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries passwords."""

    parts: Parts

    async def attempt(
        self, tenant: Tenant, name: str, password: str, asked: Authorization, browser: Browser, texts: Texts
    ) -> SignedIn | Alert:
        """Sign `name` in with the password, or say on the page why not."""
        parts, how = self.parts, browser.circumstances(asked)
        account = await parts.db.read(find_account, tenant, name)
        who = account.lock
        if locked := parts.lockout.remaining(who):
            return _locked(locked, texts)
        right = await parts.workers.run(parts.passwords.matches, account.stored, password)
        if locked := parts.lockout.remaining(who):  # by others that were tried at the same time
            return _locked(locked, texts)
        if not right or account.user is None:
            parts.lockout.failed(who, parts.signer.seals.fingerprint("tried password", password.encode()))
            seconds = math.ceil(parts.lockout.remaining(who).total_seconds())
            await parts.db.write(record_refusal, account, _WRONG, how, seconds)
            return Alert(WRONG, texts.wrong)
        parts.lockout.succeeded(who)
        if not account.user.enabled:
            await parts.db.write(record_refusal, account, _DISABLED, how)
            return Alert(f"AADSTS{_DISABLED}", texts.disabled)
        done = await parts.db.write(_signed_in, account, account.user, asked, browser)
        return done or Alert(WRONG, texts.wrong)


def continue_session(tx: Tx, session: Session, asked: Authorization, browser: Browser) -> str:
    """The code for a client whose user has signed in in this browser before."""
    record_sign_in(tx, session.tenant, session.user, browser.circumstances(asked), "session")
    return _code(tx, asked, session)


def _signed_in(
    tx: Tx, account: Account, user: User, asked: Authorization, browser: Browser
) -> SignedIn | None:
    """Session and code; None if the account changed while its password was being checked."""
    tenant = account.tenant.id
    present = users_by_id(tx, tenant, [user.id]).get(user.id)
    if present is None or not present.enabled or password_hash(tx, tenant, user.id) != account.stored:
        return None
    record_sign_in(tx, tenant, present, browser.circumstances(asked), "password")
    if browser.session:
        forget_session(tx, browser.session)
    code = _code(tx, asked, Session(tenant, present, tx.now))
    return SignedIn(code, open_session(tx, tenant, present))


def _code(tx: Tx, asked: Authorization, session: Session) -> str:
    new = NewGrant(
        user=session.user,
        client_id=asked.addressee.client.id,
        audience=asked.resource.audience,
        amr=PASSWORD,
        signed_in_at=session.signed_in_at,
    )
    return give_code(
        tx,
        session.tenant,
        new,
        redirect_uri=asked.addressee.redirect_uri,
        code_challenge=asked.code_challenge,
        nonce=asked.nonce,
    )


def _locked(left: timedelta, texts: Texts) -> Alert:
    minutes = math.ceil(left / timedelta(minutes=1))
    return Alert(f"AADSTS{_LOCKED}", texts.locked(minutes))
