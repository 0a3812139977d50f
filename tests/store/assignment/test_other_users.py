"""What somebody gets on a device that is not assigned to him: the same as if it were."""

from __future__ import annotations

import pytest

from reseal.assignment.lookup import entries_for, entries_for_user
from reseal.assignment.model import FilterMode, Intent, Mode, Target, TargetKind
from reseal.assignment.service import create_filter, set_assigned_user, set_targets
from reseal.kernel.db import Database, Tx
from tests.store.assignment.world import APP, POLICY, PROFILE, Announced, World


@pytest.mark.parametrize("assigned_before", [False, True])
async def test_the_entries_of_a_user_are_those_of_the_assigned_user(
    database: Database, announced: Announced, assigned_before: bool
) -> None:
    world = await World.open(database, announced)
    lab = await world.device("LAB-1", deviceModel="Laptop 7")
    adele, bob, eve = [await world.user(name) for name in ("Adele", "Bob", "Eve")]
    ours, sales = await world.group("Ours", lab), await world.group("Sales", users=(adele,))
    if assigned_before:
        await world.do(lambda tx: set_assigned_user(tx, world.tenant, lab, eve))

    def targets(tx: Tx) -> None:
        only = create_filter(tx, world.tenant, "Laptops", '(device.model -eq "Laptop 7")').id
        group = TargetKind.GROUP
        for item, chosen in {
            APP: [
                Target(APP, Mode.INCLUDE, group, group=ours, intent=Intent.UNINSTALL),
                Target(APP, Mode.INCLUDE, group, group=sales),
            ],
            POLICY: [
                Target(POLICY, Mode.INCLUDE, TargetKind.ALL_USERS),
                Target(POLICY, Mode.EXCLUDE, group, group=sales),
            ],
            PROFILE: [
                Target(PROFILE, Mode.INCLUDE, group, group=ours, filter=only, filter_mode=FilterMode.INCLUDE),
            ],
        }.items():
            set_targets(tx, world.tenant, item, chosen)

    await world.do(targets)

    def compare(tx: Tx) -> None:
        for user in (adele, bob, eve):
            thought = entries_for_user(tx, world.tenant, lab, user)
            set_assigned_user(tx, world.tenant, lab, user)
            tx.settle()
            assert thought == entries_for(tx, world.tenant, lab)
            assert entries_for_user(tx, world.tenant, lab, user) == thought, "from the set that is kept now"
            set_assigned_user(tx, world.tenant, lab, None)
            tx.settle()
            assert entries_for_user(tx, world.tenant, lab, user) == thought
        assert len({entries_for_user(tx, world.tenant, lab, user) for user in (adele, bob)}) == 2
        assert entries_for_user(tx, world.tenant, 1, adele) == ()

    await world.do(compare)
