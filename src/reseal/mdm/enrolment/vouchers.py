"""Vouchers: texts that a page of ours gives to a browser, for its device to bring back when it enrols.

    SIGN_IN   `wresult` of the sign-in page: who enrols, once              (spec/mdm-wire.md 1.5)
    TERMS     `OpaqueBlob` of the terms page: this user accepted them      (spec/mdm-wire.md 1.6)

A voucher is kept as its digest, belongs to one user and counts for a while. One of SIGN_IN is a credential:
it ends with the password that it was given for, and is used up by the enrolment that succeeds. The request
that used it may come again, as any request whose answer was lost (decision 0070).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from reseal.directory.model import User
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.mdm.tables import mdm_voucher
from reseal.signin.grants import digest, new_text, password_mark


class Kind(StrEnum):
    """What a voucher says."""

    SIGN_IN = "sign_in"
    TERMS = "terms"


LIFETIMES: Final[Mapping[Kind, timedelta]] = {
    Kind.SIGN_IN: timedelta(minutes=10),
    Kind.TERMS: timedelta(days=1),
}
"""From the page to the enrolment: a key is made in between, or a device joins and proves its TPM."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """One that counts. `used_for` is SHA-256 of the certificate request that used it up."""

    tenant: TenantKey
    id: int
    user: int
    used_for: bytes | None

    def is_good_for(self, request: bytes) -> bool:
        """Whether a certificate request of that digest may be granted by it; empty: any other question."""
        return self.used_for in (None, request)


def give(tx: Tx, tenant: TenantKey, kind: Kind, user: User) -> str:
    """A new voucher of a user; told once."""
    over = (mdm_voucher.c.tenant_id == tenant, mdm_voucher.c.expires_at <= tx.now)
    tx.execute(sa.delete(mdm_voucher).where(*over))
    text = new_text(tx)
    tx.execute(
        sa.insert(mdm_voucher).values(
            tenant_id=tenant,
            id=tx.new_key(),
            kind=kind.value,
            digest=digest(text),
            user_id=user.id,
            password_mark=password_mark(tx, tenant, user.id),
            expires_at=tx.now + LIFETIMES[kind],
        )
    )
    return text


def find(tx: Tx, kind: Kind, text: str) -> Voucher | None:
    """The voucher, if it was given and still counts, used up or not."""
    row = tx.row(
        sa.select(mdm_voucher).where(
            mdm_voucher.c.digest == digest(text),
            mdm_voucher.c.kind == kind.value,
            mdm_voucher.c.expires_at > tx.now,
        )
    )
    if row is None:
        return None
    tenant = TenantKey(row.tenant_id)
    if kind is Kind.SIGN_IN:
        present = password_mark(tx, tenant, row.user_id)
        if not hmac.compare_digest(present, row.password_mark):
            return None
    return Voucher(tenant, row.id, row.user_id, row.used_for)


def use_up(tx: Tx, voucher: Voucher, request: bytes) -> bool:
    """Whether the voucher is used by this certificate request, and by no other before."""
    free = mdm_voucher.c.used_for.is_(None) | (mdm_voucher.c.used_for == request)
    mine = (mdm_voucher.c.tenant_id == voucher.tenant, mdm_voucher.c.id == voucher.id, free)
    return bool(tx.execute(sa.update(mdm_voucher).where(*mine).values(used_for=request)).rowcount)
