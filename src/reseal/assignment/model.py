"""Pure rules of assignment: what the targets of an item mean for one device.

Two scopes are looked at side by side. The device scope sees the device's groups and *all devices*; the user
scope sees the assigned user's groups and *all users*, and is empty without an assigned user. In each scope

1. an include target reaches the device by its group or by *all*;
2. its filter, if it has one, keeps or drops the device;
3. an exclusion that reaches the device in this scope removes the item from this scope, whatever the intent.

What is left gives the item one intent on this device: required before uninstall before available. An entry
that is reached by a group and by *all* counts as reached by the group. Sources: `spec/autopilot.md 4.3, 5.2,
6.4`; docs/decisions/0010-one-intent-per-item-and-device.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, assert_never


class ItemKind(StrEnum):
    """What can be assigned."""

    PROFILE = "profile"
    ESP = "esp"
    POLICY = "policy"
    CERTIFICATE = "certificate"
    WIFI = "wifi"
    APP = "app"


class Mode(StrEnum):
    """Whether a target gives the item or takes it away."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class TargetKind(StrEnum):
    """Whom a target names."""

    GROUP = "group"
    ALL_DEVICES = "allDevices"
    ALL_USERS = "allUsers"


class FilterMode(StrEnum):
    """Whether devices that match the filter of a target are kept or dropped."""

    NONE = "none"
    INCLUDE = "include"
    EXCLUDE = "exclude"


class Intent(StrEnum):
    """What shall happen with the item; everything but an app is always required."""

    REQUIRED = "required"
    AVAILABLE = "available"
    UNINSTALL = "uninstall"


class Scope(StrEnum):
    """For whom an item reaches the device: for the device itself or for its assigned user."""

    DEVICE = "device"
    USER = "user"


class Via(StrEnum):
    """How an entry was reached; a group is the closer reason."""

    GROUP = "group"
    ALL = "all"


class Outcome(StrEnum):
    """What became of one target in one scope."""

    ASSIGNS = "assigns"
    NOT_REACHED = "notReached"
    FILTERED = "filtered"
    EXCLUDED = "excluded"
    OUTRANKED = "outranked"
    EXCLUDES = "excludes"


STRONGEST_FIRST = (Intent.REQUIRED, Intent.UNINSTALL, Intent.AVAILABLE)
"""The order in which intents that meet on one device win (docs/decisions/0010)."""


@dataclass(frozen=True, slots=True, order=True)
class ItemRef:
    """An assignable item: its kind and its internal key."""

    kind: ItemKind
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The item that `str()` wrote as `kind:id`; raises `ValueError` for anything else."""
        kind, _, key = text.partition(":")
        return cls(ItemKind(kind), int(key))


@dataclass(frozen=True, slots=True)
class Target:
    """One line of an item's assignment. Group and filter are internal keys.

    Raises `ValueError` for a contradiction in terms: a group target without group, a filter without mode, an
    exclusion of everybody or one with a filter.
    """

    item: ItemRef
    mode: Mode
    kind: TargetKind
    group: int | None = None
    filter: int | None = None
    filter_mode: FilterMode = FilterMode.NONE
    intent: Intent = Intent.REQUIRED

    def __post_init__(self) -> None:
        if (self.kind is TargetKind.GROUP) != (self.group is not None):
            raise ValueError(f"{self}: exactly the targets of kind group name a group")
        if (self.filter_mode is FilterMode.NONE) != (self.filter is None):
            raise ValueError(f"{self}: a filter and its mode come together")
        if self.mode is Mode.EXCLUDE and self.kind is not TargetKind.GROUP:
            raise ValueError(f"{self}: only a group can be excluded")
        if self.mode is Mode.EXCLUDE and self.filter is not None:
            raise ValueError(f"{self}: a filter narrows what is included, never an exclusion")


@dataclass(frozen=True, slots=True)
class Signature:
    """All that any target of the tenant can know of one device; made by `Signature.of`.

    `groups` and `user_groups` hold only groups that some target names, `filters` only filters that some
    target uses and that are true for the device; all are sorted.
    """

    groups: tuple[int, ...]
    filters: tuple[int, ...]
    has_user: bool
    user_groups: tuple[int, ...]

    @classmethod
    def of(
        cls, groups: Iterable[int] = (), filters: Iterable[int] = (), user_groups: Iterable[int] | None = None
    ) -> Self:
        """The signature of these keys in any order; `user_groups` is None if no user is assigned."""
        return cls(
            groups=tuple(sorted(set(groups))),
            filters=tuple(sorted(set(filters))),
            has_user=user_groups is not None,
            user_groups=tuple(sorted(set(user_groups or ()))),
        )

    def groups_in(self, scope: Scope) -> tuple[int, ...]:
        """The groups that count in this scope."""
        return self.groups if scope is Scope.DEVICE else self.user_groups

    def digest(self) -> bytes:
        """SHA-256 over the canonical form: equal exactly for equal signatures."""
        parts = (
            _joined(self.groups),
            _joined(self.filters),
            "user" if self.has_user else "",
            _joined(self.user_groups),
        )
        return hashlib.sha256(";".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An item that is effective for a device: in which scope, what for, and how it was reached."""

    item: ItemRef
    scope: Scope
    intent: Intent
    via: Via


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one target in one scope; `because` names the target that removed or outranked it."""

    target: Target
    scope: Scope
    outcome: Outcome
    because: Target | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The entries that an item's targets give one device, and what became of each target in each scope."""

    entries: tuple[Entry, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """The groups and filters that any target of a tenant names: all that signatures have to look at."""

    groups: frozenset[int] = frozenset()
    filters: frozenset[int] = frozenset()

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Self:
        """The basis of these targets."""
        seen = tuple(targets)
        return cls(
            groups=frozenset(target.group for target in seen if target.group is not None),
            filters=frozenset(target.filter for target in seen if target.filter is not None),
        )


def reading_order(target: Target) -> tuple[bool, bool, int]:
    """Sort key in which people read targets: includes before exclusions, groups before *all*."""
    return (target.mode is Mode.EXCLUDE, target.kind is not TargetKind.GROUP, target.group or 0)


class TargetIndex:
    """Targets by whom they name: a signature meets only those that reach it, however many there are."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._targets = tuple(targets)
        self._of_group: dict[int, list[Target]] = {}
        self._of_all: list[Target] = []
        for target in self._targets:
            if target.group is None:
                self._of_all.append(target)
            else:
                self._of_group.setdefault(target.group, []).append(target)

    def of_items(self, items: Set[ItemRef]) -> TargetIndex:
        """An index of the targets of these items alone."""
        return TargetIndex(target for target in self._targets if target.item in items)

    def reaching(self, signature: Signature) -> list[Target]:
        """The targets of everybody and of the signature's groups; `resolve` needs no others."""
        found = list(self._of_all)
        for group in sorted({*signature.groups, *signature.user_groups}):
            found += self._of_group.get(group, ())
        return found


def resolve(targets: Iterable[Target], signature: Signature) -> tuple[Entry, ...]:
    """Every entry that the targets, of any number of items, give a device of this signature; sorted."""
    by_item: dict[ItemRef, list[Target]] = {}
    for target in targets:
        by_item.setdefault(target.item, []).append(target)
    decided = (decide(of_item, signature) for of_item in by_item.values())
    return tuple(sorted(entry for decision in decided for entry in decision.entries))


def decide(targets: Iterable[Target], signature: Signature) -> Decision:
    """What the targets of one item mean for a device of this signature, step by step, in reading order."""
    ordered = sorted(targets, key=reading_order)
    excluded_by = {scope: _first_exclusion(ordered, scope, signature) for scope in Scope}
    looked = [
        _look(target, scope, signature, excluded_by[scope])
        for target in ordered
        for scope in _SCOPES[target.kind]
    ]
    winner = _strongest(step for step in looked if step.outcome is Outcome.ASSIGNS)
    steps = tuple(_outranked(step, winner) for step in looked)
    return Decision(entries=_entries(steps), steps=steps)


_SCOPES = {
    TargetKind.GROUP: (Scope.DEVICE, Scope.USER),
    TargetKind.ALL_DEVICES: (Scope.DEVICE,),
    TargetKind.ALL_USERS: (Scope.USER,),
}
"""In which scopes a kind of target can reach a device."""


def _first_exclusion(ordered: Iterable[Target], scope: Scope, signature: Signature) -> Target | None:
    reaching = (
        target for target in ordered if target.mode is Mode.EXCLUDE and _reaches(target, scope, signature)
    )
    return next(reaching, None)


def _look(target: Target, scope: Scope, signature: Signature, excluded_by: Target | None) -> Step:
    if not _reaches(target, scope, signature):
        return Step(target, scope, Outcome.NOT_REACHED)
    if target.mode is Mode.EXCLUDE:
        return Step(target, scope, Outcome.EXCLUDES)
    if not _passes_filter(target, signature):
        return Step(target, scope, Outcome.FILTERED)
    if excluded_by is not None:
        return Step(target, scope, Outcome.EXCLUDED, because=excluded_by)
    return Step(target, scope, Outcome.ASSIGNS)


def _reaches(target: Target, scope: Scope, signature: Signature) -> bool:
    """Whether the target means the device, or its user; `scope` is one in which the kind of target can."""
    match target.kind:
        case TargetKind.GROUP:
            return target.group in signature.groups_in(scope)
        case TargetKind.ALL_DEVICES:
            return True
        case TargetKind.ALL_USERS:
            return signature.has_user
        case _:
            assert_never(target.kind)


def _passes_filter(target: Target, signature: Signature) -> bool:
    match target.filter_mode:
        case FilterMode.NONE:
            return True
        case FilterMode.INCLUDE:
            return target.filter in signature.filters
        case FilterMode.EXCLUDE:
            return target.filter not in signature.filters
        case _:
            assert_never(target.filter_mode)


def _strongest(steps: Iterable[Step]) -> Target | None:
    """The target whose intent wins on this device; of equal intents the first in reading order."""
    return min(
        (step.target for step in steps),
        key=lambda target: STRONGEST_FIRST.index(target.intent),
        default=None,
    )


def _outranked(step: Step, winner: Target | None) -> Step:
    if step.outcome is not Outcome.ASSIGNS or winner is None or step.target.intent is winner.intent:
        return step
    return Step(step.target, step.scope, Outcome.OUTRANKED, because=winner)


def _entries(steps: Iterable[Step]) -> tuple[Entry, ...]:
    """One entry for each scope that a target still gives the item in."""
    entries: dict[Scope, Entry] = {}
    for step in steps:
        if step.outcome is Outcome.ASSIGNS:
            via = Via.GROUP if step.target.kind is TargetKind.GROUP else Via.ALL
            entry = Entry(step.target.item, step.scope, step.target.intent, via)
            entries.setdefault(step.scope, entry)  # reading order puts groups first
    return tuple(sorted(entries.values()))


def _joined(keys: Iterable[int]) -> str:
    return ",".join(map(str, keys))
