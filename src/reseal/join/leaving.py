"""A device leaves the directory, by its own certificate alone (spec/identity.md 2.4)."""

from __future__ import annotations

from uuid import UUID

from reseal.directory.credentials import find_device_credential, revoke_device_credentials
from reseal.directory.devices import delete_device, device_by_id, update_device
from reseal.join.refusals import NotProven
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


def tenant_of_leaver(tx: Tx, certificate: bytes, device_id: UUID) -> TenantKey:
    """The organisation of the device that shows this certificate (DER).

    Raises `NotProven` unless it is the certificate of the device `device_id`.
    """
    found = find_device_credential(tx, certificate)
    if found is None or found.device_id != device_id:
        raise NotProven(
            "The TLS client certificate is not that of the device that is to leave.",
            "Show the certificate that the device got when it joined.",
        )
    return found.tenant


def leave(tx: Tx, tenant: TenantKey, certificate: bytes, device_id: UUID) -> None:
    """Take a device out of the directory: deleted, or, if somebody protects it, as it was before its join.

    The directory device of an Autopilot registration stays, so that the device can be deployed again.
    Raises `NotProven`.
    """
    tenant_of_leaver(tx, certificate, device_id)
    found = find_device_credential(tx, certificate)
    assert found is not None
    device = device_by_id(tx, tenant, found.device)
    actor = f"device:{device_id}"
    told: dict[str, JsonValue] = {
        "display_name": device.display_name,
        "kept": device.protected_by is not None,
    }
    events.record(tx, tenant, "device.left", Subject("device", device.uuid), told, actor)
    revoke_device_credentials(tx, tenant, device.id)
    if device.protected_by is None:
        delete_device(tx, tenant, device.id, actor=actor)
    else:
        update_device(tx, tenant, device.id, actor=actor, trust_type=None, owner_user_id=None)
