"""A compiled rule, and the one way to get it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reseal.directory.rules.anchors import Anchor, find_anchors
from reseal.directory.rules.check import check
from reseal.directory.rules.compile import Predicate, compile_condition
from reseal.directory.rules.conditions import (
    Clause,
    Condition,
    Dated,
    OneOf,
    OverItems,
    leaves,
)
from reseal.directory.rules.errors import RuleError
from reseal.directory.rules.explain import Explanation, explain_condition
from reseal.directory.rules.parser import parse
from reseal.directory.rules.schema import MANAGER, MEMBER_OF, Schema
from reseal.directory.rules.values import RuleObject, View

LONGEST = 3_072


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is ready to be asked. Two rules are equal if they have the same text and schema.

    `attributes`: canonical names read, with `memberOf` and `manager` where groups or the manager are asked
    for. `member_of`: object ids of the groups named. `direct_reports_of`: object id of the manager.
    `reads_clock`: the result can change by time alone. `anchors`: the rule is false for whatever carries none
    of these pairs of attribute and folded value; None if there is no such set.
    """

    text: str
    schema: Schema
    attributes: frozenset[str] = field(compare=False)
    member_of: frozenset[str] = field(compare=False)
    direct_reports_of: str | None = field(compare=False)
    reads_clock: bool = field(compare=False)
    anchors: frozenset[Anchor] | None = field(compare=False, repr=False)
    condition: Condition = field(compare=False, repr=False)
    predicate: Predicate = field(compare=False, repr=False)

    def matches(self, obj: RuleObject) -> bool:
        """Whether the rule is true for the object."""
        return self.predicate(View(obj))

    def explain(self, obj: RuleObject) -> Explanation:
        """Why the rule is true or false for the object, clause by clause."""
        return explain_condition(self.condition, self.text, View(obj))


def compile_rule(text: str, schema: Schema) -> Rule:
    """Read, check and compile a rule. Raises RuleError for every rule that cannot be used (spec/autopilot.md
    3.3).
    """
    if len(text) > LONGEST:
        raise RuleError(
            code="RuleTooLong",
            message=f"The rule has {len(text):,} characters; {LONGEST:,} are allowed.",
            remedy="Shorten it, for example by replacing several -or by one -in with a list.",
            text=text,
            position=LONGEST,
        )
    condition = check(parse(text), text, schema)
    found = tuple(leaves(condition))
    managers = sorted(_asked_for(MANAGER, found))
    return Rule(
        text=text,
        schema=schema,
        attributes=frozenset(leaf.attribute for leaf in found),
        member_of=frozenset(_asked_for(MEMBER_OF, found)),
        direct_reports_of=managers[0] if managers else None,
        reads_clock=any(_reads_clock(leaf) for leaf in found),
        anchors=find_anchors(condition, schema),
        condition=condition,
        predicate=compile_condition(condition),
    )


def _asked_for(attribute: str, found: Iterable[Clause | OverItems]) -> set[str]:
    tests = [leaf.test for leaf in found if isinstance(leaf, Clause) and leaf.attribute == attribute]
    return {text for test in tests if isinstance(test, OneOf) for text in test.texts}


def _reads_clock(leaf: Clause | OverItems) -> bool:
    return isinstance(leaf, Clause) and isinstance(leaf.test, Dated) and leaf.test.start is None
