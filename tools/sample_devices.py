"""Writes the CSV of virtual laptops in examples/contoso: `python tools/sample_devices.py > devices.csv`.

Each laptop's TPM key comes from a seed, so that a virtual device made from the same seed proves to be it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from uuid import UUID

from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import SeededKeys
from reseal.wire.devicecsv import DeviceRow, write_device_csv
from reseal.wire.hwhash import Disk, HashFields, NetworkAdapter, encode

COUNT = 20
CAPTURED = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SALES = 8
ASSIGNED = {1: "adele", 2: "bianca", 9: "diego", 10: "fumiko"}
MODELS = ("Virtual Laptop 13", "Virtual Laptop 15")


def sample_hash(number: int, serial: str) -> str:
    """The hardware hash of the laptop with that number."""
    entropy = SeededEntropy("contoso").fork(f"laptop {number}")
    key = SeededKeys(entropy.fork("endorsement key")).rsa().public_key().public_numbers()
    mac = bytes([0x00, 0x15, 0x5D]) + entropy.bytes(3)
    return encode(
        HashFields(
            captured_at=CAPTURED,
            serial=serial,
            model=MODELS[number % len(MODELS)],
            smbios_uuid=UUID(bytes=entropy.bytes(16), version=4),
            ek_modulus=key.n.to_bytes(256, "big"),
            tpm_version="TPM-Version:2.0 -Level:0-Revision:1.59-VendorID:'RSEL'-Firmware:1.0",
            sku="VL-2026",
            family="Virtual Laptop",
            disks=(Disk(capacity_gb=256, bus=17, seek_penalty=0, trim=1),),
            disk_serials=(entropy.bytes(6).hex().upper(),),
            network_adapters=(NetworkAdapter(medium=14, mac=mac, bus="PCI"),),
        )
    )


def main() -> None:
    """The CSV on standard output."""
    rows = []
    for number in range(1, COUNT + 1):
        serial = f"RSL-{number:04}-{SeededEntropy(f'serial {number}').bytes(3).hex().upper()}"
        upn = f"{ASSIGNED[number]}@contoso.example" if number in ASSIGNED else ""
        tag = "sales" if number <= SALES else ""
        text = sample_hash(number, serial)
        rows.append(
            DeviceRow(line=number + 1, serial=serial, hardware_hash=text, group_tag=tag, assigned_user=upn)
        )
    sys.stdout.buffer.write(write_device_csv(rows))


main()
