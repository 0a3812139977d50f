"""What proves that a session comes from an enrolled device: its certificates, and the secrets of digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509

from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.kernel.secretbox import SecretBox
from reseal.managed.tables import certificate, enrolment, secret

_PURPOSE = "management session secret"


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate on record; `store` is where on the device it lies, `System` or `User`."""

    thumbprint: bytes
    not_after: datetime
    store: str
    issued_at: datetime


def keep_certificate(tx: Tx, tenant: TenantKey, enrolment_id: int, der: bytes, store: str) -> None:
    """Have a certificate prove the enrolment from now on; earlier ones go on to count until it was seen."""
    tx.execute(
        certificate.insert().values(
            thumbprint=hashlib.sha256(der).digest(),
            tenant_id=tenant,
            enrolment_id=enrolment_id,
            not_after=x509.load_der_x509_certificate(der).not_valid_after_utc,
            store=store,
            issued_at=tx.now,
        )
    )
    kept = len(certificates_of(tx, tenant, enrolment_id))
    if kept > 1:
        _set_renewing(tx, tenant, enrolment_id, True)


def certificates_of(tx: Tx, tenant: TenantKey, enrolment_id: int) -> tuple[IssuedCertificate, ...]:
    """The certificates that count for an enrolment, oldest first."""
    rows = tx.rows(
        sa.select(certificate)
        .where(certificate.c.tenant_id == tenant, certificate.c.enrolment_id == enrolment_id)
        .order_by(certificate.c.issued_at, certificate.c.thumbprint)
    )
    return tuple(IssuedCertificate(row.thumbprint, row.not_after, row.store, row.issued_at) for row in rows)


def note_certificate(tx: Tx, tenant: TenantKey, enrolment_id: int, sha256: bytes) -> None:
    """The device used this certificate: if it is the newest, the others are worth nothing from now on.

    A device may lose the answer to its renewal, so both count until then (spec/mdm-wire.md 2.7).
    """
    known = certificates_of(tx, tenant, enrolment_id)
    if len(known) < 2 or known[-1].thumbprint != sha256:
        return
    _revoke(tx, (one.thumbprint for one in known[:-1]))
    _set_renewing(tx, tenant, enrolment_id, False)


def revoke_unused(tx: Tx, tenant: TenantKey, enrolment_id: int, used: bytes) -> None:
    """Take back every certificate but the one that the device uses: the answer with a newer one was lost."""
    known = certificates_of(tx, tenant, enrolment_id)
    _revoke(tx, (one.thumbprint for one in known if one.thumbprint != used))


def _revoke(tx: Tx, thumbprints: Iterable[bytes]) -> None:
    tx.execute(certificate.delete().where(certificate.c.thumbprint.in_(list(thumbprints))))


def _set_renewing(tx: Tx, tenant: TenantKey, enrolment_id: int, renewing: bool) -> None:
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, enrolment.c.id == enrolment_id)
        .values(renewing=renewing)
    )


# --- digest sessions ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Secrets:
    """What both sides of a digest session know (spec/mdm-wire.md 3.8); the user name is the EntDMID."""

    device_secret: str = field(repr=False)
    """By which the device proves itself."""
    server_secret: str = field(repr=False)
    """By which the server may prove itself."""
    nonce: bytes = field(repr=False)
    """What the device's next digest is made over, raw."""


def keep_secrets(tx: Tx, tenant: TenantKey, enrolment_id: int, secrets: Secrets, box: SecretBox) -> None:
    """Store the secrets of a new enrolment, encrypted."""
    tx.execute(
        secret.insert().values(
            tenant_id=tenant,
            enrolment_id=enrolment_id,
            device_secret=box.encrypt(secrets.device_secret.encode(), _PURPOSE),
            server_secret=box.encrypt(secrets.server_secret.encode(), _PURPOSE),
            nonce=box.encrypt(secrets.nonce, _PURPOSE),
        )
    )


def secrets_of(tx: Tx, tenant: TenantKey, enrolment_id: int, box: SecretBox) -> Secrets | None:
    """The secrets of an enrolment; None if it ended."""
    row = tx.row(sa.select(secret).where(*_key(tenant, enrolment_id)))
    if row is None:
        return None
    return Secrets(
        device_secret=box.decrypt(row.device_secret, _PURPOSE).decode(),
        server_secret=box.decrypt(row.server_secret, _PURPOSE).decode(),
        nonce=box.decrypt(row.nonce, _PURPOSE),
    )


def change_nonce(
    tx: Tx, tenant: TenantKey, enrolment_id: int, box: SecretBox, *, used: bytes, next_: bytes
) -> bool:
    """Put `next_` in the place of the nonce `used`; False, and nothing is changed, if that is not the present
    one: somebody used it before. Of two who try at once one succeeds.
    """
    statement = sa.select(secret.c.nonce).where(*_key(tenant, enrolment_id))
    kept = tx.value(statement.with_for_update() if tx.on_postgresql else statement)
    if kept is None or box.decrypt(kept, _PURPOSE) != used:
        return False
    changed = secret.update().where(*_key(tenant, enrolment_id))
    tx.execute(changed.values(nonce=box.encrypt(next_, _PURPOSE)))
    return True


def _key(tenant: TenantKey, enrolment_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return secret.c.tenant_id == tenant, secret.c.enrolment_id == enrolment_id
