"""The operators of the rule language, and which of them deny which (spec/autopilot.md 3.3)."""

from __future__ import annotations

from enum import StrEnum


class Operator(StrEnum):
    """A comparison between a property and a value; the value of the member is its documented spelling."""

    EQ = "-eq"
    NE = "-ne"
    STARTS_WITH = "-startsWith"
    NOT_STARTS_WITH = "-notStartsWith"
    ENDS_WITH = "-endsWith"
    NOT_ENDS_WITH = "-notEndsWith"
    CONTAINS = "-contains"
    NOT_CONTAINS = "-notContains"
    MATCH = "-match"
    NOT_MATCH = "-notMatch"
    IN = "-in"
    NOT_IN = "-notIn"
    LE = "-le"
    GE = "-ge"


class Quantifier(StrEnum):
    """How many items of a collection must satisfy a condition."""

    ANY = "-any"
    ALL = "-all"


# Each negative operator is the exact opposite of its positive one; check.py reduces to the positive ones.
POSITIVE: dict[Operator, Operator] = {
    Operator.NE: Operator.EQ,
    Operator.NOT_STARTS_WITH: Operator.STARTS_WITH,
    Operator.NOT_ENDS_WITH: Operator.ENDS_WITH,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.NOT_MATCH: Operator.MATCH,
    Operator.NOT_IN: Operator.IN,
}

EQUALITY = frozenset({Operator.EQ, Operator.NE})
DATE_OPERATORS = frozenset({Operator.EQ, Operator.NE, Operator.LE, Operator.GE})
TEXT_OPERATORS = frozenset(Operator) - {Operator.LE, Operator.GE}
FILTER_OPERATORS = frozenset(
    {
        Operator.EQ,
        Operator.NE,
        Operator.IN,
        Operator.NOT_IN,
        Operator.STARTS_WITH,
        Operator.CONTAINS,
        Operator.NOT_CONTAINS,
    }
)

# Keyword (without hyphen, lower case) -> operator.
COMPARISONS: dict[str, Operator] = {operator.removeprefix("-").lower(): operator for operator in Operator}
QUANTIFIERS: dict[str, Quantifier] = {word.removeprefix("-").lower(): word for word in Quantifier}
RESERVED = frozenset(COMPARISONS) | frozenset(QUANTIFIERS) | {"and", "or", "not"}
