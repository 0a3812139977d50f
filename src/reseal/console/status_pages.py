"""Step 5: Enrollment Status Page profiles, in the order of their priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from starlette.responses import Response

from reseal.assignment.model import ItemKind, ItemRef
from reseal.assignment.service import targets_of, targets_of_kind
from reseal.catalog.model import CatalogItem, Kind
from reseal.catalog.service import item_by_uuid, items_by_id, list_items
from reseal.console import assigning
from reseal.console.choosing import MOST, uuid_of
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form, Option
from reseal.console.saving import Done, Pages, differences
from reseal.esp.model import DEFAULT_MESSAGE, EspProfile, EspSettings
from reseal.esp.profiles import (
    assign_esp,
    create_esp,
    delete_esp,
    esp_by_id,
    esp_by_uuid,
    item_ref,
    list_esps,
    set_priority,
    update_esp,
)
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.numbers import whole_number
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"
PATH = "/status-pages"

SWITCHES: Mapping[str, tuple[str, str]] = {
    "show_installation_progress": (
        "Show the progress of apps and profiles",
        "Without it the page is not shown, and nothing waits.",
    ),
    "block_device_setup_retry_by_user": (
        "Block the device until everything is installed",
        "Without it a person may leave the page at any time.",
    ),
    "disable_user_status_tracking_after_first_user": (
        "Show the page only during the set-up of the device",
        "Without it every new user of the device sees it once.",
    ),
    "track_install_progress_for_autopilot_only": (
        "Only for devices registered with Autopilot",
        "Other devices that enrol during their set-up see no page.",
    ),
    "install_quality_updates": (
        "Install Windows quality updates",
        "In the user flow only; it takes 20 to 40 minutes more.",
    ),
    "allow_log_collection_on_install_failure": ("Offer to collect logs", ""),
    "allow_device_reset_on_install_failure": ("Offer to reset the device", ""),
    "allow_device_use_on_install_failure": (
        "Offer to use the device anyway",
        "Whoever does is shown as having gone past the page.",
    ),
    "allow_non_blocking_app_installation": (
        "In the technician flow, let only the selected apps fail it",
        "Other apps are tried, and tried again in the user flow.",
    ),
}
_MOST_MINUTES = 99_999_999
"""Beyond this a text is no number of minutes; how many are allowed says the model."""
_FIRST = tuple(SWITCHES)[:5]
_ON_FAILURE = tuple(SWITCHES)[5:8]
_TECHNICIAN = tuple(SWITCHES)[8:]
_FIELDS = {
    "displayName": "name",
    "description": "description",
    "NameTaken": "name",
    "installProgressTimeoutInMinutes": "minutes",
    "customErrorMessage": "message",
    "selectedMobileAppIds": "apps",
    "NotAnApp": "apps",
    "targets": "whom",
    "FilterNotForEsp": "whom",
}


@dataclass(frozen=True, slots=True)
class _Listed:
    esps: list[EspProfile]
    aims: dict[ItemRef, list[str]]


@dataclass(frozen=True, slots=True)
class _Offer:
    apps: tuple[Option, ...]
    assignments: assigning.Offer


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list with its order, and the forms of one profile."""
    return (
        desk.page(PATH, _list, READ),
        desk.form(PATH + "/order", _order, WRITE),
        desk.page(PATH + "/new", _new, READ),
        desk.form(PATH + "/new", _create, WRITE),
        desk.page(PATH + "/{id}", _edit, READ),
        desk.form(PATH + "/{id}", _change, WRITE),
        desk.form(PATH + "/{id}/delete", _delete, WRITE),
    )


# --- the list -----------------------------------------------------------------------------------------------


async def _list(visit: Visit) -> Response:
    return await _list_page(visit, Form())


async def _list_page(visit: Visit, form: Form) -> Response:
    found = await visit.read(_listed)
    return await visit.page(
        "status_pages.html",
        status=422 if form.is_wrong else 200,
        form=form,
        own=[esp for esp in found.esps if not esp.is_default],
        default=next((esp for esp in found.esps if esp.is_default), None),
        aims={esp.id: found.aims.get(item_ref(esp.id), []) for esp in found.esps},
        may_save=visit.may(WRITE),
    )


def _listed(tx: Tx, tenant: TenantKey) -> _Listed:
    targets = targets_of_kind(tx, tenant, ItemKind.ESP)
    return _Listed(list_esps(tx, tenant), assigning.all_aims(tx, tenant, targets))


async def _order(visit: Visit) -> Response:
    return await visit.save(
        partial(_ordered, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving(
            "Change the order of the status pages",
            "Save the order",
            partial(_list_page, visit),
            pages=Pages(),
        ),
    )


def _ordered(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    """Move one profile a place up or down: of several that reach a device the upper one counts."""
    direction, _, text = posted.text("move").partition(":")
    esp = esp_by_uuid(tx, tenant, uuid_of(text))
    before = _names(tx, tenant)
    set_priority(tx, tenant, esp.id, max(1, esp.priority + (1 if direction == "down" else -1)), actor=actor)
    after = _names(tx, tenant)
    return Done(
        PATH,
        f"{esp.name} has the priority {after.index(esp.name) + 1}.",
        differences(("Order", " › ".join(before), " › ".join(after))),
    )


def _names(tx: Tx, tenant: TenantKey) -> list[str]:
    return [esp.name for esp in list_esps(tx, tenant) if not esp.is_default]


# --- one of them --------------------------------------------------------------------------------------------


async def _new(visit: Visit) -> Response:
    settings = replace(
        EspSettings(),
        show_installation_progress=True,
        block_device_setup_retry_by_user=True,
        allow_log_collection_on_install_failure=True,
        allow_device_reset_on_install_failure=True,
    )
    return await _form_page(visit, _form_of("", "", settings))


def _form_of(name: str, description: str, settings: EspSettings, **more: Any) -> Form:
    return Form.of(
        name=name,
        description=description,
        minutes=str(settings.install_progress_timeout_in_minutes),
        message=settings.custom_error_message,
        **{switch: bool(getattr(settings, switch)) for switch in SWITCHES},
        **more,
    )


async def _create(visit: Visit) -> Response:
    return await visit.save(
        partial(_made, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving(
            "Make the status page",
            "Make it",
            partial(_form_page, visit),
            fields=_FIELDS,
            pages=Pages(),
        ),
    )


def _made(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    apps = _apps(tx, tenant, posted)
    esp = create_esp(
        tx,
        tenant,
        posted.text("name"),
        _settings(posted),
        description=posted.text("description"),
        selected_apps=[app.id for app in apps],
        actor=actor,
    )
    targets = assigning.targets_in(tx, tenant, item_ref(esp.id), posted)
    assign_esp(tx, tenant, esp.id, targets, actor=actor)
    return Done(
        PATH,
        f"The status page {esp.name} was made; it has the lowest priority, {esp.priority}.",
        differences(
            ("Name", "", esp.name),
            ("Description", "", esp.description),
            *_told(None, esp.settings),
            ("Apps that block", "", [app.name for app in apps] or "all that are required"),
            ("Assigned to", "", assigning.aims(tx, tenant, targets)),
        ),
    )


async def _edit(visit: Visit) -> Response:
    esp = await visit.read(esp_by_uuid, visit.call.uuid("id"))
    form = await visit.read(_stored, esp.uuid)
    return await _form_page(visit, form, esp)


def _stored(tx: Tx, tenant: TenantKey, uuid: UUID) -> Form:
    esp = esp_by_uuid(tx, tenant, uuid)
    apps = items_by_id(tx, tenant, esp.selected_apps)
    lines = assigning.written(tx, tenant, item_ref(esp.id))
    return _form_of(
        esp.name,
        esp.description,
        esp.settings,
        apps=[str(app.uuid) for app in apps.values()],
        **lines,
    )


async def _change(visit: Visit) -> Response:
    esp = await visit.read(esp_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_changed, tenant=visit.tenant, key=esp.id, posted=visit.posted, actor=visit.caller.name),
        Saving(
            f"Change the status page {esp.name}",
            "Save it",
            partial(_form_page, visit, esp=esp),
            fields=_FIELDS,
            pages=Pages(esp),
        ),
    )


def _changed(tx: Tx, *, tenant: TenantKey, key: int, posted: Posted, actor: str) -> Done:
    before, item = esp_by_id(tx, tenant, key), item_ref(key)
    aimed = assigning.aims(tx, tenant, targets_of(tx, tenant, item))
    apps, former = _apps(tx, tenant, posted), items_by_id(tx, tenant, before.selected_apps)
    update_esp(
        tx,
        tenant,
        key,
        name=None if before.is_default else posted.text("name"),
        description=posted.text("description"),
        settings=_settings(posted),
        selected_apps=[app.id for app in apps],
        actor=actor,
    )
    targets = [] if before.is_default else assigning.targets_in(tx, tenant, item, posted)
    if not before.is_default:
        assign_esp(tx, tenant, key, targets, actor=actor)
    after = esp_by_id(tx, tenant, key)
    return Done(
        PATH,
        f"The status page {after.name} was saved.",
        differences(
            ("Name", before.name, after.name),
            ("Description", before.description, after.description),
            *_told(before.settings, after.settings),
            (
                "Apps that block",
                sorted(app.name for app in former.values()) or "all that are required",
                sorted(app.name for app in apps) or "all that are required",
            ),
            ("Assigned to", aimed, assigning.aims(tx, tenant, targets_of(tx, tenant, item))),
        ),
        ["What was delivered under it stays on devices that are set up already."],
    )


async def _delete(visit: Visit) -> Response:
    esp = await visit.read(esp_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_deleted, tenant=visit.tenant, esp=esp, actor=visit.caller.name),
        Saving(
            f"Delete the status page {esp.name}",
            "Delete it",
            partial(_form_page, visit, esp=esp),
            pages=Pages(),
            dangerous=True,
        ),
    )


def _deleted(tx: Tx, *, tenant: TenantKey, esp: EspProfile, actor: str) -> Done:
    delete_esp(tx, tenant, esp.id, actor=actor)
    return Done(PATH, f"The status page {esp.name} was deleted.", remarks=["Those below it move up."])


async def _form_page(visit: Visit, form: Form, esp: EspProfile | None = None) -> Response:
    offered = await visit.read(_offer)
    return await visit.page(
        "status_page.html",
        status=422 if form.is_wrong else 200,
        form=form,
        esp=esp,
        offered=offered,
        switches=SWITCHES,
        first=_FIRST,
        on_failure=_ON_FAILURE,
        technician=_TECHNICIAN,
        standard_message=DEFAULT_MESSAGE,
        may_save=visit.may(WRITE),
    )


def _offer(tx: Tx, tenant: TenantKey) -> _Offer:
    apps = list_items(tx, tenant, kind=Kind.APP, limit=MOST).items
    return _Offer(
        tuple(Option(str(app.uuid), app.name) for app in apps), assigning.offer(tx, tenant, ItemKind.ESP)
    )


def _settings(posted: Posted) -> EspSettings:
    switched: dict[str, Any] = {name: posted.has(name) for name in SWITCHES}
    return EspSettings(
        install_progress_timeout_in_minutes=_minutes(posted.text("minutes")),
        custom_error_message=posted.text("message"),
        **switched,
    )


def _minutes(text: str) -> int:
    if (minutes := whole_number(text, _MOST_MINUTES)) is not None:
        return minutes
    raise Invalid(
        code="EnrollmentStatusPage",
        message=f"{text!r} is not a number of minutes.",
        details=[
            Detail(
                "installProgressTimeoutInMinutes",
                f"{text!r} is not a number of minutes.",
                "Give a whole number.",
            )
        ],
    )


def _apps(tx: Tx, tenant: TenantKey, posted: Posted) -> Sequence[CatalogItem]:
    return [item_by_uuid(tx, tenant, uuid_of(text)) for text in posted.texts("apps")]


def _told(before: EspSettings | None, after: EspSettings) -> list[tuple[str, Any, Any]]:
    def was(name: str) -> Any:
        return "" if before is None else getattr(before, name)

    numbers = [
        (
            "Minutes until it is too late",
            was("install_progress_timeout_in_minutes"),
            after.install_progress_timeout_in_minutes,
        ),
        ("Message", was("custom_error_message"), after.custom_error_message),
    ]
    switched = [(label, was(name), getattr(after, name)) for name, (label, _) in SWITCHES.items()]
    if before is None:
        switched = [each for each in switched if each[2]]
    return [*numbers, *switched]
