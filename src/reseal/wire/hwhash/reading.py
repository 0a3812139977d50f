"""From text or bytes to a `HardwareHash`, forgiving towards everything but the magic at the start."""

import binascii
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from reseal.wire.hwhash.padding import HardwareHashError, decode_base64
from reseal.wire.hwhash.records import (
    ARCHITECTURES,
    HEADER,
    OS_TYPES,
    READERS,
    RECORD_HEADER,
    REPEATABLE,
    Build,
    Disk,
    NetworkAdapter,
    OfflineDeviceId,
    Record,
    RecordType,
    RecordValue,
    Version,
    named,
)

MAGIC: Final = b"OA"
CHECKSUM_MAGIC: Final = b"CS"
CHECKSUM_LENGTH: Final = RECORD_HEADER.size + hashlib.sha256().digest_size
BLOB_SIZE: Final = 3000
"""Bytes of a complete blob with its zero padding: 4,000 characters of base64."""

T = TypeVar("T", bound=RecordValue)


class Checksum(StrEnum):
    """Whether the blob is as it was written.

    No complete blob of a real device was available to confirm the trailer, so `damaged` is a warning and
    not a reason to refuse.
    """

    VALID = "valid"
    DAMAGED = "damaged"
    UNKNOWN = "unknown"
    """There is no checksum record."""


@dataclass(frozen=True, slots=True)
class HashWarning:
    """Something odd that did not keep the hash from being read. `offset` counts bytes of the blob."""

    code: str
    message: str
    offset: int


@dataclass(frozen=True, slots=True)
class HardwareHash:
    """A decoded hardware hash. Texts come without spaces around them, empty where the hash holds none."""

    blob: bytes
    """Header, records and checksum record, without the zero padding: what to keep of a hash."""
    records: tuple[Record, ...]
    """In the order of the blob, unknown types included."""
    checksum: Checksum
    warnings: tuple[HashWarning, ...]

    def text(self) -> str:
        """Base64 of the blob with its zero padding, as a device emits it (padded base64)."""
        return binascii.b2a_base64(self.blob.ljust(BLOB_SIZE, b"\0"), newline=False).decode("ascii")

    def values(self, kind: int, of: type[T]) -> tuple[T, ...]:
        """The values of all records of one type that could be read as `of`."""
        return tuple([r.value for r in self.records if r.type == kind and isinstance(r.value, of)])

    def value(self, kind: int, of: type[T]) -> T | None:
        """The first value of a type, None if the hash holds none that could be read."""
        for record in self.records:
            if record.type == kind and isinstance(record.value, of):
                return record.value
        return None

    def _text(self, kind: RecordType) -> str:
        return (self.value(kind, str) or "").strip()

    @property
    def serial(self) -> str:
        """SMBIOS system serial number."""
        return self._text(RecordType.SERIAL)

    @property
    def manufacturer(self) -> str:
        """SMBIOS system manufacturer."""
        return self._text(RecordType.MANUFACTURER)

    @property
    def model(self) -> str:
        """SMBIOS product name."""
        return self._text(RecordType.MODEL)

    @property
    def sku(self) -> str:
        """SMBIOS SKU number."""
        return self._text(RecordType.SKU)

    @property
    def family(self) -> str:
        """SMBIOS system family."""
        return self._text(RecordType.FAMILY)

    @property
    def product_key_id(self) -> str:
        """The product key id (PKID) in the firmware; usually empty."""
        return self._text(RecordType.PRODUCT_KEY_ID)

    @property
    def smbios_uuid(self) -> UUID | None:
        """SMBIOS system UUID."""
        return self.value(RecordType.SMBIOS_UUID, UUID)

    @property
    def ek_modulus(self) -> bytes | None:
        """Modulus of the TPM's RSA endorsement key, big endian; None without such a key."""
        return self.value(RecordType.EK_MODULUS, bytes) or None

    @property
    def ek_digest(self) -> bytes | None:
        """SHA-256 of the modulus of the endorsement key: the offline device id of kind 1, else computed."""
        for identifier in self.values(RecordType.OFFLINE_DEVICE_ID, OfflineDeviceId):
            if identifier.is_ek_digest:
                return identifier.identifier
        return _digest(self.ek_modulus)

    @property
    def disk_serials(self) -> tuple[str, ...]:
        """Serial numbers of the internal disks.

        The records read `serial|product|vendor`. Disks and serial numbers are told apart by position; where
        their numbers differ, every disk counts as internal.
        """
        texts = self.values(RecordType.DISK_SERIAL, str)
        disks = self.values(RecordType.DISK, Disk)
        paired = len(disks) == len(texts)
        serials = (
            text.partition("|")[0].strip()
            for position, text in enumerate(texts)
            if not paired or disks[position].is_internal
        )
        return tuple(serial for serial in serials if serial)

    @property
    def network_adapters(self) -> tuple[NetworkAdapter, ...]:
        """All network adapters: address, medium and bus of each."""
        return self.values(RecordType.NETWORK_ADAPTER, NetworkAdapter)

    @property
    def tpm_version(self) -> str:
        """The TPM's description of itself: `TPM-Version:2.0 -Level:0-Revision:1.16-VendorID:...`."""
        return self._text(RecordType.TPM_VERSION)

    @property
    def build(self) -> Build | None:
        """Capture time, system and tool; None if the record is missing."""
        return self.value(RecordType.BUILD, Build)

    @property
    def os_build(self) -> Version | None:
        """Version of the system that captured the hash."""
        build = self.build
        return build.os_build if build else None

    @property
    def captured_at(self) -> datetime | None:
        """When the hash was captured, aware UTC, by the clock of the device."""
        build = self.build
        return build.captured_at if build else None

    @property
    def os_type(self) -> str:
        """`FullOS` for an installed Windows."""
        build = self.build
        return named(OS_TYPES, build.os_type) if build else ""

    @property
    def architecture(self) -> str:
        """`x86`, `x64` or `ARM64`."""
        build = self.build
        return named(ARCHITECTURES, build.architecture) if build else ""


def decode(text: str) -> HardwareHash:
    """The hardware hash in base64 `text`; missing padding and white space around it do not matter.

    Raises HardwareHashError if `text` is not base64 or not a hash. Anything else odd is in `warnings`.
    """
    return decode_blob(decode_base64(text.strip()))


def decode_blob(data: bytes) -> HardwareHash:
    """The hardware hash in `data`: a whole blob, or what `HardwareHash.blob` kept of one.

    Raises HardwareHashError.
    """
    if len(data) < HEADER.size:
        raise HardwareHashError(f"{len(data)} bytes are too short for a hardware hash")
    magic, total = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise HardwareHashError("This is no hardware hash: it does not start with the letters OA", offset=0)
    if total < HEADER.size:
        raise HardwareHashError(
            f"The hardware hash states a length of {total} bytes, less than its own header", offset=2
        )
    warnings: list[HashWarning] = []
    if total > len(data):
        message = f"{total} bytes were announced and {len(data)} are there; the end is missing"
        warnings.append(HashWarning("CutShort", message, len(data)))
    records = tuple(_records(data, min(total, len(data)), warnings))
    checksum, end = _checksum(data, total, warnings)
    _compare_ek(records, warnings)
    return HardwareHash(data[:end], records, checksum, tuple(warnings))


def _records(data: bytes, end: int, warnings: list[HashWarning]) -> Iterator[Record]:
    offset = HEADER.size
    seen: set[int] = set()
    remarks: list[str] = []
    while offset + RECORD_HEADER.size <= end:
        kind, length = RECORD_HEADER.unpack_from(data, offset)
        if length < RECORD_HEADER.size or offset + length > end:
            break
        content = data[offset + RECORD_HEADER.size : offset + length]
        reader = READERS.get(kind)
        try:
            value: RecordValue = reader(content, remarks) if reader else content
        except (ValueError, struct.error) as error:
            remarks.append(f"its content is kept as bytes: {error}")
            value = content
        if kind in seen and reader and kind not in REPEATABLE:
            remarks.append("a second record of this type; the first one counts")
        if remarks:
            warnings += (
                HashWarning("Record", f"Record of type {kind}: {remark}", offset) for remark in remarks
            )
            remarks.clear()
        seen.add(kind)
        yield Record(kind, offset, value)
        offset += length
    if data[offset:end].strip(b"\0"):
        warnings.append(
            HashWarning("CutShort", f"{end - offset} bytes at the end form no whole record", offset)
        )


def _checksum(data: bytes, total: int, warnings: list[HashWarning]) -> tuple[Checksum, int]:
    """The state of the checksum, and where the part of `data` that matters ends."""
    trailer = data[total : total + CHECKSUM_LENGTH]
    if not trailer.startswith(CHECKSUM_MAGIC):
        state, end = Checksum.UNKNOWN, min(total, len(data))
        warnings.append(HashWarning("NoChecksum", "There is no checksum, so damage cannot be seen", end))
    elif trailer == checksum_record(data[:total]):
        state, end = Checksum.VALID, total + CHECKSUM_LENGTH
    else:
        state, end = Checksum.DAMAGED, min(total + CHECKSUM_LENGTH, len(data))
        message = "The checksum does not fit: the hash was changed after its capture"
        warnings.append(HashWarning("Damaged", message, total))
    if data[end:].strip(b"\0"):
        warnings.append(
            HashWarning("TrailingData", "There is something after the end, where only zeros belong", end)
        )
    return state, end


def checksum_record(body: bytes) -> bytes:
    """The record that follows header and records `body`."""
    return CHECKSUM_MAGIC + CHECKSUM_LENGTH.to_bytes(2, "little") + hashlib.sha256(body).digest()


def _compare_ek(records: tuple[Record, ...], warnings: list[HashWarning]) -> None:
    """Say so where the offline device id of kind 1 is not the digest of the modulus, as on a real blob."""
    moduli = (r.value for r in records if r.type == RecordType.EK_MODULUS and isinstance(r.value, bytes))
    digest = _digest(next(moduli, None))
    for record in records:
        match record.value:
            case OfflineDeviceId(identifier=identifier) as found if found.is_ek_digest:
                if digest not in (None, identifier):
                    message = "The offline device id is not the digest of the TPM's endorsement key"
                    warnings.append(HashWarning("EndorsementKey", message, record.offset))


def _digest(modulus: bytes | None) -> bytes | None:
    return hashlib.sha256(modulus).digest() if modulus else None
