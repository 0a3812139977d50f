"""Groups, and members added by hand."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reseal.directory.changes import DEVICE_MEMBERSHIP_CHANGED, GROUPS_REMOVED, USER_MEMBERSHIP_CHANGED
from reseal.directory.groups import (
    create_group,
    delete_group,
    find_group,
    group_by_id,
    group_by_uuid,
    groups_by_id,
    list_groups,
    update_group,
)
from reseal.directory.joining import select_for_join, set_mdm_scope
from reseal.directory.members import (
    add_member,
    add_members,
    count_members,
    group_ids_of,
    groups_of,
    members,
    remove_member,
)
from reseal.directory.model import MemberKind, Membership, Processing
from reseal.directory.model_settings import MdmScope
from reseal.directory.rules import RuleError
from reseal.directory.tenants import update_settings
from reseal.kernel.errors import Conflict, Invalid, NotFound

ALL_DEVICES = "device.objectId -ne null"


async def test_a_new_group_is_found(contoso, clock):
    group = await contoso.group(" Sales ", description="of the north")
    assert (group.name, group.description, group.membership) == ("Sales", "of the north", Membership.ASSIGNED)
    assert (group.rule, group.rule_updated_at, group.members_changed_at) == (None, None, None)
    assert group.created_at == clock.now()
    assert await contoso.read(group_by_id, group.id) == group
    assert await contoso.read(group_by_uuid, group.uuid) == group
    assert await contoso.read(find_group, "sALES") == group
    assert await contoso.read(groups_by_id, [group.id, 7]) == {group.id: group}
    assert await contoso.read(find_group, "Other") is None
    assert await contoso.events("group.created") == [
        {"name": "Sales", "membership": "assigned", "rule": None}
    ]


@pytest.mark.parametrize("find, what", [(group_by_id, 7), (group_by_uuid, UUID(int=7))])
async def test_an_unknown_group_is_not_found(contoso, find, what):
    with pytest.raises(NotFound) as refusal:
        await contoso.read(find, what)
    assert refusal.value.code == "GroupNotFound"


async def test_a_name_is_unique_in_any_letter_case(contoso):
    await contoso.group("Sales")
    other = await contoso.group("Other")
    for attempt in [contoso.group("SALES"), contoso.write(update_group, other.id, name="sales")]:
        with pytest.raises(Conflict) as refusal:
            await attempt
        assert refusal.value.code == "GroupNameTaken"


async def test_a_group_is_renamed_and_described(contoso):
    group = await contoso.group("Sales")
    renamed = await contoso.write(update_group, group.id, name="SALES", description="all of them")
    assert (renamed.name, renamed.description) == ("SALES", "all of them")
    await contoso.write(update_group, group.id, name="SALES", description="all of them")
    assert await contoso.events("group.changed") == [
        {"name": {"from": "Sales", "to": "SALES"}, "description": {"from": "", "to": "all of them"}}
    ]


@pytest.mark.parametrize(
    "membership, rule, code",
    [
        (Membership.DYNAMIC_DEVICE, None, "RuleMissing"),
        (Membership.ASSIGNED, ALL_DEVICES, "RuleNotAllowed"),
        (Membership.DYNAMIC_DEVICE, "user.department -eq x", "WrongObject"),
        (Membership.DYNAMIC_USER, ALL_DEVICES, "WrongObject"),
        (Membership.DYNAMIC_DEVICE, "device.displayName -eq " + "x" * 3050, "RuleTooLong"),
        (Membership.DYNAMIC_USER, "user.shoeSize -eq 42", "AttributeNotSupported"),
    ],
)
async def test_a_rule_that_does_not_fit_is_refused(contoso, membership, rule, code):
    with pytest.raises(Invalid) as refusal:
        await contoso.write(create_group, "X", membership=membership, rule=rule)
    assert refusal.value.code == code
    assert await contoso.read(find_group, "X") is None


async def test_a_rule_of_3072_characters_is_accepted(contoso):
    rule = "device.displayName -eq " + "x" * (3072 - 23)
    assert len(rule) == 3072
    await contoso.device_group("Long", rule)


async def test_a_bad_edit_of_a_rule_changes_nothing(contoso):
    group = await contoso.device_group("X", ALL_DEVICES)
    with pytest.raises(RuleError) as refusal:
        await contoso.write(update_group, group.id, rule="device.displayName -match *")
    assert refusal.value.position > 0
    with pytest.raises(Invalid):
        await contoso.write(update_group, group.id, rule="")
    assert await contoso.read(group_by_id, group.id) == replace(group)


async def test_an_assigned_group_has_no_rule_to_edit_or_pause(contoso):
    group = await contoso.group("X")
    with pytest.raises(Invalid) as refusal:
        await contoso.write(update_group, group.id, rule=ALL_DEVICES)
    assert refusal.value.code == "RuleNotAllowed"
    with pytest.raises(Invalid) as refusal:
        await contoso.write(update_group, group.id, processing=Processing.PAUSED)
    assert refusal.value.code == "NotADynamicGroup"


async def test_the_limit_of_dynamic_groups_holds(contoso):
    await contoso.write(update_settings, replace(contoso.tenant.settings, dynamic_group_limit=1))
    await contoso.group("Hand")
    first = await contoso.device_group("A", ALL_DEVICES)
    with pytest.raises(Conflict) as refusal:
        await contoso.device_group("B", ALL_DEVICES)
    assert refusal.value.code == "TooManyDynamicGroups"
    await contoso.write(delete_group, first.id)
    await contoso.device_group("B", ALL_DEVICES)


async def test_members_are_added_and_removed_by_hand(contoso, heard, clock):
    group = await contoso.group("Mixed")
    lee, laptop = await contoso.user("Lee"), await contoso.device("PF0001")
    await contoso.write(add_member, group.id, MemberKind.USER, lee.id)
    await contoso.write(add_member, group.id, MemberKind.DEVICE, laptop.id)
    assert await contoso.read(count_members, group.id) == {MemberKind.USER: 1, MemberKind.DEVICE: 1}
    assert (await contoso.read(group_by_id, group.id)).members_changed_at == clock.now()
    assert heard.take() == {USER_MEMBERSHIP_CHANGED: {lee.id}, DEVICE_MEMBERSHIP_CHANGED: {laptop.id}}
    await contoso.write(remove_member, group.id, MemberKind.USER, lee.id)
    assert await contoso.users_in(group) == []
    assert await contoso.devices_in(group) == ["PF0001"]
    assert heard.take() == {USER_MEMBERSHIP_CHANGED: {lee.id}}
    assert await contoso.events("group.members_changed") == [
        {"added": 1, "added_sample": [str(lee.uuid)]},
        {"added": 1, "added_sample": [str(laptop.uuid)]},
        {"removed": 1, "removed_sample": [str(lee.uuid)]},
    ]


async def test_a_member_is_added_once(contoso, heard):
    group, lee = await contoso.group("X"), await contoso.user("Lee")
    await contoso.write(add_member, group.id, MemberKind.USER, lee.id)
    heard.take()
    with pytest.raises(Conflict) as refusal:
        await contoso.write(add_member, group.id, MemberKind.USER, lee.id)
    assert refusal.value.code == "AlreadyMember"
    assert await contoso.write(add_members, group.id, MemberKind.USER, [lee.id]) == 0
    assert heard.take() == {}


async def test_many_members_are_added_all_or_none(contoso):
    group = await contoso.group("X")
    keys = [(await contoso.user(f"u{number}")).id for number in range(3)]
    with pytest.raises(NotFound) as refusal:
        await contoso.write(add_members, group.id, MemberKind.USER, [*keys, 7])
    assert refusal.value.code == "MemberNotFound"
    assert await contoso.users_in(group) == []
    await contoso.write(add_member, group.id, MemberKind.USER, keys[0])
    assert await contoso.write(add_members, group.id, MemberKind.USER, keys) == 2
    assert await contoso.users_in(group) == ["u0", "u1", "u2"]


async def test_who_is_no_member_cannot_be_removed(contoso):
    group, lee = await contoso.group("X"), await contoso.user("Lee")
    with pytest.raises(NotFound) as refusal:
        await contoso.write(remove_member, group.id, MemberKind.USER, lee.id)
    assert refusal.value.code == "NotAMember"


async def test_members_of_a_dynamic_group_do_not_come_or_go_by_hand(contoso):
    group, laptop = await contoso.device_group("All", ALL_DEVICES), await contoso.device("PF0001")
    for change in (add_member, remove_member):
        with pytest.raises(Conflict) as refusal:
            await contoso.write(change, group.id, MemberKind.DEVICE, laptop.id)
        assert refusal.value.code == "DynamicGroupMembership"
    assert await contoso.devices_in(group) == ["PF0001"]


async def test_the_groups_of_a_member(contoso):
    first, second = await contoso.group("b"), await contoso.group("A")
    lee, kim = await contoso.user("Lee"), await contoso.user("Kim")
    for group in (first, second):
        await contoso.write(add_member, group.id, MemberKind.USER, lee.id)
    assert [group.name for group in await contoso.read(groups_of, MemberKind.USER, lee.id)] == ["A", "b"]
    assert await contoso.read(group_ids_of, MemberKind.USER, [kim.id, lee.id]) == {
        lee.id: (first.id, second.id),
        kim.id: (),
    }
    assert await contoso.read(group_ids_of, MemberKind.DEVICE, [lee.id]) == {lee.id: ()}


async def test_members_page_by_name(contoso):
    group = await contoso.group("X")
    keys = [(await contoso.user(name)).id for name in ["Zoe", "adam", "Bea"]]
    await contoso.write(add_members, group.id, MemberKind.USER, keys)
    first = await contoso.read(members, group.id, MemberKind.USER, limit=2)
    rest = await contoso.read(members, group.id, MemberKind.USER, limit=2, after=first.next)
    assert [member.display_name for member in [*first.items, *rest.items]] == ["adam", "Bea", "Zoe"]
    with pytest.raises(NotFound):
        await contoso.read(members, 7, MemberKind.USER)


async def test_groups_page_by_name_and_are_searched(contoso):
    for name in ["Zulu", "alpha", "Beta"]:
        await contoso.group(name)
    first = await contoso.read(list_groups, limit=2)
    assert [group.name for group in first.items] == ["alpha", "Beta"]
    assert [group.name for group in (await contoso.read(list_groups, after=first.next)).items] == ["Zulu"]
    assert [group.name for group in (await contoso.read(list_groups, search="BET")).items] == ["Beta"]


async def test_a_deleted_group_is_announced_with_whoever_was_in_it(contoso, heard):
    group = await contoso.group("X")
    lee, laptop = await contoso.user("Lee"), await contoso.device("PF0001")
    await contoso.write(add_member, group.id, MemberKind.USER, lee.id)
    await contoso.write(add_member, group.id, MemberKind.DEVICE, laptop.id)
    heard.take()
    await contoso.write(delete_group, group.id)
    assert heard.take() == {
        GROUPS_REMOVED: {group.id},
        USER_MEMBERSHIP_CHANGED: {lee.id},
        DEVICE_MEMBERSHIP_CHANGED: {laptop.id},
    }
    assert await contoso.read(groups_of, MemberKind.USER, lee.id) == ()
    assert await contoso.events("group.deleted") == [{"name": "X", "members": 2}]


async def test_a_group_that_the_directory_refers_to_is_not_deleted(contoso):
    group = await contoso.group("Pilots")
    rule = f"user.memberOf -any (group.objectId -in ['{group.uuid}'])"
    naming = await contoso.user_group("Followers", rule)
    await contoso.write(select_for_join, [], [group.id])
    await contoso.write(set_mdm_scope, MdmScope.SOME, [group.id])
    with pytest.raises(Conflict, match="Followers") as refusal:
        await contoso.write(delete_group, group.id)
    assert refusal.value.code == "GroupInUse"
    assert [detail.where for detail in refusal.value.details] == ["Followers", "join", "mdm"]
    await contoso.write(update_group, naming.id, rule=f'user.displayName -eq "{group.uuid}"')
    await contoso.write(select_for_join, [], [])
    await contoso.write(set_mdm_scope, MdmScope.ALL)
    await contoso.write(delete_group, group.id)
