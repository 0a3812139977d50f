"""Why an item is effective for a device, or why not: the reasons in order, each as a sentence and as data.

The decision is `model.decide` over the device's stored signature, so that the chain explains what is in
force and not what ought to be. Around each of its steps stands what the step rests on: the clause of a
group's rule with the value that was compared, or the hand that added the member; the clause of a filter; the
exclusion, or the stronger intent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import sqlalchemy as sa

from reseal.assignment import clauses
from reseal.assignment.filters import Filter, filters_by_id
from reseal.assignment.model import (
    Decision,
    Entry,
    FilterMode,
    Intent,
    ItemKind,
    ItemRef,
    Mode,
    Outcome,
    Scope,
    Signature,
    Step,
    Target,
    TargetKind,
    Via,
    decide,
)
from reseal.assignment.tables import device_effective, effective_set, signature_of
from reseal.assignment.targets import targets_of
from reseal.directory.devices import device_by_id
from reseal.directory.groups import groups_by_id
from reseal.directory.model import Group, MemberKind, Processing
from reseal.directory.rule_objects import rule_objects
from reseal.directory.rules import DEVICE, FILTER, USER, Explanation, RuleObject, compile_rule
from reseal.directory.users import user_by_id
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue
from reseal.kernel.ids import TenantKey

ITEM_NAMES = {
    ItemKind.PROFILE: "deployment profile",
    ItemKind.ESP: "Enrollment Status Page profile",
    ItemKind.POLICY: "policy",
    ItemKind.CERTIFICATE: "certificate",
    ItemKind.WIFI: "Wi-Fi profile",
    ItemKind.APP: "app",
}
"""What sentences call an item."""

_MEMBERS = {Scope.DEVICE: MemberKind.DEVICE, Scope.USER: MemberKind.USER}
_SCHEMAS = {Scope.DEVICE: DEVICE, Scope.USER: USER}
_IS = {
    Intent.REQUIRED: "is required",
    Intent.AVAILABLE: "is available",
    Intent.UNINSTALL: "is to be uninstalled",
}


class Reason(StrEnum):
    """What a step of the chain is about."""

    TARGET = "target"
    MEMBERSHIP = "membership"
    FILTER = "filter"
    EXCLUSION = "exclusion"
    INTENT = "intent"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class WhyStep:
    """One reason: a sentence for people, and the same as data, with public ids, for programs."""

    reason: Reason
    sentence: str
    data: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class WhyChain:
    """The reasons in the order in which they were weighed; the last one is the result."""

    device: int
    item: ItemRef
    entries: tuple[Entry, ...]
    steps: tuple[WhyStep, ...]

    @property
    def is_assigned(self) -> bool:
        """Whether the item is effective for the device."""
        return bool(self.entries)


@dataclass(frozen=True, slots=True)
class _Case:
    """One device and one item: the decision, and everything that its sentences name.

    `who` and `objects` have no user scope if no user is assigned.
    """

    item: ItemRef
    device_name: str
    signature: Signature
    decision: Decision
    who: Mapping[Scope, str]
    objects: Mapping[Scope, RuleObject]
    groups: Mapping[int, Group]
    filters: Mapping[int, Filter]


def why(tx: Tx, tenant: TenantKey, device: int, item: ItemRef) -> WhyChain:
    """The chain of reasons for a directory device and an item; raises `NotFound` for an unknown device."""
    case = _load(tx, tenant, device, item)
    targets = dict.fromkeys(step.target for step in case.decision.steps)
    steps = [step for target in targets for step in _about(case, target)]
    return WhyChain(device, item, case.decision.entries, (*steps, _result(case)))


def _load(tx: Tx, tenant: TenantKey, device: int, item: ItemRef) -> _Case:
    device_name = device_by_id(tx, tenant, device).display_name
    user, signature = _state(tx, tenant, device)
    targets = targets_of(tx, tenant, item)
    who = {Scope.DEVICE: f"device {device_name}"}
    objects = {Scope.DEVICE: rule_objects(tx, tenant, MemberKind.DEVICE, [device])[device]}
    if user is not None:
        who[Scope.USER] = f"assigned user {user_by_id(tx, tenant, user).upn}"
        objects[Scope.USER] = rule_objects(tx, tenant, MemberKind.USER, [user])[user]
    return _Case(
        item=item,
        device_name=device_name,
        signature=signature,
        decision=decide(targets, signature),
        who=who,
        objects=objects,
        groups=groups_by_id(tx, tenant, {each.group for each in targets if each.group is not None}),
        filters=filters_by_id(tx, tenant, {each.filter for each in targets if each.filter is not None}),
    )


def _state(tx: Tx, tenant: TenantKey, device: int) -> tuple[int | None, Signature]:
    """The device's assigned user and its signature, as they are in force."""
    same_set = sa.and_(
        effective_set.c.tenant_id == device_effective.c.tenant_id,
        effective_set.c.id == device_effective.c.set_id,
    )
    row = tx.row(
        sa.select(device_effective.c.user_id, effective_set.c.content)
        .join_from(device_effective, effective_set, same_set)
        .where(device_effective.c.tenant_id == tenant, device_effective.c.device_id == device)
    )
    return (None, Signature.of()) if row is None else (row.user_id, signature_of(row.content))


# --- one target -----------------------------------------------------------------------------------


def _about(case: _Case, target: Target) -> Iterator[WhyStep]:
    yield _aim(case, target)
    steps = [step for step in case.decision.steps if step.target == target]
    reached = [step for step in steps if step.outcome is not Outcome.NOT_REACHED]
    for step in reached or steps:
        if step.scope not in case.who:
            yield _membership(step, "No user is assigned to the device.")
        elif target.group is not None:
            yield _member(case, step, case.groups[target.group])
    if reached and target.filter is not None:
        yield _filter(case, target, case.filters[target.filter])
    for step in reached:
        if step.because is not None:
            yield _removal(case, step, step.because)


def _aim(case: _Case, target: Target) -> WhyStep:
    called, name = _called(case, target), ITEM_NAMES[case.item.kind]
    if target.mode is Mode.EXCLUDE:
        sentence = f"The {name} is not for {called}."
    elif case.item.kind is ItemKind.APP:
        sentence = f"The {name} {_IS[target.intent]} for {called}."
    else:
        sentence = f"The {name} is assigned to {called}."
    return WhyStep(Reason.TARGET, sentence, _target_data(case, target))


def _called(case: _Case, target: Target) -> str:
    match target.kind:
        case TargetKind.GROUP:
            assert target.group is not None
            return f"the group {case.groups[target.group].name}"
        case TargetKind.ALL_DEVICES:
            return "all devices"
        case TargetKind.ALL_USERS:
            return "all users"
        case _:
            assert_never(target.kind)


def _member(case: _Case, step: Step, group: Group) -> WhyStep:
    """Whether the device, or its user, is in the group, and by what."""
    is_member = group.id in case.signature.groups_in(step.scope)
    opening = f"The {case.who[step.scope]} is {'' if is_member else 'not '}a member of {group.name}"
    explanation = _explain_membership(case, step.scope, group)
    if group.rule is None:
        by_hand = "it was added by hand" if is_member else "nobody has added it"
        return _membership(step, f"{opening}: {by_hand}.", byHand=True)
    if explanation is None:
        holds = " or ".join(f"{kind}s" for kind in group.membership.kinds)
        return _membership(step, f"{opening}: its rule is about {holds}.")
    if group.processing is Processing.PAUSED:
        return _membership(step, f"{opening}: its rule is paused, and members stay.", paused=True)
    if explanation.matched is not is_member:
        return _membership(step, f"{opening}: its rule reads the time, and a new day has to begin.")
    decided = clauses.decisive(explanation)
    return _membership(step, f"{opening}: {clauses.in_words(decided)}.", clauses=clauses.as_data(decided))


def _explain_membership(case: _Case, scope: Scope, group: Group) -> Explanation | None:
    """The group's rule, clause by clause; None if it has none, or one about other members."""
    if group.rule is None or _MEMBERS[scope] not in group.membership.kinds:
        return None
    return compile_rule(group.rule, _SCHEMAS[scope]).explain(case.objects[scope])


def _membership(step: Step, sentence: str, **data: JsonValue) -> WhyStep:
    reached = step.outcome is not Outcome.NOT_REACHED
    return WhyStep(Reason.MEMBERSHIP, sentence, {"scope": step.scope, "reached": reached, **data})


def _filter(case: _Case, target: Target, used: Filter) -> WhyStep:
    matched = used.id in case.signature.filters
    kept = matched is (target.filter_mode is FilterMode.INCLUDE)
    decided = clauses.decisive(compile_rule(used.rule, FILTER).explain(case.objects[Scope.DEVICE]))
    wanted = "match" if target.filter_mode is FilterMode.INCLUDE else "do not match"
    fate = "kept" if kept else "dropped"
    sentence = (
        f"Only devices that {wanted} the filter {used.name} are meant, and this one is {fate}: "
        f"{clauses.in_words(decided)}."
    )
    data: dict[str, JsonValue] = {"filter": str(used.uuid), "filterMode": target.filter_mode, "kept": kept}
    return WhyStep(Reason.FILTER, sentence, data | {"clauses": clauses.as_data(decided)})


def _removal(case: _Case, step: Step, because: Target) -> WhyStep:
    """What took the item away again after the target had reached the device or its user."""
    who = case.who[step.scope]
    data: dict[str, JsonValue] = {"scope": step.scope, "because": _target_data(case, because)}
    if step.outcome is Outcome.EXCLUDED:
        sentence = f"The {who} is in {_called(case, because)}, which is excluded; an exclusion always wins."
        return WhyStep(Reason.EXCLUSION, sentence, data)
    sentence = (
        f"This does not count for the {who}: for {_called(case, because)} "
        f"the {ITEM_NAMES[case.item.kind]} {_IS[because.intent]}, and {because.intent} is stronger."
    )
    return WhyStep(Reason.INTENT, sentence, data)


def _target_data(case: _Case, target: Target) -> dict[str, JsonValue]:
    data: dict[str, JsonValue] = {"mode": target.mode, "target": target.kind, "intent": target.intent}
    if target.group is not None:
        data |= {"group": str(case.groups[target.group].uuid)}
    return data


# --- the result -----------------------------------------------------------------------------------


def _result(case: _Case) -> WhyStep:
    entries = case.decision.entries
    data: list[JsonValue] = [
        {"scope": entry.scope, "intent": entry.intent, "via": entry.via} for entry in entries
    ]
    return WhyStep(Reason.RESULT, _result_sentence(case), {"assigned": bool(entries), "entries": data})


def _result_sentence(case: _Case) -> str:
    name, device = ITEM_NAMES[case.item.kind], case.device_name
    entries = case.decision.entries
    if not case.decision.steps:
        return f"The {name} is not assigned to anybody, so {device} does not get it."
    if not entries:
        return f"So {device} does not get the {name}."
    ways = " and ".join(f"{_FOR[entry.scope]} by {_BY[entry.via]}" for entry in entries)
    if case.item.kind is not ItemKind.APP:
        return f"So {device} gets the {name}: {ways}."
    return f"So on {device} the {name} {_IS[entries[0].intent]}: {ways}."


_FOR = {Scope.DEVICE: "for the device", Scope.USER: "for its assigned user"}
_BY = {Via.GROUP: "a group", Via.ALL: "the assignment to all"}
