"""What a device certificate says about its device (spec/identity.md 2.3), and cloud SIDs (2.2)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from reseal.wire.join.errors import JoinError

_ARC: Final = "1.2.840.113556.1.5.284"
DEVICE: Final = ObjectIdentifier(f"{_ARC}.2")
USER: Final = ObjectIdentifier(f"{_ARC}.3")
TENANT: Final = ObjectIdentifier(f"{_ARC}.5")
JOIN: Final = ObjectIdentifier(f"{_ARC}.7")
REGION: Final = ObjectIdentifier(f"{_ARC}.8")

_OCTET_STRING: Final = 0x04
_SID: Final = re.compile(r"S-1-12-1-(\d{1,10})-(\d{1,10})-(\d{1,10})-(\d{1,10})\Z")


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who a certificate is about. `user_id` is the object id of who joined the device, if somebody did."""

    device_id: UUID
    tenant_id: UUID
    user_id: UUID | None = None
    joined: bool = True
    """False: only registered (a person's own device)."""
    region: str = "EU"


def identity_extensions(identity: DeviceIdentity) -> tuple[x509.UnrecognizedExtension, ...]:
    """The extensions of a device certificate, none of them critical.

    Lengths are in the long form, as Entra writes them; readers take both.
    """
    values = {DEVICE: identity.device_id.bytes_le, TENANT: identity.tenant_id.bytes_le}
    if identity.user_id is not None:
        values[USER] = identity.user_id.bytes_le
    values[REGION] = identity.region.encode("ascii")
    values[JOIN] = b"1" if identity.joined else b"0"
    return tuple(
        x509.UnrecognizedExtension(oid, bytes([_OCTET_STRING, 0x81, len(value)]) + value)
        for oid, value in values.items()
    )


def read_identity(certificate: x509.Certificate) -> DeviceIdentity:
    """What the certificate says, whoever signed it. Raises JoinError if it is no device certificate."""
    values = dict(_values(certificate))
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        device_id = _guid(values[DEVICE])
        identity = DeviceIdentity(
            device_id=device_id,
            tenant_id=_guid(values[TENANT]),
            user_id=_guid(values[USER]) if USER in values else None,
            joined=values.get(JOIN, b"1") == b"1",
            region=values.get(REGION, b"").decode("ascii"),
        )
    except (KeyError, ValueError) as error:
        raise _no_device_certificate("lacks the ids of a device, or holds something else there") from error
    if len(names) != 1 or str(names[0].value).lower() != str(device_id):
        raise _no_device_certificate("has another name than the device id in it")
    return identity


def cloud_sid(object_id: UUID) -> str:
    """The SID of a directory object: `S-1-12-1-` and its id as four little-endian numbers."""
    return "S-1-12-1-" + "-".join(map(str, struct.unpack("<4I", object_id.bytes_le)))


def object_of_sid(sid: str) -> UUID:
    """The directory object whose SID this is. Raises JoinError."""
    found = _SID.match(sid)
    parts = [int(part) for part in found.groups()] if found else []
    if not parts or max(parts) >= 1 << 32:
        message = f"{sid[:80]!r} is not the SID of a directory object"
        raise JoinError(code="Sid", message=message, remedy="Give S-1-12-1- and four numbers")
    return UUID(bytes_le=struct.pack("<4I", *parts))


def _values(certificate: x509.Certificate) -> Iterator[tuple[ObjectIdentifier, bytes]]:
    try:
        extensions = list(certificate.extensions)
    except ValueError as error:
        raise _no_device_certificate("has extensions that cannot be read") from error
    for extension in extensions:
        if isinstance(extension.value, x509.UnrecognizedExtension):
            yield extension.oid, _content(extension.value.value)


def _content(value: bytes) -> bytes:
    """The content of an octet string with its length in the short or the long form; else the bytes."""
    for head, size in ((2, value[1:2]), (3, value[2:3] if value[1:2] == b"\x81" else b"")):
        if value[:1] == bytes([_OCTET_STRING]) and size == bytes([len(value) - head & 0xFF]):
            return value[head:]
    return value


def _guid(content: bytes) -> UUID:
    return UUID(bytes_le=content)


def _no_device_certificate(why: str) -> JoinError:
    message = f"The certificate {why}"
    return JoinError(code="Certificate", message=message, remedy="Use the certificate that the join gave")
