"""Organisations, imports and assignments for the tests of autopilot and of what stands on it."""

from __future__ import annotations

from collections.abc import Sequence

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
from tests.support.hardware import row

REACTORS = (
    membership.REACTOR,
    user_links.REACTOR,
    effective.REACTOR,
    profile_assignment.REACTOR,
    esp_profiles.REACTOR,
)
"""In the order of the floors: what the tests of these packages need of the server's wiring."""


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
