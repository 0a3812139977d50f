"""What a group may hold, and what its kind of membership asks of it (spec/autopilot.md 3.2)."""

from __future__ import annotations

import pytest

from reseal.directory.model_groups import (
    MemberKind,
    Membership,
    require_by_hand,
    require_group_of_users,
    require_room,
    require_rule,
)
from reseal.kernel.errors import Conflict, Invalid, ResealError

DYNAMIC = [Membership.DYNAMIC_USER, Membership.DYNAMIC_DEVICE]


def code_of(kind: type[ResealError], check, *args, **kwargs) -> str:
    with pytest.raises(kind) as refusal:
        check(*args, **kwargs)
    assert refusal.value.remedy
    return refusal.value.code


def test_an_assigned_group_holds_users_and_devices_and_follows_no_rule():
    assert Membership.ASSIGNED.kinds == (MemberKind.USER, MemberKind.DEVICE)
    assert not Membership.ASSIGNED.is_dynamic


def test_a_dynamic_group_holds_users_or_devices():
    assert Membership.DYNAMIC_USER.kinds == (MemberKind.USER,)
    assert Membership.DYNAMIC_DEVICE.kinds == (MemberKind.DEVICE,)
    assert all(membership.is_dynamic for membership in DYNAMIC)


@pytest.mark.parametrize("membership", DYNAMIC)
@pytest.mark.parametrize("rule", [None, "", "  "])
def test_a_dynamic_group_needs_a_rule(membership, rule):
    assert code_of(Invalid, require_rule, membership, rule) == "RuleMissing"
    require_rule(membership, "device.objectId -ne null")


@pytest.mark.parametrize("rule", ["device.objectId -ne null", ""])
def test_an_assigned_group_has_no_rule(rule):
    assert code_of(Invalid, require_rule, Membership.ASSIGNED, rule) == "RuleNotAllowed"
    require_rule(Membership.ASSIGNED, None)


@pytest.mark.parametrize("membership", DYNAMIC)
def test_members_of_a_dynamic_group_do_not_come_by_hand(membership):
    assert code_of(Conflict, require_by_hand, membership, "Sales") == "DynamicGroupMembership"


def test_members_of_an_assigned_group_come_by_hand():
    require_by_hand(Membership.ASSIGNED, "Sales")


@pytest.mark.parametrize("membership", [Membership.ASSIGNED, Membership.DYNAMIC_USER])
def test_groups_of_users_may_stand_in_settings_about_users(membership):
    require_group_of_users(membership, "Sales", holds_devices=False, where="the MDM user scope")


def test_a_group_of_devices_may_not():
    check = require_group_of_users
    told = {"where": "the MDM user scope"}
    assert (
        code_of(Invalid, check, Membership.DYNAMIC_DEVICE, "X", holds_devices=False, **told)
        == "NotAGroupOfUsers"
    )
    assert code_of(Invalid, check, Membership.ASSIGNED, "X", holds_devices=True, **told) == "NotAGroupOfUsers"


def test_one_dynamic_group_more_than_the_limit_is_refused_with_the_numbers():
    require_room(14_999, 15_000)
    with pytest.raises(Conflict, match="has 15000 dynamic groups; 15000 are allowed") as refusal:
        require_room(15_000, 15_000)
    assert refusal.value.code == "TooManyDynamicGroups"
