"""The join itself: which directory device it is, its certificate, and what is told of it.

Whether somebody may join is decided before (`by_user`, `by_ticket`); here nothing is refused but a directory
device that is gone or disabled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reseal.autopilot.model import Registration
from reseal.deployment import service as deployment
from reseal.deployment.facts import Joined as JoinedFact
from reseal.directory.credentials import store_device_credential
from reseal.directory.devices import DeviceChanges, create_device, device_by_id, update_device
from reseal.directory.model import Device, TrustType, User
from reseal.directory.model_names import display_name
from reseal.directory.tenants import tenant_by_id
from reseal.join.certificates import issue_device_certificate
from reseal.join.refusals import no_device_object, not_authorized
from reseal.join.repeating import answered_before, remember
from reseal.kernel import ca, events
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey

_NAMELESS = "New device"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a device asks, once its certificate request was read and shown to be its own."""

    key: ca.SubjectKey
    transport_key: bytes = field(default=b"", repr=False)
    name: str = ""
    """Its host name; unfit ones are passed over."""
    os_type: str = "Windows"
    os_version: str = ""

    @property
    def public_key(self) -> bytes:
        """DER of SubjectPublicKeyInfo."""
        return self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class JoinedDevice:
    """A joined device and its certificate (DER), with those above it, nearest first."""

    device: Device
    certificate: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)
    repeated: bool = False
    """The same had been answered before: nothing was changed or told."""


def device_to_join(tx: Tx, tenant: TenantKey, registration: Registration) -> Device:
    """The directory device that waits for a registered device since its import.

    Raises `JoinRefused`: it is gone (801c03f3), or an administrator disabled it.
    """
    try:
        device = device_by_id(tx, tenant, registration.device_id)
    except NotFound:
        raise no_device_object() from None
    require_enabled(device)
    return device


def require_enabled(device: Device) -> None:
    """Raise `JoinRefused` for a directory device that an administrator disabled: a lost one, say."""
    if not device.enabled:
        raise not_authorized(
            f"The directory device {device.display_name} is disabled.",
            "Enable the device in the directory, then try again.",
        )


def join_device(
    tx: Tx,
    tenant: TenantKey,
    asked: Asked,
    *,
    authority: ca.Authority,
    device: Device | None,
    registration: Registration | None = None,
    user: User | None = None,
    trust: TrustType = TrustType.AZURE_AD,
    proof: str = "",
) -> JoinedDevice:
    """Join `device`, or a new directory device, and give it a certificate in place of an earlier one.

    The device belongs to `user` from now on, or to nobody in the technician flow. `proof` is the class of its
    proven TPM. A repetition of the device's last join is answered like that, and changes nothing. The caller
    holds the tenant's lock for causes.
    """
    owner = None if user is None else user.id
    if device is not None:
        before = answered_before(tx, tenant, device.id, asked.public_key, owner)
        if before is not None:
            return JoinedDevice(device, before, _chain(authority), repeated=True)
    joined = _written(tx, tenant, asked, device, user, trust)
    certificate = issue_device_certificate(
        tx,
        authority,
        asked.key,
        device_id=joined.device_id,
        tenant_id=tenant_by_id(tx, tenant).uuid,
        user_id=None if user is None else user.uuid,
        joined=trust is TrustType.AZURE_AD,
    )
    store_device_credential(
        tx,
        tenant,
        joined.id,
        certificate,
        transport_key=asked.transport_key,
        proof=proof,
        user=owner,
    )
    remember(tx, tenant, joined.id, asked.public_key, owner, certificate)
    _tell(tx, tenant, joined, device, registration, user, proof)
    return JoinedDevice(joined, certificate, _chain(authority))


def _chain(authority: ca.Authority) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in authority.chain)


def _written(
    tx: Tx, tenant: TenantKey, asked: Asked, device: Device | None, user: User | None, trust: TrustType
) -> Device:
    name = _fit_name(asked.name)
    if device is None:
        device = create_device(tx, tenant, name or _NAMELESS)
    changes = DeviceChanges(
        trust_type=trust,
        owner_user_id=None if user is None else user.id,
        attributes={
            "deviceOSType": asked.os_type[:64] or None,
            "deviceOSVersion": asked.os_version[:64] or None,
            "deviceOwnership": "Company" if trust is TrustType.AZURE_AD else "Personal",
        },
    )
    if name:
        changes["display_name"] = name
    return update_device(tx, tenant, device.id, **changes)


def _fit_name(name: str) -> str:
    """The name, if it can be shown; a device must not fail to join over its name."""
    try:
        return display_name(name, of="device") if name else ""
    except Invalid:
        return ""


def _tell(
    tx: Tx,
    tenant: TenantKey,
    joined: Device,
    before: Device | None,
    registration: Registration | None,
    user: User | None,
    proof: str,
) -> None:
    told: dict[str, JsonValue] = {
        "display_name": joined.display_name,
        "trust_type": None if joined.trust_type is None else joined.trust_type.value,
        "registration": None if registration is None else str(registration.uuid),
        "upn": None if user is None else user.upn,
        "proof": proof,
        "again": before is not None and before.trust_type is not None,
    }
    actor = _actor(joined.device_id if user is None else None, user)
    events.record(tx, tenant, "device.joined", Subject("device", joined.uuid), told, actor)
    if registration is not None:
        deployment.observe(tx, tenant, registration.id, JoinedFact(None if user is None else user.id))


def _actor(device_id: UUID | None, user: User | None) -> str:
    return f"device:{device_id}" if user is None else f"user:{user.uuid}"
