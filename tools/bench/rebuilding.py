"""A full rebuild: everything that follows from causes is forgotten, then worked out again in one unit."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from reseal.assignment.service import rebuild as rebuild_assignment
from reseal.assignment.tables import device_effective, effective_entry, effective_set
from reseal.autopilot.model import ProfileStatus
from reseal.autopilot.tables import registration
from reseal.directory.membership import rebuild_memberships
from reseal.directory.model import Membership
from reseal.directory.tables import group, group_member
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.server.running import collect_seldom
from tools.bench.measuring import Cost, metered
from tools.bench.stores import opened

KIBIBYTES = 1024
"""Of a mebibyte."""

_ROOT = Path(__file__).resolve().parents[2]

Counts = dict[str, int]


def forget(tx: Tx, tenant: TenantKey) -> None:
    """Remove what the reactors made: members by rule, effective sets, profiles of registrations."""
    dynamic = sa.select(group.c.id).where(
        group.c.tenant_id == tenant, group.c.membership != Membership.ASSIGNED.value
    )
    tx.execute(
        sa.delete(group_member).where(
            group_member.c.tenant_id == tenant, group_member.c.group_id.in_(dynamic)
        )
    )
    tx.execute(sa.update(device_effective).where(device_effective.c.tenant_id == tenant).values(set_id=None))
    for table in (effective_entry, effective_set):
        tx.execute(sa.delete(table).where(table.c.tenant_id == tenant))
    tx.execute(
        sa.update(registration)
        .where(registration.c.tenant_id == tenant)
        .values(profile_id=None, profile_source=None, profile_status=ProfileStatus.ASSIGNING.value)
    )


def rebuild(tx: Tx, tenant: TenantKey) -> None:
    """Members, then effective sets, then profiles: the reactors see to what follows."""
    rebuild_memberships(tx, tenant)
    tx.settle()
    rebuild_assignment(tx, tenant)


def counts(tx: Tx, tenant: TenantKey) -> Counts:
    """How much there is of what a rebuild makes."""
    of = {
        "members": (group_member, sa.true()),
        "devices in a set": (device_effective, device_effective.c.set_id.is_not(None)),
        "sets": (effective_set, sa.true()),
        "entries": (effective_entry, sa.true()),
        "registrations with a profile": (registration, registration.c.profile_id.is_not(None)),
    }
    return {
        what: tx.value(
            sa.select(sa.func.count()).select_from(table).where(table.c.tenant_id == tenant, condition)
        )
        for what, (table, condition) in of.items()
    }


@dataclass(frozen=True, slots=True)
class Report:
    """What a process that did nothing but rebuild needed; memory in MiB."""

    cost: Cost
    most_memory: float
    memory_afterwards: float


async def in_a_process_of_its_own(url: str, tenant: TenantKey) -> Report:
    """Rebuild the organisation in the database at `url`, which nobody has open."""
    command = [sys.executable, "-m", "tools.bench.rebuilding", url, str(tenant)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=_ROOT)
    answer, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    told = json.loads(answer)
    return Report(Cost(**told["cost"]), told["VmHWM"] / KIBIBYTES, told["VmRSS"] / KIBIBYTES)


async def _rebuild_and_report(url: str, tenant: TenantKey) -> None:
    collect_seldom()
    async with opened(url) as db:
        with metered(db) as cost:
            await db.write(rebuild, tenant, causes=tenant)
        print(json.dumps({"cost": asdict(cost), **_memory()}))


def _memory() -> dict[str, int]:
    """`VmHWM` and `VmRSS` of this process, in KiB: the most memory it had, and what it has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) for name in ("VmHWM", "VmRSS")}


if __name__ == "__main__":
    asyncio.run(_rebuild_and_report(sys.argv[1], TenantKey(int(sys.argv[2]))))
