"""What a rule means, once it is checked: canonical attributes, typed and folded values, positive tests only.

`check.py` makes this tree from the syntax tree; `compile.py`, `anchors.py` and `explain.py` read it. All
texts to be compared are case-folded here already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from reseal.directory.rules.lexer import Span
from reseal.directory.rules.operators import Operator, Quantifier
from reseal.directory.rules.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Blank:
    """There is no value."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value equals one of these."""

    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class StartsWith:
    """A value starts with this."""

    text: str


@dataclass(frozen=True, slots=True)
class EndsWith:
    """A value ends with this."""

    text: str


@dataclass(frozen=True, slots=True)
class Contains:
    """A value contains this."""

    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """A value, not folded, contains a match of this pattern."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Dated:
    """A date is equal to (-eq), at most (-le) or at least (-ge) `start`, or the time of the evaluation, plus
    `shift`.
    """

    relation: Operator
    start: datetime | None
    shift: timedelta


Test = Blank | OneOf | StartsWith | EndsWith | Contains | Matches | Dated


@dataclass(frozen=True, slots=True)
class Clause:
    """A test of one attribute, or of the item itself (`_`), or its opposite."""

    span: Span
    attribute: str
    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OverItems:
    """A condition on the items of a collection."""

    span: Span
    attribute: str
    quantifier: Quantifier
    condition: Condition


@dataclass(frozen=True, slots=True)
class NotOf:
    """The opposite."""

    span: Span
    part: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    span: Span
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    span: Span
    parts: tuple[Condition, ...]


Condition = Clause | OverItems | NotOf | AllOf | AnyOf

# The attribute of a clause on an item of a collection of texts.
ITEM = "_"


def leaves(condition: Condition) -> Iterator[Clause | OverItems]:
    """The clauses on the object itself, in the order of the text; those within `OverItems` are not among
    them.
    """
    match condition:
        case Clause() | OverItems():
            yield condition
        case NotOf(part=part):
            yield from leaves(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from leaves(part)
