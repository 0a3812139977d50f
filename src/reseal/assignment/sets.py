"""Effective sets: one for each signature that some device has, made on demand, let go when no device is left.

A `Keeper` works within one unit. It points devices at their sets, resolves sets again when targets were
edited, and remembers what really changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from reseal.assignment import facts
from reseal.assignment.facts import Filters, Seen
from reseal.assignment.model import Basis, Entry, ItemRef, Signature, Target, TargetIndex, resolve
from reseal.assignment.tables import (
    assignment_target,
    device_effective,
    effective_entry,
    effective_set,
    entry_of,
    entry_values,
    signature_content,
    signature_of,
    target_of,
)
from reseal.directory.model import MemberKind
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey

_PAGE = 500
_POINTERS = 10_000
"""Pointers written in one statement. Each copies the pages it touches until the unit ends: not too few."""


class Keeper:
    """Brings devices and sets of one tenant up to date; `moved` and `changed` say what it found different."""

    def __init__(self, tx: Tx, tenant: TenantKey, basis: Basis) -> None:
        self.moved: list[int] = []
        """Devices that point at another set than before."""
        self.changed: list[int] = []
        """Sets that hold other entries than before."""
        self._tx = tx
        self._tenant = tenant
        self._basis = basis
        self._filters: Filters | None = None
        self._targets: TargetIndex | None = None
        self._keys: dict[Signature, int] = {}
        self._left: set[int] = set()
        self._pointers: list[tuple[int, int]] = []

    # --- devices ----------------------------------------------------------------------------------

    def point(self, devices: Sequence[int]) -> None:
        """Point each of the devices, a batch of them, at the set of its signature."""
        seen = facts.look_at(self._tx, self._tenant, devices, self._filters_in_use())
        signatures = self._signatures(seen)
        self._find_or_make_sets(signatures)
        moves = [
            (found, key)
            for found, signature in zip(seen, signatures, strict=True)
            if found.set != (key := self._keys[signature])
        ]
        self._pointers += [(found.device, key) for found, key in moves]
        if len(self._pointers) >= _POINTERS:
            self._write_pointers()
        self.moved += [found.device for found, _ in moves]
        self._left |= {found.set for found, _ in moves if found.set is not None}

    def leave(self, sets: Iterable[int]) -> None:
        """Note that devices which pointed at these sets are gone."""
        self._left |= set(sets)

    def _filters_in_use(self) -> Filters:
        if self._filters is None:
            self._filters = Filters.load(self._tx, self._tenant, self._basis.filters)
        return self._filters

    def _signatures(self, seen: Sequence[Seen]) -> list[Signature]:
        device_groups = self._groups_of(MemberKind.DEVICE, [found.device for found in seen])
        users = [found.user for found in seen if found.user is not None]
        user_groups = self._groups_of(MemberKind.USER, users)
        return [
            Signature.of(
                groups=device_groups.get(found.device, ()),
                filters=found.filters,
                user_groups=None if found.user is None else user_groups.get(found.user, ()),
            )
            for found in seen
        ]

    def _groups_of(self, kind: MemberKind, members: Sequence[int]) -> Mapping[int, Sequence[int]]:
        if not members or not self._basis.groups:
            return {}
        return facts.groups_of(self._tx, self._tenant, kind, members, self._basis.groups)

    def _write_pointers(self) -> None:
        """One statement for thousands: row by row, the foreign key costs thirty times as much on SQLite."""
        if not self._pointers:
            return
        device, key = _columns_of(self._tx, self._pointers)
        rows = sa.select(sa.literal(self._tenant, sa.BigInteger), device, key).order_by(device)
        insert = self._tx.insert(device_effective).from_select(["tenant_id", "device_id", "set_id"], rows)
        self._tx.execute(
            insert.on_conflict_do_update(
                index_elements=["tenant_id", "device_id"], set_={"set_id": insert.excluded.set_id}
            )
        )
        self._pointers.clear()

    # --- sets -------------------------------------------------------------------------------------

    def _find_or_make_sets(self, signatures: Iterable[Signature]) -> None:
        unknown = {signature.digest(): signature for signature in signatures if signature not in self._keys}
        for some in chunks(sorted(unknown), _PAGE):
            statement = (
                sa.select(effective_set.c.id, effective_set.c.signature)
                .where(effective_set.c.tenant_id == self._tenant, effective_set.c.signature.in_(some))
                .order_by(effective_set.c.id)
            )
            for row in self._tx.rows(statement):
                self._keys[unknown.pop(row.signature)] = row.id
        self._make_sets(unknown)

    def _make_sets(self, missing: Mapping[bytes, Signature]) -> None:
        if not missing:
            return
        sets: list[dict[str, Any]] = []
        entries: list[dict[str, Any]] = []
        targets = self._all_targets()
        for digest, signature in sorted(missing.items()):
            key = self._keys[signature] = self._tx.new_key()
            content = signature_content(signature)
            sets.append({"tenant_id": self._tenant, "id": key, "signature": digest, "content": content})
            resolved = resolve(targets.reaching(signature), signature)
            entries += [self._entry_row(key, entry) for entry in resolved]
        self._tx.execute(self._tx.insert(effective_set), sets)
        if entries:
            self._tx.execute(self._tx.insert(effective_entry), entries)

    def _all_targets(self) -> TargetIndex:
        if self._targets is None:
            self._targets = TargetIndex(_load_targets(self._tx, self._tenant))
        return self._targets

    def resolve_again(self, items: frozenset[ItemRef] | None) -> None:
        """Bring the entries of every set up to date, for these items or, with None, for all."""
        targets = self._all_targets() if items is None else self._all_targets().of_items(items)
        for page in self._pages_of_sets():
            stored = self._stored_entries([key for key, _ in page], items)
            stale: list[tuple[int, Entry]] = []
            fresh: list[tuple[int, Entry]] = []
            for key, signature in page:
                before, after = stored.get(key, set()), set(resolve(targets.reaching(signature), signature))
                stale += [(key, entry) for entry in sorted(before - after)]
                fresh += [(key, entry) for entry in sorted(after - before)]
            self._replace_entries(stale, fresh)
            self.changed += sorted({key for key, _ in stale + fresh})

    def _pages_of_sets(self) -> Iterator[list[tuple[int, Signature]]]:
        last = -1
        while True:
            statement = (
                sa.select(effective_set.c.id, effective_set.c.content)
                .where(effective_set.c.tenant_id == self._tenant, effective_set.c.id > last)
                .order_by(effective_set.c.id)
                .limit(_PAGE)
            )
            page = [(row.id, signature_of(row.content)) for row in self._tx.rows(statement)]
            if not page:
                return
            yield page
            last = page[-1][0]

    def _stored_entries(
        self, sets: Sequence[int], items: frozenset[ItemRef] | None
    ) -> Mapping[int, set[Entry]]:
        statement = (
            sa.select(effective_entry)
            .where(effective_entry.c.tenant_id == self._tenant, among(effective_entry.c.set_id, sets))
            .order_by(effective_entry.c.set_id, effective_entry.c.item_kind, effective_entry.c.item_id)
        )
        if items is not None:
            named = sa.tuple_(effective_entry.c.item_kind, effective_entry.c.item_id)
            statement = statement.where(named.in_([(item.kind.value, item.id) for item in sorted(items)]))
        stored: dict[int, set[Entry]] = {}
        for row in self._tx.rows(statement):
            stored.setdefault(row.set_id, set()).add(entry_of(row))
        return stored

    def _replace_entries(
        self, stale: Sequence[tuple[int, Entry]], fresh: Sequence[tuple[int, Entry]]
    ) -> None:
        if stale:
            key_columns = ("set_id", "item_kind", "item_id", "scope")
            same_key = [effective_entry.c[name] == sa.bindparam(f"old_{name}") for name in key_columns]
            self._tx.execute(
                effective_entry.delete().where(effective_entry.c.tenant_id == self._tenant, *same_key),
                [
                    {f"old_{name}": ({"set_id": key} | entry_values(entry))[name] for name in key_columns}
                    for key, entry in stale
                ],
            )
        if fresh:
            rows = [self._entry_row(key, entry) for key, entry in fresh]
            self._tx.execute(self._tx.insert(effective_entry), rows)

    def _entry_row(self, key: int, entry: Entry) -> dict[str, Any]:
        return {"tenant_id": self._tenant, "set_id": key, **entry_values(entry)}

    def devices_of_sets_with(self, removed: Basis) -> list[int]:
        """The devices of every set whose signature holds one of these groups or filters."""
        keys = [
            key
            for page in self._pages_of_sets()
            for key, signature in page
            if removed.groups.intersection(signature.groups + signature.user_groups)
            or removed.filters.intersection(signature.filters)
        ]
        return devices_of_sets(self._tx, self._tenant, keys)

    def finish_devices(self) -> None:
        """Write the last pointers, and let go of the sets at which no device points any more."""
        self._write_pointers()
        pointed_at = sa.exists().where(
            device_effective.c.tenant_id == effective_set.c.tenant_id,
            device_effective.c.set_id == effective_set.c.id,
        )
        for some in chunks(sorted(self._left), _PAGE):
            self._tx.execute(
                effective_set.delete().where(
                    effective_set.c.tenant_id == self._tenant, among(effective_set.c.id, some), ~pointed_at
                )
            )
        self._left.clear()


def _columns_of(
    tx: Tx, pairs: Sequence[tuple[int, int]]
) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """The pairs as two columns to select from, sent in one or two parameters however many they are."""
    if tx.on_postgresql:
        arrays = (sa.cast(list(column), ARRAY(sa.BigInteger)) for column in zip(*pairs, strict=True))
        listed = sa.func.unnest(*arrays).table_valued("first", "second").render_derived()
        return listed.c.first, listed.c.second
    each = sa.func.json_each(json.dumps(pairs)).table_valued("value")
    return sa.func.json_extract(each.c.value, "$[0]"), sa.func.json_extract(each.c.value, "$[1]")


def devices_of_sets(tx: Tx, tenant: TenantKey, sets: Iterable[int]) -> list[int]:
    """The devices that point at these sets, in rising order."""
    found: list[int] = []
    for some in chunks(sorted(sets), _PAGE):
        statement = (
            sa.select(device_effective.c.device_id)
            .where(device_effective.c.tenant_id == tenant, among(device_effective.c.set_id, some))
            .order_by(device_effective.c.device_id)
        )
        found += [row.device_id for row in tx.rows(statement)]
    return sorted(found)


def _load_targets(tx: Tx, tenant: TenantKey) -> list[Target]:
    statement = (
        sa.select(assignment_target)
        .where(assignment_target.c.tenant_id == tenant)
        .order_by(assignment_target.c.id)
    )
    return [target_of(row) for row in tx.rows(statement)]
