"""The chain of reasons: readable, in order, true, and the same as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.assignment import service
from reseal.assignment.model import FilterMode, Intent, ItemRef
from reseal.assignment.service import Reason, WhyChain
from reseal.directory.groups import group_by_id, update_group
from reseal.directory.model import MemberKind, Processing
from reseal.kernel.errors import NotFound
from reseal.kernel.events import canonical_json
from tests.store.assignment.world import (
    APP,
    POLICY,
    PROFILE,
    World,
    all_devices,
    all_users,
    exclude,
    include,
)
from tests.support.clock import ManualClock

BERLIN = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))'


async def ask(world: World, device: int, item: ItemRef) -> WhyChain:
    chain = await world.database.read(service.why, world.tenant, device, item)
    for step in chain.steps:
        canonical_json(step.data)  # every step can be sent and logged
    assert chain.entries == tuple(e for e in await world.entries(device) if e.item == item)
    return chain


def sentences(chain: WhyChain) -> list[str]:
    return [step.sentence for step in chain.steps]


def data(chain: WhyChain, reason: Reason) -> list[Mapping[str, object]]:
    return [step.data for step in chain.steps if step.reason is reason]


async def test_group_by_rule_shows_the_clause_and_the_value(world: World) -> None:
    rule = f'{BERLIN} or device.displayName -eq "Kiosk"'
    group = await world.dynamic("Berlin", rule)
    device = await world.device("PC-1", tag="berlin")
    await world.aim(PROFILE, include(PROFILE, group))
    chain = await ask(world, device, PROFILE)
    assert chain.is_assigned
    assert sentences(chain) == [
        "The deployment profile is assigned to the group Berlin.",
        f"The device PC-1 is a member of Berlin: {BERLIN} is true (the value is [OrderID]:berlin).",
        "So PC-1 gets the deployment profile: for the device by a group.",
    ]
    (reached,) = data(chain, Reason.MEMBERSHIP)
    assert reached == {
        "scope": "device",
        "reached": True,
        "clauses": [
            {
                "clause": BERLIN,
                "matched": True,
                "attribute": "devicePhysicalIds",
                "values": ["[OrderID]:berlin"],
            }
        ],
    }


async def test_why_not_by_rule(world: World) -> None:
    group = await world.dynamic("Berlin", BERLIN)
    device = await world.device("PC-1", tag="Paris")
    await world.aim(PROFILE, include(PROFILE, group))
    chain = await ask(world, device, PROFILE)
    assert not chain.is_assigned
    assert sentences(chain) == [
        "The deployment profile is assigned to the group Berlin.",
        f"The device PC-1 is not a member of Berlin: {BERLIN} is false (the value is [OrderID]:Paris).",
        "No user is assigned to the device.",
        "So PC-1 does not get the deployment profile.",
    ]
    assert data(chain, Reason.RESULT) == [{"assigned": False, "entries": []}]


async def test_not_assigned_to_anybody(world: World) -> None:
    chain = await ask(world, await world.device("PC-1"), POLICY)
    assert sentences(chain) == ["The policy is not assigned to anybody, so PC-1 does not get it."]


async def test_members_added_by_hand(world: World) -> None:
    device, other = await world.device("PC-1"), await world.device("PC-2")
    group = await world.group("Pilot", device)
    await world.aim(APP, include(APP, group))
    assert sentences(await ask(world, device, APP)) == [
        "The app is required for the group Pilot.",
        "The device PC-1 is a member of Pilot: it was added by hand.",
        "So on PC-1 the app is required: for the device by a group.",
    ]
    assert "The device PC-2 is not a member of Pilot: nobody has added it." in sentences(
        await ask(world, other, APP)
    )


async def test_group_of_the_assigned_user(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna", department="Sales")
    group = await world.dynamic("Sales", 'user.department -eq "Sales"')
    await world.assign_user(device, user)
    await world.aim(APP, include(APP, group))
    assert sentences(await ask(world, device, APP))[1:] == [
        (
            "The assigned user anna@contoso.test is a member of Sales: "
            'user.department -eq "Sales" is true (the value is Sales).'
        ),
        "So on PC-1 the app is required: for its assigned user by a group.",
    ]
    await world.aim(APP, include(APP, await world.dynamic("IT", 'user.department -eq "IT"')))
    assert sentences(await ask(world, device, APP))[1:] == [
        "The device PC-1 is not a member of IT: its rule is about users.",
        (
            "The assigned user anna@contoso.test is not a member of IT: "
            'user.department -eq "IT" is false (the value is Sales).'
        ),
        "So PC-1 does not get the app.",
    ]


async def test_all_devices_and_all_users(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    await world.aim(POLICY, all_devices(POLICY), all_users(POLICY))
    assert sentences(await ask(world, device, POLICY)) == [
        "The policy is assigned to all devices.",
        "The policy is assigned to all users.",
        "No user is assigned to the device.",
        "So PC-1 gets the policy: for the device by the assignment to all.",
    ]
    await world.assign_user(device, user)
    assert sentences(await ask(world, device, POLICY))[2:] == [
        (
            "So PC-1 gets the policy: for the device by the assignment to all and "
            "for its assigned user by the assignment to all."
        )
    ]


async def test_exclusion_names_the_group(world: World) -> None:
    device = await world.device("PC-1")
    lab = await world.group("Lab", device)
    await world.aim(APP, all_devices(APP), exclude(APP, lab))
    chain = await ask(world, device, APP)
    assert sentences(chain) == [
        "The app is required for all devices.",
        "The device PC-1 is in the group Lab, which is excluded; an exclusion always wins.",
        "The app is not for the group Lab.",
        "The device PC-1 is a member of Lab: it was added by hand.",
        "So PC-1 does not get the app.",
    ]
    group = await world.do(lambda tx: group_by_id(tx, world.tenant, lab))
    (removed,) = data(chain, Reason.EXCLUSION)
    assert removed == {
        "scope": "device",
        "because": {"mode": "exclude", "target": "group", "intent": "required", "group": str(group.uuid)},
    }


@pytest.mark.parametrize(
    "mode, model, told",
    [
        (FilterMode.INCLUDE, "Latitude 5450", "match the filter Laptops are meant, and this one is kept"),
        (FilterMode.INCLUDE, "OptiPlex", "match the filter Laptops are meant, and this one is dropped"),
        (
            FilterMode.EXCLUDE,
            "Latitude 5450",
            "do not match the filter Laptops are meant, and this one is dropped",
        ),
        (FilterMode.EXCLUDE, "OptiPlex", "do not match the filter Laptops are meant, and this one is kept"),
    ],
)
async def test_filter_shows_its_clause(world: World, mode: FilterMode, model: str, told: str) -> None:
    rule = 'device.model -startsWith "Latitude"'
    narrow = await world.filter("Laptops", rule)
    device = await world.device("PC-1", deviceModel=model)
    await world.aim(APP, replace(all_devices(APP, narrow), filter_mode=mode))
    chain = await ask(world, device, APP)
    matched = "true" if model.startswith("Latitude") else "false"
    assert sentences(chain)[1] == f"Only devices that {told}: {rule} is {matched} (the value is {model})."
    (step,) = data(chain, Reason.FILTER)
    assert step["kept"] is chain.is_assigned is told.endswith("kept")


async def test_stronger_intent_names_the_group(world: World) -> None:
    device = await world.device("PC-1")
    group = await world.group("Pilot", device)
    await world.aim(APP, replace(all_devices(APP), intent=Intent.UNINSTALL), include(APP, group))
    assert sentences(await ask(world, device, APP))[2:] == [
        "The app is to be uninstalled for all devices.",
        (
            "This does not count for the device PC-1: for the group Pilot the app is required, "
            "and required is stronger."
        ),
        "So on PC-1 the app is required: for the device by a group.",
    ]


async def test_paused_group_keeps_its_members(world: World) -> None:
    group = await world.dynamic("Berlin", BERLIN)
    device = await world.device("PC-1", tag="Berlin")
    await world.aim(APP, include(APP, group))
    await world.do(lambda tx: update_group(tx, world.tenant, group, processing=Processing.PAUSED))
    await world.edit_device(device, physical_ids=[])
    chain = await ask(world, device, APP)
    assert chain.is_assigned
    assert (
        sentences(chain)[1] == "The device PC-1 is a member of Berlin: its rule is paused, and members stay."
    )


async def test_device_that_does_not_exist(world: World) -> None:
    with pytest.raises(NotFound):
        await world.database.read(service.why, world.tenant, 999, APP)


async def test_chain_of_a_group_that_holds_device_and_user(world: World) -> None:
    device, user = await world.device("PC-1"), await world.user("Anna")
    group = await world.group("Both", device, users=(user,))
    await world.assign_user(device, user)
    await world.aim(APP, include(APP, group))
    assert sentences(await ask(world, device, APP))[1:] == [
        "The device PC-1 is a member of Both: it was added by hand.",
        "The assigned user anna@contoso.test is a member of Both: it was added by hand.",
        "So on PC-1 the app is required: for the device by a group and for its assigned user by a group.",
    ]
    await world.remove(group, device, MemberKind.DEVICE)
    assert sentences(await ask(world, device, APP))[1:] == [
        "The assigned user anna@contoso.test is a member of Both: it was added by hand.",
        "So on PC-1 the app is required: for its assigned user by a group.",
    ]


async def test_rule_that_waits_for_a_new_day(world: World, clock: ManualClock) -> None:
    """Time alone has made the rule true; members follow when the day's deadline is run."""
    tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
    user = await world.user("Anna", employeeHireDate=tomorrow)
    group = await world.dynamic("Started", "user.employeeHireDate -le system.now")
    device = await world.device("PC-1")
    await world.assign_user(device, user)
    await world.aim(APP, include(APP, group))
    clock.pass_silently(timedelta(days=2))
    assert sentences(await ask(world, device, APP))[2] == (
        "The assigned user anna@contoso.test is not a member of Started: "
        "its rule reads the time, and a new day has to begin."
    )
