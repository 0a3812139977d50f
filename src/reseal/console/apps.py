"""Apps: Windows Installer packages, whose properties are read from the file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import Response

from reseal.assignment.model import ItemKind
from reseal.catalog.model import AppBody, Body, CatalogItem, InstallContext, Kind
from reseal.catalog.model_app import DEFAULT_COMMAND_LINE, app_of, check_app
from reseal.console import assigning, items, paging, uploads
from reseal.console.desk import STEP, Desk, Visit
from reseal.console.forms import Form, Option
from reseal.kernel.errors import Invalid
from reseal.web.posted import Posted
from reseal.web.routes import Route
from reseal.wire.errors import WireError
from reseal.wire.msi import MsiProperties, read_msi

READ = "DeviceManagementApps.Read.All"
WRITE = "DeviceManagementApps.ReadWrite.All"
PATH = "/apps"
KINDS = (Kind.APP,)
CONTEXTS = (
    Option("", "As the package says"),
    Option(InstallContext.DEVICE, "For the device", "Before anybody signs in; in the technician flow, too."),
    Option(InstallContext.USER, "For the user", "Once the user is there."),
)
_FIELDS = {
    "NoUpload": "package",
    "commandLine": "command",
    "installContext": "context",
    "productCode": "package",
    "productVersion": "package",
    "content": "package",
    "fileName": "package",
}


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, and the forms of one. A package goes to the blobs as it arrives."""
    longest, keep = desk.parts.settings.max_upload_bytes, partial(uploads.keep, desk.parts)
    return (
        desk.page(PATH, _list, READ),
        desk.page(PATH + "/new", _new, READ),
        desk.form(PATH + "/new", _create, WRITE, limit=longest, keep=keep),
        desk.page(PATH + "/{id}", _edit, READ),
        desk.form(PATH + "/{id}", _change, WRITE, limit=longest, keep=keep),
        desk.form(PATH + "/{id}/delete", _delete, WRITE),
    )


async def _list(visit: Visit) -> Response:
    asked = paging.asked(visit.call)
    found = await visit.read(items.listed, Kind.APP, asked.search, asked.after, paging.PAGE)
    return await visit.page(
        "apps.html",
        found=found.page.items,
        aims=found.aims,
        search=asked.search,
        links=paging.links(visit.call, found.page),
        may_save=visit.may(WRITE),
    )


async def _new(visit: Visit) -> Response:
    return await _form_page(visit, Form.of(command=DEFAULT_COMMAND_LINE, context=""))


async def _create(visit: Visit) -> Response:
    return await _saved(visit, None)


async def _edit(visit: Visit) -> Response:
    found = await visit.read(items.stored, visit.call.uuid("id"), KINDS)
    body = found.item.body
    assert isinstance(body, AppBody)
    form = found.form(command=body.command_line, context=body.install_context.value)
    return await _form_page(visit, form, found.item)


async def _change(visit: Visit) -> Response:
    return await _saved(visit, await visit.read(items.item_of, visit.call.uuid("id"), KINDS))


async def _delete(visit: Visit) -> Response:
    item = await visit.read(items.item_of, visit.call.uuid("id"), KINDS)
    return await _KEEPING.delete(visit, item, partial(_form_page, visit, item=item))


async def _saved(visit: Visit, item: CatalogItem | None) -> Response:
    sent = "package" in visit.posted.files
    visit = _with_upload(visit)
    again = partial(_form_page, visit, item=item)
    if sent or visit.posted.text(STEP) not in {"", "save"}:
        return await again(await _named(visit, visit.form) if sent else visit.form)
    try:
        body = await _body(visit, item)
    except (Invalid, WireError) as error:
        return await again(visit.form.refused(error, {**_FIELDS, "*": "package"}))
    if item is None:
        return await _KEEPING.create(visit, body, again)
    return await _KEEPING.change(visit, item, body, again)


async def _named(visit: Visit, form: Form) -> Form:
    """The form with the product's name, unless it has one."""
    if form.value("name").strip():
        return form
    package, _ = await _package(visit, form)
    return form if package is None else replace(form, values={**form.values, "name": (package.product_name,)})


async def _form_page(visit: Visit, form: Form, item: CatalogItem | None = None) -> Response:
    offered = await visit.read(assigning.offer, ItemKind.APP)
    package, problem = await _package(visit, form)
    if problem and "package" not in form.problems:
        form = form.wrong("package", problem)
    return await visit.page(
        "app.html",
        status=422 if form.is_wrong else 200,
        form=form,
        item=item,
        offered=offered,
        contexts=CONTEXTS if item is None else CONTEXTS[1:],
        package=package or (item.body if item is not None else None),
        upload=form.value("upload") if package else "",
        may_save=visit.may(WRITE),
    )


# --- packages -----------------------------------------------------------------------------------------------


def _with_upload(visit: Visit) -> Visit:
    """The visit with a chosen package under seal in the field that carries it on."""
    file = visit.posted.files.get("package")
    if file is None:
        return visit
    text = uploads.sealed(visit.parts, visit.tenant, file)
    fields = {**visit.posted.fields, "upload": (text,)}
    return Visit(visit.desk, visit.call, Posted(fields))


async def _package(visit: Visit, form: Form) -> tuple[MsiProperties | None, str]:
    """The properties of the package that a form carries, or why it is none."""
    if not form.value("upload"):
        return None, ""
    try:
        upload = uploads.opened(visit.parts, visit.tenant, form.value("upload"))
        data = await uploads.bytes_of(visit.parts, upload.sha256)
        return await visit.parts.workers.run(read_msi, data), ""
    except WireError as error:
        return None, f"{error.message}. {error.remedy}."
    except Invalid as error:
        return None, f"{error.message} {error.remedy}"


async def _body(visit: Visit, item: CatalogItem | None) -> AppBody:
    posted, parts = visit.posted, visit.parts
    context = InstallContext(posted.text("context")) if posted.text("context") else None
    if item is not None and not posted.text("upload"):
        assert isinstance(item.body, AppBody)
        body = replace(
            item.body,
            command_line=posted.text("command"),
            install_context=context or item.body.install_context,
        )
        check_app(body)
        return body
    upload = uploads.opened(parts, visit.tenant, posted.text("upload"))
    data = await uploads.bytes_of(parts, upload.sha256)
    return app_of(
        await parts.workers.run(read_msi, data),
        file_name=upload.name,
        sha256=upload.sha256,
        size=upload.size,
        install_context=context,
        command_line=posted.text("command"),
    )


def _told(body: Body) -> list[tuple[str, Any]]:
    assert isinstance(body, AppBody)
    return [
        ("Product", body.product_name),
        ("Version", body.product_version),
        ("Manufacturer", body.manufacturer),
        ("Product code", body.product_code),
        ("File", f"{body.file_name}, {body.size:,} bytes"),
        ("Installed", next(one.label for one in CONTEXTS if one.value == body.install_context).lower()),
        ("Command line", body.command_line),
    ]


_KEEPING = items.Keeping("app", PATH, _told, _FIELDS)
