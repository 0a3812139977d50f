"""How a change of a cause reaches its effects: typed notices inside the transaction, and ordered reactors.

A unit of work that changes a cause (a device's attributes, a rule, an assignment) announces it with the ids
it touched. Before the unit commits, the reactors run once each, in their order. A reactor receives every
change of its kinds, announced by the unit or by an earlier reactor, and may announce only what *later*
reactors consume. So the chain climbs, ends, and everything it did is part of the same commit: nobody waits
for a sync.

Changes are notices for machines and are not stored; `events` is the log for people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

from reseal.kernel.errors import Fault
from reseal.kernel.ids import TenantKey

if TYPE_CHECKING:
    from reseal.kernel.db.tx import Tx

ChangeKind = NewType("ChangeKind", str)


@dataclass(frozen=True, slots=True)
class Change:
    """What changed, in one tenant: internal keys of the rows, and which attributes if that narrows the
    effect.
    """

    kind: ChangeKind
    tenant: TenantKey
    ids: frozenset[int]
    attributes: frozenset[str] = frozenset()


React = Callable[["Tx", TenantKey, Sequence[Change]], None]


@dataclass(frozen=True, slots=True)
class Reactor:
    """A named step of the chain: the kinds it consumes and the function that acts on them, one tenant at a
    time.
    """

    name: str
    kinds: frozenset[ChangeKind]
    react: React


def settle(tx: Tx, reactors: Sequence[Reactor], log: list[Change]) -> None:
    """Run every reactor once over the changes in `log`, which grows as reactors announce.

    Raises `Fault` if a reactor announces a kind that itself or an earlier reactor consumes: such a change
    would be lost, and a loop could not be shown to end.
    """
    passed: set[ChangeKind] = set()
    for reactor in reactors:
        passed |= reactor.kinds
        before = len(log)
        for tenant, changes in _by_tenant(log, reactor.kinds).items():
            reactor.react(tx, tenant, changes)
        for change in log[before:]:
            if change.kind in passed:
                raise Fault(
                    code="AnnouncedDownwards",
                    message=f"Reactor {reactor.name} announced {change.kind}, consumed at or before it.",
                    remedy="Order the reactors so that changes only climb (server/wiring.py).",
                )


def _by_tenant(log: Sequence[Change], kinds: frozenset[ChangeKind]) -> dict[TenantKey, list[Change]]:
    grouped: dict[TenantKey, list[Change]] = {}
    for change in log:
        if change.kind in kinds:
            grouped.setdefault(change.tenant, []).append(change)
    return grouped
