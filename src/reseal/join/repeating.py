"""A device that did not get the answer asks again: with the same key it is the same device.

Networks lose answers and send requests twice. A repetition must neither make a second directory device nor
take back the certificate that an earlier answer carried.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from reseal.directory.credentials import find_device_credential
from reseal.join.tables import made
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

REPEATABLE: Final = timedelta(hours=1)
"""So long a repetition is given the certificate of the first answer; later it is a new join."""


def device_of_key(tx: Tx, tenant: TenantKey, public_key: bytes, user: int | None) -> int | None:
    """The directory device that this user joined with this key, whenever that was."""
    row = tx.row(
        sa.select(made.c.device_id, made.c.user_id).where(
            made.c.tenant_id == tenant, made.c.key_hash == _hash(public_key)
        )
    )
    return row.device_id if row is not None and row.user_id == user else None


def answered_before(
    tx: Tx, tenant: TenantKey, device: int, public_key: bytes, user: int | None
) -> bytes | None:
    """The certificate (DER) of the device's last join, if this one repeats it."""
    row = tx.row(
        sa.select(made).where(
            made.c.tenant_id == tenant,
            made.c.device_id == device,
            made.c.key_hash == _hash(public_key),
            made.c.made_at > tx.now - REPEATABLE,
        )
    )
    if row is None or row.user_id != user:
        return None
    on_record = find_device_credential(tx, row.certificate)
    certificate: bytes = row.certificate
    return certificate if on_record is not None and on_record.device == device else None


def remember(
    tx: Tx, tenant: TenantKey, device: int, public_key: bytes, user: int | None, certificate: bytes
) -> None:
    """Keep what a join was answered, in place of the device's former join and of the key's."""
    key_hash = _hash(public_key)
    tx.execute(
        sa.delete(made).where(
            made.c.tenant_id == tenant, (made.c.device_id == device) | (made.c.key_hash == key_hash)
        )
    )
    tx.execute(
        sa.insert(made).values(
            tenant_id=tenant,
            device_id=device,
            key_hash=key_hash,
            user_id=user,
            certificate=certificate,
            made_at=tx.now,
        )
    )


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
