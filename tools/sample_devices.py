"""Writes the CSV of virtual laptops in examples/contoso: `python tools/sample_devices.py > devices.csv`.

What the laptops are is in `reseal.device.hardware`, so that a virtual device of the same number proves to be
the registered one.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from reseal.device.hardware import capture, sample_endorsement_key, sample_laptop
from reseal.wire.devicecsv import DeviceRow, write_device_csv

SEED = "contoso"
COUNT = 20
CAPTURED = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SALES = 8
ASSIGNED = {1: "adele", 2: "bianca", 9: "diego", 10: "fumiko"}


def row(number: int) -> DeviceRow:
    """The line of the laptop with that number."""
    hardware = sample_laptop(SEED, number)
    modulus = sample_endorsement_key(SEED, number).public_key().public_numbers().n
    return DeviceRow(
        line=number + 1,
        serial=hardware.serial,
        hardware_hash=capture(hardware, ek_modulus=modulus.to_bytes(256, "big"), at=CAPTURED),
        group_tag="sales" if number <= SALES else "",
        assigned_user=f"{ASSIGNED[number]}@contoso.example" if number in ASSIGNED else "",
    )


def main() -> None:
    """The CSV on standard output."""
    sys.stdout.buffer.write(write_device_csv([row(number) for number in range(1, COUNT + 1)]))


if __name__ == "__main__":
    main()
