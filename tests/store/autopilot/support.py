"""Devices, rows and organisations for the tests of this folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from reseal.assignment import effective
from reseal.assignment.model import Mode, Target, TargetKind
from reseal.autopilot import profile_assignment, user_links
from reseal.autopilot.import_records import open_batch
from reseal.autopilot.importing import import_rows
from reseal.autopilot.model import Registration
from reseal.autopilot.model_import import ImportRow, Verdict, read_rows
from reseal.autopilot.profiles import item_ref
from reseal.autopilot.registrations import registrations_by_uuid
from reseal.directory import membership
from reseal.directory.tenants import create_tenant
from reseal.esp import profiles as esp_profiles
from reseal.esp.profiles import ensure_default
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.wire.hwhash import Disk, HardwareHash, HashFields, NetworkAdapter, decode, encode
from tests.support.clock import START

T = TypeVar("T")

REACTORS = (
    membership.REACTOR,
    user_links.REACTOR,
    effective.REACTOR,
    profile_assignment.REACTOR,
    esp_profiles.REACTOR,
)
"""In the order of the floors: what the tests of these packages need of the server's wiring."""

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


def make_tenant(tx: Tx, name: str = "Contoso") -> TenantKey:
    """An organisation with its default Enrollment Status Page; its domain is the name under .test."""
    tenant = create_tenant(tx, name, f"{name.lower()}.test").id
    ensure_default(tx, tenant)
    return tenant


def import_now(tx: Tx, tenant: TenantKey, rows: Sequence[ImportRow]) -> list[Verdict]:
    """Import the rows in this unit."""
    batch = open_batch(tx, tenant, file_name="devices.csv", rows=len(rows), actor="test")
    return import_rows(tx, tenant, batch, read_rows(rows), actor="test")


def register(tx: Tx, tenant: TenantKey, number: int, **changes: object) -> Registration:
    """The registration of virtual device `number`, made in this unit and settled."""
    (verdict,) = import_now(tx, tenant, [row(number, **changes)])
    assert verdict.registration is not None, verdict
    tx.settle()
    return registrations_by_uuid(tx, tenant, [verdict.registration])[verdict.registration]


def to_group(profile: int, *groups: int) -> list[Target]:
    """Targets that assign a deployment profile to groups."""
    return [Target(item_ref(profile), Mode.INCLUDE, TargetKind.GROUP, group=group) for group in groups]


def to_all_devices(profile: int) -> list[Target]:
    """Targets that assign a deployment profile to all devices."""
    return [Target(item_ref(profile), Mode.INCLUDE, TargetKind.ALL_DEVICES)]
