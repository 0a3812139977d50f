"""What assignment reads of the directory: which devices there are, who is in which group, which filters hold.

Everything is read for many devices at once; no other module of this package knows how the directory keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from reseal.assignment.filters import filters_by_id
from reseal.assignment.tables import device_effective
from reseal.directory import tables as directory
from reseal.directory.model import MemberKind, device_view
from reseal.directory.rules import FILTER, RuleObject, compile_rule
from reseal.kernel.db import Tx, among, chunks, one_of
from reseal.kernel.ids import TenantKey

BATCH = 1000
"""Devices looked at in one go: a dozen statements for as many, and memory for no more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A directory device, its assigned user, the set it points at, and the filters it matches."""

    device: int
    user: int | None
    set: int | None
    filters: tuple[int, ...]


def all_devices(tx: Tx, tenant: TenantKey) -> Iterator[list[int]]:
    """The keys of every directory device in rising order, batch by batch."""
    last = -1
    while True:
        page = (
            sa.select(directory.device.c.id)
            .where(directory.device.c.tenant_id == tenant, directory.device.c.id > last)
            .order_by(directory.device.c.id)
            .limit(BATCH)
        )
        batch = [row.id for row in tx.rows(page)]
        if not batch:
            return
        yield batch
        last = batch[-1]


def look_at(tx: Tx, tenant: TenantKey, devices: Sequence[int], filters: Filters) -> list[Seen]:
    """Those of the devices that exist, in rising order."""
    device, pointer = directory.device.c, device_effective.c
    # Two statements: joined here, the rows are found alike with and without the planner's statistics.
    columns = directory.device.c if filters else (device.id,)
    existing = (
        sa.select(*columns).where(device.tenant_id == tenant, one_of(device.id, devices)).order_by(device.id)
    )
    pointers = (
        sa.select(pointer.device_id, pointer.user_id, pointer.set_id)
        .where(pointer.tenant_id == tenant, one_of(pointer.device_id, devices))
        .order_by(pointer.device_id)
    )
    known = {row.device_id: (row.user_id, row.set_id) for row in tx.rows(pointers)}
    return [
        Seen(
            row.id, *known.get(row.id, (None, None)), filters.true_for(dict(row._mapping)) if filters else ()
        )
        for row in tx.rows(existing)
    ]


def groups_of(
    tx: Tx, tenant: TenantKey, kind: MemberKind, members: Iterable[int], among: Set[int]
) -> dict[int, list[int]]:
    """For each of the members the groups that it is in, as far as they are `among` these."""
    found: dict[int, list[int]] = {}
    table = directory.group_member
    for some in chunks(sorted(set(members)), BATCH):
        # Asked for the groups too, a database may walk through every group instead of the few members.
        statement = (
            sa.select(table.c.member_id, table.c.group_id)
            .where(
                table.c.tenant_id == tenant,
                table.c.member_kind == kind.value,
                one_of(table.c.member_id, some),
            )
            .order_by(table.c.member_id, table.c.group_id)
        )
        for row in tx.rows(statement):
            if row.group_id in among:
                found.setdefault(row.member_id, []).append(row.group_id)
    return found


def devices_reached_by(tx: Tx, tenant: TenantKey, groups: Iterable[int]) -> list[int]:
    """The devices in these groups, and those whose assigned user is in one of them."""
    table = directory.group_member
    found: set[int] = set()
    for some in chunks(sorted(groups)):
        in_groups = (table.c.tenant_id == tenant, among(table.c.group_id, some))
        themselves = sa.select(table.c.member_id).where(
            *in_groups, table.c.member_kind == MemberKind.DEVICE.value
        )
        by_user = (
            sa.select(device_effective.c.device_id)
            .join_from(
                table,
                device_effective,
                sa.and_(
                    device_effective.c.tenant_id == table.c.tenant_id,
                    device_effective.c.user_id == table.c.member_id,
                ),
            )
            .where(*in_groups, table.c.member_kind == MemberKind.USER.value)
        )
        found.update(
            row[0] for row in tx.rows(sa.union(themselves, by_user).order_by(sa.literal_column("1")))
        )
    return sorted(found)


class Filters:
    """The filters that targets use, compiled; says which are true for a device.

    Devices of one model and version are alike to a filter, so that what was worked out is kept by the values
    that the rules read.
    """

    _MOST_KNOWN = 10_000

    def __init__(self, rules: Mapping[int, str]) -> None:
        self._rules = [(key, compile_rule(text, FILTER)) for key, text in sorted(rules.items())]
        self._names = sorted({name for _, rule in self._rules for name in rule.attributes})
        self._known: dict[tuple[Any, ...], tuple[int, ...]] = {}

    @classmethod
    def load(cls, tx: Tx, tenant: TenantKey, keys: Iterable[int]) -> Filters:
        """The filters with these keys."""
        return cls({key: found.rule for key, found in filters_by_id(tx, tenant, keys).items()})

    def __bool__(self) -> bool:
        return bool(self._rules)

    def true_for(self, columns: Mapping[str, Any]) -> tuple[int, ...]:
        """The keys of the filters that match the directory device in this row."""
        view = device_view(columns)
        values = tuple(view.get(name) for name in self._names)
        if values not in self._known:
            if len(self._known) >= self._MOST_KNOWN:
                self._known.clear()
            device = RuleObject(view)
            self._known[values] = tuple(key for key, rule in self._rules if rule.matches(device))
        return self._known[values]
