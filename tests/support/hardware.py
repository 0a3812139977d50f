"""Virtual laptops for tests: what their hardware hashes say, and the rows of imports that hold them."""

from __future__ import annotations

import hashlib
from uuid import UUID

from reseal.autopilot.model_import import ImportRow
from reseal.wire.hwhash import Disk, HardwareHash, HashFields, NetworkAdapter, decode, encode
from tests.support.clock import START

ETHERNET = 14


def device_fields(number: int, **changes: object) -> HashFields:
    """What the hash of virtual device `number` says; equal numbers are equal hardware."""
    seed = hashlib.sha256(f"device {number}".encode()).digest()
    values: dict[str, object] = {
        "captured_at": START,
        "serial": f"SN-{number:05}",
        "model": "Laptop 7",
        "smbios_uuid": UUID(bytes=seed[:16]),
        "ek_modulus": b"\x80" + seed * 7 + seed[:31],
        "tpm_version": "TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSL '-Firmware:1.1",
        "sku": "L7-DE",
        "family": "Laptops",
        "disks": (Disk(capacity_gb=256, bus=17, seek_penalty=0, trim=0),),
        "disk_serials": (f"DISK{number:06}",),
        "network_adapters": (
            NetworkAdapter(medium=ETHERNET, mac=b"\x00\x15\x5d" + number.to_bytes(3, "big"), bus="PCI"),
        ),
    }
    return HashFields(**{**values, **changes})  # type: ignore[arg-type]


def hash_text(number: int, **changes: object) -> str:
    """The hardware hash of virtual device `number` as a file holds it."""
    return encode(device_fields(number, **changes))


def hardware(number: int, **changes: object) -> HardwareHash:
    """The decoded hash that virtual device `number` presents."""
    return decode(hash_text(number, **changes))


def row(number: int, **changes: object) -> ImportRow:
    """The row of virtual device `number`, on line `number` + 1."""
    values: dict[str, object] = {
        "line": number + 1,
        "serial": f"SN-{number:05}",
        "hardware_hash": hash_text(number),
    }
    return ImportRow(**{**values, **changes})  # type: ignore[arg-type]
