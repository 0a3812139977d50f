"""A hardware hash for people: names and values as the hash tool of the Windows ADK lists them.

The names stated for that tool are used as they are (spec/device-artifacts.md 1.2); the others follow their
pattern.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from reseal.wire.hwhash.reading import HardwareHash
from reseal.wire.hwhash.records import (
    ARCHITECTURES,
    ERROR_CORRECTIONS,
    OFFLINE_ID_KINDS,
    OS_TYPES,
    POWER_ROLES,
    Build,
    Bus,
    Chassis,
    Disk,
    Display,
    GraphicsMemory,
    Medium,
    Memory,
    NetworkAdapter,
    OfflineDeviceId,
    Processor,
    Record,
    RecordType,
    named,
)

Lines = Iterator[tuple[str, str]]

_TEXT_NAMES: Final[Mapping[int, str]] = {
    RecordType.PROCESSOR_MANUFACTURER: "ProcessorManufacturer",
    RecordType.PROCESSOR_MODEL: "ProcessorModel",
    RecordType.DISK_SERIAL: "DiskSerialNumber",
    RecordType.SMBIOS_UUID: "SmbiosUuid",
    RecordType.TPM_VERSION: "TPMVersion",
    RecordType.SERIAL: "SmbiosSystemSerialNumber",
    RecordType.FIRMWARE_VENDOR: "SmbiosFirmwareVendor",
    RecordType.MANUFACTURER: "SmbiosSystemManufacturer",
    RecordType.MODEL: "SmbiosSystemProductName",
    RecordType.SKU: "SmbiosSkuNumber",
    RecordType.FAMILY: "SmbiosSystemFamily",
    RecordType.BOARD_VENDOR: "SmbiosBoardVendor",
    RecordType.BOARD_PRODUCT: "SmbiosBoardProduct",
    RecordType.BOARD_VERSION: "SmbiosBoardVersion",
    RecordType.SYSTEM_VERSION: "SmbiosSystemVersion",
    RecordType.PRODUCT_KEY_ID: "ProductKeyID",
    RecordType.EK_MODULUS: "TPMEkPub",
    RecordType.PRODUCT_KEY_PART_NUMBER: "ProductKeyPkPn",
    RecordType.DISK_SERIAL_KERNEL: "DiskSSNKernel",
    RecordType.GRAPHICS_NAME: "GraphicsName",
}

_MEDIA: Final[Mapping[int, str]] = {
    Medium.UNSPECIFIED: "Unspecified",
    Medium.WIRELESS_LAN: "Wireless LAN",
    Medium.NATIVE_802_11: "802.11",
    Medium.BLUETOOTH: "Bluetooth",
    Medium.ETHERNET: "Ethernet",
}
_BUSES: Final[Mapping[int, str]] = {
    bus: {Bus.FIREWIRE: "IEEE 1394", Bus.NVME: "NVMe"}.get(bus, bus.name) for bus in Bus
}
_SEEK: Final[Mapping[int, str]] = {0: "SSD", 0xFF: "HDD"}


def describe(presented: HardwareHash) -> tuple[tuple[str, str], ...]:
    """Everything in the hash as (name, value), in the order of the blob; a name repeats where a machine has
    several.

    Records of unknown type are listed as `Type<n>` in hex, so nothing is hidden.
    """
    header = ("HardwareHashChecksum", presented.checksum.value)
    return (header, *(line for record in presented.records for line in _lines(record)))


def _lines(record: Record) -> Lines:
    name = _TEXT_NAMES.get(record.type)
    match record.value:
        case str() as text:
            yield name or f"Type{record.type}", text.strip()
        case UUID() as uuid:
            yield name or f"Type{record.type}", str(uuid).upper()
        case bytes() as raw:
            yield name or f"Type{record.type}", raw.hex()
        case Build() as build:
            yield from _build(build)
        case Processor() as processor:
            yield from _processor(processor)
        case Memory() as memory:
            yield from _memory(memory)
        case Disk() as disk:
            yield "DiskCapacity", f"{disk.capacity_gb} GB"
            yield "DiskBusType", named(_BUSES, disk.bus)
            yield "DiskType", named(_SEEK, disk.seek_penalty)
        case NetworkAdapter() as adapter:
            yield "MacAddress", adapter.address
            yield "PhysicalMedium", named(_MEDIA, adapter.medium)
            yield "NetworkBusType", adapter.bus
        case Display() as display:
            yield "DisplayResolution", f"{display.horizontal} x {display.vertical}"
            yield "DisplaySize", f"{display.physical_horizontal} x {display.physical_vertical}"
        case Chassis() as chassis:
            yield "ChassisType", str(chassis.kind)
            yield "PowerPlatformRole", named(POWER_ROLES, chassis.power_role)
        case OfflineDeviceId() as identifier:
            yield "OfflineDeviceIdType", named(OFFLINE_ID_KINDS, identifier.kind)
            yield "EkPubHash" if identifier.is_ek_digest else "OfflineDeviceId", identifier.identifier.hex()
        case GraphicsMemory() as graphics:
            yield "GraphicsVideoMemory", str(graphics.video)
            yield "GraphicsSystemMemory", str(graphics.system)


def _build(build: Build) -> Lines:
    yield "ToolVersion", str(build.tool_version)
    yield "ToolBuild", str(build.tool_build)
    yield "OSType", named(OS_TYPES, build.os_type)
    yield "OsCpuArchitecture", named(ARCHITECTURES, build.architecture)
    yield "OsBuild", str(build.os_build)
    yield "OsSystemTime", build.captured_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    yield "OsLocalTime", build.captured_local.isoformat() + _offset(build.utc_offset)


def _offset(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _processor(processor: Processor) -> Lines:
    yield "ProcessorArchitecture", named(ARCHITECTURES, processor.architecture)
    yield "ProcessorPackages", str(processor.packages)
    yield "ProcessorCores", str(processor.cores)
    yield "ProcessorThreads", str(processor.threads)
    yield "ProcessorHyperThreading", str(processor.hyper_threading).lower()


def _memory(memory: Memory) -> Lines:
    yield "TotalPhysicalRAM", f"{memory.total_gb} GB"
    yield "SmbiosRamMaximumCapacity", str(memory.maximum_capacity)
    yield "SmbiosRamSlots", str(memory.slots)
    yield "SmbiosRamArrayCount", str(memory.arrays)
    yield "SmbiosRamErrorCorrection", named(ERROR_CORRECTIONS, memory.error_correction)
