"""What a device gets, and why in a line: every item that is effective for it, with the groups that bring it.

The whole chain of reasons of one item is `assignment.why`; here all items are told with a handful of
statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.model import Entry, Intent, ItemKind, ItemRef, Mode, Scope, Via
from reseal.assignment.tables import assignment_target, effective_set, signature_of
from reseal.assignment.why import WhyChain, why
from reseal.autopilot.tables import autopilot_profile
from reseal.catalog.tables import catalog_item
from reseal.directory.tables import group
from reseal.esp.tables import esp_profile
from reseal.kernel.db import Tx, among
from reseal.kernel.errors import NotFound
from reseal.kernel.ids import TenantKey
from reseal.managed.desired import items_of
from reseal.managed.model import Item
from reseal.report.device import Known, entries_of, known_device

ORDER: Final = (
    ItemKind.PROFILE,
    ItemKind.ESP,
    ItemKind.POLICY,
    ItemKind.CERTIFICATE,
    ItemKind.WIFI,
    ItemKind.APP,
)
KIND_NAMES: Final = {
    ItemKind.PROFILE: "Deployment profiles",
    ItemKind.ESP: "Status pages",
    ItemKind.POLICY: "Policies",
    ItemKind.CERTIFICATE: "Certificates",
    ItemKind.WIFI: "Wi-Fi profiles",
    ItemKind.APP: "Apps",
}


@dataclass(frozen=True, slots=True)
class Gets:
    """One item that is effective for a device; `delivered` is how far it is, if the device is managed."""

    kind: ItemKind
    uuid: UUID
    name: str
    intent: Intent
    reason: str
    delivered: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """Everything that a device gets, by kind in the order of a deployment."""

    known: Known
    items: Mapping[ItemKind, Sequence[Gets]]

    @property
    def many(self) -> int:
        """How many items these are."""
        return sum(map(len, self.items.values()))


@dataclass(frozen=True, slots=True)
class Explained:
    """One item of one device with its whole chain of reasons."""

    known: Known
    name: str
    chain: WhyChain


def assigned(tx: Tx, tenant: TenantKey, ztdid: UUID) -> Assigned:
    """What a device gets, each with its reason. Raises `NotFound`."""
    known = known_device(tx, tenant, ztdid)
    entries: dict[ItemRef, list[Entry]] = {}
    for entry in entries_of(tx, tenant, known):
        entries.setdefault(entry.item, []).append(entry)
    names = _names(tx, tenant, entries)
    through = _groups(tx, tenant, known.effective_set, entries)
    delivered: dict[tuple[str, int], list[Item]] = {}
    if known.enrolment is not None:
        for one in items_of(tx, tenant, known.enrolment.id):
            delivered.setdefault((one.kind.value, one.item_id), []).append(one)
    found: dict[ItemKind, list[Gets]] = {kind: [] for kind in ORDER}
    for ref, some in entries.items():
        if ref not in names:
            continue
        uuid, name = names[ref]
        reason = " ".join(_reason(entry, through.get((ref, entry.scope), ())) for entry in some)
        arrived = tuple(delivered.get((ref.kind.value, ref.id), ()))
        found[ref.kind].append(Gets(ref.kind, uuid, name, some[0].intent, reason, arrived))
    return Assigned(
        known, {kind: sorted(some, key=lambda one: one.name.lower()) for kind, some in found.items() if some}
    )


def explained(tx: Tx, tenant: TenantKey, ztdid: UUID, kind: str, uuid: UUID) -> Explained:
    """Why a device gets an item, or why not. Raises `NotFound` for a device or an item that is not there."""
    known = known_device(tx, tenant, ztdid)
    found = None
    if kind in set(ItemKind):
        table, *more = _table_of(ItemKind(kind))
        found = tx.row(
            sa.select(table.c.id, table.c.name).where(
                table.c.tenant_id == tenant, table.c.uuid == uuid, *more
            )
        )
    if found is None:
        raise NotFound(code="NoSuchItem", message="There is no such item.", remedy="Take one from the list.")
    return Explained(known, found.name, why(tx, tenant, known.device.id, ItemRef(ItemKind(kind), found.id)))


# --- reading ------------------------------------------------------------------------------------------------


def _table_of(kind: ItemKind) -> tuple[sa.Table, *tuple[sa.ColumnElement[bool], ...]]:
    match kind:
        case ItemKind.PROFILE:
            return (autopilot_profile,)
        case ItemKind.ESP:
            return (esp_profile,)
        case _:
            return (catalog_item, catalog_item.c.kind == kind.value)


def _names(tx: Tx, tenant: TenantKey, refs: Iterable[ItemRef]) -> dict[ItemRef, tuple[UUID, str]]:
    """Id and name of each item; one statement for all kinds."""
    wanted: dict[ItemKind, list[int]] = {}
    for ref in refs:
        wanted.setdefault(ref.kind, []).append(ref.id)
    parts = []
    for kind in sorted(wanted):
        table, *more = _table_of(kind)
        parts.append(
            sa.select(sa.literal(kind.value).label("kind"), table.c.id, table.c.uuid, table.c.name).where(
                table.c.tenant_id == tenant, among(table.c.id, sorted(wanted[kind])), *more
            )
        )
    if not parts:
        return {}
    every = sa.union_all(*parts).subquery()
    rows = tx.rows(sa.select(every).order_by(every.c.kind, every.c.id))
    return {ItemRef(ItemKind(row.kind), row.id): (row.uuid, row.name) for row in rows}


def _groups(
    tx: Tx, tenant: TenantKey, key: int | None, refs: Iterable[ItemRef]
) -> dict[tuple[ItemRef, Scope], tuple[str, ...]]:
    """The groups through which each item reaches the device, or its user."""
    wanted = sorted({ref.id for ref in refs})
    if key is None or not wanted:
        return {}
    rows = tx.rows(
        sa.select(
            assignment_target.c.item_kind,
            assignment_target.c.item_id,
            group.c.id,
            group.c.name,
            effective_set.c.content,
        )
        .select_from(
            assignment_target.join(
                group,
                sa.and_(
                    group.c.tenant_id == assignment_target.c.tenant_id,
                    group.c.id == assignment_target.c.group_id,
                ),
            ).join(
                effective_set,
                sa.and_(
                    effective_set.c.tenant_id == assignment_target.c.tenant_id, effective_set.c.id == key
                ),
            )
        )
        .where(
            assignment_target.c.tenant_id == tenant,
            among(assignment_target.c.item_id, wanted),
            assignment_target.c.mode == Mode.INCLUDE.value,
        )
        .order_by(assignment_target.c.item_kind, assignment_target.c.item_id, group.c.name_folded, group.c.id)
    )
    if not rows:
        return {}
    signature = signature_of(rows[0].content)
    found: dict[tuple[ItemRef, Scope], tuple[str, ...]] = {}
    for row in rows:
        for scope in Scope:
            if row.id in signature.groups_in(scope):
                place = ItemRef(ItemKind(row.item_kind), row.item_id), scope
                found[place] = (*found.get(place, ()), row.name)
    return found


def _reason(entry: Entry, groups: Sequence[str]) -> str:
    who = "The device" if entry.scope is Scope.DEVICE else "Its assigned user"
    if entry.via is Via.ALL or not groups:
        everybody = "all devices" if entry.scope is Scope.DEVICE else "all users"
        return f"It is assigned to {everybody}."
    named = " and ".join(f"“{name}”" for name in groups)
    return f"{who} is in {named}."
