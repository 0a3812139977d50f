"""Reading what a document says of users, groups and filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from reseal.blueprint.document import FilterEntry, GroupEntry, UserEntry
from reseal.blueprint.parsing.common import description_of, entries_of, name_of
from reseal.blueprint.placeholders import fill
from reseal.blueprint.reading import Cursor, Fields
from reseal.directory.model import Attributes, AttributeValue, Membership, Role
from reseal.directory.model_attributes import merge_user_attributes
from reseal.directory.model_names import user_principal_name
from reseal.directory.rules import DEVICE, FILTER, USER, RuleError, compile_rule
from reseal.directory.rules.schema import Kind

BOOTSTRAP = "admin"
"""How documents call the first administrator of their tenant, who is no part of them."""

_OWN_FIELDS = ("upn", "displayName", "accountEnabled", "licensed", "manager", "roles")
_ELSEWHERE = frozenset({"accountEnabled", "displayName", "objectId", "userPrincipalName"})
_ATTRIBUTES = tuple(
    found.name
    for found in USER.properties.values()
    if found.kind is not Kind.GROUPS and found.name not in _ELSEWHERE
)
_NOBODY = str(UUID(int=0))
"""Stands for the object ids that a rule's placeholders will have."""


def users(sections: Fields) -> tuple[UserEntry, ...]:
    """The section `users`."""
    return entries_of(sections, "users", _user, lambda entry: entry.upn)


def groups(sections: Fields) -> tuple[GroupEntry, ...]:
    """The section `groups`."""
    return entries_of(sections, "groups", _group, lambda entry: entry.name)


def filters(sections: Fields) -> tuple[FilterEntry, ...]:
    """The section `filters`."""
    return entries_of(sections, "filters", _filter, lambda entry: entry.name)


def _user(cursor: Cursor) -> UserEntry:
    written = cursor.value if isinstance(cursor.value, Mapping) else {}
    extensions = tuple(name for name in written if name.startswith("extension_"))
    values = cursor.fields((*_OWN_FIELDS, *_ATTRIBUTES, *extensions))
    entry = UserEntry(
        path=cursor.path,
        upn=values.text("upn"),
        display_name=name_of(values, "displayName", "user"),
        enabled=values.read("accountEnabled", bool, True),
        licensed=values.read("licensed", bool, True),
        manager=values.read_or_none("manager", str),
        roles=tuple(item.convert(Role, Role.GLOBAL_READER) for item in values.each("roles")),
        attributes=_attributes(values, (*_ATTRIBUTES, *extensions)),
    )
    if entry.upn:
        _check_upn(values["upn"], entry.upn)
    return entry


def _check_upn(cursor: Cursor, upn: str) -> None:
    if upn.casefold() == BOOTSTRAP:
        cursor.problem(
            "The first administrator belongs to the tenant, not to its description.",
            "Leave the entry out, or give the user another name.",
        )
    with cursor.collecting():
        user_principal_name(upn if "@" in upn else f"{upn}@domain.example")


def _attributes(values: Fields, names: tuple[str, ...]) -> Attributes:
    given = {name: values[name].value for name in names if name in values}
    merged: dict[str, AttributeValue] = {}
    with values.cursor.collecting():
        merged |= merge_user_attributes({}, given)
    return merged


def _group(cursor: Cursor) -> GroupEntry:
    values = cursor.fields(("name", "description", "rule", "members", "paused"))
    rule = values.read_or_none("rule", str)
    members = values.texts("members")
    paused = values.read("paused", bool, False)
    if rule is not None and members is not None:
        values["members"].problem(
            "The rule decides about the members of this group.", "Keep the rule or the members."
        )
    if paused and rule is None:
        values["paused"].problem("There is no rule to pause.", "Leave it out.")
    return GroupEntry(
        path=cursor.path,
        name=name_of(values, "name", "group"),
        description=description_of(values, "group"),
        membership=Membership.ASSIGNED if rule is None else _membership(values["rule"], rule),
        rule=None if rule is None else rule.strip(),
        members=members,
        paused=paused,
    )


def _membership(cursor: Cursor, rule: str) -> Membership:
    """Whether a rule is about users or devices; one that fits neither is a problem of the likelier one."""
    text = fill(rule.strip(), lambda *_: _NOBODY)
    kinds = [(USER, Membership.DYNAMIC_USER), (DEVICE, Membership.DYNAMIC_DEVICE)]
    if re.search(r"\bdevice\.", text, re.IGNORECASE):
        kinds.reverse()
    refused: list[RuleError] = []
    for schema, membership in kinds:
        try:
            compile_rule(text, schema)
        except RuleError as error:
            refused.append(error)
        else:
            return membership
    cursor.problem(refused[0].message, refused[0].remedy, refused[0].code)
    return kinds[0][1]


def _filter(cursor: Cursor) -> FilterEntry:
    values = cursor.fields(("name", "description", "rule"))
    rule = values.text("rule").strip()
    if rule:
        with values["rule"].collecting():
            compile_rule(rule, FILTER)
    return FilterEntry(
        path=cursor.path,
        name=name_of(values, "name", "filter"),
        description=description_of(values, "filter"),
        rule=rule,
    )
