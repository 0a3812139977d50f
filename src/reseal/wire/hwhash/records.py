"""The records of a hardware hash: types, values, and the layout of each (spec/device-artifacts.md 1.2).

A record is `u16 type, u16 length, content`; the length counts its own four header bytes. Each reader below
gets the content and a list to which it adds a remark where the content is odd but readable. It raises
ValueError or struct.error when the content does not hold what the type says; the record is then kept raw.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from struct import Struct
from typing import Final
from uuid import UUID

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Capture times count seconds from here. Inferred from two public blobs, not from a specification."""

HEADER: Final = Struct("<2sH")
"""Magic `OA`, then the length of header and records without the checksum record."""

RECORD_HEADER: Final = Struct("<HH")


class RecordType(IntEnum):
    """Record types with a known meaning."""

    BUILD = 1
    PROCESSOR = 2
    PROCESSOR_MANUFACTURER = 3
    PROCESSOR_MODEL = 4
    MEMORY = 5
    DISK = 6
    DISK_SERIAL = 7
    NETWORK_ADAPTER = 8
    DISPLAY = 9
    CHASSIS = 10
    OFFLINE_DEVICE_ID = 11
    SMBIOS_UUID = 12
    TPM_VERSION = 13
    SERIAL = 14
    FIRMWARE_VENDOR = 15
    MANUFACTURER = 16
    MODEL = 17
    SKU = 18
    FAMILY = 19
    BOARD_VENDOR = 20
    BOARD_PRODUCT = 21
    BOARD_VERSION = 22
    SYSTEM_VERSION = 23
    PRODUCT_KEY_ID = 24
    EK_MODULUS = 25
    PRODUCT_KEY_PART_NUMBER = 26
    DISK_SERIAL_KERNEL = 28
    GRAPHICS_MEMORY = 29
    GRAPHICS_NAME = 30


REPEATABLE: Final = frozenset(
    {
        RecordType.DISK,
        RecordType.DISK_SERIAL,
        RecordType.NETWORK_ADAPTER,
        RecordType.DISPLAY,
        RecordType.DISK_SERIAL_KERNEL,
        RecordType.GRAPHICS_MEMORY,
        RecordType.GRAPHICS_NAME,
    }
)
"""Types of which a machine may have several; of every other type the first record counts."""

OS_TYPES: Final[Mapping[int, str]] = {2: "FullOS"}
ARCHITECTURES: Final[Mapping[int, str]] = {0: "x86", 9: "x64", 12: "ARM64"}
ERROR_CORRECTIONS: Final[Mapping[int, str]] = {
    3: "None",
    4: "Parity",
    5: "Single-bit ECC",
    6: "Multi-bit ECC",
    7: "CRC",
}
POWER_ROLES: Final[Mapping[int, str]] = {
    1: "Desktop",
    2: "Mobile",
    3: "Workstation",
    4: "Enterprise server",
    5: "SOHO server",
    6: "Appliance PC",
    7: "Performance server",
    8: "Slate",
}
OFFLINE_ID_KINDS: Final[Mapping[int, str]] = {1: "TPM_EK", 2: "UEFI_VARIABLE_TPM"}


class Bus(IntEnum):
    """How a disk is attached (the STORAGE_BUS_TYPE of Windows), as far as Reseal asks for it."""

    SCSI = 1
    ATAPI = 2
    ATA = 3
    FIREWIRE = 4
    USB = 7
    RAID = 8
    SAS = 10
    SATA = 11
    SD = 12
    NVME = 17


class Medium(IntEnum):
    """What a network adapter speaks (the NDIS_PHYSICAL_MEDIUM of Windows), as far as Reseal asks for it."""

    UNSPECIFIED = 0
    WIRELESS_LAN = 1
    NATIVE_802_11 = 9
    BLUETOOTH = 10
    ETHERNET = 14


def named(names: Mapping[int, str], value: int) -> str:
    """The name of a coded value, or `Unknown (value)`."""
    return names.get(value, f"Unknown ({value})")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A four-part Windows version."""

    major: int
    minor: int
    build: int
    revision: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.build}.{self.revision}"


@dataclass(frozen=True, slots=True)
class Build:
    """Type 1: which tool captured the hash, on which system, when."""

    tool_build: Version
    os_build: Version
    seconds: int
    """Since 2000-01-01 UTC."""
    utc_offset: timedelta
    """Local time minus UTC, in steps of 15 minutes."""
    os_type: int = 2
    architecture: int = 9
    tool_version: int = 8

    @property
    def captured_at(self) -> datetime:
        """When the hash was captured, UTC by the clock of the device."""
        return EPOCH + timedelta(seconds=self.seconds)

    @property
    def captured_local(self) -> datetime:
        """The same moment on the device's own clock face, without zone."""
        return self.captured_at.replace(tzinfo=None) + self.utc_offset


@dataclass(frozen=True, slots=True)
class Processor:
    """Type 2."""

    architecture: int
    packages: int
    cores: int
    threads: int
    hyper_threading: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """Type 5. `total_gb` in GB; `maximum_capacity` as SMBIOS states it."""

    total_gb: int
    maximum_capacity: int
    slots: int
    arrays: int
    error_correction: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Type 6. `seek_penalty`: 0 for a solid state disk, 0xFF for a rotating one. `trim`: 1 where known."""

    capacity_gb: int
    bus: int
    seek_penalty: int
    trim: int

    @property
    def is_internal(self) -> bool:
        """Whether it is built in, judged by its bus."""
        return self.bus not in (Bus.FIREWIRE, Bus.USB, Bus.SD)


@dataclass(frozen=True, slots=True)
class NetworkAdapter:
    """Type 8."""

    medium: int
    mac: bytes
    bus: str

    @property
    def address(self) -> str:
        """`00:15:5D:01:02:03`."""
        return self.mac.hex(":").upper()


@dataclass(frozen=True, slots=True)
class Display:
    """Type 9. Physical size as Windows states it, resolution in pixels."""

    physical_horizontal: int
    physical_vertical: int
    horizontal: int
    vertical: int


@dataclass(frozen=True, slots=True)
class Chassis:
    """Type 10. `kind` is the chassis type of SMBIOS; `rest` three bytes, probably optical drive and touch."""

    kind: int
    power_role: int
    rest: bytes = bytes(3)


@dataclass(frozen=True, slots=True)
class OfflineDeviceId:
    """Type 11. Of kind 1 the id is the SHA-256 of the modulus of the TPM's endorsement key."""

    kind: int
    identifier: bytes

    @property
    def is_ek_digest(self) -> bool:
        """Whether the id pins an endorsement key."""
        return self.kind == OFFLINE_ID_TPM_EK and len(self.identifier) == 32


@dataclass(frozen=True, slots=True)
class GraphicsMemory:
    """Type 29, dedicated memory. `rest` holds flags of unknown layout."""

    video: int
    system: int
    rest: bytes


OFFLINE_ID_TPM_EK: Final = 1

RecordValue = (
    str
    | bytes
    | UUID
    | Build
    | Processor
    | Memory
    | Disk
    | NetworkAdapter
    | Display
    | Chassis
    | OfflineDeviceId
    | GraphicsMemory
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `value` is bytes where the type is unknown or means bytes, or the content does not fit."""

    type: int
    offset: int
    value: RecordValue


BUILD: Final = Struct("<8HIbBBB")
PROCESSOR: Final = Struct("<6H")
MEMORY: Final = Struct("<QQHHB")
DISK: Final = Struct("<QBxBB")
NETWORK_ADAPTER: Final = Struct("<I6sI")
DISPLAY: Final = Struct("<4Hi")
CHASSIS: Final = Struct("<BB3s")
OFFLINE_DEVICE_ID: Final = Struct("<IHI")
_GRAPHICS_NARROW: Final = Struct("<II")
_GRAPHICS_WIDE: Final = Struct("<QQ")

Remarks = list[str]
Reader = Callable[[bytes, Remarks], RecordValue]


def _text(content: bytes, remarks: Remarks) -> str:
    raw = content.partition(b"\0")[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        remarks.append("the text is not UTF-8; its other bytes are shown as \\x escapes")
        return raw.decode(errors="backslashreplace")


def _wide_text(content: bytes, remarks: Remarks) -> str:
    try:
        text = content.decode("utf-16-le")
    except UnicodeDecodeError:
        remarks.append("the text is not UTF-16; what does not decode is left out")
        text = content.decode("utf-16-le", errors="ignore")
    return text.partition("\0")[0]


def _raw(content: bytes, remarks: Remarks) -> bytes:
    return content


def _build(content: bytes, remarks: Remarks) -> Build:
    numbers = BUILD.unpack_from(content)
    tool_minor, tool_major, tool_revision, tool_build, os_minor, os_major, os_revision, os_build = numbers[:8]
    seconds, quarters, os_type, architecture, tool_version = numbers[8:]
    return Build(
        Version(tool_major, tool_minor, tool_build, tool_revision),
        Version(os_major, os_minor, os_build, os_revision),
        seconds,
        timedelta(minutes=15 * quarters),
        os_type,
        architecture,
        tool_version,
    )


def _processor(content: bytes, remarks: Remarks) -> Processor:
    architecture, packages, cores, threads, hyper_threading, _ = PROCESSOR.unpack_from(content)
    return Processor(architecture, packages, cores, threads, hyper_threading != 0)


def _memory(content: bytes, remarks: Remarks) -> Memory:
    return Memory(*MEMORY.unpack_from(content))


def _disk(content: bytes, remarks: Remarks) -> Disk:
    return Disk(*DISK.unpack_from(content))


def _network_adapter(content: bytes, remarks: Remarks) -> NetworkAdapter:
    medium, mac, size = NETWORK_ADAPTER.unpack_from(content)
    name = content[NETWORK_ADAPTER.size : NETWORK_ADAPTER.size + size]
    if len(name) < size:
        remarks.append(f"the bus name should have {size} bytes and has {len(name)}")
    return NetworkAdapter(medium, mac, _wide_text(name, remarks))


def _display(content: bytes, remarks: Remarks) -> Display:
    return Display(*DISPLAY.unpack_from(content)[:4])


def _chassis(content: bytes, remarks: Remarks) -> Chassis:
    return Chassis(*CHASSIS.unpack_from(content))


def _offline_device_id(content: bytes, remarks: Remarks) -> OfflineDeviceId:
    _, kind, size = OFFLINE_DEVICE_ID.unpack_from(content)
    identifier = content[OFFLINE_DEVICE_ID.size : OFFLINE_DEVICE_ID.size + size]
    if len(identifier) < size:
        raise ValueError(f"the id should have {size} bytes and has {len(identifier)}")
    return OfflineDeviceId(kind, identifier)


def _uuid(content: bytes, remarks: Remarks) -> UUID:
    # Public decoders disagree on the order; on a real blob only this one gives a UUID of version 4.
    return UUID(bytes_le=content)


def _graphics_memory(content: bytes, remarks: Remarks) -> GraphicsMemory:
    # Descriptions differ: two u32, or two u64 and two flags. The length tells them apart.
    layout = _GRAPHICS_WIDE if len(content) >= _GRAPHICS_WIDE.size + 2 else _GRAPHICS_NARROW
    video, system = layout.unpack_from(content)
    return GraphicsMemory(video, system, content[layout.size :])


READERS: Final[Mapping[int, Reader]] = {
    **dict.fromkeys(RecordType, _text),
    RecordType.BUILD: _build,
    RecordType.PROCESSOR: _processor,
    RecordType.MEMORY: _memory,
    RecordType.DISK: _disk,
    RecordType.NETWORK_ADAPTER: _network_adapter,
    RecordType.DISPLAY: _display,
    RecordType.CHASSIS: _chassis,
    RecordType.OFFLINE_DEVICE_ID: _offline_device_id,
    RecordType.SMBIOS_UUID: _uuid,
    RecordType.EK_MODULUS: _raw,
    RecordType.GRAPHICS_MEMORY: _graphics_memory,
    RecordType.GRAPHICS_NAME: _wide_text,
}
"""The reader of each known type; text with a closing NUL is the rule."""
