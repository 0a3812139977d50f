"""Policies, certificates and wireless networks: what a device is told to be like."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import zip_longest
from typing import Any, Final

from starlette.responses import Response

from reseal.assignment.model import ItemKind
from reseal.catalog.model import (
    Body,
    CatalogItem,
    CertificateBody,
    CertificateStore,
    Format,
    Kind,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.catalog.model_certificate import read_certificate
from reseal.catalog.model_wifi import read_wlan_profile
from reseal.console import assigning, items, paging
from reseal.console.desk import STEP, Desk, Visit
from reseal.console.forms import Form, Option
from reseal.kernel.errors import Invalid, NotFound
from reseal.web.posted import Posted
from reseal.web.routes import MIB, Route
from reseal.wire.errors import WireError

READ = "DeviceManagementConfiguration.Read.All"
WRITE = "DeviceManagementConfiguration.ReadWrite.All"
PATH = "/policies"
KINDS = (Kind.POLICY, Kind.CERTIFICATE, Kind.WIFI)
NOUNS = {Kind.POLICY: "policy", Kind.CERTIFICATE: "certificate", Kind.WIFI: "wireless network"}
PLURALS = {Kind.POLICY: "Policies", Kind.CERTIFICATE: "Certificates", Kind.WIFI: "Wireless networks"}
STORES = (
    Option(CertificateStore.ROOT, "Trusted roots", "It ends a chain."),
    Option(CertificateStore.CA, "Intermediate authorities", "It stands between a root and others."),
)
FORMATS = (
    Option(Format.INT, "Number"),
    Option(Format.CHR, "Text"),
    Option(Format.BOOL, "True or false"),
    Option(Format.XML, "XML"),
    Option(Format.B64, "Base64"),
    Option(Format.FLOAT, "Decimal number"),
    Option(Format.DATE, "Date"),
    Option(Format.TIME, "Time"),
)
_LIMIT: Final = 4 * MIB
_FIELDS: Mapping[str, str] = {"Policy": "uri", "Certificate": "content", "WifiProfile": "content"}


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, and the forms of one."""
    return (
        desk.page(PATH, _list, READ),
        *(
            route
            for kind in KINDS
            for route in (
                desk.page(f"{PATH}/new-{kind}", partial(_new, kind), READ),
                desk.form(f"{PATH}/new-{kind}", partial(_create, kind), WRITE, limit=_LIMIT),
            )
        ),
        desk.page(PATH + "/{id}", _edit, READ),
        desk.form(PATH + "/{id}", _change, WRITE, limit=_LIMIT),
        desk.form(PATH + "/{id}/delete", _delete, WRITE),
    )


async def _list(visit: Visit) -> Response:
    asked, wanted = paging.asked(visit.call), visit.call.query("kind")
    kind = Kind(wanted) if wanted in KINDS else Kind.POLICY
    found = await visit.read(items.listed, kind, asked.search, asked.after, paging.PAGE)
    return await visit.page(
        "policies.html",
        found=found.page.items,
        aims=found.aims,
        kind=kind,
        kinds=PLURALS,
        nouns=NOUNS,
        links=paging.links(visit.call, found.page),
        may_save=visit.may(WRITE),
    )


async def _new(kind: Kind, visit: Visit) -> Response:
    return await _form_page(visit, Form.of(store=CertificateStore.ROOT.value), kind)


async def _create(kind: Kind, visit: Visit) -> Response:
    visit = _with_content(visit)
    again = partial(_form_page, visit, kind=kind)
    return await _saved(visit, kind, None, again)


async def _edit(visit: Visit) -> Response:
    found = await visit.read(items.stored, visit.call.uuid("id"), KINDS)
    body = found.item.body
    hidden = isinstance(body, WifiBody) and body.holds_key and not visit.may(WRITE)
    form = found.form(**({} if hidden else _values(body)))
    return await _form_page(visit, form, found.item.kind, found.item)


async def _change(visit: Visit) -> Response:
    item = await visit.read(items.item_of, visit.call.uuid("id"), KINDS)
    visit = _with_content(visit)
    again = partial(_form_page, visit, kind=item.kind, item=item)
    return await _saved(visit, item.kind, item, again)


async def _saved(visit: Visit, kind: Kind, item: CatalogItem | None, again: Any) -> Response:
    keeping = items.Keeping(NOUNS[kind], f"{PATH}?kind={kind}", _told, _fields(kind))
    if visit.posted.text(STEP) not in {"", "save"}:
        return await again(visit.form)  # type: ignore[no-any-return]
    try:
        body = _body(kind, visit.posted)
    except (Invalid, WireError) as error:
        return await again(visit.form.refused(error, _fields(kind)))  # type: ignore[no-any-return]
    if item is None:
        return await keeping.create(visit, body, again)
    return await keeping.change(visit, item, body, again)


async def _delete(visit: Visit) -> Response:
    item = await visit.read(items.item_of, visit.call.uuid("id"), KINDS)
    keeping = items.Keeping(NOUNS[item.kind], f"{PATH}?kind={item.kind}", _told)
    return await keeping.delete(visit, item, partial(_form_page, visit, kind=item.kind, item=item))


async def _form_page(visit: Visit, form: Form, kind: Kind, item: CatalogItem | None = None) -> Response:
    offered = await visit.read(assigning.offer, ItemKind(kind.value))
    return await visit.page(
        "policy.html",
        status=422 if form.is_wrong else 200,
        form=form,
        item=item,
        kind=kind,
        noun=NOUNS[kind],
        offered=offered,
        stores=STORES,
        formats=FORMATS,
        settings=[*_settings(form.values), ("", "", Format.INT.value, "")],
        body=None if item is None else item.body,
        may_save=visit.may(WRITE),
    )


# --- bodies -------------------------------------------------------------------------------------------------


def _with_content(visit: Visit) -> Visit:
    """The visit with the text of a chosen file in the field that is for it."""
    file = visit.posted.files.get("file")
    if file is None:
        return visit
    text = file.content.decode("utf-8-sig", "surrogateescape")
    if "\0" in text or (not text.isascii() and "<" not in text):
        text = _pem(file.content)
    fields = {**visit.posted.fields, "content": (text,)}
    return Visit(visit.desk, visit.call, Posted(fields))


def _pem(der: bytes) -> str:
    """A certificate in DER as text, so that a form can carry it."""
    try:
        return read_certificate(der, CertificateStore.ROOT).pem
    except Invalid:
        return ""


def _body(kind: Kind, posted: Posted) -> Body:
    if kind is Kind.POLICY:
        rows = _settings(posted.fields)
        return PolicyBody(tuple(_setting(name, uri, format_, value) for name, uri, format_, value in rows))
    content = posted.text("content")
    if not content:
        raise Invalid(
            code="Certificate" if kind is Kind.CERTIFICATE else "WifiProfile",
            message="There is nothing to read.",
            remedy="Choose a file, or paste its text.",
        )
    if kind is Kind.CERTIFICATE:
        store = CertificateStore(posted.text("store") or CertificateStore.ROOT)
        return read_certificate(content.encode("utf-8", "surrogateescape"), store)
    return read_wlan_profile(content)


def _setting(name: str, uri: str, format_: str, value: str) -> OmaSetting:
    return OmaSetting(uri.strip(), Format(format_ or Format.CHR), value, name.strip())


def _settings(values: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str, str, str]]:
    """The lines of a policy's form that name a node."""
    columns = [values.get(name, ()) for name in ("label", "uri", "format", "value")]
    rows = zip_longest(*columns, fillvalue="")
    return [(label, uri, format_, value) for label, uri, format_, value in rows if uri.strip()]


def _values(body: Body) -> dict[str, Any]:
    match body:
        case PolicyBody(settings):
            return {
                "label": [one.name for one in settings],
                "uri": [one.uri for one in settings],
                "format": [one.format.value for one in settings],
                "value": [one.value for one in settings],
            }
        case CertificateBody():
            return {"store": body.store.value, "content": body.pem}
        case WifiBody():
            return {"content": body.wlan_xml}
        case _:
            raise NotFound(code="ItemNotFound", message="An app is shown among the apps.")


def _fields(kind: Kind) -> Mapping[str, str]:
    return {**_FIELDS, **({"*": "uri"} if kind is Kind.POLICY else {})}


def _told(body: Body) -> list[tuple[str, Any]]:
    match body:
        case PolicyBody(settings):
            return [(one.name or one.uri, one.value) for one in settings]
        case CertificateBody():
            return [
                ("Certificate of", body.subject),
                ("Issued by", body.issuer),
                ("Valid until", f"{body.not_after:%d %B %Y, %H:%M} UTC"),
                ("Thumbprint", body.thumbprint),
                ("Store", next(one.label for one in STORES if one.value == body.store)),
            ]
        case WifiBody():
            return [
                ("Network", body.ssid),
                ("Authentication", body.authentication),
                ("Holds its key in clear text", body.holds_key),
            ]
        case _:
            return []
