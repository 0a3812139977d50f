"""What would happen: the impact of an edit that is tried out and taken back.

The edit and everything that follows from it run in a preview of the present unit, with the real reactors.
What comes out is compared by effective sets, so that a hundred thousand devices that change alike are
compared once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

import sqlalchemy as sa

from reseal.assignment.changes import EFFECTIVE_DEVICES_CHANGED, EFFECTIVE_SETS_CHANGED
from reseal.assignment.facts import BATCH
from reseal.assignment.lookup import entries_of_sets
from reseal.assignment.model import Entry, ItemRef
from reseal.assignment.sets import devices_of_sets
from reseal.assignment.tables import device_effective
from reseal.directory.changes import DEVICES_REMOVED
from reseal.kernel.changes import Change, ChangeKind
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey

SAMPLE = 20
"""Devices that are named for each item and way of changing; all are counted."""

Entries = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """How many directory devices, and the first of them."""

    count: int
    sample: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ItemImpact:
    """Devices that would gain the item, lose it, or keep it in another scope, intent or way."""

    item: ItemRef
    gained: Affected
    lost: Affected
    changed: Affected


@dataclass(frozen=True, slots=True)
class Impact:
    """What an edit would change: the devices for which anything differs, and every item concerned, sorted."""

    devices: Affected
    items: tuple[ItemImpact, ...]


def what_if(tx: Tx, tenant: TenantKey, edit: Callable[[Tx], object]) -> Impact:
    """Try `edit` out and take it back; needs a write unit, though nothing is written in the end.

    Whatever the edit raises, because it could not be saved either, is raised.
    """
    with tx.preview():
        edit(tx)
        settled = tx.settle()
        touched = _touched(tx, tenant, settled)
        after = _Picture.take(tx, tenant, touched)
    before = _Picture.take(tx, tenant, touched)
    return _compare(touched, before, after)


def _touched(tx: Tx, tenant: TenantKey, changes: Iterable[Change]) -> list[int]:
    """The devices for which anything can have changed."""
    ids: dict[ChangeKind, set[int]] = {}
    for change in changes:
        if change.tenant == tenant:
            ids.setdefault(change.kind, set()).update(change.ids)
    devices = ids.get(EFFECTIVE_DEVICES_CHANGED, set()) | ids.get(DEVICES_REMOVED, set())
    return sorted(devices.union(devices_of_sets(tx, tenant, ids.get(EFFECTIVE_SETS_CHANGED, ()))))


@dataclass(frozen=True, slots=True)
class _Picture:
    """The set of each device, and the entries of each of those sets, at one moment."""

    sets: Mapping[int, int]
    entries: Mapping[int, Entries]

    @classmethod
    def take(cls, tx: Tx, tenant: TenantKey, devices: Iterable[int]) -> _Picture:
        sets: dict[int, int] = {}
        for some in chunks(devices, BATCH):
            statement = (
                sa.select(device_effective.c.device_id, device_effective.c.set_id)
                .where(device_effective.c.tenant_id == tenant, among(device_effective.c.device_id, some))
                .order_by(device_effective.c.device_id)
            )
            sets.update((row.device_id, row.set_id) for row in tx.rows(statement))
        return cls(sets, entries_of_sets(tx, tenant, sets.values()))

    def of(self, device: int) -> Entries:
        key = self.sets.get(device)
        return () if key is None else self.entries.get(key, ())


@dataclass(slots=True)
class _Tally:
    """Counts all devices, keeps the first; they come in rising order."""

    count: int = 0
    sample: list[int] = field(default_factory=list)

    def add(self, device: int) -> None:
        self.count += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(device)

    def result(self) -> Affected:
        return Affected(self.count, tuple(self.sample))


class _Way(StrEnum):
    GAINED = "gained"
    LOST = "lost"
    CHANGED = "changed"


def _compare(devices: Iterable[int], before: _Picture, after: _Picture) -> Impact:
    different = _Tally()
    tallies: dict[tuple[ItemRef, _Way], _Tally] = {}
    compare = cache(_ways)
    for device in devices:
        ways = compare(before.of(device), after.of(device))
        if ways:
            different.add(device)
        for way in ways:
            tallies.setdefault(way, _Tally()).add(device)
    items = sorted({item for item, _ in tallies})
    return Impact(different.result(), tuple(_impact(item, tallies) for item in items))


def _ways(before: Entries, after: Entries) -> tuple[tuple[ItemRef, _Way], ...]:
    """What happens to each item when a device's entries become others."""
    had, has = _by_item(before), _by_item(after)
    return (
        *((item, _Way.GAINED) for item in sorted(has.keys() - had.keys())),
        *((item, _Way.LOST) for item in sorted(had.keys() - has.keys())),
        *((item, _Way.CHANGED) for item in sorted(had.keys() & has.keys()) if had[item] != has[item]),
    )


def _by_item(entries: Entries) -> dict[ItemRef, list[Entry]]:
    found: dict[ItemRef, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.item, []).append(entry)
    return found


def _impact(item: ItemRef, tallies: Mapping[tuple[ItemRef, _Way], _Tally]) -> ItemImpact:
    def affected(way: _Way) -> Affected:
        return tallies.get((item, way), _Tally()).result()

    return ItemImpact(item, affected(_Way.GAINED), affected(_Way.LOST), affected(_Way.CHANGED))
