"""What a device told of itself, made known where it belongs: its enrolment and its directory device.

Membership rules read the name and the version of Windows, so this is a unit of its own, under the lock of
causes of assignment, after the message that brought the answers. Until then the session's notes say that it
is still to be done: a server that is killed in between, or whose disk is full, does it at the next message.
"""

from __future__ import annotations

from uuid import UUID

from reseal.directory.devices import devices_by_id, update_device
from reseal.directory.model import AttributeValue
from reseal.kernel.db import Tx
from reseal.managed.enrolments import note_device
from reseal.mdm.sessions.store import find_by_uuid, inventory_of, note_published
from reseal.wire.csp import DevDetail


def publish(tx: Tx, enrolment: UUID) -> None:
    """Take the computer's name and its version of Windows over from what it answered.

    Raises `Invalid` if they cannot be used: `pass_over` has to follow.
    """
    found = find_by_uuid(tx, enrolment, lock=True)
    if found is None or not found.session.notes.untold:
        return
    note_published(tx, found)
    tenant, key, device = found.tenant, found.enrolment.id, found.enrolment.device_id
    known = inventory_of(tx, tenant, key)
    name, version = known.get(DevDetail.DEVICE_NAME, ""), known.get(DevDetail.SOFTWARE_VERSION, "")
    note_device(tx, tenant, key, device_name=name, os_version=version)
    if not devices_by_id(tx, tenant, [device]):
        return
    attributes: dict[str, AttributeValue | None] = {"deviceOSVersion": version} if version else {}
    if name:
        update_device(tx, tenant, device, display_name=name, attributes=attributes, actor="system")
    elif attributes:
        update_device(tx, tenant, device, attributes=attributes, actor="system")


def pass_over(tx: Tx, enrolment: UUID) -> None:
    """Leave what cannot be used where it is, and do not try it again."""
    found = find_by_uuid(tx, enrolment, lock=True)
    if found is not None:
        note_published(tx, found)
