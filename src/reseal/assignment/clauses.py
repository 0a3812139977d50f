"""Explanations of membership rules and filters, brought down to the comparisons that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reseal.directory.rules import Explanation
from reseal.kernel.events import JsonValue


def decisive(explanation: Explanation) -> tuple[Explanation, ...]:
    """The comparisons that decided: the true ones of a true rule, the false ones of a false one.

    Below `-not` it is the other way round. Of `-any` and `-all` only the items that decided are kept, as
    values.
    """
    agreeing = [part for part in explanation.parts if part.matched is explanation.matched]
    if not explanation.attribute and explanation.parts:
        return tuple(clause for part in agreeing or explanation.parts for clause in decisive(part))
    if agreeing:
        items = tuple(value for part in agreeing for value in part.values)
        return (replace(explanation, values=items),)
    return (explanation,)


def in_words(clauses: Sequence[Explanation]) -> str:
    """What was compared, how it came out, and what the value was."""
    return "; ".join(f"{clause.text} is {_truth(clause)} ({_values(clause)})" for clause in clauses)


def as_data(clauses: Sequence[Explanation]) -> list[JsonValue]:
    """The same for programs."""
    return [
        {
            "clause": clause.text,
            "matched": clause.matched,
            "attribute": clause.attribute,
            "values": list(clause.values),
        }
        for clause in clauses
    ]


def _truth(clause: Explanation) -> str:
    return "true" if clause.matched else "false"


def _values(clause: Explanation) -> str:
    match clause.values:
        case ():
            return "there is no value"
        case (value,):
            return f"the value is {value}"
        case values:
            return f"the values are {', '.join(values)}"
