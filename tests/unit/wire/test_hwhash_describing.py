"""The listing of a hash for people."""

import hashlib

from reseal.wire.hwhash import decode_blob, describe
from tests.unit.wire.hash_shapes import FULL, MODULUS, blob, record


def test_a_full_hash_is_listed_in_the_order_of_the_blob() -> None:
    assert describe(decode_blob(blob(*FULL))) == (
        ("HardwareHashChecksum", "valid"),
        ("ToolVersion", "8"),
        ("ToolBuild", "10.0.26100.1742"),
        ("OSType", "FullOS"),
        ("OsCpuArchitecture", "ARM64"),
        ("OsBuild", "10.0.26100.4061"),
        ("OsSystemTime", "2026-03-03T12:34:56Z"),
        ("OsLocalTime", "2026-03-03T05:34:56-07:00"),
        ("ProcessorArchitecture", "x64"),
        ("ProcessorPackages", "1"),
        ("ProcessorCores", "6"),
        ("ProcessorThreads", "12"),
        ("ProcessorHyperThreading", "true"),
        ("TotalPhysicalRAM", "16 GB"),
        ("SmbiosRamMaximumCapacity", "64"),
        ("SmbiosRamSlots", "2"),
        ("SmbiosRamArrayCount", "1"),
        ("SmbiosRamErrorCorrection", "Single-bit ECC"),
        ("ProcessorManufacturer", "GenuineIntel"),
        ("ProcessorModel", "A processor with padding"),
        ("DiskCapacity", "476 GB"),
        ("DiskBusType", "NVMe"),
        ("DiskType", "SSD"),
        ("DiskSerialNumber", "S5H7|Fast Drive|Contoso"),
        ("DiskCapacity", "32 GB"),
        ("DiskBusType", "USB"),
        ("DiskType", "HDD"),
        ("DiskSerialNumber", "USB123|Stick|Contoso"),
        ("MacAddress", "00:15:5D:0A:0B:0C"),
        ("PhysicalMedium", "Ethernet"),
        ("NetworkBusType", "PCI"),
        ("MacAddress", "02:16:EB:0A:0B:0C"),
        ("PhysicalMedium", "802.11"),
        ("NetworkBusType", "PCI"),
        ("DisplayResolution", "1920 x 1080"),
        ("DisplaySize", "309 x 174"),
        ("Type27", "00000000"),
        ("ChassisType", "10"),
        ("PowerPlatformRole", "Mobile"),
        ("TPMVersion", "TPM-Version:2.0 -Level:0-Revision:1.38-VendorID:'INTC'-Firmware:1.2"),
        ("TPMEkPub", MODULUS.hex()),
        ("OfflineDeviceIdType", "TPM_EK"),
        ("EkPubHash", hashlib.sha256(MODULUS).hexdigest()),
        ("SmbiosUuid", "00112233-4455-6677-8899-AABBCCDDEEFF"),
        ("SmbiosSystemSerialNumber", "SN-4711"),
        ("SmbiosFirmwareVendor", "Contoso Firmware"),
        ("SmbiosSystemManufacturer", "Contoso"),
        ("SmbiosSystemProductName", "Notebook 5"),
        ("SmbiosSkuNumber", "SKU-1"),
        ("SmbiosSystemFamily", "Notebook"),
        ("SmbiosBoardVendor", "Board Inc"),
        ("SmbiosBoardProduct", "Board"),
        ("SmbiosBoardVersion", "B1"),
        ("SmbiosSystemVersion", "V1"),
        ("ProductKeyID", "3305309014752"),
        ("ProductKeyPkPn", "[XS]X23"),
        ("DiskSSNKernel", "S5H7"),
        ("GraphicsVideoMemory", "1073741824"),
        ("GraphicsSystemMemory", "268435456"),
        ("GraphicsName", "Contoso|Pixel 9"),
        ("Type34", "0102"),
    )


def test_codes_without_a_name_are_shown_as_numbers() -> None:
    listed = dict(describe(decode_blob(blob(record(10, b"\3\x63\0\0\0")))))
    assert listed["PowerPlatformRole"] == "Unknown (99)"


def test_an_offline_id_that_is_no_key_is_not_called_one() -> None:
    content = bytes.fromhex("00000000 0200 04000000 01020304")
    assert describe(decode_blob(blob(record(11, content))))[1:] == (
        ("OfflineDeviceIdType", "UEFI_VARIABLE_TPM"),
        ("OfflineDeviceId", "01020304"),
    )
