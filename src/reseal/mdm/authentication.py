"""Who sends a message, and whom its user token names (spec/mdm-wire.md 3.8).

A device is known by the TLS client certificate of its enrolment, or by an MD5 digest over its secret and a
nonce; never by what stands in Source. A nonce proves one session: the first message that uses it binds it to
its SessionID and is given the next one, in the same unit of work, so of two who use it at once one is
refused, and a message that was overheard opens no other session.

Nothing here counts failures: whoever calls `prove` does (`signin.lockout`), because a unit of work has no
memory of its own.

A user token names a person, never the device. It is checked twice: its signature and times outside the unit,
and in it that the organisation is the device's, and that the person is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from reseal.directory.tenants import tenant_by_id
from reseal.directory.users import user_by_uuid
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound, Unauthenticated
from reseal.kernel.ids import TenantKey
from reseal.kernel.secretbox import SecretBox
from reseal.managed.certificates import change_nonce, note_certificate, secrets_of
from reseal.mdm.sessions.store import Found, find_by_certificate, find_by_uuid
from reseal.signin.tokens import MDM_AUDIENCES, AccessClaims, TokenSigner
from reseal.wire.syncml import Chal, Cred, StatusCode, SyncHdr, is_digest, secret_key

NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message shows of who sends it."""

    header: SyncHdr
    thumbprint: bytes | None = None
    """SHA-256 of the client certificate in DER, if there is one."""

    @property
    def cred(self) -> Cred | None:
        """Credentials in the message."""
        return self.header.cred

    @property
    def named(self) -> UUID | None:
        """The enrolment that the message claims to come from: only to find the secret that must prove it."""
        for name in (self.header.source_name, self.header.source):
            try:
                return UUID(name)
            except ValueError:
                continue
        return None


@dataclass(frozen=True, slots=True)
class Proven:
    """The device is known. A digest session gets `chal` with the nonce of its next."""

    found: Found
    chal: Chal | None = None


@dataclass(frozen=True, slots=True)
class Unproven:
    """The message is answered with this and nothing else. `wrong`: it tried."""

    chal: Chal = field(repr=False)
    code: StatusCode = StatusCode.MISSING_CREDENTIALS

    @property
    def wrong(self) -> bool:
        """Whether credentials were shown that are none."""
        return self.code is StatusCode.INVALID_CREDENTIALS


def prove(tx: Tx, shown: Shown, box: SecretBox) -> Proven | Unproven:
    """Find out who sends a message; the enrolment's row is locked from here on.

    1. A certificate that is ours, counts and belongs to an active enrolment.
    2. A digest that only the device can have made, over a nonce that was not used by another session.
    3. Nobody: 407 if nothing was shown, 401 if it was wrong; both with a nonce to try with.
    """
    if shown.thumbprint is not None:
        found = find_by_certificate(tx, shown.thumbprint, lock=True)
        if found is not None:
            return Proven(_certificate_seen(tx, found, shown.thumbprint))
    named = None if shown.named is None else find_by_uuid(tx, shown.named, lock=True)
    if named is None:
        return _unproven(shown, tx.entropy.bytes(NONCE_BYTES))
    return _by_digest(tx, shown, named, box)


def _certificate_seen(tx: Tx, found: Found, thumbprint: bytes) -> Found:
    """After a renewal: the certificate that is used is the one that counts."""
    if found.enrolment.renewing:
        note_certificate(tx, found.tenant, found.enrolment.id, thumbprint)
    return found


def _by_digest(tx: Tx, shown: Shown, found: Found, box: SecretBox) -> Proven | Unproven:
    secrets = secrets_of(tx, found.tenant, found.enrolment.id, box)
    if secrets is None:
        return _unproven(shown, tx.entropy.bytes(NONCE_BYTES))
    key = secret_key(str(found.enrolment.uuid), secrets.device_secret)
    if shown.cred is None:
        return _unproven(shown, secrets.nonce)
    session = found.session
    same_session = session.session_id == shown.header.session_id
    if session.nonce and same_session and is_digest(shown.cred, key, session.nonce):
        return Proven(found, Chal(next_nonce=secrets.nonce))
    following = tx.entropy.bytes(NONCE_BYTES)
    if is_digest(shown.cred, key, secrets.nonce) and change_nonce(
        tx, found.tenant, found.enrolment.id, box, used=secrets.nonce, next_=following
    ):
        bound = replace(session, nonce=secrets.nonce)
        return Proven(replace(found, session=bound), Chal(next_nonce=following))
    return _unproven(shown, secrets.nonce)


def _unproven(shown: Shown, nonce: bytes) -> Unproven:
    tried = shown.cred is not None or shown.thumbprint is not None
    code = StatusCode.INVALID_CREDENTIALS if tried else StatusCode.MISSING_CREDENTIALS
    return Unproven(Chal(next_nonce=nonce), code)


# --- users --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserToken:
    """A token that came with a message: what it says, or why it counts for nothing."""

    digest: bytes
    """SHA-256 of its text: the same token again needs no second look."""
    claims: AccessClaims | None = None
    problem: str = ""


def read_user_token(signer: TokenSigner, token: str, *, now: datetime) -> UserToken:
    """Check a token's signature, audience and times."""
    digest = sha256(token.encode(errors="replace")).digest()
    try:
        claims = signer.verify_access(token, now=now, audiences=MDM_AUDIENCES)
    except Unauthenticated as error:
        return UserToken(digest, problem=error.message)
    if claims.user_id is None:
        return UserToken(digest, problem="The token names no user.")
    return UserToken(digest, claims)


def user_named(tx: Tx, tenant: TenantKey, token: UserToken) -> int | str:
    """The key of the directory user whom a token names, or the reason why it names nobody here."""
    claims = token.claims
    if claims is None or claims.user_id is None:
        return token.problem
    if tenant_by_id(tx, tenant).uuid != claims.tenant_id:
        return "The token is of another organisation."
    try:
        user = user_by_uuid(tx, tenant, claims.user_id)
    except NotFound:
        return "The user whom the token names does not exist any more."
    return int(user.id) if user.enabled else "The user whom the token names is disabled."


def first_token(tokens: Sequence[str]) -> str | None:
    """The token that counts: that of the HTTP header before that of the alert (they should be the same)."""
    return next((token for token in tokens if token), None)
