"""Device certificates on record: which certificate proves which directory device.

A device has at most one; a new join replaces it, so that whoever holds an older one is nobody any more.
Possession of the key is shown elsewhere (TLS, a signed request): this module only says whose a certificate
is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from cryptography import x509

from reseal.directory.devices import device_by_id
from reseal.directory.tables import device, device_credential
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


@dataclass(frozen=True, slots=True)
class DeviceCredential:
    """The certificate of a device. `device` is the directory device's key, `device_id` the id in the
    certificate.
    """

    tenant: TenantKey
    device: int
    device_id: UUID
    thumbprint: bytes
    """SHA-256 of the certificate's DER form."""
    transport_key: bytes
    """BCRYPT_RSAKEY_BLOB, to which session keys are encrypted; empty if none was given."""
    proof: str
    """How the TPM was proven: `hardware`, `hardwareUnknownVendor`, `virtual`; empty: not at all."""
    user: int | None
    """Who joined the device; None for the technician flow."""
    created_at: datetime


def store_device_credential(
    tx: Tx,
    tenant: TenantKey,
    device: int,
    certificate: bytes,
    *,
    transport_key: bytes = b"",
    proof: str = "",
    user: int | None = None,
) -> None:
    """Put a device's certificate (DER) on record in place of an earlier one.

    Raises `NotFound` for an unknown device, `ValueError` for bytes that are no certificate.
    """
    subject = Subject("device", device_by_id(tx, tenant, device).uuid)
    expires_at = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    replaced = _delete(tx, tenant, device)
    tx.execute(
        sa.insert(device_credential).values(
            tenant_id=tenant,
            id=tx.new_key(),
            device_id=device,
            thumbprint=_thumbprint(certificate),
            transport_key=transport_key,
            proof=proof,
            user_id=user,
            created_at=tx.now,
            expires_at=expires_at,
        )
    )
    told: dict[str, JsonValue] = {
        "thumbprint": _thumbprint(certificate).hex(),
        "proof": proof,
        "replaced": replaced,
    }
    events.record(tx, tenant, "device.certificate_issued", subject, told)


def find_device_credential(tx: Tx, certificate: bytes) -> DeviceCredential | None:
    """Whose certificate (DER) this is, over all tenants.

    None if it is not on record any more, is expired, or its device is disabled or gone.
    """
    row = tx.row(
        sa.select(device_credential, device.c.device_id.label("public_id"))
        .join(
            device,
            sa.and_(
                device.c.tenant_id == device_credential.c.tenant_id,
                device.c.id == device_credential.c.device_id,
            ),
        )
        .where(
            device_credential.c.thumbprint == _thumbprint(certificate),
            device_credential.c.expires_at > tx.now,
            device.c.enabled,
        )
    )
    if row is None:
        return None
    return DeviceCredential(
        tenant=TenantKey(row.tenant_id),
        device=row.device_id,
        device_id=row.public_id,
        thumbprint=row.thumbprint,
        transport_key=row.transport_key,
        proof=row.proof,
        user=row.user_id,
        created_at=row.created_at,
    )


def revoke_device_credentials(tx: Tx, tenant: TenantKey, device: int) -> None:
    """Take a device's certificate off the record: it proves nothing from now on. Nothing if there is none.

    Raises `NotFound` for an unknown device.
    """
    subject = Subject("device", device_by_id(tx, tenant, device).uuid)
    if _delete(tx, tenant, device):
        events.record(tx, tenant, "device.certificate_revoked", subject, {})


def _delete(tx: Tx, tenant: TenantKey, device: int) -> bool:
    mine = sa.and_(device_credential.c.tenant_id == tenant, device_credential.c.device_id == device)
    return bool(tx.execute(sa.delete(device_credential).where(mine)).rowcount)


def _thumbprint(certificate: bytes) -> bytes:
    return hashlib.sha256(certificate).digest()
