"""The objects that rules are asked about, and how their stored values are seen.

Rules see every attribute as a tuple of texts: none for a missing value, one for a text, `true` or `false`,
several for a collection. That makes "no value" one thing, and lets a comparison mean the same on a text and
on a collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reseal.directory.rules.conditions import ITEM
from reseal.directory.rules.schema import MANAGER, MEMBER_OF, canonical_attribute

Scalar = str | bool | int | None
Item = Scalar | Mapping[str, Scalar]
Value = Item | Sequence[Item]


@dataclass(frozen=True, slots=True)
class RuleObject:
    """A user or device as rules see it.

    `values`: attributes by canonical name, `objectId` and `displayName` among them; dates as ISO 8601 text.
    `groups`: object ids of the groups it is a member of, in lower case. `manager`: object id of a user's
    manager. `now`: aware time of the evaluation; without it, comparisons with `system.now` are false.
    """

    values: Mapping[str, Value]
    groups: frozenset[str] = frozenset()
    manager: str | None = None
    now: datetime | None = None


class View:
    """One object, or one item of a collection, as tuples of texts, each made once for all rules."""

    __slots__ = ("_folded", "_items", "_object", "_texts")

    def __init__(self, subject: RuleObject) -> None:
        self._object = subject
        self._texts: dict[str, tuple[str, ...]] = {}
        self._folded: dict[str, tuple[str, ...]] = {}
        self._items: dict[str, tuple[View, ...]] = {}

    @property
    def now(self) -> datetime | None:
        """The time of the evaluation."""
        return self._object.now

    def texts(self, attribute: str) -> tuple[str, ...]:
        """The values as stored; empty ones do not count."""
        found = self._texts.get(attribute)
        if found is None:
            found = self._texts[attribute] = self._read(attribute)
        return found

    def folded(self, attribute: str) -> tuple[str, ...]:
        """The values, case-folded for comparison."""
        found = self._folded.get(attribute)
        if found is None:
            found = self._folded[attribute] = tuple([text.casefold() for text in self.texts(attribute)])
        return found

    def items(self, attribute: str) -> tuple[View, ...]:
        """One view for each item of a collection, in the order of `texts`."""
        found = self._items.get(attribute)
        if found is None:
            value = self._object.values.get(attribute)
            items = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
            found = self._items[attribute] = tuple([_item_view(item) for item in items if _texts(item)])
        return found

    def _read(self, attribute: str) -> tuple[str, ...]:
        if attribute == MEMBER_OF:
            return tuple(sorted(self._object.groups))
        if attribute == MANAGER:
            return _texts(self._object.manager)
        value = self._object.values.get(attribute)
        if value is None and attribute.startswith("extension_"):
            value = self._extension(attribute)
        return _texts(value)

    def _extension(self, attribute: str) -> Value:
        """Custom extension properties are stored in the spelling of their application."""
        for name in sorted(self._object.values):
            if canonical_attribute(name) == attribute:
                return self._object.values[name]
        return None


def _item_view(item: Item) -> View:
    return View(RuleObject(item if isinstance(item, Mapping) else {ITEM: item}))


def _texts(value: Value) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case bool():
            return ("true",) if value else ("false",)
        case str():
            return (value,) if value else ()
        case int():
            return (str(value),)
        case Mapping():
            described = [f"{name}={text}" for name in sorted(value) for text in _texts(value[name])]
            return (", ".join(described),) if described else ()
        case _:
            return tuple([text for item in value for text in _texts(item)])
