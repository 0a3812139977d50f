"""What a laptop is made of, and that the sample laptops are the registered ones."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from reseal.device import hardware
from reseal.device.disk import MemoryDisk
from reseal.device.hardware import capture, sample_endorsement_key, sample_laptop
from reseal.wire.hwhash import decode, evidence
from tests.support.clock import START
from tests.unit.device.laptops import LAPTOP, endorsement_key

MODULUS = endorsement_key().public_key().public_numbers().n.to_bytes(256, "big")
SAMPLE = Path("examples/contoso/devices.csv")


def test_a_capture_says_what_the_machine_is() -> None:
    found = decode(capture(LAPTOP, ek_modulus=MODULUS, at=START))
    assert (found.serial, found.model, found.manufacturer) == ("RSL-7", "Virtual Laptop 13", "Reseal")
    assert found.smbios_uuid == LAPTOP.smbios_uuid
    assert found.ek_modulus == MODULUS


def test_each_capture_is_another_hash_of_the_same_machine() -> None:
    first = capture(LAPTOP, ek_modulus=MODULUS, at=START)
    later = capture(LAPTOP, ek_modulus=MODULUS, at=START + timedelta(seconds=1))
    assert first != later
    assert evidence(decode(first)) == evidence(decode(later)) != ()


def test_a_machine_without_tpm_shows_no_endorsement_key() -> None:
    assert decode(capture(LAPTOP, ek_modulus=None, at=START)).ek_digest is None


@pytest.mark.parametrize("number", [1, 20])
def test_a_sample_laptop_is_the_registered_one(number: int) -> None:
    with SAMPLE.open(newline="") as file:
        registered = list(csv.DictReader(file))[number - 1]
    laptop = sample_laptop("contoso", number)
    modulus = sample_endorsement_key("contoso", number).public_key().public_numbers().n.to_bytes(256, "big")
    assert laptop.serial == registered["Device Serial Number"]
    mine, theirs = decode(capture(laptop, ek_modulus=modulus, at=START)), decode(registered["Hardware Hash"])
    assert mine.ek_modulus == theirs.ek_modulus
    assert evidence(mine) == evidence(theirs)


def test_other_seeds_make_other_laptops() -> None:
    assert sample_laptop("contoso", 1).smbios_uuid != sample_laptop("fabrikam", 1).smbios_uuid


def test_the_disk_remembers_which_machine_it_is_in() -> None:
    disk = MemoryDisk()
    assert hardware.installed(disk) is None
    hardware.install(LAPTOP, disk)
    assert hardware.installed(disk) == LAPTOP


def test_identifiers_have_the_shapes_that_windows_sends() -> None:
    assert len(LAPTOP.hardware_id) == 64
    assert LAPTOP.mac_addresses[0].startswith("00-15-5D-")
    assert LAPTOP.os_version == "10.0.26100.0"
