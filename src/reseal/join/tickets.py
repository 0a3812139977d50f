"""Join tickets: given for a proven TPM, good for one join with exactly the key that it certified.

A ticket is kept as its hash only and counts for `LIFETIME`. A device that lost the answer may send the same
request again within that time; whoever shows the ticket with another request is refused.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from reseal.join.refusals import NotProven
from reseal.join.tables import ticket
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

LIFETIME: Final = timedelta(seconds=120)
_TICKET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a ticket stands for."""

    tenant: TenantKey
    registration: int
    proof: str
    again: bool
    """The same request had used the ticket before."""


def issue(tx: Tx, tenant: TenantKey, registration_key: int, key: bytes, proof: str) -> str:
    """A ticket for a registration and the certified `key` (DER of SubjectPublicKeyInfo), told once.

    `proof` is the class of the TPM. Earlier tickets of the registration end, so that one is open at a time.
    """
    text = base64.urlsafe_b64encode(tx.entropy.bytes(_TICKET_BYTES)).rstrip(b"=").decode()
    tx.execute(
        sa.delete(ticket).where(ticket.c.tenant_id == tenant, ticket.c.registration_id == registration_key)
    )
    tx.execute(
        sa.insert(ticket).values(
            tenant_id=tenant,
            id=tx.new_key(),
            hash=_hash(text.encode()),
            registration_id=registration_key,
            key_hash=_hash(key),
            proof=proof,
            expires_at=tx.now + LIFETIME,
        )
    )
    return text


def tenant_of(tx: Tx, text: str) -> TenantKey | None:
    """Whose ticket it is, whether or not it still counts."""
    found: int | None = tx.value(sa.select(ticket.c.tenant_id).where(ticket.c.hash == _ticket_hash(text)))
    return None if found is None else TenantKey(found)


def redeem(tx: Tx, text: str, *, key: bytes, request: bytes) -> Redeemed:
    """Use a ticket for a certificate request (DER) whose key is `key` (DER of SubjectPublicKeyInfo).

    Raises `NotProven`: unknown, expired, used for another request, or given for another key.
    """
    row = tx.row(sa.select(ticket).where(ticket.c.hash == _ticket_hash(text)).with_for_update())
    if row is None or row.expires_at <= tx.now:
        raise _refused("is not known, or is expired")
    if row.used_for not in (None, _hash(request)):
        raise _refused("was used already")
    if row.key_hash != _hash(key):
        raise _refused("was given for another key than the one of the certificate request")
    tx.execute(
        sa.update(ticket)
        .where(ticket.c.tenant_id == row.tenant_id, ticket.c.id == row.id)
        .values(used_for=_hash(request))
    )
    again = row.used_for is not None
    return Redeemed(TenantKey(row.tenant_id), row.registration_id, row.proof, again)


def _ticket_hash(text: str) -> bytes:
    return _hash(text.encode("utf-8", "replace"))


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _refused(why: str) -> NotProven:
    return NotProven(
        message=f"The join ticket {why}.",
        remedy="Let the device prove its TPM again; a ticket counts for two minutes and one join.",
    )
