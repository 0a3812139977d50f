"""Reads a rule into its syntax tree: a Pratt parser over two connectives.

Precedence, from strongest to weakest (spec/autopilot.md 3.3): comparisons; `-not`; `-and`; `-or`; `-any`,
`-all`. The last of these means: a condition of `-any` that stands without parentheses reaches as far right as
it can. Depth is counted, so no rule can exhaust the stack here or in the passes that follow the tree.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from enum import IntEnum

from reseal.directory.rules.dates import parse_duration
from reseal.directory.rules.errors import RuleError, bad_value, unreadable, with_null
from reseal.directory.rules.lexer import Mark, Span, Token, lex
from reseal.directory.rules.operators import COMPARISONS, QUANTIFIERS, RESERVED, Operator, Quantifier
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

DEEPEST = 50

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_NULLS = ("null", "$null")
_NOW = "system.now"
_EXAMPLE = 'An expression looks like user.department -eq "Sales".'


class _Power(IntEnum):
    """How strongly an operator binds."""

    LOOSEST = 0
    OR = 1
    AND = 2
    NOT = 3


_CONNECTIVES: dict[str, tuple[_Power, type[And | Or]]] = {
    "or": (_Power.OR, Or),
    "and": (_Power.AND, And),
}


def parse(text: str) -> Expression:
    """The syntax tree of a rule. Raises RuleError, and nothing else, for whatever is not one."""
    return _Parser(text).rule()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = lex(text)
        self._at = 0
        self._depth = 0

    def rule(self) -> Expression:
        expression = self._expression(_Power.LOOSEST)
        if self._stands_at(Mark.CLOSE):
            raise self._error("this parenthesis was never opened", "Remove it, or open one before.")
        if not self._stands_at(Mark.END):
            raise self._missing_connective()
        return expression

    # --- tokens ---

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _stands_at(self, mark: Mark) -> bool:
        return self._token.mark is mark

    def _next(self) -> Token:
        token = self._token
        if token.mark is not Mark.END:
            self._at += 1
        return token

    def _error(self, problem: str, remedy: str) -> RuleError:
        return unreadable(self._text, self._token.span.start, problem, remedy)

    def _missing_connective(self) -> RuleError:
        return self._error(
            "an operator is missing", "Join expressions with -and or -or; quote text with blanks."
        )

    # --- expressions ---

    def _expression(self, floor: _Power) -> Expression:
        left = self._prefix()
        while True:
            keyword = self._token.keyword
            power, node = _CONNECTIVES.get(keyword, (_Power.LOOSEST, And))
            if power <= floor:
                return left
            operands = [left]
            while self._token.keyword == keyword:
                self._next()
                operands.append(self._expression(power))
            left = node(Span(left.span.start, operands[-1].span.end), tuple(operands))

    def _prefix(self) -> Expression:
        token = self._token
        if token.mark is Mark.OPEN:
            return self._parentheses()
        if token.keyword == "not":
            return self._negation()
        if token.keyword == "direct" and self._tokens[self._at + 1].keyword == "reports":
            return self._direct_reports()
        if token.mark is Mark.WORD and not token.hyphenated:
            return self._predicate()
        if token.mark is Mark.END:
            raise self._error("the rule ends where an expression is expected", _EXAMPLE)
        raise self._error(f"an expression cannot start with {token.text}", _EXAMPLE)

    def _parentheses(self) -> Expression:
        opening = self._next()
        self._deeper(opening)
        inner = self._expression(_Power.LOOSEST)
        if self._stands_at(Mark.END):
            raise unreadable(
                self._text, opening.span.start, "this parenthesis is never closed", "Close it with )."
            )
        if not self._stands_at(Mark.CLOSE):
            raise self._missing_connective()
        self._depth -= 1
        return replace(inner, span=Span(opening.span.start, self._next().span.end))

    def _negation(self) -> Expression:
        token = self._next()
        self._deeper(token)
        operand = self._expression(_Power.NOT)
        self._depth -= 1
        return Not(Span(token.span.start, operand.span.end), operand)

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RuleError(
                code="RuleTooDeep",
                message=f"The rule nests parentheses and -not more than {DEEPEST} levels deep.",
                remedy="Remove parentheses that are not needed.",
                text=self._text,
                position=token.span.start,
            )

    def _direct_reports(self) -> Expression:
        start = self._next().span.start
        self._next()
        if self._token.keyword != "for":
            raise self._error(
                "Direct Reports must be followed by for", 'Write Direct Reports for "<object id>".'
            )
        self._next()
        manager = self._text_value()
        return DirectReports(Span(start, manager.span.end), manager)

    # --- predicates ---

    def _predicate(self) -> Expression:
        name = self._name()
        keyword = self._token.keyword
        if quantifier := QUANTIFIERS.get(keyword):
            return self._quantified(name, quantifier)
        if operator := COMPARISONS.get(keyword):
            self._next()
            value = self._value(operator)
            return Comparison(Span(name.span.start, value.span.end), name, operator, value)
        if keyword == "not" and self._tokens[self._at + 1].keyword in _NULLS:
            raise with_null(self._text, self._token.span.start)
        if self._token.hyphenated:
            raise self._error(
                f"{self._token.text} is not an operator", "Use -eq, -startsWith, -any or another."
            )
        raise self._error(f"an operator is missing after {name.text}", _EXAMPLE)

    def _name(self) -> Name:
        token = self._next()
        owner, _, member = token.text.partition(".")
        return Name(token.span, owner, member)

    def _quantified(self, name: Name, quantifier: Quantifier) -> Expression:
        token = self._next()
        if self._stands_at(Mark.OPEN):
            condition = self._parentheses()
        else:
            self._deeper(token)
            condition = self._expression(_Power.LOOSEST)
            self._depth -= 1
        return Quantified(Span(name.span.start, condition.span.end), name, quantifier, condition)

    # --- values ---

    def _value(self, operator: Operator) -> Value:
        token = self._token
        if token.mark is Mark.LIST_OPEN:
            return self._list()
        if token.mark is Mark.WORD and token.text.lower() in _NULLS:
            return Null(self._next().span)
        if token.mark is Mark.WORD and token.text.lower() == _NOW:
            return self._now()
        if token.mark in (Mark.WORD, Mark.TEXT):
            return self._text_value()
        raise self._error(f"a value is missing after {operator}", 'Write a value, for example "Sales".')

    def _text_value(self) -> Text:
        token = self._token
        if token.mark is Mark.WORD:
            self._refuse_unquoted(token)
        elif token.mark is not Mark.TEXT:
            raise self._error("a value is missing", 'Write a value, for example "Sales".')
        self._next()
        return Text(token.span, token.text)

    def _refuse_unquoted(self, token: Token) -> None:
        """Words that are more probably a mistake than a value (choice 8)."""
        quoting = "Put the value in double quotes if it is meant as text."
        if token.keyword in _NULLS:
            raise bad_value(self._text, token.span.start, "null cannot stand here", quoting)
        if token.keyword in RESERVED:
            raise self._error(f"{token.text} is an operator where a value is expected", quoting)
        if token.hyphenated and not _NUMBER.fullmatch(token.keyword):
            raise self._error(f"{token.text} is not a value", quoting)
        if token.keyword.startswith(("user.", "device.")):
            raise self._error("a property cannot be compared with another property", quoting)
        if token.keyword == _NOW:
            raise bad_value(self._text, token.span.start, f"{_NOW} cannot stand here", quoting)

    def _list(self) -> Texts:
        opening = self._next()
        if self._stands_at(Mark.LIST_CLOSE):
            start = self._token.span.start
            raise bad_value(self._text, start, "the list is empty", 'Write at least one value: ["Sales"].')
        items = [self._text_value()]
        while self._stands_at(Mark.COMMA):
            self._next()
            items.append(self._text_value())
        if not self._stands_at(Mark.LIST_CLOSE):
            raise self._error("the list must go on with , or end with ]", 'Write ["a", "b"].')
        return Texts(Span(opening.span.start, self._next().span.end), tuple(items))

    def _now(self) -> Now:
        start, end = self._next().span
        sign = {"plus": 1, "minus": -1}.get(self._token.keyword)
        if sign is None:
            return Now(Span(start, end), timedelta())
        self._next()
        token = self._token
        shift = parse_duration(token.text) if token.mark in (Mark.WORD, Mark.TEXT) else None
        if shift is None:
            raise self._error(
                "this is not a duration of weeks, or of days, hours, minutes and seconds, up to 36,500 days",
                "Write for example p1d, P2W or PT36H.",
            )
        return Now(Span(start, self._next().span.end), shift * sign)
