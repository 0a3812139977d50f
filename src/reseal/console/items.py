"""What items of the catalogue share, whatever their kind: lists, names, assignments, how they are saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from starlette.responses import Response

from reseal.assignment.model import ItemKind
from reseal.assignment.service import set_targets, targets_of, targets_of_kind
from reseal.catalog.model import Body, CatalogItem, Kind
from reseal.catalog.service import (
    create_item,
    delete_item,
    item_by_id,
    item_by_uuid,
    item_ref,
    list_items,
    update_item,
)
from reseal.console import assigning
from reseal.console.desk import Saving, Visit
from reseal.console.forms import Form
from reseal.console.saving import Difference, Done, differences
from reseal.directory.paging import Page, PageKey
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted

FIELDS: Mapping[str, str] = {
    "NameTaken": "name",
    "DisplayNameMissing": "name",
    "DisplayNameTooLong": "name",
    "ControlCharacter": "name",
    "DescriptionTooLong": "description",
    "targets": "whom",
    "UnknownGroup": "whom",
    "FilterNotFound": "whom",
}

Told = Callable[[Body], list[tuple[str, Any]]]
"""What a preview says of a body: label and value."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Some items with whom they are about."""

    page: Page[CatalogItem]
    aims: Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Stored:
    """An item and its assignments, as values of a form."""

    item: CatalogItem
    lines: Mapping[str, list[str]]

    def form(self, **more: Any) -> Form:
        """The form that shows it."""
        return Form.of(name=self.item.name, description=self.item.description, **self.lines, **more)


def listed(tx: Tx, tenant: TenantKey, kind: Kind, search: str, after: PageKey | None, limit: int) -> Listed:
    """The items of a kind by name."""
    found = list_items(tx, tenant, kind=kind, search=search, after=after, limit=limit)
    aims = assigning.all_aims(tx, tenant, targets_of_kind(tx, tenant, ItemKind(kind.value)))
    return Listed(found, {item.id: aims.get(item_ref(item), []) for item in found.items})


def stored(tx: Tx, tenant: TenantKey, uuid: UUID, kinds: Sequence[Kind]) -> Stored:
    """An item of one of these kinds; raises `NotFound`."""
    item = item_of(tx, tenant, uuid, kinds)
    return Stored(item, assigning.written(tx, tenant, item_ref(item)))


def item_of(tx: Tx, tenant: TenantKey, uuid: UUID, kinds: Sequence[Kind]) -> CatalogItem:
    """The item without its assignments; raises `NotFound`."""
    item = item_by_uuid(tx, tenant, uuid)
    if item.kind not in kinds:
        raise NotFound(
            code="ItemNotFound",
            message=f"There is no catalogue item with the id {uuid} here.",
            remedy="Check the item; it may have been deleted.",
        )
    return item


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a kind of items is saved: what it is called, where its list is, what is said of its bodies."""

    noun: str
    home: str
    told: Told
    fields: Mapping[str, str] = field(default_factory=dict)

    async def create(
        self, visit: Visit, body: Body, again: Callable[[Form], Awaitable[Response]]
    ) -> Response:
        """Make an item of what was posted."""
        act = partial(
            self._made, tenant=visit.tenant, body=body, posted=visit.posted, actor=visit.caller.name
        )
        return await visit.save(
            act, Saving(f"Make the {self.noun}", "Make it", again, fields={**FIELDS, **self.fields})
        )

    async def change(
        self, visit: Visit, item: CatalogItem, body: Body, again: Callable[[Form], Awaitable[Response]]
    ) -> Response:
        """Make an item what was posted."""
        act = partial(
            self._changed,
            tenant=visit.tenant,
            key=item.id,
            body=body,
            posted=visit.posted,
            actor=visit.caller.name,
        )
        return await visit.save(
            act,
            Saving(f"Change the {self.noun} {item.name}", "Save it", again, fields={**FIELDS, **self.fields}),
        )

    async def delete(
        self, visit: Visit, item: CatalogItem, again: Callable[[Form], Awaitable[Response]]
    ) -> Response:
        """Delete an item with its assignments."""
        act = partial(self._deleted, tenant=visit.tenant, item=item, actor=visit.caller.name)
        return await visit.save(
            act, Saving(f"Delete the {self.noun} {item.name}", "Delete it", again, dangerous=True)
        )

    def _made(self, tx: Tx, *, tenant: TenantKey, body: Body, posted: Posted, actor: str) -> Done:
        item = create_item(
            tx,
            tenant,
            posted.text("name"),
            body,
            description=posted.text("description"),
            actor=actor,
        )
        _assign(tx, tenant, item, posted, actor)
        return Done(
            self.home,
            f"The {self.noun} {item.name} was made.",
            differences(
                ("Name", "", item.name),
                ("Description", "", item.description),
                *((label, "", value) for label, value in self.told(body)),
                ("Assigned to", "", assigning.aims(tx, tenant, targets_of(tx, tenant, item_ref(item)))),
            ),
        )

    def _changed(
        self, tx: Tx, *, tenant: TenantKey, key: int, body: Body, posted: Posted, actor: str
    ) -> Done:
        before = item_by_id(tx, tenant, key)
        aimed = assigning.aims(tx, tenant, targets_of(tx, tenant, item_ref(before)))
        update_item(
            tx,
            tenant,
            key,
            name=posted.text("name"),
            description=posted.text("description"),
            body=body,
            actor=actor,
        )
        _assign(tx, tenant, before, posted, actor)
        after = item_by_id(tx, tenant, key)
        remarks = ["Devices get it anew at their next check-in."] if after.version != before.version else []
        return Done(
            self.home,
            f"The {self.noun} {after.name} was saved.",
            [
                *differences(
                    ("Name", before.name, after.name), ("Description", before.description, after.description)
                ),
                *_compared(self.told(before.body), self.told(after.body)),
                *differences(
                    (
                        "Assigned to",
                        aimed,
                        assigning.aims(tx, tenant, targets_of(tx, tenant, item_ref(before))),
                    )
                ),
            ],
            remarks,
        )

    def _deleted(self, tx: Tx, *, tenant: TenantKey, item: CatalogItem, actor: str) -> Done:
        delete_item(tx, tenant, item.id, actor=actor)
        return Done(
            self.home,
            f"The {self.noun} {item.name} was deleted.",
            remarks=["Its assignments go with it, and managed devices are told to remove it."],
        )


def _assign(tx: Tx, tenant: TenantKey, item: CatalogItem, posted: Posted, actor: str) -> None:
    targets = assigning.targets_in(tx, tenant, item_ref(item), posted)
    set_targets(tx, tenant, item_ref(item), targets, subject=Subject("item", item.uuid), actor=actor)


def _compared(before: list[tuple[str, Any]], after: list[tuple[str, Any]]) -> tuple[Difference, ...]:
    old, new = dict(before), dict(after)
    names = dict.fromkeys((*old, *new))
    return differences(*((name, old.get(name), new.get(name)) for name in names))
