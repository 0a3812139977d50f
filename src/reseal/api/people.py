"""Users and groups: lists, membership by hand, and questions (may this user join; does this rule match)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response

from reseal.api.parts import Declare, Parts, page_answer, page_asked
from reseal.directory.devices import device_by_uuid
from reseal.directory.groups import group_by_uuid, list_groups
from reseal.directory.joining import may_enroll, may_join
from reseal.directory.members import add_member, count_members, members, remove_member
from reseal.directory.membership import check_rule
from reseal.directory.model import Group, Member, MemberKind, User
from reseal.directory.paging import Page, PageKey
from reseal.directory.rules import Explanation
from reseal.directory.users import find_user, list_users, user_by_uuid
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid, NotFound
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json, nothing
from reseal.web.calls import Call
from reseal.web.routes import Route


class MemberRef(msgspec.Struct, forbid_unknown_fields=True):
    """A member by its object id: exactly one of the two."""

    user: UUID | None = None
    device: UUID | None = None


class RuleQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """A rule's text, and the user (by UPN or id) or device (by id) to try it on."""

    rule: str
    upn: str | None = None
    user: UUID | None = None
    device: UUID | None = None


def people_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of users and groups."""
    return (
        declare("GET", "/users", _users, "User.Read.All"),
        declare("GET", "/users/{upn}/may-join", _may_join, "User.Read.All"),
        declare("GET", "/users/{upn}/may-enroll", _may_enroll, "User.Read.All"),
        declare("GET", "/groups", _groups, "Group.Read.All"),
        declare("GET", "/groups/{id}", _group, "Group.Read.All"),
        declare("GET", "/groups/{id}/members", _members, "GroupMember.Read.All"),
        declare("POST", "/groups/{id}/members", _add_member, "GroupMember.ReadWrite.All"),
        declare(
            "DELETE", "/groups/{id}/members/{kind}/{member}", _remove_member, "GroupMember.ReadWrite.All"
        ),
        declare("POST", "/groups/check-rule", _check_rule, "Group.Read.All"),
    )


async def _users(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    found = await parts.db.read(
        list_users, call.caller.tenant, search=call.query("search"), after=after, limit=top
    )
    return page_answer(call, found, _user_shape)


def _user_shape(user: User) -> dict[str, Any]:
    return {
        "id": user.uuid,
        "userPrincipalName": user.upn,
        "displayName": user.display_name,
        "licensed": user.licensed,
        "accountEnabled": user.enabled,
        **user.attributes,
    }


async def _may_join(parts: Parts, call: Call) -> Response:
    return Json(await parts.db.read(_join_answer, call.caller.tenant, str(call.request.path_params["upn"])))


def _join_answer(tx: Tx, tenant: TenantKey, upn: str) -> dict[str, Any]:
    decision = may_join(tx, tenant, _named(tx, tenant, upn).id)
    return _decision(decision.allowed, decision.code, decision.message, decision.remedy)


async def _may_enroll(parts: Parts, call: Call) -> Response:
    return Json(await parts.db.read(_enroll_answer, call.caller.tenant, str(call.request.path_params["upn"])))


def _enroll_answer(tx: Tx, tenant: TenantKey, upn: str) -> dict[str, Any]:
    decision = may_enroll(tx, tenant, _named(tx, tenant, upn).id)
    return {
        **_decision(decision.allowed, decision.code, decision.message, decision.remedy),
        "cause": decision.cause,
        "deviceCode": decision.device_code,
    }


def _decision(allowed: bool, code: str, message: str, remedy: str) -> dict[str, Any]:
    return {"allowed": allowed, "code": code, "message": message, "remedy": remedy}


def _named(tx: Tx, tenant: TenantKey, upn: str) -> User:
    user = find_user(tx, tenant, upn)
    if user is None:
        raise NotFound(
            code="UserNotFound",
            message=f"There is no user {upn}.",
            remedy="Check the user principal name.",
        )
    return user


# --- groups -------------------------------------------------------------------------------------------------


async def _groups(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    found = await parts.db.read(
        list_groups, call.caller.tenant, search=call.query("search"), after=after, limit=top
    )
    return page_answer(call, found, _group_shape)


def _group_shape(group: Group) -> dict[str, Any]:
    return {
        "id": group.uuid,
        "displayName": group.name,
        "description": group.description,
        "membership": group.membership,
        "membershipRule": group.rule,
        "membershipRuleProcessingState": group.processing,
        "ruleUpdatedDateTime": group.rule_updated_at,
        "membersChangedDateTime": group.members_changed_at,
    }


async def _group(parts: Parts, call: Call) -> Response:
    return Json(await parts.db.read(_group_answer, call.caller.tenant, call.uuid("id")))


def _group_answer(tx: Tx, tenant: TenantKey, uuid: UUID) -> dict[str, Any]:
    group = group_by_uuid(tx, tenant, uuid)
    counted = count_members(tx, tenant, group.id)
    return {
        **_group_shape(group),
        "userCount": counted[MemberKind.USER],
        "deviceCount": counted[MemberKind.DEVICE],
    }


async def _members(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    kind = _kind(call.query("kind", MemberKind.DEVICE.value))
    found = await parts.db.read(_members_page, call.caller.tenant, call.uuid("id"), kind, after, top)
    return page_answer(call, found, _member_shape)


def _members_page(
    tx: Tx, tenant: TenantKey, uuid: UUID, kind: MemberKind, after: PageKey | None, top: int
) -> Page[Member]:
    return members(tx, tenant, group_by_uuid(tx, tenant, uuid).id, kind, after=after, limit=top)


def _member_shape(member: Member) -> dict[str, Any]:
    return {"kind": member.kind, "id": member.uuid, "displayName": member.display_name}


async def _add_member(parts: Parts, call: Call) -> Response:
    reference = await call.json(MemberRef)
    tenant, actor = call.caller.tenant, call.caller.name
    await parts.db.write(_add, tenant, call.uuid("id"), reference, actor, causes=tenant)
    return nothing()


def _add(tx: Tx, tenant: TenantKey, group: UUID, reference: MemberRef, actor: str) -> None:
    kind, member = _member(tx, tenant, reference.user, reference.device)
    add_member(tx, tenant, group_by_uuid(tx, tenant, group).id, kind, member, actor=actor)


async def _remove_member(parts: Parts, call: Call) -> Response:
    kind = _kind(str(call.request.path_params["kind"]))
    tenant, actor = call.caller.tenant, call.caller.name
    await parts.db.write(_remove, tenant, call.uuid("id"), kind, call.uuid("member"), actor, causes=tenant)
    return nothing()


def _remove(tx: Tx, tenant: TenantKey, group: UUID, kind: MemberKind, member: UUID, actor: str) -> None:
    is_user = kind is MemberKind.USER
    _, key = _member(tx, tenant, member if is_user else None, None if is_user else member)
    remove_member(tx, tenant, group_by_uuid(tx, tenant, group).id, kind, key, actor=actor)


async def _check_rule(parts: Parts, call: Call) -> Response:
    question = await call.json(RuleQuestion)
    return Json(await parts.db.read(_try_rule, call.caller.tenant, question))


def _try_rule(tx: Tx, tenant: TenantKey, question: RuleQuestion) -> Explanation:
    user = _named(tx, tenant, question.upn).uuid if question.upn else question.user
    kind, member = _member(tx, tenant, user, question.device)
    return check_rule(tx, tenant, question.rule, kind, member)


def _member(tx: Tx, tenant: TenantKey, user: UUID | None, device: UUID | None) -> tuple[MemberKind, int]:
    match user, device:
        case UUID(), None:
            return MemberKind.USER, user_by_uuid(tx, tenant, user).id
        case None, UUID():
            return MemberKind.DEVICE, device_by_uuid(tx, tenant, device).id
    raise Invalid(
        code="WhichMember",
        message="It must be said which user or which device is meant.",
        remedy="Give exactly one: the id of a user or the id of a device.",
    )


def _kind(text: str) -> MemberKind:
    try:
        return MemberKind(text)
    except ValueError:
        raise Invalid(
            code="BadKind", message=f"{text!r} is not a kind of member.", remedy="Kinds are user and device."
        ) from None
