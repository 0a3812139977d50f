"""What a device told of itself, made known where it belongs: its enrolment and its directory device.

Membership rules read the name and the version of Windows, so this is a unit of its own, under the lock of
causes of assignment, after the message that brought the answers.
"""

from __future__ import annotations

from reseal.directory.devices import devices_by_id, update_device
from reseal.directory.model import AttributeValue
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import enrolment_by_id, note_device
from reseal.mdm.sessions.store import inventory_of
from reseal.wire.csp import DevDetail


def publish(tx: Tx, tenant: TenantKey, enrolment_id: int) -> None:
    """Take the computer's name and its version of Windows over from what it answered."""
    known = inventory_of(tx, tenant, enrolment_id)
    name, version = known.get(DevDetail.DEVICE_NAME, ""), known.get(DevDetail.SOFTWARE_VERSION, "")
    note_device(tx, tenant, enrolment_id, device_name=name, os_version=version)
    device = enrolment_by_id(tx, tenant, enrolment_id).device_id
    if not devices_by_id(tx, tenant, [device]):
        return
    attributes: dict[str, AttributeValue | None] = {"deviceOSVersion": version} if version else {}
    if name:
        update_device(tx, tenant, device, display_name=name, attributes=attributes, actor="system")
    elif attributes:
        update_device(tx, tenant, device, attributes=attributes, actor="system")
