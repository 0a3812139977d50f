"""The syntax tree of a rule: what was written, where, not yet checked against a schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reseal.directory.rules.lexer import Span
from reseal.directory.rules.operators import Operator, Quantifier


@dataclass(frozen=True, slots=True)
class Text:
    """A written value: quoted text or one unquoted word."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Null:
    """`null` or `$null` without quotes."""

    span: Span


@dataclass(frozen=True, slots=True)
class Now:
    """`system.now`, moved by `shift` (negative for `-minus`)."""

    span: Span
    shift: timedelta


@dataclass(frozen=True, slots=True)
class Texts:
    """A list in brackets."""

    span: Span
    items: tuple[Text, ...]


Value = Text | Null | Now | Texts


@dataclass(frozen=True, slots=True)
class Name:
    """The left side of a comparison: `user.city`, `assignedPlan.service`, `_`. `owner` is the part before the
    dot.
    """

    span: Span
    owner: str
    member: str

    @property
    def text(self) -> str:
        """The name as written."""
        return f"{self.owner}.{self.member}" if self.member else self.owner


@dataclass(frozen=True, slots=True)
class Comparison:
    """`user.city -eq "Bonn"`."""

    span: Span
    name: Name
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Quantified:
    """`user.otherMails -any (...)`."""

    span: Span
    name: Name
    quantifier: Quantifier
    condition: Expression


@dataclass(frozen=True, slots=True)
class DirectReports:
    """`Direct Reports for "..."`."""

    span: Span
    manager: Text


@dataclass(frozen=True, slots=True)
class Not:
    """`-not ...`."""

    span: Span
    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Two or more expressions joined by `-and`."""

    span: Span
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more expressions joined by `-or`."""

    span: Span
    operands: tuple[Expression, ...]


Expression = And | Or | Not | Comparison | Quantified | DirectReports
