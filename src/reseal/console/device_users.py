"""Step 7: which user a registered device is meant for, and what else is known of it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import BUILTIN_NAME
from reseal.autopilot.profiles import profiles_by_id
from reseal.autopilot.registrations import list_registrations, registration_by_uuid
from reseal.console import paging
from reseal.console.desk import Desk, Visit
from reseal.console.forms import Form
from reseal.console.registering import form_of, save_form
from reseal.esp.effective import EffectiveEsp, effective_esp
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.web.routes import Route

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"
PATH = "/set-up/users"


@dataclass(frozen=True, slots=True)
class _Whole:
    registration: Registration
    profile: str
    status_page: EffectiveEsp


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, and the form of one device."""
    return (
        desk.page(PATH, _list, READ),
        desk.page(PATH + "/{registration}", _edit, READ),
        desk.form(PATH + "/{registration}", _change, WRITE),
    )


async def _list(visit: Visit) -> Response:
    asked = paging.asked(visit.call)
    found = await visit.read(list_registrations, serial=asked.search, after=asked.after, limit=paging.PAGE)
    return await visit.page(
        "device_users.html",
        found=found.items,
        search=asked.search,
        links=paging.links(visit.call, found),
        may_save=visit.may(WRITE),
    )


async def _edit(visit: Visit) -> Response:
    registration = await visit.read(registration_by_uuid, visit.call.uuid("registration"))
    return await _form_page(visit, form_of(registration))


async def _form_page(visit: Visit, form: Form) -> Response:
    whole = await visit.read(_whole, visit.call.uuid("registration"))
    return await visit.page(
        "device_user.html",
        status=422 if form.is_wrong else 200,
        form=form,
        registration=whole.registration,
        profile=whole.profile,
        status_page=whole.status_page,
        may_save=visit.may(WRITE),
    )


def _whole(tx: Tx, tenant: TenantKey, uuid: UUID) -> _Whole:
    registration = registration_by_uuid(tx, tenant, uuid)
    assigned = profiles_by_id(tx, tenant, [registration.profile_id] if registration.profile_id else [])
    return _Whole(
        registration,
        next((profile.name for profile in assigned.values()), BUILTIN_NAME),
        effective_esp(tx, tenant, registration.device_id, technician=True),
    )


async def _change(visit: Visit) -> Response:
    return await save_form(visit, _form_page, lambda saved: PATH)
