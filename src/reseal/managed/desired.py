"""Desired against seen: the deliveries of an enrolment, brought in line with what it shall have.

`refresh` is called by a check-in of a stale enrolment. What is new is inserted; what became another is to be
delivered again, and what the earlier version had put on the device is noted as a leftover; what is no longer
wanted is to be removed, or is forgotten at once if it never was sent. Doing it twice changes nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from reseal.kernel import events
from reseal.kernel.db import Tx, chunks
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import hold_enrolment
from reseal.managed.model import TERMINAL, Enrolment, Item, ItemState
from reseal.managed.reacting import REACTOR
from reseal.managed.tables import delivery, enrolment, item, item_values, to_item
from reseal.managed.wanted import Delivery, wanted

__all__ = ["REACTOR", "items_of", "refresh", "save_items"]

Key = tuple[int, str, int]

_MOST_NAMES = 50
"""Deliveries that an event names; all are counted."""


def refresh(tx: Tx, tenant: TenantKey, found: Enrolment, users: Sequence[int]) -> tuple[Item, ...]:
    """Work out what an enrolment shall have for the machine and for these users.

    Returns all its deliveries in order. It is not stale afterwards.
    """
    # Before its causes are read: who changes one meanwhile marks it stale afterwards.
    hold_enrolment(tx, tenant, found.id)
    shall = wanted(tx, tenant, found.device_id, users)
    has = {one.key: one for one in items_of(tx, tenant, found.id)}
    added = [_new(tx, shall[key]) for key in sorted(shall.keys() - has.keys())]
    _remember(tx, tenant, (shall[key] for key in sorted(shall) if _is_news(has.get(key), shall[key])))
    known = _addresses(tx, tenant, (one.digest for one in has.values()))
    kept = _addresses_by_user(shall.values())
    moved = {
        key: _moved(tx, one, shall.get(key), known, kept.get(one.user, frozenset()))
        for key, one in has.items()
    }
    changed = [now for key, now in moved.items() if now is not None and now != has[key]]
    gone = [key for key, now in moved.items() if now is None]
    if added:
        rows = [{**_key_values(tenant, found.id, one.key), **item_values(one)} for one in added]
        tx.execute(item.insert(), rows)
    _write(tx, tenant, found.id, changed, gone)
    items = tuple(
        sorted([*added, *(now for now in moved.values() if now is not None)], key=lambda one: one.order)
    )
    _settle(tx, tenant, found, items)
    _tell(tx, tenant, found, added, changed, [has[key] for key in gone])
    return items


def _is_news(present: Item | None, shall: Delivery) -> bool:
    return present is None or present.digest != shall.digest


def _new(tx: Tx, shall: Delivery) -> Item:
    return Item(
        user=shall.user,
        kind=shall.item.kind,
        item_id=shall.item.id,
        item_uuid=shall.item.uuid,
        name=shall.item.name,
        version=shall.item.version,
        digest=shall.digest,
        required=True,
        state=ItemState.PENDING,
        attempt=0,
        since=tx.now,
    )


def _moved(
    tx: Tx, present: Item, shall: Delivery | None, known: Mapping[str, Sequence[str]], kept: frozenset[str]
) -> Item | None:
    """A delivery as it is to be now; None if it can be forgotten. `kept` are the nodes that its user, or the
    machine, shall have in all: they are not deleted for the sake of one delivery.
    """
    had = known.get(present.digest, ()) if _was_sent(present) else ()
    leftovers = tuple(sorted({*present.leftovers, *had} - kept))
    if shall is None:
        if present.state is not ItemState.REMOVING:
            present = _afresh(tx, replace(present, required=False), ItemState.REMOVING)
        return replace(present, leftovers=leftovers) if leftovers else None
    named = replace(present, name=shall.item.name, version=shall.item.version, required=True)
    if present.digest == shall.digest and present.state is not ItemState.REMOVING:
        return named
    again = _afresh(tx, replace(named, digest=shall.digest), ItemState.PENDING)
    return replace(again, leftovers=leftovers)


def _afresh(tx: Tx, present: Item, state: ItemState) -> Item:
    """The delivery at the beginning of another piece of work; `changed_at` keeps that it was sent before."""
    changed_at = present.changed_at or tx.now if _was_sent(present) else None
    begun = replace(present, state=state, since=tx.now, changed_at=changed_at, attempt=0, progress={})
    return replace(begun, exec_sent=False, error=None)


def _was_sent(present: Item) -> bool:
    """Whether the device may have something of the delivery, in the version on record or an earlier one."""
    waits = present.state in {ItemState.PENDING, ItemState.HELD}
    told = present.changed_at is not None or bool(present.progress)
    return not waits or present.attempt > 0 or told


def _addresses_by_user(shall: Iterable[Delivery]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for each in shall:
        found.setdefault(each.user, set()).update(each.addresses)
    return {user: frozenset(addresses) for user, addresses in found.items()}


# --- rows ---------------------------------------------------------------------------------------------------


def items_of(tx: Tx, tenant: TenantKey, enrolment_id: int) -> tuple[Item, ...]:
    """The deliveries of an enrolment in the order in which they are worked on."""
    rows = tx.rows(_ITEMS, {"at_tenant": tenant, "at_enrolment": enrolment_id})
    return tuple(sorted(map(to_item, rows), key=lambda one: one.order))


_ITEMS = (
    sa.select(item)
    .where(item.c.tenant_id == sa.bindparam("at_tenant"), item.c.enrolment_id == sa.bindparam("at_enrolment"))
    .order_by(item.c.user_id, item.c.kind, item.c.item_id)
)
"""Statements of every check-in are made once: making one takes longer than running it."""


def save_items(
    tx: Tx,
    tenant: TenantKey,
    enrolment_id: int,
    changed: Sequence[Item],
    removed: Sequence[Key] = (),
    *,
    recount: bool = True,
) -> None:
    """Store what became of deliveries, and forget those that were removed from the device.

    Without `recount` the number of open ones stays: whoever knows that none was opened or closed says so.
    """
    if not changed and not removed:
        return
    _write(tx, tenant, enrolment_id, changed, removed)
    if recount:
        tx.execute(_COUNT_OPEN, {"at_tenant": tenant, "at_enrolment": enrolment_id})


_COUNT_OPEN = (
    enrolment.update()
    .where(enrolment.c.tenant_id == sa.bindparam("at_tenant"), enrolment.c.id == sa.bindparam("at_enrolment"))
    .values(
        open_items=sa.select(sa.func.count())
        .where(
            item.c.tenant_id == sa.bindparam("at_tenant"),
            item.c.enrolment_id == sa.bindparam("at_enrolment"),
            item.c.state.not_in(sorted(state.value for state in TERMINAL)),
        )
        .scalar_subquery()
    )
)
_AT_KEY = (
    item.c.tenant_id == sa.bindparam("at_tenant"),
    item.c.enrolment_id == sa.bindparam("at_enrolment"),
    item.c.user_id == sa.bindparam("at_user"),
    item.c.kind == sa.bindparam("at_kind"),
    item.c.item_id == sa.bindparam("at_item"),
)


_CHANGING = [column.name for column in item.c if not column.primary_key]
_UPDATE = item.update().where(*_AT_KEY).values({name: sa.bindparam(name) for name in _CHANGING})
_DELETE = item.delete().where(*_AT_KEY)


def _write(
    tx: Tx, tenant: TenantKey, enrolment_id: int, changed: Iterable[Item], gone: Iterable[Key]
) -> None:
    updates = [{**_at(tenant, enrolment_id, one.key), **item_values(one)} for one in changed]
    deletes = [_at(tenant, enrolment_id, key) for key in gone]
    if updates:
        tx.execute(_UPDATE, updates)
    if deletes:
        tx.execute(_DELETE, deletes)


def _at(tenant: TenantKey, enrolment_id: int, key: Key) -> dict[str, Any]:
    user, kind, item_id = key
    return {
        "at_tenant": tenant,
        "at_enrolment": enrolment_id,
        "at_user": user,
        "at_kind": kind,
        "at_item": item_id,
    }


def _key_values(tenant: TenantKey, enrolment_id: int, key: Key) -> dict[str, Any]:
    user, kind, item_id = key
    return {
        "tenant_id": tenant,
        "enrolment_id": enrolment_id,
        "user_id": user,
        "kind": kind,
        "item_id": item_id,
    }


def _remember(tx: Tx, tenant: TenantKey, news: Iterable[Delivery]) -> None:
    """Keep what the digests of new deliveries stand for."""
    rows = {
        each.digest: {"tenant_id": tenant, "digest": each.digest, "nodes": each.addresses} for each in news
    }
    if rows:
        tx.execute(tx.insert(delivery).on_conflict_do_nothing(), [rows[digest] for digest in sorted(rows)])


def _addresses(tx: Tx, tenant: TenantKey, digests: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for some in chunks(sorted(set(digests))):
        statement = (
            sa.select(delivery.c.digest, delivery.c.nodes)
            .where(delivery.c.tenant_id == tenant, delivery.c.digest.in_(some))
            .order_by(delivery.c.digest)
        )
        found.update((row.digest, row.nodes) for row in tx.rows(statement))
    return found


def _settle(tx: Tx, tenant: TenantKey, found: Enrolment, items: Iterable[Item]) -> None:
    still_open = sum(one.state not in TERMINAL for one in items)
    tx.execute(
        enrolment.update()
        .where(enrolment.c.tenant_id == tenant, enrolment.c.id == found.id)
        .values(stale=False, open_items=still_open)
    )


def _tell(
    tx: Tx,
    tenant: TenantKey,
    found: Enrolment,
    added: Sequence[Item],
    changed: Sequence[Item],
    gone: Sequence[Item],
) -> None:
    removing = [one for one in changed if one.state is ItemState.REMOVING] + list(gone)
    again = [one for one in changed if one.state is ItemState.PENDING]
    if not (added or again or removing):
        return
    told: dict[str, JsonValue] = {
        name: {"count": len(some), "items": [_told(one) for one in some[:_MOST_NAMES]]}
        for name, some in (("added", added), ("again", again), ("removed", removing))
        if some
    }
    events.record(tx, tenant, "enrolment.items_changed", Subject("enrolment", found.uuid), told)


def _told(one: Item) -> JsonValue:
    return {"id": str(one.item_uuid), "kind": one.kind.value, "name": one.name, "version": one.version}
