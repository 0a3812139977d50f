"""The tree: nodes by place, the five commands on them, and their statuses (spec/mdm-wire.md 3.3 to 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from reseal.device.csp.effects import Effect
from reseal.device.csp.rules import MACHINE, Access, Found, Place, Rule, Table, place_of
from reseal.device.csp.values import format_of, refusal_of, tidied
from reseal.device.quirks import Quirk
from reseal.kernel.clock import Clock
from reseal.wire.csp import CspError, Leaf, LocURI, Scope, Value, first_sync_status, provider, write_names
from reseal.wire.syncml import Format, StatusCode

_PROVIDERS: Final = ("vendor", "msft", "dmclient", "provider")
_WMI: Final = "cimv2"


@dataclass(frozen=True, slots=True)
class Node:
    """What is stored at a place."""

    names: tuple[str, ...]
    """As they were written first."""
    format: Format
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """The answer to a Get."""

    format: Format
    text: str


@dataclass(frozen=True, slots=True)
class _Reached:
    """An address that means something: its place and the rule for it."""

    place: Place
    rule: Rule
    parents: bool
    """Whether the nodes above it that have to be added first are there."""


Stored: TypeAlias = tuple[str, tuple[str, ...], str, str]
"""A node in a snapshot: owner, names, format, text."""

Mark: TypeAlias = tuple[dict[Place, Node], int]


class Tree:
    """The nodes of one enrolment of one machine.

    `user` is whose ./User nodes are live; without one, writes below ./User get 405 and reads 404. `effects`
    collects what commands start; whoever owns the tree takes them out. `changes` counts what was changed.
    """

    def __init__(self, table: Table, provider_id: str, clock: Clock, quirks: frozenset[Quirk]) -> None:
        self.provider_id = provider_id
        self.clock = clock
        self.quirks = quirks
        self.effects: list[Effect] = []
        self.changes = 0
        self.refused_releases: dict[str, int] = {}
        """How often a user's release was answered with 405, for the quirk that does so."""
        self._user: str | None = None
        self._table = table
        self._provider = provider_id.casefold()
        self._nodes: dict[Place, Node] = {}
        self._settled: dict[Place, timedelta] = {}
        """Until when, in monotonic time, a node that was just set is not found."""

    @property
    def user(self) -> str | None:
        """Whose ./User nodes are live."""
        return self._user

    @user.setter
    def user(self, user: str | None) -> None:
        self._user = user
        if user is not None and Quirk.USER_NODE_EXISTS in self.quirks:
            for uri in (
                provider(self.provider_id, Scope.USER),
                first_sync_status(self.provider_id, Scope.USER),
            ):
                self.put(uri, "", Format.NODE, user)

    # --- the five commands

    def add(self, uri: LocURI, node_format: str, text: str) -> StatusCode:
        """Make a node; its parents come with it."""
        reached = self._reach(uri)
        if isinstance(reached, StatusCode):
            return reached
        if not reached.parents:
            return StatusCode.NOT_FOUND
        if self.exists(reached.place) and self._is_more_than_default(reached):
            return StatusCode.ALREADY_EXISTS
        if Access.ADD not in reached.rule.access:
            return StatusCode.COMMAND_NOT_ALLOWED
        return self._write(reached, uri, node_format, text)

    def replace(self, uri: LocURI, node_format: str, text: str) -> StatusCode:
        """Set a leaf, which is made if the table lets it be added."""
        reached = self._reach(uri)
        if isinstance(reached, StatusCode):
            return reached
        if Access.REPLACE not in reached.rule.access:
            return StatusCode.COMMAND_NOT_ALLOWED
        if not reached.parents:
            return StatusCode.NOT_FOUND
        if Access.ADD not in reached.rule.access and not self.exists(reached.place):
            return StatusCode.NOT_FOUND
        return self._write(reached, uri, node_format, text)

    def get(self, uri: LocURI) -> Read | StatusCode:
        """A leaf's value, or the names below an interior node."""
        reached = self._reach(uri, reading=True)
        if isinstance(reached, StatusCode):
            return reached
        place, rule = reached.place, reached.rule
        if Access.GET not in rule.access:
            return StatusCode.COMMAND_NOT_ALLOWED
        if not reached.parents or not self.exists(place) or not self._is_settled(place):
            return StatusCode.NOT_FOUND
        stored = self._nodes.get(place)
        text = None if rule.interior else self._value(place, rule)
        if text is None or (stored and stored.format is Format.NODE):
            return Read(Format.NODE, write_names(self.names_below(place)))
        return Read(rule.format or (stored.format if stored else Format.CHR), text)

    def delete(self, uri: LocURI) -> StatusCode:
        """Remove a node and all below it."""
        reached = self._reach(uri)
        if isinstance(reached, StatusCode):
            return reached
        place, rule = reached.place, reached.rule
        if Access.DELETE not in rule.access:
            return StatusCode.COMMAND_NOT_ALLOWED
        if not reached.parents or not self.exists(place):
            return StatusCode.NOT_FOUND
        if rule.guard is not None and (refusal := rule.guard(self, place, "")) is not None:
            return refusal
        if rule.remover is not None:
            rule.remover(self, place)
        self.remove(place)
        return StatusCode.OK

    def execute(self, uri: LocURI, target: str, data: str) -> StatusCode:
        """Start what the node stands for; `target` is its address as it was written."""
        reached = self._reach(uri)
        if isinstance(reached, StatusCode):
            return reached
        if Access.EXEC not in reached.rule.access or reached.rule.starter is None:
            return StatusCode.COMMAND_NOT_ALLOWED
        if not reached.parents:
            return StatusCode.NOT_FOUND
        return reached.rule.starter(self, reached.place, target, data)

    # --- what the machine itself does with its nodes

    def exists(self, place: Place) -> bool:
        """Whether there is a node: stored, always there, or the way to one that is."""
        if place in self._nodes:
            return True
        found = self._table.find(place[1])
        if found is None:
            return False
        if found.rule.fixed or self._value(place, found.rule) is not None:
            return True
        return next(self._below(place), None) is not None

    def read(self, uri: LocURI, user: str | None = None) -> str | None:
        """What a leaf holds, whoever may read it; `user` is whose if it is a user's, else the live one's."""
        place = self._place(uri, user)
        found = place and self._table.find(place[1])
        if not place or not found or not self._has_parents(place, found):
            return None
        return self._value(place, found.rule)

    def value(self, leaf: Leaf, base: LocURI, user: str | None = None) -> Value | None:
        """What a leaf holds, understood; None if it is not there or makes no sense."""
        text = self.read(leaf.at(base), user)
        try:
            return None if text is None else leaf.read(text)
        except CspError:
            return None

    def has(self, uri: LocURI, user: str | None = None) -> bool:
        """Whether a node exists."""
        place = self._place(uri, user)
        return place is not None and self.exists(place)

    def put(self, uri: LocURI, text: str, node_format: Format, owner: str = MACHINE) -> None:
        """Store what the machine itself knows."""
        place = place_of(owner, uri)
        stored = self._nodes.get(place)
        if stored is None or stored.text != text:
            self._nodes[place] = Node(uri.names, node_format, text)
            self.changes += 1

    def remove(self, place: Place) -> None:
        """Forget a node and all below it."""
        for gone in list(self._below(place)):
            del self._nodes[gone]
        self._nodes.pop(place, None)
        self.changes += 1

    def children(self, uri: LocURI, user: str | None = None) -> tuple[str, ...]:
        """The names below an interior node."""
        place = self._place(uri, user)
        return () if place is None else self.names_below(place)

    def owners(self) -> tuple[str, ...]:
        """Everyone who has nodes: the machine and users, in the order of their first."""
        return tuple(dict.fromkeys(owner for owner, _ in self._nodes))

    def names_below(self, place: Place) -> tuple[str, ...]:
        """The names of nodes right below a place that exist: fixed ones first, others as they came."""
        owner, above = place
        fixed = (name for name in self._table.below(above) if self.exists((owner, (*above, name.casefold()))))
        names = {name.casefold(): name for name in fixed}
        for below in self._below(place):
            names.setdefault(below[1][len(above)], self._nodes[below].names[len(above)])
        return tuple(names.values())

    # --- memory

    def snapshot(self) -> list[Stored]:
        """All that is stored."""
        return [(place[0], node.names, node.format, node.text) for place, node in self._nodes.items()]

    def restore(self, stored: Iterable[Stored]) -> None:
        """Take up a snapshot."""
        for owner, names, node_format, text in stored:
            place = (owner, tuple(name.casefold() for name in names))
            self._nodes[place] = Node(tuple(names), Format(node_format), text)

    def mark(self) -> Mark:
        """The present state, for `roll_back`."""
        return dict(self._nodes), len(self.effects)

    def roll_back(self, mark: Mark) -> None:
        """Undo everything since `mark`."""
        self._nodes, kept = mark
        del self.effects[kept:]

    # --- ways

    def _reach(self, uri: LocURI, *, reading: bool = False) -> _Reached | StatusCode:
        """What an address means, or the status that says why it means nothing."""
        if uri.query or (uri.names and uri.names[0].casefold() == _WMI):
            return StatusCode.OPTIONAL_FEATURE_NOT_SUPPORTED
        place = self._place(uri, None)
        if place is None:
            return StatusCode.NOT_FOUND if reading else StatusCode.COMMAND_NOT_ALLOWED
        names = place[1]
        if names[:4] == _PROVIDERS and names[4:5] not in {(), (self._provider,)}:
            return StatusCode.PERMISSION_DENIED
        found = self._table.find(names)
        if found is None:
            return StatusCode.NOT_FOUND
        if (uri.scope or Scope.DEVICE) not in found.rule.scopes:
            return StatusCode.NOT_FOUND if reading else StatusCode.COMMAND_NOT_ALLOWED
        return _Reached(place, found.rule, self._has_parents(place, found))

    def _place(self, uri: LocURI, user: str | None) -> Place | None:
        owner = (user or self._user) if uri.for_user else MACHINE
        return None if owner is None else place_of(owner, uri)

    def _has_parents(self, place: Place, found: Found) -> bool:
        return all((place[0], place[1][:length]) in self._nodes for length in found.parents)

    def _is_more_than_default(self, reached: _Reached) -> bool:
        """A leaf that only shows its default may still be added."""
        addable = Access.ADD in reached.rule.access and not reached.rule.interior
        return not addable or reached.place in self._nodes

    def _write(self, reached: _Reached, uri: LocURI, node_format: str, text: str) -> StatusCode:
        place, rule = reached.place, reached.rule
        stored = self._nodes.get(place)
        chosen = format_of(node_format, rule.format or (stored.format if stored else None))
        if chosen is None:
            return StatusCode.UNSUPPORTED_TYPE_OR_FORMAT
        empty_job = chosen is Format.XML and not text
        refusal = None if empty_job else refusal_of(text, chosen, rule.lowest, rule.highest)
        if refusal is None and rule.guard is not None:
            refusal = rule.guard(self, place, text)
        if refusal is not None:
            return refusal
        self._nodes[place] = Node(stored.names if stored else uri.names, chosen, tidied(text, chosen))
        self.changes += 1
        if rule.settles is not None and Quirk.WIFI_LATE in self.quirks:
            self._settled[place] = self.clock.monotonic() + rule.settles
        return StatusCode.OK

    def _is_settled(self, place: Place) -> bool:
        due = self._settled.get(place)
        return due is None or self.clock.monotonic() >= due

    def _value(self, place: Place, rule: Rule) -> str | None:
        if rule.reader is not None:
            return rule.reader(self, place)
        stored = self._nodes.get(place)
        return rule.default if stored is None else stored.text

    def _below(self, place: Place) -> Iterator[Place]:
        owner, above = place
        depth = len(above)
        return (
            found
            for found in self._nodes
            if found[0] == owner and len(found[1]) > depth and found[1][:depth] == above
        )
