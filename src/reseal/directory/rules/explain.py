"""Says clause by clause why a rule is true or false for one object (spec/autopilot.md 12, check 60)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from reseal.directory.rules.compile import compile_condition
from reseal.directory.rules.conditions import AllOf, AnyOf, Clause, Condition, NotOf, OverItems
from reseal.directory.rules.lexer import Span
from reseal.directory.rules.values import View


@dataclass(frozen=True, slots=True)
class Explanation:
    """One expression of a rule and its result.

    `text` is the expression as written, at `span` of the rule. `attribute` and `values` tell what was
    compared, as stored (no values: there is none); both are empty for connectives. `parts` are the operands
    of a connective, or the condition of `-any`/`-all` once for each item, with the item in `values`.
    """

    text: str
    span: Span
    matched: bool
    attribute: str = ""
    values: tuple[str, ...] = ()
    parts: tuple[Explanation, ...] = ()


def explain_condition(condition: Condition, text: str, view: View) -> Explanation:
    """The tree of results for one object, with every part evaluated; `text` is the whole rule."""
    parts: tuple[Explanation, ...] = ()
    attribute = ""
    match condition:
        case Clause():
            attribute = condition.attribute
        case OverItems(condition=inner):
            attribute = condition.attribute
            items = zip(view.texts(attribute), view.items(attribute), strict=True)
            parts = tuple(
                replace(explain_condition(inner, text, item), values=(value,)) for value, item in items
            )
        case NotOf(part=part):
            parts = (explain_condition(part, text, view),)
        case AllOf(parts=operands) | AnyOf(parts=operands):
            parts = tuple(explain_condition(part, text, view) for part in operands)
        case _:
            assert_never(condition)
    span = condition.span
    return Explanation(
        text=text[span.start : span.end],
        span=span,
        matched=compile_condition(condition)(view),
        attribute=attribute,
        values=view.texts(attribute) if attribute else (),
        parts=parts,
    )
