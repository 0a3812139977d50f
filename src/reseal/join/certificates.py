"""Device certificates (spec/identity.md 2.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding

from reseal.kernel import ca
from reseal.kernel.db import Tx
from reseal.wire.join import DeviceIdentity, identity_extensions

LIFETIME: Final = timedelta(days=10 * 365)
BACKDATED: Final = timedelta(days=1)
"""A device whose clock is behind accepts its certificate at once."""


def issue_device_certificate(
    tx: Tx,
    authority: ca.Authority,
    key: ca.SubjectKey,
    *,
    device_id: UUID,
    tenant_id: UUID,
    user_id: UUID | None,
    joined: bool,
) -> bytes:
    """The certificate (DER) of a device for `key`; its only name is the device id."""
    identity = DeviceIdentity(device_id, tenant_id, user_id, joined)
    profile = ca.client_profile(
        ca.common_name(str(device_id)),
        LIFETIME,
        key_encipherment=False,
        extensions=identity_extensions(identity),
    )
    issued = ca.issue(
        authority,
        key,
        replace(profile, backdated=BACKDATED),
        clock=_Moment(tx.now),
        entropy=tx.entropy,
    )
    return issued.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The clock of a unit of work: it stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> timedelta:
        return timedelta(0)

    async def sleep(self, duration: timedelta) -> None:
        raise RuntimeError(f"a unit of work does not wait, not even {duration}")
