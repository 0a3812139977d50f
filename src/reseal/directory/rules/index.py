"""Many rules at once: which of them read an attribute, and which can match an object.

A rule with anchors is filed under each of them, so an object finds it by looking up its own values; rules
without anchors are tried for every object.
"""

from __future__ import annotations

from collections.abc import Iterable

from reseal.directory.rules.rule import Rule
from reseal.directory.rules.schema import canonical_attribute
from reseal.directory.rules.values import RuleObject, View


class RuleIndex:
    """An immutable index over rules by key. All answers are keys, in the order the rules were given in."""

    __slots__ = ("_anchored", "_keys", "_loose", "_predicates", "_readers")

    def __init__(self, rules: Iterable[tuple[int, Rule]]) -> None:
        given = list(rules)
        self._keys = [key for key, _ in given]
        self._predicates = [rule.predicate for _, rule in given]
        self._loose: list[int] = []
        # All positions below are indices into the two lists above.
        self._anchored: dict[str, dict[str, list[int]]] = {}
        self._readers: dict[str, set[int]] = {}
        for position, (_, rule) in enumerate(given):
            self._file(position, rule)

    def _file(self, position: int, rule: Rule) -> None:
        for attribute in sorted(rule.attributes):
            self._readers.setdefault(attribute, set()).add(position)
        if rule.anchors is None:
            self._loose.append(position)
        for attribute, text in sorted(rule.anchors or ()):
            self._anchored.setdefault(attribute, {}).setdefault(text, []).append(position)

    def reading(self, attributes: frozenset[str]) -> list[int]:
        """The rules that read any of these attributes (canonical names, `memberOf`, `manager`)."""
        found = set().union(*self._reading(attributes))
        return [self._keys[position] for position in sorted(found)]

    def candidates(self, obj: RuleObject, changed: frozenset[str] | None = None) -> list[int]:
        """The rules that can be true for the object, no more than needed and never too few.

        With `changed`, only those that read one of these attributes. A rule that stopped being true for the
        object need not be among them: look for those where the object is a member now.
        """
        return [self._keys[position] for position in self._positions(View(obj), changed)]

    def matching(self, obj: RuleObject, changed: frozenset[str] | None = None) -> list[int]:
        """The rules that are true for the object; with `changed`, among those that read one of them."""
        view = View(obj)
        predicates = self._predicates
        positions = self._positions(view, changed)
        return [self._keys[position] for position in positions if predicates[position](view)]

    def _reading(self, attributes: frozenset[str]) -> list[set[int]]:
        names = [canonical_attribute(attribute) for attribute in sorted(attributes)]
        return [self._readers[name] for name in names if name in self._readers]

    def _positions(self, view: View, changed: frozenset[str] | None) -> list[int]:
        found: set[int] = set()
        for attribute, by_text in self._anchored.items():
            for text in view.folded(attribute):
                found.update(by_text.get(text, ()))
        positions = sorted([*self._loose, *sorted(found)]) if found else self._loose
        if changed is None:
            return positions
        readers = self._reading(changed)
        return sorted({position for reading in readers for position in positions if position in reading})
