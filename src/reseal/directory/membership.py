"""Members of dynamic groups follow their rules inside the transaction that changes a cause.

`react` receives the users and devices whose attributes changed and the groups whose rules changed. It
evaluates only what can differ (rules that read a changed attribute, objects of a changed rule), compares
with the members on record, writes the difference, and announces whose memberships moved. Whole populations
are streamed in batches, so the work needs the same memory for a thousand devices as for a hundred thousand
(`spec/autopilot.md 12`, items 42-61).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from reseal.directory.changes import (
    DEVICE_CHANGED,
    DEVICE_MEMBERSHIP_CHANGED,
    RULE_CHANGED,
    USER_CHANGED,
    USER_MEMBERSHIP_CHANGED,
)
from reseal.directory.model import MemberKind, Membership
from reseal.directory.rule_objects import Candidate, load, rule_objects, stream
from reseal.directory.rulebook import RuleBook, RuleBooks, RuleSet, Tier, schema_of
from reseal.directory.rules import Explanation, compile_rule
from reseal.directory.rules.schema import MEMBER_OF
from reseal.directory.tables import group, group_member
from reseal.kernel import events
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.deadlines import Deadline, set_deadline
from reseal.kernel.errors import NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey

SAMPLE = 10
"""How many members the event of a change names; it counts all of them."""

RULE_CLOCK = "rule-clock"
"""Kind of the deadline at which a rule that reads the clock is evaluated again, by `on_rule_clock`."""

_CHANGED = {MemberKind.USER: USER_CHANGED, MemberKind.DEVICE: DEVICE_CHANGED}
_MOVED = {MemberKind.USER: USER_MEMBERSHIP_CHANGED, MemberKind.DEVICE: DEVICE_MEMBERSHIP_CHANGED}
_BOOKS = RuleBooks()
_MEMBER = ("tenant_id", "group_id", "member_kind", "member_id")
_REMOVE = sa.delete(group_member).where(*(group_member.c[name] == sa.bindparam(name) for name in _MEMBER))

Touched = dict[int, frozenset[str] | None]
"""Keys of users or devices with the attributes that changed; None means that all may have."""


@dataclass(slots=True)
class _Movement:
    """What one group gained and lost: all counted, a few named."""

    added: int = 0
    removed: int = 0
    added_sample: list[str] = field(default_factory=list)
    removed_sample: list[str] = field(default_factory=list)

    def enter(self, who: Candidate) -> None:
        self.added += 1
        if self.added <= SAMPLE:
            self.added_sample.append(str(who.uuid))

    def leave(self, who: Candidate) -> None:
        self.removed += 1
        if self.removed <= SAMPLE:
            self.removed_sample.append(str(who.uuid))

    def told(self) -> dict[str, events.JsonValue]:
        """What the event says."""
        return {
            "added": self.added,
            "removed": self.removed,
            "added_sample": self.added_sample,
            "removed_sample": self.removed_sample,
        }


@dataclass(slots=True)
class _Moves:
    """What moved in one run: the members by kind, and the groups."""

    members: dict[MemberKind, set[int]] = field(default_factory=lambda: {kind: set() for kind in MemberKind})
    groups: dict[int, _Movement] = field(default_factory=dict)


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """Bring the members of this organisation's dynamic groups up to date with `changes`."""
    # A unit that was not announced as one that changes causes still takes turns with those that were.
    tx.lock(f"causes:{tenant}")
    edited = frozenset(key for change in changes if change.kind == RULE_CHANGED for key in change.ids)
    touched = {kind: _touched(changes, kind) for kind in MemberKind}
    book = _BOOKS.renew(tx, tenant) if edited else _BOOKS.current(tx, tenant)
    moves = _Moves()
    for tier in Tier:
        for kind in MemberKind:
            rules = book.sets[kind, tier]
            _follow_edited_rules(tx, tenant, kind, rules.among(edited), book, moves)
            _follow_touched(tx, tenant, kind, rules, touched[kind], book, moves)
            _touch(touched[kind], moves.members[kind], frozenset({MEMBER_OF}))
    _tell(tx, tenant, book, moves)


REACTOR = Reactor("membership", frozenset({USER_CHANGED, DEVICE_CHANGED, RULE_CHANGED}), react)
"""The first step of the chain."""


def rebuild_memberships(tx: Tx, tenant: TenantKey) -> None:
    """Have the reactor work out the members of every dynamic group anew, streaming through all objects."""
    rows = tx.rows(
        sa.select(group.c.id)
        .where(group.c.tenant_id == tenant, group.c.membership != Membership.ASSIGNED.value)
        .order_by(group.c.id)
    )
    tx.announce(Change(RULE_CHANGED, tenant, frozenset(row.id for row in rows)))


def check_rule(tx: Tx, tenant: TenantKey, text: str, kind: MemberKind, member_id: int) -> Explanation:
    """Whether a rule is true for a user or device, clause by clause; it need not be any group's rule.

    Raises `RuleError` for a rule that cannot be used, `NotFound` for an unknown member.
    """
    membership = Membership.DYNAMIC_DEVICE if kind is MemberKind.DEVICE else Membership.DYNAMIC_USER
    rule = compile_rule(text, schema_of(membership))
    seen = rule_objects(tx, tenant, kind, [member_id]).get(member_id)
    if seen is None:
        raise NotFound(
            code="MemberNotFound",
            message=f"There is no {kind.value} with the key {member_id} in this organisation.",
            remedy="Choose another one; it may have been deleted.",
        )
    return rule.explain(seen)


def watch_clock(tx: Tx, tenant: TenantKey, group_id: int) -> None:
    """Have the rule of a group evaluated again when the next day (UTC) begins."""
    midnight = tx.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    set_deadline(tx, tenant, "group", group_id, RULE_CLOCK, midnight)


def on_rule_clock(tx: Tx, deadline: Deadline) -> None:
    """A day has begun: the rule may mean others now, although nothing was edited."""
    tx.announce(Change(RULE_CHANGED, deadline.tenant, frozenset({deadline.subject_id})))
    watch_clock(tx, deadline.tenant, deadline.subject_id)


def _touched(changes: Sequence[Change], kind: MemberKind) -> Touched:
    """The users or devices among `changes`, each with all the attributes that changed."""
    touched: Touched = {}
    for change in changes:
        if change.kind == _CHANGED[kind]:
            _touch(touched, change.ids, change.attributes or None)
    return touched


def _touch(touched: Touched, keys: Iterable[int], attributes: frozenset[str] | None) -> None:
    for key in keys:
        before = touched.get(key, frozenset())
        touched[key] = None if before is None or attributes is None else before | attributes


def _follow_edited_rules(
    tx: Tx,
    tenant: TenantKey,
    kind: MemberKind,
    rules: RuleSet,
    book: RuleBook,
    moves: _Moves,
) -> None:
    """Evaluate edited rules for everybody."""
    if rules.every:
        for batch in stream(tx, tenant, kind, rules.every, book.named):
            _settle(tx, tenant, kind, rules, dict.fromkeys((who.id for who in batch), None), batch, moves)


def _follow_touched(
    tx: Tx,
    tenant: TenantKey,
    kind: MemberKind,
    rules: RuleSet,
    touched: Touched,
    book: RuleBook,
    moves: _Moves,
) -> None:
    """Evaluate, for whoever changed, the rules that read what changed."""
    concerned = sorted(key for key, attributes in touched.items() if rules.reading(attributes))
    for keys in chunks(concerned):
        _settle(tx, tenant, kind, rules, touched, load(tx, tenant, kind, keys, book.named), moves)


def _settle(
    tx: Tx,
    tenant: TenantKey,
    kind: MemberKind,
    rules: RuleSet,
    touched: Mapping[int, frozenset[str] | None],
    batch: Sequence[Candidate],
    moves: _Moves,
) -> None:
    """Compare what the rules say about a batch with the members on record, and write the difference."""
    added: list[tuple[int | str, ...]] = []
    removed: list[tuple[int | str, ...]] = []
    for who in batch:
        attributes = touched[who.id]
        wanted = frozenset(rules.index.matching(who.object, attributes))
        held = who.groups & rules.reading(attributes)
        for group_id in sorted(wanted - held):
            added.append((tenant, group_id, kind.value, who.id))
            moves.groups.setdefault(group_id, _Movement()).enter(who)
        for group_id in sorted(held - wanted):
            removed.append((tenant, group_id, kind.value, who.id))
            moves.groups.setdefault(group_id, _Movement()).leave(who)
        if wanted != held:
            moves.members[kind].add(who.id)
    if removed:
        tx.execute(_REMOVE, [dict(zip(_MEMBER, member, strict=True)) for member in removed])
    # In the order of the key neighbours share a page of the table.
    tx.insert_plain(group_member, _MEMBER, sorted(added))


def _tell(tx: Tx, tenant: TenantKey, book: RuleBook, moves: _Moves) -> None:
    """Date the groups that changed, write an event for each, and announce whoever moved."""
    for some in chunks(sorted(moves.groups)):
        tx.execute(
            sa.update(group)
            .where(group.c.tenant_id == tenant, among(group.c.id, some))
            .values(members_changed_at=tx.now)
        )
    told = [
        (Subject("group", book.groups[group_id].uuid), moves.groups[group_id].told())
        for group_id in sorted(moves.groups)
    ]
    events.record_all(tx, tenant, "group.members_changed", told)
    for kind in MemberKind:
        tx.announce(Change(_MOVED[kind], tenant, frozenset(moves.members[kind])))
