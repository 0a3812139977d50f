"""Who may join and who enrols, from the settings and groups on record (spec/autopilot.md 12, items 1-5,
7-11).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseal.directory.devices import update_device
from reseal.directory.joining import (
    add_mdm_scope_group,
    join_selection,
    may_enroll,
    may_join,
    mdm_scope_groups,
    remove_mdm_scope_group,
    select_for_join,
    set_mdm_scope,
)
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind, TrustType
from reseal.directory.model_joining import EnrollCause, JoinReason
from reseal.directory.model_settings import JoinAllowed, MdmScope
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.directory.users import update_user
from reseal.kernel.errors import Invalid, NotFound

ALL_USERS = "user.objectId -ne null"
ALL_DEVICES = "device.objectId -ne null"


async def allow(contoso, allowed: JoinAllowed, quota: int | None = 50) -> None:
    settings = (await contoso.database.read(tenant_by_id, contoso.tenant.id)).settings
    await contoso.write(update_settings, replace(settings, join_allowed=allowed, user_device_quota=quota))


async def scope_of(contoso) -> MdmScope:
    return (await contoso.database.read(tenant_by_id, contoso.tenant.id)).settings.mdm_scope


async def test_every_setting_counts_from_the_next_join_on(contoso):
    lee = await contoso.user("Lee")
    assert (await contoso.read(may_join, lee.id)).allowed
    await allow(contoso, JoinAllowed.NONE)
    assert (await contoso.read(may_join, lee.id)).reason is JoinReason.NOBODY
    await allow(contoso, JoinAllowed.SELECTED)
    refused = await contoso.read(may_join, lee.id)
    assert (refused.reason, refused.code) == (JoinReason.NOT_SELECTED, "801c0003")
    await contoso.write(select_for_join, [lee.id], [])
    assert (await contoso.read(may_join, lee.id)).allowed


async def test_a_group_may_be_selected_assigned_or_dynamic(contoso):
    await allow(contoso, JoinAllowed.SELECTED)
    by_hand, sales = (
        await contoso.group("Hand"),
        await contoso.user_group("Sales", "user.department -eq Sales"),
    )
    lee = await contoso.user("Lee", attributes={"department": "Sales"})
    kim = await contoso.user("Kim")
    await contoso.write(add_member, by_hand.id, MemberKind.USER, kim.id)
    await contoso.write(select_for_join, [], [by_hand.id])
    assert [(await contoso.read(may_join, user.id)).allowed for user in (lee, kim)] == [False, True]
    await contoso.write(select_for_join, [], [sales.id])
    assert [(await contoso.read(may_join, user.id)).allowed for user in (lee, kim)] == [True, False]


async def test_the_selection_is_shown_by_name(contoso):
    lee, kim, group = await contoso.user("Lee"), await contoso.user("Kim"), await contoso.group("Hand")
    await contoso.write(select_for_join, [lee.id, kim.id, lee.id], [group.id])
    selection = await contoso.read(join_selection)
    assert [user.display_name for user in selection.users] == ["Kim", "Lee"]
    assert [chosen.name for chosen in selection.groups] == ["Hand"]
    assert await contoso.events("tenant.join_selection_changed") == [
        {"users": ["lee@contoso.test", "kim@contoso.test"], "groups": ["Hand"]}
    ]


async def test_a_group_of_devices_cannot_be_selected(contoso):
    dynamic, mixed = await contoso.device_group("All", ALL_DEVICES), await contoso.group("Mixed")
    await contoso.write(add_member, mixed.id, MemberKind.DEVICE, (await contoso.device("A")).id)
    for group in (dynamic, mixed):
        for attempt in [
            contoso.write(select_for_join, [], [group.id]),
            contoso.write(set_mdm_scope, MdmScope.SOME, [group.id]),
        ]:
            with pytest.raises(Invalid) as refusal:
                await attempt
            assert refusal.value.code == "NotAGroupOfUsers"


async def test_the_quota_counts_what_is_joined_and_raising_it_cures(contoso):
    lee = await contoso.user("Lee")
    await allow(contoso, JoinAllowed.ALL, quota=2)
    for name in ("A", "B"):
        laptop = await contoso.device(name)
        await contoso.write(update_device, laptop.id, owner_user_id=lee.id, trust_type=TrustType.AZURE_AD)
    refused = await contoso.read(may_join, lee.id)
    assert (refused.reason, refused.code) == (JoinReason.QUOTA, "801c0003")
    assert "2 of 2" in refused.message
    await allow(contoso, JoinAllowed.ALL, quota=3)
    assert (await contoso.read(may_join, lee.id)).allowed


async def test_a_disabled_user_joins_nothing(contoso):
    lee = await contoso.user("Lee", enabled=False)
    assert (await contoso.read(may_join, lee.id)).reason is JoinReason.DISABLED


async def test_scope_none_some_all(contoso):
    lee, kim, pilots = await contoso.user("Lee"), await contoso.user("Kim"), await contoso.group("Pilots")
    await contoso.write(add_member, pilots.id, MemberKind.USER, lee.id)

    async def causes() -> list[EnrollCause]:
        return [(await contoso.read(may_enroll, who)).cause for who in (lee.id, kim.id, None)]

    scope, allowed = EnrollCause.SCOPE, EnrollCause.ALLOWED
    assert await causes() == [scope, scope, scope]
    await contoso.write(set_mdm_scope, MdmScope.SOME, [pilots.id])
    assert await causes() == [allowed, scope, allowed]
    await contoso.write(set_mdm_scope, MdmScope.ALL)
    assert await causes() == [allowed, allowed, allowed]
    await contoso.write(update_user, kim.id, licensed=False)
    assert await causes() == [allowed, EnrollCause.LICENCE, allowed]


async def test_adding_a_group_to_the_scope_makes_it_some_and_all_forgets_the_groups(contoso):
    pilots, sales = await contoso.group("Pilots"), await contoso.user_group("Sales", ALL_USERS)
    await contoso.write(add_mdm_scope_group, pilots.id)
    await contoso.write(add_mdm_scope_group, sales.id)
    assert await scope_of(contoso) is MdmScope.SOME
    assert [group.name for group in await contoso.read(mdm_scope_groups)] == ["Pilots", "Sales"]
    await contoso.write(remove_mdm_scope_group, pilots.id)
    assert [group.name for group in await contoso.read(mdm_scope_groups)] == ["Sales"]
    with pytest.raises(NotFound) as refusal:
        await contoso.write(remove_mdm_scope_group, pilots.id)
    assert refusal.value.code == "NotInMdmScope"
    await contoso.write(set_mdm_scope, MdmScope.ALL)
    assert await contoso.read(mdm_scope_groups) == ()
    assert await contoso.events("tenant.mdm_scope_changed") == [
        {"groups": {"from": [], "to": ["Pilots"]}},
        {"groups": {"from": ["Pilots"], "to": ["Pilots", "Sales"]}},
        {"groups": {"from": ["Pilots", "Sales"], "to": ["Sales"]}},
        {"groups": {"from": ["Sales"], "to": []}},
    ]


async def test_unknown_users_and_groups_are_not_found(contoso):
    for attempt in [
        contoso.read(may_join, 7),
        contoso.read(may_enroll, 7),
        contoso.write(select_for_join, [7], []),
        contoso.write(select_for_join, [], [7]),
        contoso.write(set_mdm_scope, MdmScope.SOME, [7]),
    ]:
        with pytest.raises(NotFound):
            await attempt
