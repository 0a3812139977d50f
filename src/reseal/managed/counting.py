"""How far the deliveries of many enrolments are; few statements for many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey
from reseal.managed.model import MACHINE, Item, ItemState
from reseal.managed.tables import item


@dataclass(frozen=True, slots=True)
class Count:
    """How many deliveries there are, and how many of them arrived."""

    done: int = 0
    all: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one enrolment: what the machine shall have, and what its users shall."""

    machine: Count = Count()
    users: Count = Count()


def counts_of(items: Iterable[Item]) -> Counts:
    """The same of deliveries that are at hand."""
    machine = [one for one in items if one.required and one.state is not ItemState.REMOVING]
    users = [one for one in machine if one.user != MACHINE]
    machine = [one for one in machine if one.user == MACHINE]
    return Counts(_count(machine), _count(users))


def _count(items: Sequence[Item]) -> Count:
    return Count(sum(one.state is ItemState.DONE for one in items), len(items))


def count_items(tx: Tx, tenant: TenantKey, enrolments: Iterable[int]) -> dict[int, Counts]:
    """The deliveries of these enrolments; one without any is missing. Removals do not count."""
    found: dict[int, Counts] = {}
    for some in chunks(sorted(set(enrolments))):
        is_machine = (item.c.user_id == MACHINE).label("machine")
        rows = tx.rows(
            sa.select(
                item.c.enrolment_id,
                is_machine,
                sa.func.count().label("all"),
                sa.func.sum(sa.case((item.c.state == ItemState.DONE.value, 1), else_=0)).label("done"),
            )
            .where(
                item.c.tenant_id == tenant,
                among(item.c.enrolment_id, some),
                item.c.required,
                item.c.state != ItemState.REMOVING.value,
            )
            .group_by(item.c.enrolment_id, is_machine)
            .order_by(item.c.enrolment_id)
        )
        for row in rows:
            before, count = found.get(row.enrolment_id, Counts()), Count(int(row.done), row.all)
            machine, users = (count, before.users) if row.machine else (before.machine, count)
            found[row.enrolment_id] = Counts(machine, users)
    return found
