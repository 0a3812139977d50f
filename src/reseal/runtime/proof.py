"""Whether a request comes from the device itself: anybody may know a hardware hash, or overhear a run."""

from __future__ import annotations

from reseal.autopilot.model import Registration
from reseal.directory.credentials import find_device_credential
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey


def is_from_device(tx: Tx, tenant: TenantKey, registration: Registration, shown: bytes | None) -> bool:
    """Whether the connection bears the certificate (DER) that the registration's device got by joining."""
    found = None if shown is None else find_device_credential(tx, shown)
    return found is not None and (found.tenant, found.device) == (tenant, registration.device_id)
