"""Step 7: which user a registered device is meant for, and what else is known of it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import BUILTIN_NAME
from reseal.autopilot.profile_assignment import effective_profile
from reseal.autopilot.profiles import profiles_by_id
from reseal.autopilot.registrations import (
    list_registrations,
    registration_by_id,
    registration_by_uuid,
    update_registration,
)
from reseal.console import paging
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form
from reseal.console.registering import changes_of, form_of
from reseal.console.saving import Done, Pages, differences
from reseal.esp.effective import EffectiveEsp, effective_esp
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"
PATH = "/set-up/users"

_FIELDS = {
    "UserNotFound": "user",
    "UserNotLicensed": "user",
    "UnknownDomain": "user",
    "DeviceName": "device",
    "AddressableUserName": "friendly",
    "InvalidUserPrincipalName": "user",
    "InvalidPhysicalId": "tag",
    "PhysicalIdTooLong": "tag",
}


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
    registration = await visit.read(registration_by_uuid, visit.call.uuid("registration"))
    return await visit.save(
        partial(
            _changed,
            tenant=visit.tenant,
            key=registration.id,
            posted=visit.posted,
            actor=visit.caller.name,
        ),
        Saving(
            f"Change {registration.serial}",
            "Save it",
            partial(_form_page, visit),
            fields=_FIELDS,
            pages=Pages(),
        ),
    )


def _changed(tx: Tx, *, tenant: TenantKey, key: int, posted: Posted, actor: str) -> Done:
    before = registration_by_id(tx, tenant, key)
    update_registration(tx, tenant, key, changes_of(posted), actor=actor)
    after = registration_by_id(tx, tenant, key)
    was = effective_profile(tx, tenant, key).name
    return Done(
        PATH,
        f"{after.serial} was saved.",
        differences(
            ("Assigned user", before.assigned_user_upn, after.assigned_user_upn),
            ("Greeted as", before.addressable_user_name, after.addressable_user_name),
            ("Group tag", before.group_tag, after.group_tag),
            ("Purchase order", before.purchase_order, after.purchase_order),
            ("Name of the device", before.device_name, after.device_name),
        ),
        afterwards=lambda tx: differences(("Profile", was, effective_profile(tx, tenant, key).name)),
    )
