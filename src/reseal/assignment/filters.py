"""Assignment filters: named rules over devices that narrow a target (`spec/autopilot.md 5.2`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.changes import FILTER_CHANGED
from reseal.assignment.model import ItemKind, ItemRef
from reseal.assignment.tables import assignment_filter, assignment_target, item_of
from reseal.directory import model_names as names
from reseal.directory.paging import Page, PageKey, page
from reseal.directory.rules import ESP_FILTER, FILTER, compile_rule
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Conflict, NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.kernel.wording import counted


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: `rule` is text of the rule language, over the properties of a device that filters know."""

    id: int
    uuid: UUID
    name: str
    description: str
    rule: str
    created_at: datetime
    modified_at: datetime


class FilterInUse(Conflict):
    """A filter is used by targets of these `items`; whoever knows the items' names can show them."""

    def __init__(self, name: str, items: Iterable[ItemRef]) -> None:
        self.items = tuple(sorted(items))
        listed = ", ".join(str(item) for item in self.items)
        super().__init__(
            code="FilterInUse",
            message=f"The filter {name} is used by {counted(len(self.items), 'assignment')}: {listed}.",
            remedy="Take it out of those assignments first.",
        )


def create_filter(
    tx: Tx, tenant: TenantKey, name: str, rule: str, *, description: str = "", actor: str = "system"
) -> Filter:
    """A new filter.

    Raises `RuleError` for a rule that cannot be used, `Invalid` for an unfit name or description, `Conflict`
    (`FilterNameTaken`) for a name that another filter has in any letter case.
    """
    compile_rule(rule, FILTER)
    created = Filter(
        id=tx.new_key(),
        uuid=tx.new_uuid(),
        name=names.display_name(name, of="filter"),
        description=names.description(description, of="filter"),
        rule=rule,
        created_at=tx.now,
        modified_at=tx.now,
    )
    _require_free_name(tx, tenant, created)
    tx.execute(
        sa.insert(assignment_filter).values(
            tenant_id=tenant,
            id=created.id,
            uuid=created.uuid,
            created_at=created.created_at,
            **_free_columns(created),
        )
    )
    _record(tx, tenant, created, "assignment.filter_created", actor)
    return created


def update_filter(
    tx: Tx,
    tenant: TenantKey,
    key: int,
    *,
    name: str | None = None,
    rule: str | None = None,
    description: str | None = None,
    actor: str = "system",
) -> Filter:
    """Change what is given. Another rule takes effect in the same unit.

    Raises as `create_filter` does, and `RuleError` if an Enrollment Status Page uses the filter and the new
    rule reads what it may not (`spec/autopilot.md 12`, item 79).
    """
    present = filter_by_id(tx, tenant, key)
    changed = replace(
        present,
        name=present.name if name is None else names.display_name(name, of="filter"),
        rule=present.rule if rule is None else rule,
        description=(
            present.description if description is None else names.description(description, of="filter")
        ),
    )
    if changed == present:
        return present
    if changed.rule != present.rule:
        _require_usable_rule(tx, tenant, changed)
        tx.announce(Change(FILTER_CHANGED, tenant, frozenset({key})))
    changed = replace(changed, modified_at=tx.now)
    _require_free_name(tx, tenant, changed)
    tx.execute(
        sa.update(assignment_filter)
        .where(assignment_filter.c.tenant_id == tenant, assignment_filter.c.id == key)
        .values(**_free_columns(changed))
    )
    _record(tx, tenant, changed, "assignment.filter_changed", actor)
    return changed


def delete_filter(tx: Tx, tenant: TenantKey, key: int, *, actor: str = "system") -> None:
    """Remove a filter; raises `FilterInUse` while a target uses it."""
    present = filter_by_id(tx, tenant, key)
    if items := _items_using(tx, tenant, key):
        raise FilterInUse(present.name, items)
    tx.execute(
        sa.delete(assignment_filter).where(
            assignment_filter.c.tenant_id == tenant, assignment_filter.c.id == key
        )
    )
    _record(tx, tenant, present, "assignment.filter_deleted", actor)


def filter_by_id(tx: Tx, tenant: TenantKey, key: int) -> Filter:
    """The filter with this internal key; raises `NotFound`."""
    return _found(tx, tenant, assignment_filter.c.id == key, str(key))


def filter_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> Filter:
    """The filter with this public id; raises `NotFound`."""
    return _found(tx, tenant, assignment_filter.c.uuid == uuid, str(uuid))


def filter_by_name(tx: Tx, tenant: TenantKey, name: str) -> Filter:
    """The filter with this name, in any letter case; raises `NotFound`."""
    return _found(tx, tenant, assignment_filter.c.name_folded == names.fold(name.strip()), name)


def filters_by_id(tx: Tx, tenant: TenantKey, keys: Iterable[int]) -> dict[int, Filter]:
    """The filters with these internal keys, as far as they exist."""
    found: dict[int, Filter] = {}
    for some in chunks(sorted(set(keys))):
        statement = (
            sa.select(assignment_filter)
            .where(assignment_filter.c.tenant_id == tenant, among(assignment_filter.c.id, some))
            .order_by(assignment_filter.c.id)
        )
        found.update((row.id, _to_filter(row)) for row in tx.rows(statement))
    return found


def list_filters(
    tx: Tx, tenant: TenantKey, *, after: PageKey | None = None, limit: int = 100
) -> Page[Filter]:
    """Filters by name, a page at a time."""
    query = sa.select(assignment_filter).where(assignment_filter.c.tenant_id == tenant)
    columns = assignment_filter.c
    return page(tx, query, columns.name_folded, columns.id, _to_filter, after=after, limit=limit)


def _require_usable_rule(tx: Tx, tenant: TenantKey, changed: Filter) -> None:
    compile_rule(changed.rule, FILTER)
    if any(item.kind is ItemKind.ESP for item in _items_using(tx, tenant, changed.id)):
        compile_rule(changed.rule, ESP_FILTER)


def _require_free_name(tx: Tx, tenant: TenantKey, wanted: Filter) -> None:
    taken = tx.value(
        sa.select(assignment_filter.c.name).where(
            assignment_filter.c.tenant_id == tenant,
            assignment_filter.c.name_folded == names.fold(wanted.name),
            assignment_filter.c.id != wanted.id,
        )
    )
    if taken is not None:
        raise Conflict(
            code="FilterNameTaken",
            message=f"There is a filter named {taken} already.",
            remedy="Choose another name, or change that filter.",
        )


def _items_using(tx: Tx, tenant: TenantKey, key: int) -> list[ItemRef]:
    columns = (assignment_target.c.item_kind, assignment_target.c.item_id)
    statement = (
        sa.select(*columns)
        .where(assignment_target.c.tenant_id == tenant, assignment_target.c.filter_id == key)
        .distinct()
        .order_by(*columns)
    )
    return [item_of(row) for row in tx.rows(statement)]


def _found(tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool], called: str) -> Filter:
    row = tx.row(sa.select(assignment_filter).where(assignment_filter.c.tenant_id == tenant, condition))
    if row is None:
        raise NotFound(
            code="FilterNotFound",
            message=f"There is no assignment filter {called}.",
            remedy="Look at the list of filters; it may have been deleted.",
        )
    return _to_filter(row)


def _to_filter(row: sa.Row[Any]) -> Filter:
    return Filter(row.id, row.uuid, row.name, row.description, row.rule, row.created_at, row.modified_at)


def _free_columns(wanted: Filter) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "name_folded": names.fold(wanted.name),
        "description": wanted.description,
        "rule": wanted.rule,
        "modified_at": wanted.modified_at,
    }


def _record(tx: Tx, tenant: TenantKey, about: Filter, kind: str, actor: str) -> None:
    payload = {"name": about.name, "rule": about.rule}
    events.record(tx, tenant, kind, Subject("filter", about.uuid), payload, actor)
