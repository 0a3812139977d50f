"""The form of one registration, wherever it stands: what it shows, what was typed, and saving that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.responses import Response

from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.autopilot.profile_assignment import effective_profile
from reseal.autopilot.registrations import registration_by_id, registration_by_uuid, update_registration
from reseal.console.desk import Saving, Visit
from reseal.console.forms import Form
from reseal.console.saving import Done, differences
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted

_FIELDS: Final = {
    "UserNotFound": "user",
    "UserNotLicensed": "user",
    "UnknownDomain": "user",
    "DomainUnknown": "user",
    "ForeignDomain": "user",
    "InvalidUserPrincipalName": "user",
    "DeviceName": "device",
    "AddressableUserName": "friendly",
    "InvalidPhysicalId": "tag",
    "PhysicalIdTooLong": "tag",
}


def form_of(registration: Registration) -> Form:
    """The form as it is filled in before somebody types."""
    return Form.of(
        user=registration.assigned_user_upn,
        friendly=registration.addressable_user_name,
        tag=registration.group_tag,
        order=registration.purchase_order,
        device=registration.device_name,
    )


async def save_form(
    visit: Visit, page: Callable[[Visit, Form], Awaitable[Response]], back: Callable[[Registration], str]
) -> Response:
    """Save the form that was sent for the registration of the address.

    `page` shows the form once more if it is wrong; `back` is where one is afterwards.
    """
    registration = await visit.read(registration_by_uuid, visit.call.uuid("registration"))
    act = partial(
        _changed,
        tenant=visit.tenant,
        key=registration.id,
        posted=visit.posted,
        actor=visit.caller.name,
        back=back,
    )
    return await visit.save(
        act,
        Saving(
            f"Change {registration.serial}",
            "Save it",
            partial(page, visit),
            fields=_FIELDS,
        ),
    )


def _changed(
    tx: Tx, *, tenant: TenantKey, key: int, posted: Posted, actor: str, back: Callable[[Registration], str]
) -> Done:
    before = registration_by_id(tx, tenant, key)
    was = effective_profile(tx, tenant, key).name
    update_registration(tx, tenant, key, _changes_of(posted), actor=actor)
    after = registration_by_id(tx, tenant, key)
    told = differences(
        ("Assigned user", before.assigned_user_upn, after.assigned_user_upn),
        ("Greeted as", before.addressable_user_name, after.addressable_user_name),
        ("Name of the device", before.device_name, after.device_name),
        ("Group tag", before.group_tag, after.group_tag),
        ("Purchase order", before.purchase_order, after.purchase_order),
    )
    return Done(
        back(after),
        f"{after.serial} was saved.",
        told,
        afterwards=lambda tx: differences(("Profile", was, effective_profile(tx, tenant, key).name)),
        devices=[after.device_id] if told else [],
    )


def _changes_of(posted: Posted) -> RegistrationChanges:
    return RegistrationChanges(
        group_tag=posted.text("tag"),
        purchase_order=posted.text("order"),
        device_name=posted.text("device"),
        assigned_user_upn=posted.text("user"),
        addressable_user_name=posted.text("friendly"),
    )
