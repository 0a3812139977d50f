"""Finds what an object must carry for a rule to be true at all, so that an index can pass over most rules."""

from __future__ import annotations

from typing import assert_never

from reseal.directory.rules.conditions import (
    ITEM,
    AllOf,
    AnyOf,
    Clause,
    Condition,
    NotOf,
    OneOf,
    OverItems,
)
from reseal.directory.rules.operators import Quantifier
from reseal.directory.rules.schema import Schema

Anchor = tuple[str, str]


def find_anchors(condition: Condition, schema: Schema) -> frozenset[Anchor] | None:
    """Pairs of attribute and folded value; the condition is false for whatever carries none of them.

    None: nothing of the kind can be said. From equality on texts, collections, groups and the manager,
    through `-and` (the part that distinguishes best) and `-or` (all parts together).
    """
    common = frozenset(found.name for found in schema.properties.values() if found.few_values)
    return _anchors(condition, common)


def _anchors(condition: Condition, common: frozenset[str]) -> frozenset[Anchor] | None:
    match condition:
        case Clause(attribute=attribute, test=OneOf(texts=texts), negated=False):
            return frozenset((attribute, text) for text in texts)
        case Clause() | NotOf():
            return None
        case OverItems(attribute=attribute, quantifier=quantifier, condition=inner):
            # -all holds for an empty collection, which carries nothing.
            return _of_items(attribute, _anchors(inner, common)) if quantifier is Quantifier.ANY else None
        case AllOf(parts=parts):
            found = [anchors for part in parts if (anchors := _anchors(part, common)) is not None]
            return min(found, key=lambda anchors: _cost(anchors, common), default=None)
        case AnyOf(parts=parts):
            every = [_anchors(part, common) for part in parts]
            known = [anchors for anchors in every if anchors is not None]
            return frozenset().union(*known) if len(known) == len(every) else None
        case _:
            assert_never(condition)


def _of_items(attribute: str, inner: frozenset[Anchor] | None) -> frozenset[Anchor] | None:
    """Anchors on `_` become anchors on the collection; fields of objects are not indexed."""
    if inner is None or any(name != ITEM for name, _ in inner):
        return None
    return frozenset((attribute, text) for _, text in inner)


def _cost(anchors: frozenset[Anchor], common: frozenset[str]) -> tuple[int, int]:
    """Fewer anchors on widely shared values first, then fewer anchors."""
    return sum(1 for name, _ in anchors if name in common), len(anchors)
