"""Assignment filters: rules over devices that narrow an assignment (spec/autopilot.md 5.2)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from starlette.responses import Response

from reseal.assignment.service import (
    Filter,
    FilterInUse,
    create_filter,
    delete_filter,
    filter_by_id,
    filter_by_uuid,
    list_filters,
    update_filter,
)
from reseal.console import paging
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form
from reseal.console.saving import Done, differences
from reseal.directory.rules import FILTER
from reseal.kernel.db import Tx
from reseal.kernel.errors import Conflict
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "DeviceManagementConfiguration.Read.All"
WRITE = "DeviceManagementConfiguration.ReadWrite.All"
PATH = "/filters"

_PATTERNS = (
    ("Laptops of one maker", '(device.manufacturer -eq "Northwind")'),
    ("Some models", '(device.model -in ["Laptop 7", "Laptop 9"])'),
    ("Devices with one profile", '(device.enrollmentProfileName -eq "Northwind standard")'),
)
_FIELDS = {
    "DisplayNameMissing": "name",
    "DisplayNameTooLong": "name",
    "ControlCharacter": "name",
    "FilterNameTaken": "name",
    "DescriptionTooLong": "description",
    "QueryCompilationError": "rule",
    "AttributeNotSupported": "rule",
    "OperatorNotSupportedOnAttribute": "rule",
    "InvalidValue": "rule",
    "NotWithNull": "rule",
}


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, and the forms of one."""
    return (
        desk.page(PATH, _list, READ),
        desk.page(PATH + "/new", _new, READ),
        desk.form(PATH + "/new", _create, WRITE),
        desk.page(PATH + "/{id}", _edit, READ),
        desk.form(PATH + "/{id}", _change, WRITE),
        desk.form(PATH + "/{id}/delete", _delete, WRITE),
    )


async def _list(visit: Visit) -> Response:
    asked = paging.asked(visit.call)
    found = await visit.read(list_filters, after=asked.after, limit=paging.PAGE)
    return await visit.page(
        "filters.html",
        found=found.items,
        links=paging.links(visit.call, found),
        may_save=visit.may(WRITE),
    )


async def _new(visit: Visit) -> Response:
    return await _form_page(visit, Form.of(rule=_PATTERNS[0][1]))


async def _create(visit: Visit) -> Response:
    return await visit.save(
        partial(_made, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving("Make the filter", "Make it", partial(_form_page, visit), fields=_FIELDS),
    )


def _made(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    made = create_filter(
        tx,
        tenant,
        posted.text("name"),
        posted.text("rule"),
        description=posted.text("description"),
        actor=actor,
    )
    return Done(
        PATH,
        f"The filter {made.name} was made.",
        differences(("Name", "", made.name), ("Description", "", made.description), ("Rule", "", made.rule)),
        ["It narrows nothing before an assignment names it."],
    )


async def _edit(visit: Visit) -> Response:
    found = await visit.read(filter_by_uuid, visit.call.uuid("id"))
    return await _form_page(visit, _form_of(found), found)


def _form_of(found: Filter) -> Form:
    return Form.of(name=found.name, description=found.description, rule=found.rule)


async def _change(visit: Visit) -> Response:
    found = await visit.read(filter_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_changed, tenant=visit.tenant, key=found.id, posted=visit.posted, actor=visit.caller.name),
        Saving(
            f"Change the filter {found.name}",
            "Save the filter",
            partial(_form_page, visit, found=found),
            fields=_FIELDS,
        ),
    )


def _changed(tx: Tx, *, tenant: TenantKey, key: int, posted: Posted, actor: str) -> Done:
    before = filter_by_id(tx, tenant, key)
    after = update_filter(
        tx,
        tenant,
        key,
        name=posted.text("name"),
        rule=posted.text("rule"),
        description=posted.text("description"),
        actor=actor,
    )
    return Done(
        PATH,
        f"The filter {after.name} was saved.",
        differences(
            ("Name", before.name, after.name),
            ("Description", before.description, after.description),
            ("Rule", before.rule, after.rule),
        ),
    )


async def _delete(visit: Visit) -> Response:
    found = await visit.read(filter_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_deleted, tenant=visit.tenant, found=found, actor=visit.caller.name),
        Saving(
            f"Delete the filter {found.name}",
            "Delete it",
            partial(_refused_deletion, visit, found),
            dangerous=True,
        ),
    )


async def _refused_deletion(visit: Visit, found: Filter, form: Form) -> Response:
    return await _form_page(visit, replace(_form_of(found), general=form.general), found)


def _deleted(tx: Tx, *, tenant: TenantKey, found: Filter, actor: str) -> Done:
    try:
        delete_filter(tx, tenant, found.id, actor=actor)
    except FilterInUse as used:
        count = len(used.items)
        raise Conflict(
            code=used.code,
            message=f"{found.name} narrows {count:,} assignment{'s' if count != 1 else ''}.",
            remedy=used.remedy,
        ) from used
    return Done(PATH, f"The filter {found.name} was deleted.")


async def _form_page(visit: Visit, form: Form, found: Filter | None = None) -> Response:
    return await visit.page(
        "filter.html",
        status=422 if form.is_wrong else 200,
        form=form,
        found=found,
        patterns=_PATTERNS,
        properties=sorted(one.spelling or one.name for one in FILTER.properties.values()),
        may_save=visit.may(WRITE),
    )
