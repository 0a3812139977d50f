"""Creating, changing, finding and deleting catalogue items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.model import ItemKind, ItemRef
from reseal.assignment.service import remove_item
from reseal.catalog.changes import ITEMS_CHANGED, ITEMS_REMOVED
from reseal.catalog.model import (
    AppBody,
    Body,
    CatalogItem,
    CertificateBody,
    Kind,
    PolicyBody,
    WifiBody,
    content_of,
    kind_of,
)
from reseal.catalog.model_app import check_app
from reseal.catalog.model_json import body_from_json, body_to_json
from reseal.catalog.model_policy import check_policy
from reseal.catalog.tables import catalog_item, to_item
from reseal.directory.model_names import description as checked_description
from reseal.directory.model_names import display_name, fold
from reseal.directory.paging import Page, PageKey, page
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey


def create_item(
    tx: Tx, tenant: TenantKey, name: str, body: Body, *, description: str = "", actor: str = "system"
) -> CatalogItem:
    """A new item, assigned to nobody.

    Raises `Invalid` for an unfit name or body, `Conflict` (`NameTaken`) if another item of its kind has the
    name.
    """
    kind = kind_of(body)
    _check_body(body)
    tx.lock(f"causes:{tenant}")
    item = CatalogItem(
        id=tx.new_key(),
        uuid=tx.new_uuid(),
        kind=kind,
        name=_free_name(tx, tenant, kind, name, item_id=None),
        description=checked_description(description, of=kind.value),
        body=body,
        version=1,
        created_at=tx.now,
        modified_at=tx.now,
    )
    tx.execute(
        sa.insert(catalog_item).values(
            tenant_id=tenant,
            id=item.id,
            uuid=item.uuid,
            kind=kind.value,
            version=item.version,
            created_at=tx.now,
            **_values(item),
        )
    )
    _record(tx, tenant, item, "item.created", actor, {"description": item.description, **_summary(body)})
    return item


def update_item(
    tx: Tx,
    tenant: TenantKey,
    item_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    body: Body | None = None,
    actor: str = "system",
) -> bool:
    """Change an item; None leaves a part alone. Returns whether anything was different.

    Another body raises the version, so that devices get it; another name or description does not. Raises what
    `create_item` raises, `NotFound`, and `Invalid` (`OtherKind`) for a body of another kind.
    """
    tx.lock(f"causes:{tenant}")
    present = item_by_id(tx, tenant, item_id)
    if body is not None:
        _require_kind(present, body)
        _check_body(body)
    wanted = replace(
        present,
        name=present.name if name is None else _free_name(tx, tenant, present.kind, name, item_id=item_id),
        description=present.description
        if description is None
        else checked_description(description, of=present.kind.value),
        body=present.body if body is None else body,
    )
    if wanted == present:
        return False
    delivered_anew = wanted.body != present.body
    version = present.version + delivered_anew
    tx.execute(
        sa.update(catalog_item)
        .where(catalog_item.c.tenant_id == tenant, catalog_item.c.id == item_id)
        .values(version=version, **_values(replace(wanted, modified_at=tx.now)))
    )
    if delivered_anew:
        tx.announce(Change(ITEMS_CHANGED, tenant, frozenset({item_id})))
    told: dict[str, JsonValue] = {"version": version}
    if wanted.name != present.name:
        told["renamedFrom"] = present.name
    if wanted.description != present.description:
        told["description"] = wanted.description
    if delivered_anew:
        told |= _summary(wanted.body)
    _record(tx, tenant, wanted, "item.changed", actor, told)
    return True


def delete_item(tx: Tx, tenant: TenantKey, item_id: int, *, actor: str = "system") -> None:
    """Delete an item with its assignments; raises `NotFound`."""
    tx.lock(f"causes:{tenant}")
    gone = item_by_id(tx, tenant, item_id)
    remove_item(tx, tenant, item_ref(gone), subject=Subject("item", gone.uuid), actor=actor)
    tx.execute(
        sa.delete(catalog_item).where(catalog_item.c.tenant_id == tenant, catalog_item.c.id == item_id)
    )
    tx.announce(Change(ITEMS_REMOVED, tenant, frozenset({item_id})))
    _record(tx, tenant, gone, "item.deleted", actor, {})


def item_ref(item: CatalogItem) -> ItemRef:
    """How assignments name an item."""
    return ItemRef(ItemKind(item.kind.value), item.id)


def item_by_id(tx: Tx, tenant: TenantKey, item_id: int) -> CatalogItem:
    """The item with this internal key; raises `NotFound`."""
    return _found(tx, tenant, catalog_item.c.id == item_id, str(item_id))


def item_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> CatalogItem:
    """The item with this public id; raises `NotFound`."""
    return _found(tx, tenant, catalog_item.c.uuid == uuid, str(uuid))


def items_by_id(tx: Tx, tenant: TenantKey, ids: Iterable[int]) -> dict[int, CatalogItem]:
    """Those of `ids` that exist, by key; few statements for many."""
    return {
        row.id: to_item(row)
        for some in chunks(sorted(set(ids)))
        for row in tx.rows(_BY_ID, {"at_tenant": tenant, "ids": some})
    }


_BY_ID = (
    sa.select(catalog_item)
    .where(
        catalog_item.c.tenant_id == sa.bindparam("at_tenant"),
        among(catalog_item.c.id, "ids"),
    )
    .order_by(catalog_item.c.id)
)


def bodies_by_id(tx: Tx, tenant: TenantKey, ids: Iterable[int]) -> dict[int, Body]:
    """What those of `ids` that exist consist of, by key; few statements for many."""
    return {
        row.id: body_from_json(Kind(row.kind), row.body)
        for some in chunks(sorted(set(ids)))
        for row in tx.rows(_BODIES, {"at_tenant": tenant, "ids": some})
    }


_BODIES = _BY_ID.with_only_columns(catalog_item.c.id, catalog_item.c.kind, catalog_item.c.body)
"""Made once: every check-in with work asks it."""


def find_item(tx: Tx, tenant: TenantKey, kind: Kind, name: str) -> CatalogItem | None:
    """The item of this kind with this name, in any letter case."""
    row = tx.row(
        sa.select(catalog_item).where(
            catalog_item.c.tenant_id == tenant,
            catalog_item.c.kind == kind.value,
            catalog_item.c.name_folded == fold(name),
        )
    )
    return None if row is None else to_item(row)


def list_items(
    tx: Tx,
    tenant: TenantKey,
    *,
    kind: Kind | None = None,
    search: str = "",
    after: PageKey | None = None,
    limit: int = 100,
) -> Page[CatalogItem]:
    """Items by name; of one kind if given, and with `search` in the name."""
    query = sa.select(catalog_item).where(catalog_item.c.tenant_id == tenant)
    if kind is not None:
        query = query.where(catalog_item.c.kind == kind.value)
    if search:
        query = query.where(catalog_item.c.name_folded.contains(fold(search), autoescape=True))
    return page(tx, query, catalog_item.c.name_folded, catalog_item.c.id, to_item, after=after, limit=limit)


def content_in_use(tx: Tx, sha256: str) -> bool:
    """Whether an item of any tenant still names this content in the blob store."""
    return (
        tx.row(sa.select(sa.literal(1)).where(catalog_item.c.content_sha256 == sha256).limit(1)) is not None
    )


def _values(item: CatalogItem) -> dict[str, Any]:
    return {
        "name": item.name,
        "name_folded": fold(item.name),
        "description": item.description,
        "body": body_to_json(item.body),
        "content_sha256": content_of(item.body),
        "modified_at": item.modified_at,
    }


def _check_body(body: Body) -> None:
    """Policies and apps are written by hand in part; certificates and networks come checked from their
    readers.
    """
    match body:
        case PolicyBody():
            check_policy(body)
        case AppBody():
            check_app(body)
        case CertificateBody() | WifiBody():
            pass


def _free_name(tx: Tx, tenant: TenantKey, kind: Kind, name: str, *, item_id: int | None) -> str:
    wanted = display_name(name, of=kind.value)
    holder = find_item(tx, tenant, kind, wanted)
    if holder is not None and holder.id != item_id:
        raise Conflict(
            code="NameTaken",
            message=f"There is already a {kind.value} called {holder.name}.",
            remedy="Choose another name.",
        )
    return wanted


def _require_kind(item: CatalogItem, body: Body) -> None:
    if kind_of(body) is not item.kind:
        raise Invalid(
            code="OtherKind",
            message=f"{item.name} is a {item.kind.value} and cannot become a {kind_of(body).value}.",
            remedy="Create a new item.",
        )


def _found(tx: Tx, tenant: TenantKey, condition: sa.ColumnElement[bool], what: str) -> CatalogItem:
    row = tx.row(sa.select(catalog_item).where(catalog_item.c.tenant_id == tenant, condition))
    if row is None:
        raise NotFound(
            code="ItemNotFound",
            message=f"There is no catalogue item {what} in this organisation.",
            remedy="Check the item; it may have been deleted.",
        )
    return to_item(row)


def _summary(body: Body) -> dict[str, JsonValue]:
    """What the log says of a body: enough to know what was delivered, never a value that may be secret."""
    match body:
        case PolicyBody(settings):
            return {"nodes": [setting.uri for setting in settings]}
        case CertificateBody():
            return {"store": body.store.value, "thumbprint": body.thumbprint, "subject": body.subject}
        case WifiBody():
            return {"ssid": body.ssid, "authentication": body.authentication, "holdsKey": body.holds_key}
        case AppBody():
            return {
                "productCode": body.product_code,
                "productVersion": body.product_version,
                "sha256": body.sha256,
                "installContext": body.install_context.value,
            }


def _record(
    tx: Tx, tenant: TenantKey, item: CatalogItem, kind: str, actor: str, told: dict[str, JsonValue]
) -> None:
    events.record(
        tx,
        tenant,
        kind,
        Subject("item", item.uuid),
        {"kind": item.kind.value, "name": item.name, **told},
        actor,
    )
