"""What a group may hold, and what its kind of membership asks of it (`spec/autopilot.md 3.2`)."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from reseal.kernel.errors import Conflict, Invalid


class MemberKind(StrEnum):
    """What can be a member of a group; a group never holds a group."""

    USER = "user"
    DEVICE = "device"


class Membership(StrEnum):
    """How members come into a group: by hand, or by a rule over users or over devices, never both."""

    ASSIGNED = "assigned"
    DYNAMIC_USER = "dynamicUser"
    DYNAMIC_DEVICE = "dynamicDevice"

    @property
    def is_dynamic(self) -> bool:
        """Whether a rule decides about the members."""
        return self is not Membership.ASSIGNED

    @property
    def kinds(self) -> tuple[MemberKind, ...]:
        """Which members such a group may hold."""
        match self:
            case Membership.ASSIGNED:
                return (MemberKind.USER, MemberKind.DEVICE)
            case Membership.DYNAMIC_USER:
                return (MemberKind.USER,)
            case Membership.DYNAMIC_DEVICE:
                return (MemberKind.DEVICE,)
        assert_never(self)


class Processing(StrEnum):
    """Whether a dynamic group follows its rule at present; a paused one keeps the members it has."""

    ON = "on"
    PAUSED = "paused"


def require_rule(membership: Membership, rule: str | None) -> None:
    """Raise `Invalid` unless a dynamic group has a rule and an assigned one has none."""
    if membership.is_dynamic and not (rule and rule.strip()):
        raise Invalid(
            code="RuleMissing",
            message=f"A group with membership {membership} needs a membership rule.",
            remedy='Give a rule, such as (device.devicePhysicalIds -any (_ -startsWith "[ZTDID]")), '
            "or make it an assigned group.",
        )
    if not membership.is_dynamic and rule is not None:
        raise Invalid(
            code="RuleNotAllowed",
            message="An assigned group has no membership rule.",
            remedy="Leave the rule out, or create a group with membership dynamicUser or dynamicDevice.",
        )


def require_by_hand(membership: Membership, name: str) -> None:
    """Raise `Conflict` if members of the group `name` come by its rule (`spec/autopilot.md 12`, item 58)."""
    if membership.is_dynamic:
        raise Conflict(
            code="DynamicGroupMembership",
            message=f"Members of the dynamic group {name} cannot be added or removed by hand.",
            remedy="Change the group's rule, or the attributes that it reads.",
        )


def require_group_of_users(membership: Membership, name: str, *, holds_devices: bool, where: str) -> None:
    """Raise `Invalid` unless the group `name` may stand in a setting about users, called `where` in the
    error.

    `spec/autopilot.md 1.1`: groups must contain users, not devices (item 11).
    """
    if holds_devices or MemberKind.USER not in membership.kinds:
        raise Invalid(
            code="NotAGroupOfUsers",
            message=f"The group {name} holds devices; {where} takes users and groups of users.",
            remedy="Choose a group of users.",
        )


def require_room(dynamic_groups: int, limit: int) -> None:
    """Raise `Conflict` if the organisation has all the dynamic groups that its settings allow."""
    if dynamic_groups >= limit:
        raise Conflict(
            code="TooManyDynamicGroups",
            message=f"The organisation has {dynamic_groups} dynamic groups; {limit} are allowed.",
            remedy="Delete one, or raise the limit in the organisation's settings.",
        )
