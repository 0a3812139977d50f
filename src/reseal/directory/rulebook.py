"""The membership rules of one organisation, compiled and indexed, and kept as long as they are current.

Rules fall into two tiers. Those of the first read attributes alone; those of the second also ask for
membership of other groups, and are evaluated after the first has settled. A rule of the second tier may not
name a group of the second tier, so two passes are enough.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.model import MemberKind, Membership, Processing
from reseal.directory.rules import DEVICE, USER, Rule, RuleIndex, Schema, compile_rule
from reseal.directory.tables import group, tenant
from reseal.kernel.db import Tx, chunks
from reseal.kernel.ids import TenantKey

KEPT_BOOKS = 64
"""Of how many organisations a process keeps the compiled rules."""


class Tier(IntEnum):
    """When a rule is evaluated."""

    ATTRIBUTES = 1
    GROUPS = 2


def schema_of(membership: Membership) -> Schema:
    """The schema of a dynamic group's rule."""
    return DEVICE if membership is Membership.DYNAMIC_DEVICE else USER


def tier_of(rule: Rule) -> Tier:
    """The tier of a rule."""
    return Tier.GROUPS if rule.member_of else Tier.ATTRIBUTES


@dataclass(frozen=True, slots=True)
class DynamicGroup:
    """A dynamic group that follows its rule."""

    id: int
    uuid: UUID
    kind: MemberKind
    rule: Rule


class RuleSet:
    """Rules that are evaluated together: of one kind of member and one tier."""

    def __init__(self, groups: Mapping[int, Rule]) -> None:
        self.groups = groups
        self.index = RuleIndex((key, groups[key]) for key in sorted(groups))
        self.every = frozenset(groups)
        self._reading: dict[frozenset[str], frozenset[int]] = {}

    def among(self, groups: frozenset[int]) -> RuleSet:
        """The rules of those `groups` that belong to this set."""
        return RuleSet({key: self.groups[key] for key in sorted(groups & self.every)})

    def reading(self, changed: frozenset[str] | None) -> frozenset[int]:
        """The groups whose rules read one of the `changed` attributes; None stands for all attributes."""
        if changed is None:
            return self.every
        if changed not in self._reading:
            self._reading[changed] = frozenset(self.index.reading(changed))
        return self._reading[changed]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of one organisation; `named` are the groups that the second tier asks for: key, object id.

    `version` is a digest of everything else, so that equal versions mean equal rules, in whatever
    transaction or database they were read.
    """

    version: int
    groups: Mapping[int, DynamicGroup]
    sets: Mapping[tuple[MemberKind, Tier], RuleSet]
    named: Mapping[int, str]


class RuleBooks:
    """The books of the organisations that this process served last; safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[TenantKey, RuleBook] = OrderedDict()
        self._lock = threading.Lock()

    def current(self, tx: Tx, key: TenantKey) -> RuleBook:
        """The book as of the last change of a rule: one statement if this process has it already."""
        version = tx.value(sa.select(tenant.c.rules_version).where(tenant.c.id == key))
        kept = self._recall(key)
        return kept if kept is not None and kept.version == version else self._read(tx, key)

    def renew(self, tx: Tx, key: TenantKey) -> RuleBook:
        """Read the rules after one of them was changed, and note their new version."""
        book = self._read(tx, key)
        tx.execute(sa.update(tenant).where(tenant.c.id == key).values(rules_version=book.version))
        return book

    def _read(self, tx: Tx, key: TenantKey) -> RuleBook:
        book = _read_book(tx, key, self._recall(key))
        with self._lock:
            self._kept[key] = book
            if len(self._kept) > KEPT_BOOKS:
                self._kept.popitem(last=False)
        return book

    def _recall(self, key: TenantKey) -> RuleBook | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def _read_book(tx: Tx, key: TenantKey, former: RuleBook | None) -> RuleBook:
    """Compile the rules of an organisation; what `former` has compiled is taken from there."""
    compiled = (
        {(dynamic.kind, dynamic.rule.text): dynamic.rule for dynamic in former.groups.values()}
        if former
        else {}
    )
    groups = {}
    for row in tx.rows(
        sa.select(group.c.id, group.c.uuid, group.c.membership, group.c.rule)
        .where(group.c.tenant_id == key, group.c.rule.is_not(None), group.c.processing == Processing.ON.value)
        .order_by(group.c.id)
    ):
        membership = Membership(row.membership)
        (kind,) = membership.kinds
        rule = compiled.get((kind, row.rule)) or compile_rule(row.rule, schema_of(membership))
        groups[row.id] = DynamicGroup(row.id, row.uuid, kind, rule)
    named = _named_groups(tx, key, groups)
    return RuleBook(_digest(groups, named), groups, _rule_sets(groups), named)


def _rule_sets(groups: Mapping[int, DynamicGroup]) -> dict[tuple[MemberKind, Tier], RuleSet]:
    sorted_out: dict[tuple[MemberKind, Tier], dict[int, Rule]] = {
        (kind, tier): {} for kind in MemberKind for tier in Tier
    }
    for dynamic in groups.values():
        sorted_out[dynamic.kind, tier_of(dynamic.rule)][dynamic.id] = dynamic.rule
    return {place: RuleSet(rules) for place, rules in sorted_out.items()}


def _named_groups(tx: Tx, key: TenantKey, groups: Mapping[int, DynamicGroup]) -> dict[int, str]:
    texts = sorted({text for dynamic in groups.values() for text in dynamic.rule.member_of})
    return {
        row.id: str(row.uuid)
        for some in chunks(texts)
        for row in tx.rows(
            sa.select(group.c.id, group.c.uuid)
            .where(group.c.tenant_id == key, group.c.uuid.in_([UUID(text) for text in some]))
            .order_by(group.c.id)
        )
    }


def _digest(groups: Mapping[int, DynamicGroup], named: Mapping[int, str]) -> int:
    """63 bits that stand for these rules: they fit a signed integer column."""
    content = [
        [[key, str(groups[key].uuid), groups[key].kind, groups[key].rule.text] for key in sorted(groups)],
        [[key, named[key]] for key in sorted(named)],
    ]
    return int.from_bytes(hashlib.sha256(json.dumps(content).encode()).digest()[:8], "big") >> 1
