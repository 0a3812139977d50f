"""Turns a checked condition into one closure, made once and called for every object.

Everything that can be decided once is decided here: operators become functions, values stand folded in their
cells. A predicate raises nothing, whatever an object holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import methodcaller
from typing import assert_never

from reseal.directory.rules.conditions import (
    ITEM,
    AllOf,
    AnyOf,
    Blank,
    Clause,
    Condition,
    Contains,
    Dated,
    EndsWith,
    Matches,
    NotOf,
    OneOf,
    OverItems,
    StartsWith,
)
from reseal.directory.rules.dates import parse_moment
from reseal.directory.rules.operators import Operator, Quantifier
from reseal.directory.rules.pattern import found_in
from reseal.directory.rules.values import View

Predicate = Callable[[View], bool]

_ZERO = timedelta()


def compile_condition(condition: Condition) -> Predicate:
    """The function that says whether the condition holds for an object."""
    match condition:
        case Clause():
            holds = _clause(condition)
            return _opposite(holds) if condition.negated else holds
        case OverItems():
            return _over_items(condition)
        case NotOf(part=part):
            return _opposite(compile_condition(part))
        case AllOf(parts=parts):
            return _all_of(tuple(compile_condition(part) for part in parts))
        case AnyOf(parts=parts):
            return _any_of(tuple(compile_condition(part) for part in parts))
        case _:
            assert_never(condition)


def _opposite(holds: Predicate) -> Predicate:
    return lambda view: not holds(view)


# Plain loops: a generator expression inside any() or all() would cost more than the test it runs.


def _all_of(parts: tuple[Predicate, ...]) -> Predicate:
    def holds(view: View) -> bool:
        for part in parts:  # noqa: SIM110
            if not part(view):
                return False
        return True

    return holds


def _any_of(parts: tuple[Predicate, ...]) -> Predicate:
    def holds(view: View) -> bool:
        for part in parts:  # noqa: SIM110
            if part(view):
                return True
        return False

    return holds


def _over_items(condition: OverItems) -> Predicate:
    attribute = condition.attribute
    if direct := _direct(condition):
        return _clause(direct)
    part = compile_condition(condition.condition)
    stops_at = condition.quantifier is Quantifier.ANY

    def holds(view: View) -> bool:
        for item in view.items(attribute):
            if part(item) is stops_at:
                return stops_at
        return not stops_at

    return holds


def _direct(condition: OverItems) -> Clause | None:
    """`-any (_ -eq "x")` asks what `-eq "x"` asks of the collection itself, without a view for each item."""
    match condition:
        case OverItems(
            quantifier=Quantifier.ANY, condition=Clause(attribute=name, test=test, negated=False)
        ) if name == ITEM and not isinstance(test, Blank):
            return Clause(condition.span, condition.attribute, test)
        case _:
            return None


def _clause(clause: Clause) -> Predicate:
    attribute = clause.attribute
    match clause.test:
        case Blank():
            return lambda view: not view.folded(attribute)
        case OneOf(texts=texts):
            return lambda view: not texts.isdisjoint(view.folded(attribute))
        case StartsWith(text=text):
            return _any_text(attribute, methodcaller("startswith", text))
        case EndsWith(text=text):
            return _any_text(attribute, methodcaller("endswith", text))
        case Contains(text=text):
            return _any_text(attribute, lambda value: text in value)
        case Matches(pattern=pattern):
            return lambda view: any(found_in(pattern, value) for value in view.texts(attribute))
        case Dated(relation=relation, start=start, shift=shift):
            return _dated(attribute, relation, start, shift)
        case _:
            assert_never(clause.test)


def _any_text(attribute: str, satisfies: Callable[[str], bool]) -> Predicate:
    def holds(view: View) -> bool:
        for value in view.folded(attribute):  # noqa: SIM110
            if satisfies(value):
                return True
        return False

    return holds


def _dated(attribute: str, relation: Operator, start: datetime | None, shift: timedelta) -> Predicate:
    def holds(view: View) -> bool:
        other = start or view.now
        moments = [moment for value in view.texts(attribute) if (moment := parse_moment(value))]
        # Subtracting instants cannot overflow; adding the shift to one could.
        return other is not None and any(stands(moment - other - shift) for moment in moments)

    def stands(difference: timedelta) -> bool:
        match relation:
            case Operator.LE:
                return difference <= _ZERO
            case Operator.GE:
                return difference >= _ZERO
            case _:
                return difference == _ZERO

    return holds
