"""Dynamic groups follow their rules inside the transaction that changes a cause (spec/autopilot.md 3, 12)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from reseal.directory.changes import DEVICE_MEMBERSHIP_CHANGED, USER_MEMBERSHIP_CHANGED
from reseal.directory.devices import (
    create_devices,
    delete_device,
    set_many_physical_ids,
    set_physical_ids,
    update_device,
)
from reseal.directory.groups import delete_group, group_by_id, update_group
from reseal.directory.members import add_member, group_ids_of, remove_member
from reseal.directory.membership import RULE_CLOCK, check_rule, on_rule_clock, rebuild_memberships
from reseal.directory.model import MemberKind, NewDevice, Processing
from reseal.directory.rules import RuleError
from reseal.directory.tables import device, group_member
from reseal.directory.users import delete_user, update_user
from reseal.kernel import deadlines
from reseal.kernel.errors import Invalid, NotFound

ALL_SPELLINGS = [
    '(device.devicePhysicalIDs -any (_ -startsWith "[ZTDid]"))',
    'device.devicePhysicalIDs -any _ -startsWith "[ZTDId]"',
    '(device.devicePhysicalIDs -any _ -contains "[ZTDId]")',
    '(device.devicePhysicalIds -any (_ -startsWith "[ZTDID]"))',
]
ZTDID = "[ZTDID]:6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11"
ALL_DEVICES = "device.objectId -ne null"
ALL_USERS = "user.objectId -ne null"
BERLIN = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))'
PARIS = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Paris"))'


@pytest.mark.parametrize("rule", ALL_SPELLINGS)
async def test_every_spelling_of_the_rule_finds_the_registered_devices(contoso, rule):
    await contoso.device("PF0001", ZTDID, "[OrderID]:Berlin")
    await contoso.device("OTHER", "[OrderID]:Berlin")
    group = await contoso.device_group("Registered", rule)
    await contoso.device("PF0002", "[ZTDId]:0b8a7c6d-5e4f-4321-8fed-cba987654321")
    assert await contoso.devices_in(group) == ["PF0001", "PF0002"]


async def test_a_changed_tag_moves_the_device_in_the_same_transaction(contoso, heard):
    berlin, paris = await contoso.device_group("Berlin", BERLIN), await contoso.device_group("Paris", PARIS)
    laptop = await contoso.device("PF0001", ZTDID, "[OrderID]:berlin")
    assert await contoso.devices_in(berlin) == ["PF0001"]
    heard.take()

    def retag(tx, tenant):
        set_physical_ids(tx, tenant, laptop.id, [ZTDID, "[OrderID]:PARIS"])
        tx.settle()
        return group_ids_of(tx, tenant, MemberKind.DEVICE, [laptop.id])

    assert await contoso.write(retag) == {laptop.id: (paris.id,)}
    assert await contoso.devices_in(berlin) == []
    assert heard.take() == {DEVICE_MEMBERSHIP_CHANGED: {laptop.id}}


async def test_the_purchase_order_rule_matches_exactly(contoso):
    rule = '(device.devicePhysicalIds -any (_ -eq "[PurchaseOrderId]:76222342342"))'
    await contoso.device("A", "[PurchaseOrderId]:76222342342")
    await contoso.device("B", "[PurchaseOrderId]:762223423421")
    assert await contoso.devices_in(await contoso.device_group("Order", rule)) == ["A"]


async def test_a_new_user_is_in_the_groups_of_its_attributes(contoso, heard):
    sales = await contoso.user_group("Sales", 'user.department -eq "Sales"')
    everybody = await contoso.user_group("Everybody", ALL_USERS)
    lee = await contoso.user("Lee", attributes={"department": "sales"})
    await contoso.user("Kim", attributes={"department": "Development"})
    assert await contoso.users_in(sales) == ["Lee"]
    assert await contoso.users_in(everybody) == ["Kim", "Lee"]
    assert lee.id in heard.take()[USER_MEMBERSHIP_CHANGED]


async def test_a_changed_attribute_of_a_user_counts_at_once(contoso, heard):
    enabled = await contoso.user_group("Enabled", "user.accountEnabled -eq true")
    lee = await contoso.user("Lee")
    heard.take()
    await contoso.write(update_user, lee.id, enabled=False)
    assert await contoso.users_in(enabled) == []
    assert heard.take() == {USER_MEMBERSHIP_CHANGED: {lee.id}}


async def test_an_edited_rule_removes_who_no_longer_matches_and_adds_who_does(contoso, heard, clock):
    group = await contoso.device_group("Site", BERLIN)
    ids = {}
    for name, tag in [("A", "Berlin"), ("B", "Paris"), ("C", "Berlin"), ("D", "Rome")]:
        ids[name] = (await contoso.device(name, f"[OrderID]:{tag}")).id
    heard.take()
    clock.pass_silently(timedelta(hours=1))
    both = f"{PARIS} -or (device.displayName -eq C)"
    await contoso.write(update_group, group.id, rule=both)
    assert await contoso.devices_in(group) == ["B", "C"]
    assert heard.take() == {DEVICE_MEMBERSHIP_CHANGED: {ids["A"], ids["B"]}}
    edited = await contoso.read(group_by_id, group.id)
    assert edited.rule == both
    assert edited.rule_updated_at == clock.now()
    assert edited.members_changed_at == clock.now()
    assert edited.processing is Processing.ON


async def test_the_events_of_a_rule_and_its_members_tell_what_happened(contoso):
    laptop = await contoso.device("A", "[OrderID]:Berlin")
    group = await contoso.device_group("Site", BERLIN)
    await contoso.write(update_group, group.id, rule=PARIS)
    assert await contoso.events("group.rule_changed") == [{"rule": {"from": BERLIN, "to": PARIS}}]
    named = [str(laptop.uuid)]
    assert await contoso.events("group.members_changed") == [
        {"added": 1, "removed": 0, "added_sample": named, "removed_sample": []},
        {"added": 0, "removed": 1, "added_sample": [], "removed_sample": named},
    ]


async def test_the_event_of_a_large_change_counts_all_and_names_ten(contoso):
    await contoso.device_group("All", ALL_DEVICES)
    await contoso.write(create_devices, [NewDevice(f"PC{number:02}") for number in range(12)])
    (told,) = await contoso.events("group.members_changed")
    assert told["added"] == 12
    assert len(told["added_sample"]) == 10


async def test_a_paused_group_keeps_its_members_until_it_is_switched_on(contoso):
    group = await contoso.device_group("Site", BERLIN)
    laptop = await contoso.device("A", "[OrderID]:Berlin")
    await contoso.write(update_group, group.id, processing=Processing.PAUSED)
    await contoso.write(set_physical_ids, laptop.id, [])
    await contoso.device("B", "[OrderID]:Berlin")
    assert await contoso.devices_in(group) == ["A"]
    await contoso.write(update_group, group.id, processing=Processing.ON)
    assert await contoso.devices_in(group) == ["B"]


async def test_a_rule_may_ask_for_membership_of_other_groups(contoso, heard):
    hand, tagged = await contoso.group("Hand"), await contoso.device_group("Berlin", BERLIN)
    rule = f"device.memberOf -any (group.objectId -in ['{hand.uuid}', '{str(tagged.uuid).upper()}'])"
    either = await contoso.device_group("Either", rule)
    by_hand = await contoso.device("A")
    by_tag = await contoso.device("B", "[OrderID]:Berlin")
    await contoso.device("C")
    assert await contoso.devices_in(either) == ["B"]
    heard.take()
    await contoso.write(add_member, hand.id, MemberKind.DEVICE, by_hand.id)
    assert await contoso.devices_in(either) == ["A", "B"]
    await contoso.write(set_physical_ids, by_tag.id, [])
    assert await contoso.devices_in(either) == ["A"]
    await contoso.write(remove_member, hand.id, MemberKind.DEVICE, by_hand.id)
    assert await contoso.devices_in(either) == []
    assert heard.take() == {DEVICE_MEMBERSHIP_CHANGED: {by_hand.id, by_tag.id}}


async def test_users_may_be_asked_for_membership_too(contoso):
    pilots = await contoso.group("Pilots")
    rule = f"user.memberOf -any (group.objectId -in ['{pilots.uuid}'])"
    followers = await contoso.user_group("Followers", rule)
    lee = await contoso.user("Lee")
    await contoso.write(add_member, pilots.id, MemberKind.USER, lee.id)
    assert await contoso.users_in(followers) == ["Lee"]


async def test_an_edited_rule_counts_for_the_groups_that_ask_for_its_members(contoso):
    site = await contoso.device_group("Site", BERLIN)
    rule = f"device.memberOf -any (group.objectId -in ['{site.uuid}'])"
    followers = await contoso.device_group("Followers", rule)
    await contoso.device("A", "[OrderID]:Berlin")
    await contoso.device("B", "[OrderID]:Paris")
    await contoso.write(update_group, site.id, rule=PARIS)
    assert await contoso.devices_in(followers) == ["B"]


async def test_groups_that_use_member_of_may_not_name_one_another(contoso):
    hand = await contoso.group("Hand")
    naming_hand = f"device.memberOf -any (group.objectId -in ['{hand.uuid}'])"
    middle = await contoso.device_group("Middle", naming_hand)
    tagged = await contoso.device_group("Berlin", BERLIN)
    naming_middle = f"device.memberOf -any (group.objectId -in ['{middle.uuid}'])"
    with pytest.raises(Invalid) as refusal:
        await contoso.device_group("Top", naming_middle)
    assert refusal.value.code == "NestedMemberOf"
    naming_tagged = f"device.memberOf -any (group.objectId -in ['{tagged.uuid}'])"
    await contoso.device_group("Top", naming_tagged)
    for group, rule in [(tagged, naming_hand), (tagged, naming_tagged), (middle, naming_middle)]:
        with pytest.raises(Invalid) as refusal:
            await contoso.write(update_group, group.id, rule=rule)
        assert refusal.value.code == "NestedMemberOf"


@pytest.mark.parametrize("unknown", ["5c1e7d0a-9d5c-4f51-8d6b-3d1f5e0c7a11", "nobody"])
async def test_a_rule_that_names_a_group_or_manager_who_does_not_exist_is_refused(contoso, unknown):
    with pytest.raises(Invalid) as refusal:
        await contoso.device_group("X", f"device.memberOf -any (group.objectId -in ['{unknown}'])")
    assert refusal.value.code == "UnknownGroup"
    with pytest.raises(Invalid) as refusal:
        await contoso.user_group("X", f'Direct Reports for "{unknown}"')
    assert refusal.value.code == "UnknownManager"


async def test_the_direct_reports_of_a_manager(contoso):
    boss = await contoso.user("Boss")
    reports = await contoso.user_group("Reports", f'Direct Reports for "{boss.uuid}"')
    lee = await contoso.user("Lee", manager_id=boss.id)
    kim = await contoso.user("Kim")
    await contoso.write(update_user, kim.id, manager_id=boss.id)
    assert await contoso.users_in(reports) == ["Kim", "Lee"]
    await contoso.write(update_user, lee.id, manager_id=None)
    assert await contoso.users_in(reports) == ["Kim"]
    await contoso.write(delete_user, boss.id)
    assert await contoso.users_in(reports) == []


async def test_a_rule_that_reads_the_clock_is_evaluated_every_day(contoso, clock):
    joining = await contoso.user_group("New", "user.employeeHireDate -le system.now -plus p1d")
    await contoso.user("Lee", attributes={"employeeHireDate": "2026-01-07T00:00:00Z"})
    assert await contoso.users_in(joining) == []
    first = await due_deadlines(contoso)
    assert [(found.kind, found.due_at.isoformat()) for found in first] == [
        (RULE_CLOCK, "2026-01-06T00:00:00+00:00")
    ]
    clock.pass_silently(timedelta(hours=16))
    await contoso.database.write(on_rule_clock, first[0])
    assert await contoso.users_in(joining) == ["Lee"]
    (following,) = await due_deadlines(contoso)
    assert following.due_at == first[0].due_at + timedelta(days=1)


async def test_a_rule_that_no_longer_reads_the_clock_waits_for_no_day(contoso):
    rule = "user.employeeHireDate -ge system.now"
    edited, deleted = await contoso.user_group("A", rule), await contoso.user_group("B", rule)
    await contoso.write(update_group, edited.id, rule=ALL_USERS)
    await contoso.write(delete_group, deleted.id)
    assert await due_deadlines(contoso) == []


async def due_deadlines(contoso):
    return await contoso.database.read(lambda tx: deadlines.due(tx, tx.now + timedelta(days=30)))


async def test_a_repair_puts_every_group_right(contoso, heard):
    berlin = await contoso.device_group("Berlin", BERLIN)
    await contoso.user_group("Everybody", ALL_USERS)
    by_hand = await contoso.group("Hand")
    right = await contoso.device("A", "[OrderID]:Berlin")
    wrong = await contoso.device("B", "[OrderID]:Paris")
    await contoso.write(add_member, by_hand.id, MemberKind.DEVICE, wrong.id)
    await contoso.user("Lee")

    def damage(tx, tenant):
        tx.execute(sa.delete(group_member).where(group_member.c.group_id != by_hand.id))
        row = {"tenant_id": tenant, "group_id": berlin.id, "member_kind": "device", "member_id": wrong.id}
        tx.execute(sa.insert(group_member), row)

    await contoso.write(damage)
    heard.take()
    await contoso.write(rebuild_memberships)
    assert await contoso.devices_in(berlin) == ["A"]
    assert await contoso.devices_in(by_hand) == ["B"]
    assert heard.take()[DEVICE_MEMBERSHIP_CHANGED] == {right.id, wrong.id}


async def test_a_rule_edit_that_is_taken_back_leaves_no_trace(contoso):
    group = await contoso.device_group("Site", BERLIN)
    laptop = await contoso.device("A", "[OrderID]:Berlin")

    def preview(tx, tenant):
        with tx.preview():
            update_group(tx, tenant, group.id, rule=PARIS)
            tx.settle()
            return group_ids_of(tx, tenant, MemberKind.DEVICE, [laptop.id])

    def fail(tx, tenant):
        update_group(tx, tenant, group.id, rule=PARIS)
        tx.settle()
        raise LookupError("something else went wrong")

    assert await contoso.write(preview) == {laptop.id: ()}
    with pytest.raises(LookupError):
        await contoso.write(fail)
    await contoso.device("B", "[OrderID]:Berlin")
    await contoso.device("C", "[OrderID]:Paris")
    assert await contoso.devices_in(group) == ["A", "B"]


async def test_a_deleted_group_frees_its_name_and_follows_nothing_any_more(contoso):
    first = await contoso.device_group("Site", BERLIN)
    await contoso.device("A", "[OrderID]:Berlin")
    await contoso.write(delete_group, first.id)
    second = await contoso.device_group("Site", PARIS)
    await contoso.device("B", "[OrderID]:Berlin")
    assert await contoso.devices_in(second) == []


async def test_a_device_created_and_deleted_in_one_unit_was_never_there(contoso):
    group = await contoso.device_group("All", ALL_DEVICES)

    def unit(tx, tenant):
        (made,) = create_devices(tx, tenant, [NewDevice("A")])
        delete_device(tx, tenant, made.id)

    await contoso.write(unit)
    assert await contoso.devices_in(group) == []


async def test_a_rule_is_tested_against_a_chosen_member(contoso):
    hand = await contoso.group("Hand")
    laptop = await contoso.device("A", "[OrderID]:Berlin")
    await contoso.write(add_member, hand.id, MemberKind.DEVICE, laptop.id)
    rule = f"{BERLIN} -and (device.memberOf -any (group.objectId -in ['{hand.uuid}'])) -and {PARIS}"
    told = await contoso.read(check_rule, rule, MemberKind.DEVICE, laptop.id)
    assert not told.matched
    assert [part.matched for part in told.parts] == [True, True, False]


async def test_a_rule_is_tested_against_a_user_with_a_manager(contoso):
    boss = await contoso.user("Boss")
    lee = await contoso.user("Lee", manager_id=boss.id)
    rule = f'Direct Reports for "{boss.uuid}"'
    assert (await contoso.read(check_rule, rule, MemberKind.USER, lee.id)).matched
    assert not (await contoso.read(check_rule, rule, MemberKind.USER, boss.id)).matched


async def test_what_cannot_be_tested_is_refused(contoso):
    laptop = await contoso.device("A")
    with pytest.raises(RuleError) as refusal:
        await contoso.read(check_rule, "user.department -eq x", MemberKind.DEVICE, laptop.id)
    assert refusal.value.code == "WrongObject"
    with pytest.raises(NotFound) as missing:
        await contoso.read(check_rule, ALL_DEVICES, MemberKind.DEVICE, 7)
    assert missing.value.code == "MemberNotFound"


async def test_an_attribute_that_no_rule_reads_costs_one_statement_of_the_reactor(contoso):
    await contoso.device_group("Berlin", BERLIN)
    laptop = await contoso.device("A", "[OrderID]:Berlin")
    assert (
        await statements(contoso, lambda tx, tenant: update_device(tx, tenant, laptop.id, is_managed=True))
        <= 2
    )
    edit = {"deviceOSVersion": "10.0.26100.1"}
    assert (
        await statements(contoso, lambda tx, tenant: update_device(tx, tenant, laptop.id, attributes=edit))
        <= 2
    )


async def test_statements_do_not_grow_with_the_number_of_devices_or_groups(contoso):
    for number in range(30):
        await contoso.device_group(f"G{number}", f'device.displayName -eq "name {number}"')
    await contoso.device_group("Berlin", BERLIN)
    await contoso.device_group("Paris", PARIS)
    ids = []

    def create(tx, tenant):
        new = [NewDevice(f"PC{number}", ["[OrderID]:Berlin"]) for number in range(400)]
        ids.extend(made.id for made in create_devices(tx, tenant, new))

    def retag(tx, tenant):
        set_many_physical_ids(tx, tenant, {key: ["[OrderID]:Paris"] for key in ids})

    assert await statements(contoso, create) <= 6
    assert await statements(contoso, retag) <= 9


async def statements(contoso, unit) -> int:
    """How many statements a reactor run needs for what `unit` announces; locks do not count."""

    def counted(tx, tenant):
        unit(tx, tenant)
        before = tx.statements
        tx.settle()
        return tx.statements - before - (1 if tx.on_postgresql else 0)

    return await contoso.write(counted)


async def test_a_population_larger_than_a_batch_is_worked_out_whole(contoso):
    new = [NewDevice(f"PC{number:04}", [f"[OrderID]:{number % 7}"]) for number in range(2_101)]
    await contoso.write(create_devices, new)
    three = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:3"))'
    group = await contoso.device_group("Three", three)
    assert await count_in(contoso, group) == 300
    four = '(device.devicePhysicalIds -any (_ -eq "[OrderID]:4"))'
    await contoso.write(update_group, group.id, rule=f"{three} -or {four}")
    assert await count_in(contoso, group) == 600


async def count_in(contoso, group) -> int:
    query = sa.select(sa.func.count()).select_from(group_member).where(group_member.c.group_id == group.id)
    return await contoso.database.read(lambda tx: tx.value(query))


async def test_object_ids_are_compared_as_devices_are_stored(contoso):
    laptop = await contoso.device("A")
    group = await contoso.device_group("One", f'device.objectId -eq "{laptop.uuid}"')
    stored = await contoso.database.read(lambda tx: tx.value(sa.select(device.c.uuid)))
    assert stored == UUID(str(laptop.uuid))
    assert await contoso.devices_in(group) == ["A"]
