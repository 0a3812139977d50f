"""Whatever is edited in whatever order, the members on record are those that the rules say."""

from __future__ import annotations

import asyncio

import pytest

from reseal.directory.devices import create_devices, delete_device, list_devices, update_device
from reseal.directory.groups import create_group, list_groups, update_group
from reseal.directory.members import add_members, members, remove_member
from reseal.directory.model import MemberKind, Membership, NewDevice, Processing
from reseal.directory.rule_objects import rule_objects
from reseal.directory.rules import DEVICE, compile_rule
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import NotFound

TAGS = ["Berlin", "Paris", "Rome", ""]
MODELS = ["Latitude", "ThinkPad"]
RULES = [
    *(f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{tag}"))' for tag in TAGS[:3]),
    '(device.deviceModel -eq "Latitude")',
    '-not (device.deviceModel -startsWith "Think") -and (device.accountEnabled -eq true)',
    '(device.devicePhysicalIds -all (_ -notContains "rome"))',
]


class Chance:
    """An organisation in which things happen by a seed."""

    def __init__(self, contoso, seed: int) -> None:
        self.contoso = contoso
        self.entropy = SeededEntropy(seed)
        self.devices: list[int] = []
        self.by_hand: list = []
        self.dynamic: list = []

    def one_of(self, items):
        return items[self.entropy.below(len(items))]

    def some_rule(self) -> str:
        named = self.one_of(self.by_hand).uuid
        member_of = f"device.memberOf -any (group.objectId -in ['{named}'])"
        return self.one_of([*RULES, member_of, f'{member_of} -or (device.deviceModel -eq "ThinkPad")'])

    async def prepare(self) -> None:
        self.by_hand = [await self.contoso.group(f"hand {number}") for number in range(2)]
        for number in range(6):
            self.dynamic.append(await self.contoso.device_group(f"dynamic {number}", self.some_rule()))

    async def happen(self) -> None:
        await self.contoso.write(
            self.one_of([self.arrive, self.edit, self.edit, self.hand, self.rule, self.leave])
        )

    def ids(self) -> list[str]:
        tag = self.one_of(TAGS)
        return [f"[OrderID]:{tag}"] if tag else []

    def arrive(self, tx, tenant) -> None:
        new = [NewDevice("PC", self.ids(), {"deviceModel": self.one_of(MODELS)}) for _ in range(3)]
        self.devices += [made.id for made in create_devices(tx, tenant, new)]

    def edit(self, tx, tenant) -> None:
        for _ in range(self.entropy.below(3)):
            if self.devices:
                self.edit_one(tx, tenant, self.one_of(self.devices))

    def edit_one(self, tx, tenant, key: int) -> None:
        match self.entropy.below(3):
            case 0:
                update_device(tx, tenant, key, physical_ids=self.ids())
            case 1:
                update_device(tx, tenant, key, attributes={"deviceModel": self.one_of([*MODELS, None])})
            case _:
                update_device(tx, tenant, key, enabled=bool(self.entropy.below(2)))

    def hand(self, tx, tenant) -> None:
        if not self.devices:
            return
        group, key = self.one_of(self.by_hand), self.one_of(self.devices)
        if not add_members(tx, tenant, group.id, MemberKind.DEVICE, [key]):
            remove_member(tx, tenant, group.id, MemberKind.DEVICE, key)

    def rule(self, tx, tenant) -> None:
        group = self.one_of(self.dynamic)
        update_group(tx, tenant, group.id, rule=self.some_rule(), processing=self.one_of(list(Processing)))

    def leave(self, tx, tenant) -> None:
        if self.devices:
            key = self.one_of(self.devices)
            self.devices.remove(key)
            delete_device(tx, tenant, key)


def expected_and_found(tx, tenant) -> list[tuple[str, set[int], set[int]]]:
    """For each group that follows a rule: its name, whom the rule says, who is on record."""
    everybody = [found.id for found in list_devices(tx, tenant, limit=1000).items]
    seen = rule_objects(tx, tenant, MemberKind.DEVICE, everybody)
    compared = []
    for group in list_groups(tx, tenant).items:
        if group.rule is not None and group.processing is Processing.ON:
            rule = compile_rule(group.rule, DEVICE)
            wanted = {key for key, subject in seen.items() if rule.matches(subject)}
            page = members(tx, tenant, group.id, MemberKind.DEVICE, limit=1000)
            compared.append((group.name, wanted, {member.id for member in page.items}))
    return compared


@pytest.mark.parametrize("seed", range(4))
async def test_members_are_what_the_rules_say(contoso, seed):
    chance = Chance(contoso, seed)
    await chance.prepare()
    for _ in range(30):
        await chance.happen()
        for name, wanted, found in await contoso.read(expected_and_found):
            assert found == wanted, name


async def test_several_edits_in_one_unit_settle_together(contoso):
    hand = await contoso.group("Hand")

    def unit(tx, tenant):
        (made,) = create_devices(tx, tenant, [NewDevice("A", ["[OrderID]:Berlin"])])
        rule = f"device.memberOf -any (group.objectId -in ['{hand.uuid}'])"
        create_group(tx, tenant, "Followers", membership=Membership.DYNAMIC_DEVICE, rule=rule)
        add_members(tx, tenant, hand.id, MemberKind.DEVICE, [made.id])
        create_group(tx, tenant, "Berlin", membership=Membership.DYNAMIC_DEVICE, rule=RULES[0])
        update_device(tx, tenant, made.id, attributes={"deviceModel": "Latitude"})

    await contoso.write(unit)
    compared = await contoso.read(expected_and_found)
    assert [(name, len(wanted)) for name, wanted, _ in compared] == [("Berlin", 1), ("Followers", 1)]
    assert all(wanted == found for _, wanted, found in compared)


async def test_every_edit_of_a_device_in_one_unit_counts(contoso):
    groups = [
        await contoso.device_group(name, rule) for name, rule in [("Tag", RULES[0]), ("Model", RULES[3])]
    ]
    (laptop, other) = [await contoso.device(name, attributes={"deviceModel": "Latitude"}) for name in "AB"]
    assert [await contoso.devices_in(group) for group in groups] == [[], ["A", "B"]]

    def unit(tx, tenant):
        update_device(tx, tenant, laptop.id, attributes={"deviceModel": None})
        update_device(tx, tenant, other.id, physical_ids=["[OrderID]:Berlin"])
        update_device(tx, tenant, laptop.id, physical_ids=["[OrderID]:Berlin"])
        update_device(tx, tenant, other.id, enabled=False)

    await contoso.write(unit)
    assert [await contoso.devices_in(group) for group in groups] == [["A", "B"], ["B"]]


async def test_edits_of_rules_and_devices_at_the_same_time_do_not_miss_each_other(contoso):
    group = await contoso.device_group("Site", RULES[0])
    made = await contoso.write(create_devices, [NewDevice(f"PC{number}") for number in range(12)])
    tenant, database = contoso.tenant.id, contoso.database

    def retag(tx, key, tag):
        update_device(tx, tenant, key, physical_ids=[f"[OrderID]:{tag}"])

    def edit(tx, rule):
        update_group(tx, tenant, group.id, rule=rule)

    for turn in range(3):
        moves = [database.write(retag, one.id, TAGS[(one.id + turn) % 3]) for one in made]
        await asyncio.gather(*moves, database.write(edit, RULES[turn % 3], causes=tenant))
        ((_, wanted, found),) = await contoso.read(expected_and_found)
        assert wanted
        assert found == wanted


async def test_a_unit_that_fails_leaves_members_as_they_were(contoso):
    group = await contoso.device_group("Berlin", RULES[0])

    def fail(tx, tenant):
        create_devices(tx, tenant, [NewDevice("A", ["[OrderID]:Berlin"])])
        tx.settle()
        delete_device(tx, tenant, 7)

    with pytest.raises(NotFound):
        await contoso.write(fail)
    assert await contoso.devices_in(group) == []
