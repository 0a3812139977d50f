"""Two processes on one PostgreSQL change causes of assignment at the same time: the profile is always right.

Each round has one edit in either process, at seeded moments. Afterwards every registration must have the
profile that a person would work out from the tags, rules and targets. Every few rounds (in a soak run, every
round) all rows that follow from the causes must be those that a rebuild from nothing makes.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from reseal.assignment.tables import assignment_target
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile
from reseal.autopilot.tables import registration
from reseal.directory.groups import create_group
from reseal.directory.model import Membership
from reseal.directory.tables import group
from reseal.kernel import events
from reseal.kernel.clock import SystemClock
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import Entropy, SeededEntropy
from reseal.kernel.ids import TenantKey
from reseal.kernel.storage import open_database
from reseal.server.wiring import REACTORS
from tests.store.autopilot.support import make_tenant, register, to_group
from tests.support.events import sealed
from tests.support.rebuilding import kept_and_rebuilt
from tests.support.replica import Replica

TAGS = ("", "sales", "lab", "desk")
DEVICES = 5
TENANTS = 4
SOAK = os.environ.get("RESEAL_SOAK") == "1"
ROUNDS = 1000 if SOAK else 400
REBUILD_EVERY = 1 if SOAK else 5

pytestmark = pytest.mark.postgresql


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant with registrations, dynamic groups by group tag, and a profile for each of these."""

    tenant: TenantKey
    registrations: tuple[int, ...]
    groups: tuple[int, ...]
    profiles: tuple[int, ...]


def _found(tx: Tx, number: int) -> Organisation:
    tenant = make_tenant(tx, f"Contoso{number}")
    registrations = tuple(
        register(tx, tenant, number * DEVICES + each, group_tag=TAGS[each % len(TAGS)]).id
        for each in range(DEVICES)
    )
    groups = tuple(
        create_group(tx, tenant, f"Tag {tag}", membership=Membership.DYNAMIC_DEVICE, rule=_rule(tag)).id
        for tag in TAGS[1:]
    )
    profiles = tuple(create_profile(tx, tenant, f"For {tag}", ProfileSettings()).id for tag in TAGS[1:])
    for key, of_tag in zip(profiles, groups, strict=True):
        assign_profile(tx, tenant, key, to_group(key, of_tag))
    return Organisation(tenant, registrations, groups, profiles)


def _rule(tag: str) -> str:
    return f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{tag}"))'


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """What the test itself looks through; the edits are made by other processes."""
    opened = open_database(
        postgresql_url, clock=SystemClock(), entropy=SeededEntropy("checker"), reactors=REACTORS
    )
    yield opened
    await opened.close()


@pytest.fixture
def replicas(postgresql_url: str) -> Iterator[list[Replica]]:
    """Two processes on the database."""
    with ExitStack() as stack:
        yield [stack.enter_context(Replica(postgresql_url, name)) for name in ("a", "b")]


@pytest.mark.slow
async def test_a_tag_and_a_rule_edited_at_once_end_on_the_right_profile(
    database: Database, replicas: list[Replica]
) -> None:
    found = [await database.write(_found, number) for number in range(TENANTS)]
    chance = SeededEntropy("rounds")
    for number in range(ROUNDS):
        organisation = found[number % TENANTS]
        edits = [_edit(chance, organisation) for _ in replicas]
        for replica, edit in zip(replicas, edits, strict=True):
            replica.tell(**edit)
        for replica in replicas:
            replica.answer()
        assert await database.read(_profiles, organisation.tenant) == await database.read(
            _wanted, organisation.tenant
        ), f"round {number}: {edits}"
        if number // TENANTS % REBUILD_EVERY == 0:
            kept, rebuilt = await database.write(kept_and_rebuilt, organisation.tenant)
            assert kept == rebuilt, f"round {number}: {edits}"

    await sealed(database)
    for organisation in found:
        verified = await database.read(events.verify, organisation.tenant)
        assert verified.intact
        assert verified.count > ROUNDS / TENANTS


def _edit(chance: Entropy, of: Organisation) -> dict[str, Any]:
    """An edit of one cause. Nine in ten take the tenant's lock before they read, as the API's do; the others
    leave that to the reactors.
    """
    moments = {
        "tenant": of.tenant,
        "delay": chance.below(4000) / 1_000_000,
        "linger": chance.below(4) / 1000,
        "announced": bool(chance.below(10)),
    }
    tag = TAGS[chance.below(len(TAGS))]
    match chance.below(5):
        case 0 | 1:
            return {"command": "tag", "registration": _one(chance, of.registrations), "tag": tag, **moments}
        case 2 | 3:
            return {"command": "rule", "group": _one(chance, of.groups), "rule": _rule(tag), **moments}
        case _:
            aimed = [key for key in of.groups if chance.below(2)]
            return {"command": "aim", "profile": _one(chance, of.profiles), "groups": aimed, **moments}


def _one(chance: Entropy, of: Sequence[int]) -> int:
    return of[chance.below(len(of))]


def _profiles(tx: Tx, tenant: TenantKey) -> dict[int, int | None]:
    """The profile that each registration has."""
    return _pairs(tx, registration.c.id, registration.c.profile_id, tenant)


def _wanted(tx: Tx, tenant: TenantKey) -> dict[int, int | None]:
    """For each registration the oldest profile that is aimed at a group whose rule names its group tag."""
    rules = _pairs(tx, group.c.id, group.c.rule, tenant)
    profiles = _pairs(tx, assignment_target.c.id, assignment_target.c.item_id, tenant)
    groups = _pairs(tx, assignment_target.c.id, assignment_target.c.group_id, tenant)
    wanted: dict[int, int | None] = {}
    for key, tag in _pairs(tx, registration.c.id, registration.c.group_tag, tenant).items():
        aimed = [profiles[target] for target in profiles if tag and rules[groups[target]] == _rule(tag)]
        wanted[key] = min(aimed, default=None)  # keys rise: the lowest was made first
    return wanted


def _pairs(tx: Tx, key: sa.Column[Any], value: sa.Column[Any], tenant: TenantKey) -> dict[int, Any]:
    rows = tx.rows(sa.select(key, value).where(key.table.c.tenant_id == tenant).order_by(key))
    return {row[0]: row[1] for row in rows}
