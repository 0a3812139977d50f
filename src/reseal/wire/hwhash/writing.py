"""Hardware hashes of virtual devices."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from reseal.wire.hwhash.padding import HardwareHashError
from reseal.wire.hwhash.reading import (
    BLOB_SIZE,
    CHECKSUM_LENGTH,
    MAGIC,
    HardwareHash,
    checksum_record,
    decode_blob,
)
from reseal.wire.hwhash.records import (
    BUILD,
    CHASSIS,
    DISK,
    DISPLAY,
    EPOCH,
    HEADER,
    MEMORY,
    NETWORK_ADAPTER,
    OFFLINE_DEVICE_ID,
    OFFLINE_ID_TPM_EK,
    PROCESSOR,
    RECORD_HEADER,
    Chassis,
    Disk,
    Display,
    Memory,
    NetworkAdapter,
    Processor,
    RecordType,
    Version,
)

MANUFACTURER: Final = "Reseal"
"""The manufacturer of every hash written here, so that nobody takes one for hardware."""

_WINDOWS: Final = Version(10, 0, 26100)
_PROCESSOR: Final = Processor(architecture=9, packages=1, cores=4, threads=8, hyper_threading=True)
_MEMORY: Final = Memory(total_gb=8, maximum_capacity=64, slots=2, arrays=1, error_correction=3)
_DISPLAY: Final = Display(physical_horizontal=309, physical_vertical=174, horizontal=1920, vertical=1080)
_NOTEBOOK: Final = Chassis(kind=10, power_role=2)

_QUARTER: Final = timedelta(minutes=15)
_SHORTEN: Final = "Give the virtual device shorter or fewer values"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashFields:
    """What the hash of a virtual device says. There is no manufacturer to choose: it is always `Reseal`."""

    captured_at: datetime
    """Aware; whole seconds are kept."""
    serial: str
    model: str
    smbios_uuid: UUID
    ek_modulus: bytes | None = None
    """RSA modulus of the endorsement key, big endian; None for a device without TPM."""
    tpm_version: str = ""
    sku: str = ""
    family: str = ""
    product_key_id: str = ""
    disks: tuple[Disk, ...] = ()
    disk_serials: tuple[str, ...] = ()
    """One per disk, in their order: `serial`, or `serial|product|vendor`."""
    network_adapters: tuple[NetworkAdapter, ...] = ()
    utc_offset: timedelta = timedelta(0)
    tool_build: Version = _WINDOWS
    os_build: Version = _WINDOWS
    os_type: int = 2
    architecture: int = 9
    tool_version: int = 8
    processor: Processor = _PROCESSOR
    processor_manufacturer: str = MANUFACTURER
    processor_model: str = "Virtual processor"
    memory: Memory = _MEMORY
    display: Display = _DISPLAY
    chassis: Chassis = _NOTEBOOK


def encode(fields: HashFields) -> str:
    """The hardware hash of a virtual device: 4,000 characters of base64 with checksum and zero padding.

    Raises HardwareHashError if a value does not fit its field, or all together not into the blob.
    """
    return encode_hash(fields).text()


def encode_hash(fields: HashFields) -> HardwareHash:
    """The same, as `decode` would return it."""
    try:
        body = b"".join(_records(fields))
    except (struct.error, OverflowError) as error:
        raise HardwareHashError(
            f"A number is too large for the hardware hash: {error}", remedy=_SHORTEN
        ) from error
    total = HEADER.size + len(body)
    if total + CHECKSUM_LENGTH > BLOB_SIZE:
        message = (
            f"The hardware hash would have {total + CHECKSUM_LENGTH} bytes; there is room for {BLOB_SIZE}"
        )
        raise HardwareHashError(message, remedy=_SHORTEN)
    blob = HEADER.pack(MAGIC, total) + body
    return decode_blob(blob + checksum_record(blob))


def _records(fields: HashFields) -> Iterator[bytes]:
    """All records in the order in which real blobs have them."""
    yield _record(RecordType.BUILD, _build(fields))
    yield _record(RecordType.PROCESSOR, _processor(fields.processor))
    yield _text(RecordType.PROCESSOR_MANUFACTURER, fields.processor_manufacturer)
    yield _text(RecordType.PROCESSOR_MODEL, fields.processor_model)
    yield _record(RecordType.MEMORY, _memory(fields.memory))
    for disk in fields.disks:
        packed = DISK.pack(disk.capacity_gb, disk.bus, disk.seek_penalty, disk.trim)
        yield _record(RecordType.DISK, packed)
    for serial in fields.disk_serials:
        yield _record(RecordType.DISK_SERIAL, _encoded(serial))
    for adapter in fields.network_adapters:
        yield _record(RecordType.NETWORK_ADAPTER, _network_adapter(adapter))
    yield _record(RecordType.DISPLAY, _display(fields.display))
    chassis = fields.chassis
    yield _record(RecordType.CHASSIS, CHASSIS.pack(chassis.kind, chassis.power_role, chassis.rest))
    yield from _tpm(fields)
    yield _record(RecordType.SMBIOS_UUID, fields.smbios_uuid.bytes_le)
    yield _text(RecordType.SERIAL, fields.serial)
    yield _text(RecordType.MANUFACTURER, MANUFACTURER)
    yield _text(RecordType.MODEL, fields.model)
    for kind, value in (
        (RecordType.SKU, fields.sku),
        (RecordType.FAMILY, fields.family),
        (RecordType.PRODUCT_KEY_ID, fields.product_key_id),
    ):
        if value:
            yield _text(kind, value)


def _tpm(fields: HashFields) -> Iterator[bytes]:
    if fields.tpm_version:
        yield _text(RecordType.TPM_VERSION, fields.tpm_version)
    if fields.ek_modulus:
        digest = hashlib.sha256(fields.ek_modulus).digest()
        yield _record(RecordType.EK_MODULUS, fields.ek_modulus)
        yield _record(
            RecordType.OFFLINE_DEVICE_ID, OFFLINE_DEVICE_ID.pack(0, OFFLINE_ID_TPM_EK, len(digest)) + digest
        )


def _build(fields: HashFields) -> bytes:
    if fields.captured_at.tzinfo is None:
        raise HardwareHashError("The capture time has no time zone", remedy="Give an aware time in UTC")
    tool, system = fields.tool_build, fields.os_build
    return BUILD.pack(
        *(tool.minor, tool.major, tool.revision, tool.build),
        *(system.minor, system.major, system.revision, system.build),
        (fields.captured_at - EPOCH) // timedelta(seconds=1),
        fields.utc_offset // _QUARTER,
        fields.os_type,
        fields.architecture,
        fields.tool_version,
    )


def _processor(value: Processor) -> bytes:
    counts = (value.packages, value.cores, value.threads)
    return PROCESSOR.pack(value.architecture, *counts, int(value.hyper_threading), 0)


def _memory(value: Memory) -> bytes:
    capacity = (value.total_gb, value.maximum_capacity)
    return MEMORY.pack(*capacity, value.slots, value.arrays, value.error_correction)


def _network_adapter(value: NetworkAdapter) -> bytes:
    if len(value.mac) != 6:
        raise HardwareHashError(
            f"A MAC has 6 bytes, not {len(value.mac)}", remedy="Give the six bytes of the address"
        )
    try:
        bus = f"{value.bus}\0".encode("utf-16-le")
    except UnicodeEncodeError as error:
        raise HardwareHashError(f"The bus name cannot be written: {error}", remedy=_SHORTEN) from error
    return NETWORK_ADAPTER.pack(value.medium, value.mac, len(bus)) + bus


def _display(value: Display) -> bytes:
    physical = (value.physical_horizontal, value.physical_vertical)
    return DISPLAY.pack(*physical, value.horizontal, value.vertical, -1)


def _text(kind: RecordType, text: str) -> bytes:
    return _record(kind, _encoded(text) + b"\0")


def _encoded(text: str) -> bytes:
    if "\0" in text:
        raise HardwareHashError(
            "A text with a NUL character would end there", remedy="Leave the character away"
        )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise HardwareHashError(
            f"A text cannot be written: {error}", remedy="Use plain characters"
        ) from error


def _record(kind: RecordType, content: bytes) -> bytes:
    return RECORD_HEADER.pack(kind, RECORD_HEADER.size + len(content)) + content
