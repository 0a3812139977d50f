"""A month in an office, on virtual time: imports, edits and deadlines of several people at once.

Run as a program it prints what an outsider can compare: a digest over all events in their order, and the
assignment that everything led to. `python -m tests.simulation.office SEED`
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.model import Mode, Target, TargetKind
from reseal.autopilot.import_records import open_batch
from reseal.autopilot.importing import import_rows
from reseal.autopilot.model import RegistrationChanges
from reseal.autopilot.model_import import ImportRow, Prepared, Verdict, read_rows
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profile_assignment import effective_profiles
from reseal.autopilot.profiles import assign_profile, create_profile, item_ref
from reseal.autopilot.registrations import list_registrations, update_registration
from reseal.directory.groups import create_group, find_group, update_group
from reseal.directory.model import Membership
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user, delete_user, find_user
from reseal.esp.profiles import ensure_default
from reseal.kernel import events
from reseal.kernel.clock import VirtualClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.deadlines import Ticker
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import run
from reseal.kernel.storage import open_database
from reseal.server import wiring
from reseal.wire.hwhash import HashFields, encode

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TAGS = ("sales", "kiosk", "lab")
DEVICES = 60
FILES = 4


def main(seed: str) -> str:
    """The month under one seed, and its digest."""
    with guarded():
        return run(_month(seed))


async def _month(seed: str) -> str:
    entropy = SeededEntropy(seed)
    clock = VirtualClock(asyncio.get_running_loop(), START)
    db = open_database("sqlite://", clock=clock, entropy=entropy, reactors=wiring.REACTORS, mode="inline")
    tenant = await db.write(_tenant)
    ticker = asyncio.create_task(Ticker(db, clock, wiring.DEADLINES, recheck=None).run(), name="ticker")
    try:
        await asyncio.gather(
            *(_importer(db, clock, entropy.fork(f"importer {n}"), tenant, n) for n in range(FILES)),
            _tagger(db, clock, entropy.fork("tagger"), tenant),
            _rule_writer(db, clock, entropy.fork("rule writer"), tenant),
            _personnel(db, clock, entropy.fork("personnel"), tenant),
        )
        await clock.sleep(timedelta(days=31))  # the records of the imports expire
    finally:
        ticker.cancel()
    digest = await db.read(_digest, tenant)
    await db.close()
    return digest


def _tenant(tx: Tx) -> TenantKey:
    tenant = create_tenant(tx, "Office", "office.example").id
    ensure_default(tx, tenant)
    for tag in TAGS:
        rule = f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{tag}"))'
        group = create_group(tx, tenant, f"{tag} devices", membership=Membership.DYNAMIC_DEVICE, rule=rule)
        profile = create_profile(tx, tenant, f"{tag} profile", ProfileSettings())
        target = Target(item_ref(profile.id), Mode.INCLUDE, TargetKind.GROUP, group=group.id)
        assign_profile(tx, tenant, profile.id, [target])
    return tenant


async def _importer(
    db: Database, clock: VirtualClock, entropy: SeededEntropy, tenant: TenantKey, number: int
) -> None:
    """Imports a file in the course of a morning, ten rows at a time."""
    await clock.sleep(timedelta(minutes=entropy.below(180)))
    first = number * DEVICES // FILES
    rows = read_rows([_row(entropy, first + index) for index in range(DEVICES // FILES)])
    batch = await db.write(open_batch, tenant, file_name=f"{number}.csv", rows=len(rows))

    def register(tx: Tx, some: Sequence[Prepared | Verdict]) -> int:
        return sum(verdict.imported for verdict in import_rows(tx, tenant, batch, some))

    for start in range(0, len(rows), 10):
        registered = await db.write(register, rows[start : start + 10], causes=tenant)
        assert registered == len(rows[start : start + 10])
        await clock.sleep(timedelta(seconds=entropy.below(600)))


def _row(entropy: SeededEntropy, number: int) -> ImportRow:
    fields = HashFields(
        captured_at=START,
        serial=f"SN-{number:04}",
        model="Virtual Laptop",
        smbios_uuid=UUID(bytes=entropy.bytes(16), version=4),
        ek_modulus=b"\x80" + entropy.bytes(255),
    )
    tag = TAGS[entropy.below(len(TAGS))]
    user = f"user{entropy.below(6)}@office.example" if entropy.below(2) else ""
    return ImportRow(number + 2, fields.serial, encode(fields), group_tag=tag, assigned_user=user)


async def _tagger(db: Database, clock: VirtualClock, entropy: SeededEntropy, tenant: TenantKey) -> None:
    """Changes group tags now and then."""
    for _ in range(60):
        await clock.sleep(timedelta(minutes=entropy.below(30)))
        await db.write(_retag, tenant, entropy.below(DEVICES), TAGS[entropy.below(len(TAGS))], causes=tenant)


def _retag(tx: Tx, tenant: TenantKey, number: int, tag: str) -> None:
    for registration in list_registrations(tx, tenant, serial=f"SN-{number:04}").items:
        update_registration(tx, tenant, registration.id, RegistrationChanges(group_tag=tag))


async def _rule_writer(db: Database, clock: VirtualClock, entropy: SeededEntropy, tenant: TenantKey) -> None:
    """Rewrites the rules of groups; one of them reads the clock, so that midnight has work."""
    await db.write(_clock_group, tenant, causes=tenant)
    for _ in range(20):
        await clock.sleep(timedelta(hours=entropy.below(8)))
        await db.write(_rewrite, tenant, entropy.below(len(TAGS)), entropy.below(len(TAGS)), causes=tenant)


def _clock_group(tx: Tx, tenant: TenantKey) -> None:
    rule = "user.employeeHireDate -ge system.now -plus p3d"
    create_group(tx, tenant, "New people", membership=Membership.DYNAMIC_USER, rule=rule)


def _rewrite(tx: Tx, tenant: TenantKey, which: int, also: int) -> None:
    group = find_group(tx, tenant, f"{TAGS[which]} devices")
    assert group is not None
    values = ", ".join(f'"[OrderID]:{tag}"' for tag in sorted({TAGS[which], TAGS[also]}))
    update_group(tx, tenant, group.id, rule=f"device.devicePhysicalIds -any (_ -in [{values}])")


async def _personnel(db: Database, clock: VirtualClock, entropy: SeededEntropy, tenant: TenantKey) -> None:
    """People come, among them some whom registrations wait for, and one goes."""
    for number in range(6):
        await clock.sleep(timedelta(hours=entropy.below(12)))
        hired = f"2026-03-{10 + number:02}T00:00:00Z"
        await db.write(_hire, tenant, f"user{number}@office.example", hired, causes=tenant)
    await db.write(_dismiss, tenant, "user0@office.example", causes=tenant)


def _hire(tx: Tx, tenant: TenantKey, upn: str, hired: str) -> None:
    create_user(tx, tenant, upn, upn.partition("@")[0], attributes={"employeeHireDate": hired})


def _dismiss(tx: Tx, tenant: TenantKey, upn: str) -> None:
    user = find_user(tx, tenant, upn)
    assert user is not None
    delete_user(tx, tenant, user.id)


def _digest(tx: Tx, tenant: TenantKey) -> str:
    """Every event with its digest, the log's own verdict, and who has which profile."""
    told = hashlib.sha256()
    after, count = 0, 0
    while page := events.read(tx, tenant, after, 500):
        for event in page:
            told.update(repr((event.position, event.kind, event.at, event.payload, event.digest)).encode())
        after, count = page[-1].position, count + len(page)
    verification = events.verify(tx, tenant)
    assert verification.intact, verification
    registered = list_registrations(tx, tenant, limit=1000).items
    profiles = effective_profiles(tx, tenant, [one.id for one in registered])
    for one in registered:
        told.update(f"{one.serial} {one.group_tag} {profiles[one.id].name}".encode())
    leftover = tx.value(sa.text("SELECT count(*) FROM import_record"))
    return f"{told.hexdigest()} events={count} devices={len(registered)} import_records={leftover}"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1]) + "\n")
