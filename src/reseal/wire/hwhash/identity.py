"""What in a hardware hash identifies the hardware, and what only seems to (spec/device-artifacts.md 1.3)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from reseal.wire.hwhash.padding import HASH_CODE
from reseal.wire.hwhash.reading import Checksum, HardwareHash
from reseal.wire.hwhash.records import Medium, NetworkAdapter


class EvidenceKind(StrEnum):
    """What an identifying value is."""

    EK = "ek"
    """SHA-256 of the modulus of the TPM's endorsement key, hex."""
    TUPLE = "tuple"
    """`manufacturer|model|serial`, folded."""
    UUID = "uuid"
    PKID = "pkid"
    MAC = "mac"
    DISK = "disk"


@dataclass(frozen=True, slots=True, order=True)
class EvidenceKey:
    """One identifying value, folded so that equal things are equal text."""

    kind: EvidenceKind
    value: str


@dataclass(frozen=True, slots=True)
class HashProblem:
    """Something about a hash that an administrator should know."""

    code: str
    message: str
    remedy: str


_PLACEHOLDERS: Final = frozenset(
    {
        "",
        "0123456789",
        "123456789",
        "chassis serial number",
        "default string",
        "empty",
        "invalid",
        "n/a",
        "none",
        "not applicable",
        "not available",
        "not specified",
        "o.e.m.",
        "oem",
        "serial number",
        "system serial number",
        "to be filled by o.e.m",
        "to be filled by o.e.m.",
        "unknown",
    }
)
"""What stands where nobody filled in a number, folded."""

_FILLER: Final = UUID("03000200-0400-0500-0006-000700080009")
_IGNORABLE_UUIDS: Final = frozenset(
    {UUID(int=0), UUID(int=2**128 - 1), _FILLER, UUID(bytes_le=_FILLER.bytes)}
)
"""UUIDs that stand on many boards; the filler in both byte orders in use."""

_GROUP_OR_LOCAL: Final = 0b11
"""Bits of the first octet of a MAC: sent to a group, administered locally."""

_LONGEST: Final = 1024
"""Bytes of an identifying value; all that people named are shorter."""

_IDENTIFYING_MEDIA: Final = frozenset(
    {Medium.UNSPECIFIED, Medium.WIRELESS_LAN, Medium.NATIVE_802_11, Medium.ETHERNET}
)


def is_placeholder_serial(serial: str) -> bool:
    """Whether a number says nothing: empty, a maker's filler, or one character repeated."""
    folded = fold(serial)
    return folded in _PLACEHOLDERS or len(frozenset(folded)) == 1


def is_ignorable_uuid(uuid: UUID) -> bool:
    """Whether an SMBIOS UUID is one that many boards share."""
    return uuid in _IGNORABLE_UUIDS


def is_identifying_mac(mac: bytes) -> bool:
    """Whether a MAC is an adapter's own: six bytes, not zero, universally administered, not a group's."""
    return len(mac) == 6 and any(mac) and not mac[0] & _GROUP_OR_LOCAL


def fold(text: str) -> str:
    """`text` for comparison: without letter case, with single spaces."""
    return " ".join(text.split()).casefold()


def evidence(presented: HardwareHash) -> tuple[EvidenceKey, ...]:
    """All values in the hash that identify its hardware, sorted and without repetition.

    Left out: placeholder serials, ignorable UUIDs, and addresses of adapters that are locally administered,
    on USB (they move between machines) or neither wired nor wireless LAN.
    """
    return tuple(sorted(frozenset(_evidence(presented))))


def _evidence(presented: HardwareHash) -> Iterator[EvidenceKey]:
    if digest := presented.ek_digest:
        yield EvidenceKey(EvidenceKind.EK, digest.hex())
    names = (presented.manufacturer, presented.model, presented.serial)
    if all(names) and not is_placeholder_serial(presented.serial):
        folded = "|".join(fold(name).replace("|", "/") for name in names)
        yield EvidenceKey(EvidenceKind.TUPLE, _short(folded))
    uuid = presented.smbios_uuid
    if uuid is not None and not is_ignorable_uuid(uuid):
        yield EvidenceKey(EvidenceKind.UUID, str(uuid))
    if not is_placeholder_serial(presented.product_key_id):
        yield EvidenceKey(EvidenceKind.PKID, _short(fold(presented.product_key_id)))
    for adapter in presented.network_adapters:
        if _identifies(adapter):
            yield EvidenceKey(EvidenceKind.MAC, adapter.mac.hex(":"))
    for serial in presented.disk_serials:
        if not is_placeholder_serial(serial):
            yield EvidenceKey(EvidenceKind.DISK, _short(fold(serial)))


def _short(value: str) -> str:
    """The value, or what stands for one that is too long for an index of a database: equal for equal ones."""
    data = value.encode()
    return value if len(data) <= _LONGEST else f"sha256:{hashlib.sha256(data).hexdigest()}"


def _identifies(adapter: NetworkAdapter) -> bool:
    on_usb = adapter.bus.strip().upper().startswith("USB")
    return adapter.medium in _IDENTIFYING_MEDIA and not on_usb and is_identifying_mac(adapter.mac)


def registration_problems(presented: HardwareHash) -> tuple[HashProblem, ...]:
    """Why this hash cannot be registered; empty if it can. The code is always InvalidZtdHardwareHash.

    Manufacturer and serial number must be present (spec/autopilot.md 2.1), and something must be left by
    which the device could be recognised later.
    """
    problems = []
    for name, value in (("manufacturer", presented.manufacturer), ("serial number", presented.serial)):
        if not value:
            message = f"The hardware hash holds no {name}"
            remedy = f"Have the system {name} written to the firmware, then capture the hash again"
            problems.append(HashProblem(HASH_CODE, message, remedy))
    if not problems and next(_evidence(presented), None) is None:
        message = "The hardware hash holds nothing by which the device could be recognised"
        remedy = (
            "Capture the hash again in the full Windows, with the TPM and the built-in network switched on"
        )
        problems.append(HashProblem(HASH_CODE, message, remedy))
    return tuple(problems)


def identity_warnings(presented: HardwareHash) -> tuple[HashProblem, ...]:
    """What makes a hash that can be registered less trustworthy than it should be."""
    found = []
    if presented.checksum is Checksum.DAMAGED:
        message = "The checksum of the hardware hash does not fit; it was changed after its capture"
        found.append(HashProblem("HashDamaged", message, "Capture the hash again"))
    if presented.serial and is_placeholder_serial(presented.serial):
        message = f"The serial number `{presented.serial}` is a placeholder that other devices have too"
        found.append(
            HashProblem("PlaceholderSerial", message, "Have the serial number written to the firmware")
        )
    uuid = presented.smbios_uuid
    if uuid is None or is_ignorable_uuid(uuid):
        message = "The hardware hash holds no SMBIOS UUID of its own"
        found.append(HashProblem("IgnorableUuid", message, "Have the UUID written to the firmware"))
    if presented.ek_digest is None:
        message = "The hardware hash holds no endorsement key, so the device cannot be pre-provisioned"
        remedy = "Switch the TPM on in the firmware, then capture the hash again"
        found.append(HashProblem("NoEndorsementKey", message, remedy))
    return tuple(found)
