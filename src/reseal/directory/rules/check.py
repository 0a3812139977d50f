"""Checks a syntax tree against a schema and says what it means.

Every documented error that is not one of grammar is raised here (spec/autopilot.md 3.3, choices in
docs/administrator/membership-rules.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
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
    Test,
)
from reseal.directory.rules.dates import parse_moment
from reseal.directory.rules.errors import (
    RuleError,
    attribute_not_supported,
    bad_value,
    operator_not_supported,
    unreadable,
    with_null,
)
from reseal.directory.rules.operators import POSITIVE, TEXT_OPERATORS, Operator, Quantifier
from reseal.directory.rules.pattern import compile_pattern
from reseal.directory.rules.schema import MANAGER, MEMBER_OF, Kind, Property, Schema
from reseal.directory.rules.syntax import (
    And,
    Comparison,
    DirectReports,
    Expression,
    Name,
    Not,
    Now,
    Null,
    Or,
    Quantified,
    Text,
    Texts,
    Value,
)

_OBJECTS = ("user", "device")
_ITEMS = (ITEM, "assignedplan", "group")


def check(expression: Expression, text: str, schema: Schema) -> Condition:
    """What the rule means under `schema`. Raises RuleError at the first thing that does not fit."""
    checker = _Checker(text, schema)
    checker.check_objects(expression)
    if isinstance(expression, DirectReports):
        return Clause(expression.span, MANAGER, OneOf(frozenset({expression.manager.text.casefold()})))
    return checker.condition(expression, None)


def _mentions(expression: Expression) -> Iterator[Name | DirectReports]:
    """Every name and every *Direct Reports for*, in the order of the text."""
    match expression:
        case And(operands=operands) | Or(operands=operands):
            for operand in operands:
                yield from _mentions(operand)
        case Not(operand=operand):
            yield from _mentions(operand)
        case Comparison(name=name):
            yield name
        case Quantified(name=name, condition=condition):
            yield name
            yield from _mentions(condition)
        case DirectReports():
            yield expression
        case _:
            assert_never(expression)


@dataclass(frozen=True, slots=True)
class _Checker:
    text: str
    schema: Schema

    def check_objects(self, expression: Expression) -> None:
        """A rule is for the objects of its schema, and *Direct Reports for* stands alone."""
        seen: dict[str, int] = {}
        for mention in _mentions(expression):
            if isinstance(mention, Name):
                owner = mention.owner.lower()
            else:
                owner = "user"
                self._check_stands_alone(mention, expression)
            if owner in _OBJECTS:
                seen.setdefault(owner, mention.span.start)
        if len(seen) > 1:
            raise RuleError(
                code="MixedUserAndDevice",
                message="A rule is for users or for devices, never for both.",
                remedy="Make one group for the users and another for the devices.",
                text=self.text,
                position=max(seen.values()),
            )
        for owner, position in seen.items():
            self._check_owner(owner, position)

    def _check_stands_alone(self, reports: DirectReports, expression: Expression) -> None:
        if reports is not expression:
            raise RuleError(
                code="DirectReportsCombined",
                message="Direct Reports for cannot be combined with other expressions.",
                remedy="Let it be the whole rule.",
                text=self.text,
                position=reports.span.start,
            )

    def _check_owner(self, owner: str, position: int) -> None:
        if owner != self.schema.object:
            raise RuleError(
                code="WrongObject",
                message=f"This rule is for {self.schema.object}s and cannot read properties of a {owner}.",
                remedy=f"Use properties that start with {self.schema.object}.",
                text=self.text,
                position=position,
            )

    # --- expressions; `collection` is the collection whose item a condition is about ---

    def condition(self, expression: Expression, collection: Property | None) -> Condition:
        match expression:
            case And(span=span, operands=operands):
                return AllOf(span, tuple(self.condition(operand, collection) for operand in operands))
            case Or(span=span, operands=operands):
                return AnyOf(span, tuple(self.condition(operand, collection) for operand in operands))
            case Not(span=span, operand=operand):
                if isinstance(operand, Comparison) and isinstance(operand.value, Null):
                    raise with_null(self.text, span.start)
                return NotOf(span, self.condition(operand, collection))
            case Quantified():
                return self._over_items(expression, collection)
            case Comparison():
                return self._clause(expression, collection)
            case DirectReports():
                raise AssertionError("check_objects lets it stand alone only")
            case _:
                assert_never(expression)

    def _over_items(self, node: Quantified, collection: Property | None) -> Condition:
        found = self._property(node.name, collection)
        if found.kind not in (Kind.TEXTS, Kind.OBJECTS, Kind.GROUPS):
            remedy = f"{node.name.text} is no collection; compare it directly."
            raise operator_not_supported(
                self.text, node.name.span.start, node.quantifier, node.name.text, remedy
            )
        if found.kind is Kind.GROUPS:
            return self._member_of(node)
        return OverItems(node.span, found.name, node.quantifier, self.condition(node.condition, found))

    def _member_of(self, node: Quantified) -> Condition:
        condition = node.condition
        if (
            node.quantifier is Quantifier.ANY
            and isinstance(condition, Comparison)
            and condition.name.text.lower() == "group.objectid"
        ):
            match condition.operator, condition.value:
                case (Operator.EQ, Text(text="")):  # means -eq null
                    pass
                case (Operator.IN, Texts()) | (Operator.EQ, Text()):
                    test = self._test(_GROUP_ID, condition.operator, condition.value)
                    return Clause(node.span, MEMBER_OF, test)
                case _:
                    pass
        raise self._member_of_shape(node.span.start)

    def _member_of_shape(self, position: int) -> RuleError:
        return RuleError(
            code="MemberOfShape",
            message="memberOf can only be asked for the ids of groups.",
            remedy=f"Write {self.schema.object}.memberOf -any (group.objectId -in ['<group object id>']).",
            text=self.text,
            position=position,
        )

    # --- comparisons ---

    def _clause(self, node: Comparison, collection: Property | None) -> Clause:
        found = self._property(node.name, collection)
        if found.kind is Kind.GROUPS:
            raise self._member_of_shape(node.span.start)
        if node.operator not in found.operators:
            allowed = " ".join(sorted(found.operators))
            raise operator_not_supported(
                self.text, node.name.span.start, node.operator, node.name.text, f"Possible are {allowed}."
            )
        positive = POSITIVE.get(node.operator, node.operator)
        test = self._test(found, positive, node.value)
        return Clause(node.span, found.name, test, negated=positive is not node.operator)

    def _property(self, name: Name, collection: Property | None) -> Property:
        owner = name.owner.lower()
        start = name.span.start
        if collection is not None:
            return self._item_property(name, collection)
        if owner in _ITEMS:
            raise unreadable(
                self.text,
                start,
                f"{name.text} stands outside of -any and -all",
                "Put it into their parentheses.",
            )
        if owner != self.schema.object:
            remedy = f"Properties start with {self.schema.object}."
            raise attribute_not_supported(self.text, start, name.text, remedy)
        found = self.schema.find(name.member)
        if found is None:
            nearest = self.schema.nearest(name.member)
            known = (
                f"Did you mean {self.schema.object}.{nearest}?" if nearest else "See the list of properties."
            )
            raise attribute_not_supported(self.text, start, name.text, known)
        return found

    def _item_property(self, name: Name, collection: Property) -> Property:
        start = name.span.start
        expected = f"{collection.item}.{collection.fields[0]}" if collection.item else ITEM
        if name.owner.lower() != (collection.item.lower() or ITEM):
            problem = f"{name.text} is not an item of {collection.name}"
            raise unreadable(
                self.text, start, problem, f"Name the item ({expected}), or close the condition first."
            )
        if not collection.item and not name.member:
            return _ITEM_TEXT
        for known in collection.fields:
            if name.member.lower() == known.lower():
                return Property(known, Kind.TEXT, TEXT_OPERATORS)
        raise attribute_not_supported(self.text, start, name.text, f"Write {expected}.")

    # --- values ---

    def _test(self, found: Property, operator: Operator, value: Value) -> Test:
        """The test of a positive operator; the operator fits the property."""
        match value:
            case Null(span=span):
                if operator is not Operator.EQ:
                    raise bad_value(
                        self.text, span.start, "null goes with -eq and -ne only", "Quote it if it is text."
                    )
                return Blank()
            case Texts(span=span, items=items):
                if operator is not Operator.IN:
                    raise bad_value(self.text, span.start, "a list goes with -in and -notIn only", "Use -in.")
                return OneOf(frozenset(self._listed(found, item) for item in items))
            case Now(span=span, shift=shift):
                if found.kind is not Kind.DATE:
                    raise bad_value(
                        self.text, span.start, f"{found.written} is not a date", "Quote it if it is text."
                    )
                return Dated(operator, None, shift)
            case Text():
                return self._text_test(found, operator, value)
            case _:
                assert_never(value)

    def _listed(self, found: Property, item: Text) -> str:
        if not item.text:
            raise bad_value(self.text, item.span.start, "a list cannot hold an empty text", "Use -eq null.")
        return _folded(found, item.text)

    def _text_test(self, found: Property, operator: Operator, value: Text) -> Test:
        start = value.span.start
        if found.kind is Kind.OBJECTS:
            raise bad_value(
                self.text, start, f"{found.written} is compared with null only", "Use -any for its items."
            )
        if operator is Operator.IN:
            raise bad_value(self.text, start, "-in and -notIn need a list", 'Write ["a", "b"].')
        if operator is Operator.EQ and not value.text:
            return Blank()
        if found.kind is Kind.DATE:
            return self._dated(operator, value)
        folded = _folded(found, value.text)
        if found.kind is Kind.BOOLEAN and folded not in ("true", "false"):
            raise bad_value(self.text, start, f"{found.written} is true or false", "Write true or false.")
        match operator:
            case Operator.EQ:
                return OneOf(frozenset({folded}))
            case Operator.STARTS_WITH:
                return StartsWith(folded)
            case Operator.ENDS_WITH:
                return EndsWith(folded)
            case Operator.CONTAINS:
                return Contains(folded)
            case _:
                return self._matches(value)

    def _dated(self, operator: Operator, value: Text) -> Test:
        moment = parse_moment(value.text)
        if moment is None:
            remedy = "Write 2020-06-10, 2020-06-10T18:13:20Z or system.now."
            raise bad_value(self.text, value.span.start, f"{value.text} is not a date", remedy)
        return Dated(operator, moment, timedelta())

    def _matches(self, value: Text) -> Test:
        try:
            return Matches(compile_pattern(value.text))
        except ValueError as refused:
            remedy = "Correct the pattern; look-around and back-references are not possible."
            if value.text.startswith("*"):
                remedy = "Write .* for any text, or leave the star away: a match may start anywhere."
            raise RuleError(
                code="InvalidRegularExpression",
                message=f"Query compilation error at position {value.span.start}: {refused}.",
                remedy=remedy,
                text=self.text,
                position=value.span.start,
            ) from refused


_ITEM_TEXT = Property(ITEM, Kind.TEXT, TEXT_OPERATORS)
_GROUP_ID = Property("objectId", Kind.TEXT, TEXT_OPERATORS)


def _folded(found: Property, text: str) -> str:
    folded = text.casefold()
    return found.synonyms.get(folded, folded)
