"""Applying what a document says of users, groups and filters."""

from __future__ import annotations

from functools import partial

from reseal.assignment.service import create_filter, update_filter
from reseal.blueprint.applying.work import Work
from reseal.blueprint.document import FilterEntry, GroupEntry, UserEntry
from reseal.blueprint.names import shorten
from reseal.blueprint.placeholders import Named, fill
from reseal.blueprint.reading import located
from reseal.blueprint.views import (
    filter_view,
    group_view,
    present_filter,
    present_group,
    present_user,
    user_view,
)
from reseal.directory.groups import GroupChanges, create_group, update_group
from reseal.directory.members import add_members, remove_member
from reseal.directory.model import AttributeValue, Group, MemberKind, Membership, Processing, User
from reseal.directory.model_names import fold
from reseal.directory.roles import assign_role, remove_role
from reseal.directory.users import UserChanges, create_user, set_password_hash, update_user
from reseal.kernel.errors import Conflict, Invalid

_WORDS = {"displayName": "displayName"}
"""Of users, the document speaks as the services do."""


# --- users --------------------------------------------------------------------------------------------------


def apply_users(work: Work) -> None:
    """Make users what the document says; a manager who is made later is set at the end."""
    for entry in work.document.users:
        present = work.users.get(fold(work.names.upn(entry.upn)))
        work.step(
            "user",
            work.names.user(entry.upn),
            entry.path,
            None if present is None else present_user(present, work.present, work.names),
            user_view(
                shorten(entry.upn, work.names.domain),
                entry.display_name,
                enabled=entry.enabled,
                licensed=entry.licensed,
                manager=None if entry.manager is None else work.names.user(entry.manager),
                roles=entry.roles,
                attributes=entry.attributes,
            ),
            partial(_make_user, work, entry, present),
            words=_WORDS,
        )
    for entry in work.document.users:
        _set_late_manager(work, entry)


def _make_user(work: Work, entry: UserEntry, present: User | None) -> None:
    upn = work.names.upn(entry.upn)
    if present is None:
        user = create_user(
            work.tx,
            work.tenant,
            upn,
            entry.display_name,
            licensed=entry.licensed,
            enabled=entry.enabled,
            manager_id=_manager(work, entry),
            attributes=entry.attributes,
            actor=work.actor,
        )
        _set_password(work, user)
    else:
        user = update_user(
            work.tx, work.tenant, present.id, actor=work.actor, **_changes(work, entry, present)
        )
    work.users[fold(upn)] = user
    held = work.present.roles.get(user.id, ())
    for role in entry.roles:
        if role not in held:
            assign_role(work.tx, work.tenant, user.id, role, actor=work.actor)
    for role in held:
        if role not in entry.roles:
            remove_role(work.tx, work.tenant, user.id, role, actor=work.actor)


def _changes(work: Work, entry: UserEntry, present: User) -> UserChanges:
    gone: dict[str, AttributeValue | None] = {
        name: None for name in present.attributes if name not in entry.attributes
    }
    changes: UserChanges = {
        "display_name": entry.display_name,
        "enabled": entry.enabled,
        "licensed": entry.licensed,
        "manager_id": _manager(work, entry),
        "attributes": {**gone, **entry.attributes},
    }
    if shorten(entry.upn, work.names.domain) != shorten(present.upn, work.names.domain):
        changes["upn"] = work.names.upn(entry.upn)
    return changes


def _manager(work: Work, entry: UserEntry) -> int | None:
    """The manager's key; None if there is none, or none yet."""
    if entry.manager is None:
        return None
    manager = work.users.get(fold(work.names.upn(entry.manager)))
    return None if manager is None else manager.id


def _set_late_manager(work: Work, entry: UserEntry) -> None:
    user, manager = work.user(entry.upn), _manager(work, entry)
    if user.manager_id != manager:
        with located(entry.path):
            update_user(work.tx, work.tenant, user.id, manager_id=manager, actor=work.actor)
        work.touch("user", work.names.user(entry.upn))


def _set_password(work: Work, user: User) -> None:
    if work.password_hashes is None:
        return
    if user.upn not in work.password_hashes:
        raise Conflict(
            code="TenantChanged",
            message=f"{user.upn} has to be made anew, but was still there a moment ago.",
            remedy="Apply it again.",
        )
    set_password_hash(work.tx, work.tenant, user.id, work.password_hashes[user.upn], actor=work.actor)


# --- groups -------------------------------------------------------------------------------------------------


def apply_groups(work: Work) -> None:
    """Make groups what the document says; those whose rules ask for membership come last."""
    asks = [entry for entry in work.document.groups if _asks_for_membership(entry)]
    others = [entry for entry in work.document.groups if not _asks_for_membership(entry)]
    for entry in (*others, *asks):
        present = work.groups.get(fold(entry.name))
        before = None if present is None else present_group(present, work.present, work.names)
        members = _wanted_members(work, entry, present)
        work.step(
            "group",
            entry.name,
            entry.path,
            before,
            group_view(
                entry.name,
                entry.description,
                rule=None if entry.rule is None else work.names.rule(entry.rule),
                members=None if members is None else [work.names.user(upn) for upn in members],
                paused=entry.paused,
            ),
            partial(_make_group, work, entry, present),
        )


def _asks_for_membership(entry: GroupEntry) -> bool:
    return "memberof" in (entry.rule or "").casefold()


def _wanted_members(work: Work, entry: GroupEntry, present: Group | None) -> list[str] | None:
    """The UPNs of the users in an assigned group; those it has, unless the document says it."""
    if entry.membership.is_dynamic:
        return None
    if entry.members is not None:
        return list(entry.members)
    held = work.present.members.get(present.id, ()) if present else ()
    return [work.present.people[key].upn for key in held]


def _make_group(work: Work, entry: GroupEntry, present: Group | None) -> None:
    if present is not None:
        _require_same_membership(entry, present)
    # Names and descriptions were looked at before: what is refused now is the rule.
    with located(entry.path if entry.rule is None else f"{entry.path}.rule"):
        group = _new_group(work, entry) if present is None else _changed_group(work, entry, present)
    work.groups[fold(entry.name)] = group
    if entry.members is not None:
        with located(f"{entry.path}.members"):
            _set_members(work, group, {work.user(upn).id for upn in entry.members})


def _new_group(work: Work, entry: GroupEntry) -> Group:
    group = create_group(
        work.tx,
        work.tenant,
        entry.name,
        description=entry.description,
        membership=entry.membership,
        rule=_filled(work, entry.rule),
        actor=work.actor,
    )
    if entry.paused:
        return update_group(work.tx, work.tenant, group.id, processing=Processing.PAUSED, actor=work.actor)
    return group


def _changed_group(work: Work, entry: GroupEntry, present: Group) -> Group:
    changes: GroupChanges = {"name": entry.name, "description": entry.description}
    rule = _filled(work, entry.rule)
    if rule is not None and entry.rule is not None and present.rule is not None:
        if work.names.rule(entry.rule) != work.names.rule(present.rule):
            changes["rule"] = rule
        changes["processing"] = Processing.PAUSED if entry.paused else Processing.ON
    return update_group(work.tx, work.tenant, present.id, actor=work.actor, **changes)


def _filled(work: Work, rule: str | None) -> str | None:
    """A rule with the object ids of what it names."""
    return None if rule is None else fill(rule, lambda what, name: _object_id(work, what, name))


def _set_members(work: Work, group: Group, wanted: set[int]) -> None:
    held = work.present.members.get(group.id, frozenset())
    add_members(work.tx, work.tenant, group.id, MemberKind.USER, wanted - held, actor=work.actor)
    for key in sorted(held - wanted):
        remove_member(work.tx, work.tenant, group.id, MemberKind.USER, key, actor=work.actor)


def _object_id(work: Work, what: Named, name: str) -> str:
    if what is Named.USER:
        return str(work.user(name).uuid)
    group = work.groups.get(fold(name))
    if group is None:  # it is made later, so it is one of those that ask for membership themselves
        raise Invalid(
            code="NestedMemberOf",
            message=f"The rule names the group {name}, whose own rule uses memberOf.",
            remedy="Name the groups that its rule names instead.",
        )
    return str(group.uuid)


def _require_same_membership(entry: GroupEntry, present: Group) -> None:
    if entry.membership is not present.membership:
        words = {
            Membership.ASSIGNED: "an assigned group",
            Membership.DYNAMIC_USER: "a dynamic group of users",
            Membership.DYNAMIC_DEVICE: "a dynamic group of devices",
        }
        raise Invalid(
            code="OtherMembership",
            message=f"{present.name} is {words[present.membership]} and cannot become "
            f"{words[entry.membership]}.",
            remedy="Delete the group first, or choose another name.",
        )


# --- filters ------------------------------------------------------------------------------------------------


def apply_filters(work: Work) -> None:
    """Make assignment filters what the document says."""
    for entry in work.document.filters:
        present = work.filters.get(fold(entry.name))
        work.step(
            "filter",
            entry.name,
            entry.path,
            None if present is None else present_filter(present),
            filter_view(entry.name, entry.description, entry.rule),
            partial(_make_filter, work, entry),
        )


def _make_filter(work: Work, entry: FilterEntry) -> None:
    present = work.filters.get(fold(entry.name))
    if present is None:
        made = create_filter(
            work.tx,
            work.tenant,
            entry.name,
            entry.rule,
            description=entry.description,
            actor=work.actor,
        )
    else:
        made = update_filter(
            work.tx,
            work.tenant,
            present.id,
            name=entry.name,
            rule=entry.rule,
            description=entry.description,
            actor=work.actor,
        )
    work.filters[fold(entry.name)] = made
