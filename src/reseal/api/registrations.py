"""Registrations: lists, one registration with its profile and reasons, edits, deregistration, recognition."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response

from reseal.api.parts import Declare, Parts, page_answer, page_asked
from reseal.assignment.model import ItemKind, ItemRef
from reseal.assignment.why import why
from reseal.autopilot.matching import match, recognise
from reseal.autopilot.model import Registration, RegistrationChanges
from reseal.autopilot.model_profile import Profile
from reseal.autopilot.model_profile import to_json as profile_settings
from reseal.autopilot.offline import to_offline_json
from reseal.autopilot.profile_assignment import effective_profile
from reseal.autopilot.profiles import find_profile, list_profiles, profile_by_uuid
from reseal.autopilot.registrations import (
    deregister,
    list_registrations,
    registration_by_uuid,
    update_registration,
    without_profile,
)
from reseal.autopilot.sync import request_sync
from reseal.catalog.model import CatalogItem, Kind
from reseal.catalog.service import find_item
from reseal.directory.devices import delete_device, device_by_id, device_by_uuid, list_devices
from reseal.directory.model import Device
from reseal.directory.model_names import fold
from reseal.esp.effective import effective_esp
from reseal.esp.model import EspProfile
from reseal.esp.model import to_json as esp_settings
from reseal.esp.profiles import list_esps
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid, NotFound
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json, nothing
from reseal.web.calls import Call
from reseal.web.routes import Route
from reseal.wire.errors import WireError
from reseal.wire.hwhash import HardwareHash, decode, describe

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"


class Edit(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What may be edited; what is left out stays, an empty text removes."""

    group_tag: str | None = None
    purchase_order: str | None = None
    device_name: str | None = None
    assigned_user: str | None = None
    addressable_user_name: str | None = None


class Presented(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A hardware hash in base64, as a device would present it."""

    hardware_hash: str


def registration_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of registrations and of the directory devices they stand for."""
    return (
        declare("GET", "/registrations", _registrations, READ),
        declare("GET", "/registrations/unassigned", _unassigned, READ),
        declare("POST", "/registrations/sync", _sync, WRITE, 0),
        declare("POST", "/registrations/match", _match, WRITE),
        declare("GET", "/registrations/{id}", _registration, READ),
        declare("PATCH", "/registrations/{id}", _edit, WRITE),
        declare("DELETE", "/registrations/{id}", _delete, WRITE),
        declare("GET", "/registrations/{id}/why/{kind}/{name}", _why, READ),
        declare("GET", "/profiles", _profiles, READ),
        declare("GET", "/profiles/{id}/offline", _offline, READ),
        declare("GET", "/enrollment-status-pages", _esps, READ),
        declare("GET", "/devices", _devices, "Device.Read.All"),
        declare("DELETE", "/devices/{id}", _delete_device, "Device.ReadWrite.All"),
    )


# --- reading ------------------------------------------------------------------------------------------------


def which_asked(call: Call) -> dict[str, Any]:
    """Which registrations the query asks for, as `list_registrations` takes it."""
    after, top = page_asked(call)
    tag = call.request.query_params.get("groupTag")  # an empty one asks for devices without
    return {"serial": call.query("serial"), "group_tag": tag, "after": after, "limit": top}


async def _registrations(parts: Parts, call: Call) -> Response:
    found = await parts.db.read(list_registrations, call.caller.tenant, **which_asked(call))
    return page_answer(call, found, registration_shape)


async def _unassigned(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    found = await parts.db.read(without_profile, call.caller.tenant, after=after, limit=top)
    return page_answer(call, found, registration_shape)


def registration_shape(registration: Registration) -> dict[str, Any]:
    """A registration as lists show it."""
    return {
        "id": registration.uuid,
        "serialNumber": registration.serial,
        "manufacturer": registration.manufacturer,
        "model": registration.model,
        "groupTag": registration.group_tag,
        "purchaseOrder": registration.purchase_order,
        "deviceName": registration.device_name,
        "assignedUser": registration.assigned_user_upn,
        "addressableUserName": registration.addressable_user_name,
        "profileStatus": registration.profile_status,
        "profileAssignedDateTime": registration.profile_assigned_at,
        "remediationState": registration.remediation_state,
        "registeredDateTime": registration.created_at,
    }


async def _registration(parts: Parts, call: Call) -> Response:
    return Json(await parts.db.read(_whole, call.caller.tenant, call.uuid("id")))


def _whole(tx: Tx, tenant: TenantKey, ztdid: UUID) -> dict[str, Any]:
    registration = registration_by_uuid(tx, tenant, ztdid)
    device = device_by_id(tx, tenant, registration.device_id)
    profile = effective_profile(tx, tenant, registration.id)
    technician = effective_esp(tx, tenant, device.id, technician=True)
    user = effective_esp(tx, tenant, device.id, technician=False)
    return {
        **registration_shape(registration),
        "device": _device_shape(device),
        "profile": {"name": profile.name, "source": profile.source, "reason": profile.reason},
        "enrollmentStatusPage": {"name": technician.profile.name, "reason": technician.reason},
        "userFlowEnrollmentStatusPage": {"name": user.profile.name, "reason": user.reason},
    }


async def _why(parts: Parts, call: Call) -> Response:
    kind, name = str(call.request.path_params["kind"]), str(call.request.path_params["name"])
    return Json(await parts.db.read(_reasons, call.caller.tenant, call.uuid("id"), kind, name))


def _reasons(tx: Tx, tenant: TenantKey, ztdid: UUID, kind: str, name: str) -> dict[str, Any]:
    device = registration_by_uuid(tx, tenant, ztdid).device_id
    chain = why(tx, tenant, device, _item(tx, tenant, kind, name))
    return {
        "assigned": chain.is_assigned,
        "steps": [
            {"reason": step.reason, "sentence": step.sentence, "data": step.data} for step in chain.steps
        ],
    }


def _item(tx: Tx, tenant: TenantKey, kind: str, name: str) -> ItemRef:
    """The item of that kind and name; raises `Invalid` for an unknown kind, `NotFound` otherwise."""
    found: Profile | EspProfile | CatalogItem | None
    if kind == ItemKind.PROFILE:
        found = find_profile(tx, tenant, name)
    elif kind == ItemKind.ESP:
        found = next((one for one in list_esps(tx, tenant) if fold(one.name) == fold(name)), None)
    elif kind in set(Kind):
        found = find_item(tx, tenant, Kind(kind), name)
    else:
        kinds = ", ".join(sorted(ItemKind))
        raise Invalid(code="BadKind", message=f"{kind!r} cannot be assigned.", remedy=f"Kinds are {kinds}.")
    if found is None:
        raise NotFound(
            code="NoSuchItem", message=f"There is no {kind} called {name!r}.", remedy="Check the name."
        )
    return ItemRef(ItemKind(kind), found.id)


async def _profiles(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    found = await parts.db.read(list_profiles, call.caller.tenant, after=after, limit=top)
    return page_answer(call, found, _profile_shape)


def _profile_shape(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.uuid,
        "displayName": profile.name,
        "description": profile.description,
        "createdDateTime": profile.created_at,
        "settings": profile_settings(profile.settings),
    }


async def _offline(parts: Parts, call: Call) -> Response:
    content = await parts.db.read(_offline_file, call.caller.tenant, call.uuid("id"))
    return Response(
        content,
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="AutopilotConfigurationFile.json"'},
    )


def _offline_file(tx: Tx, tenant: TenantKey, uuid: UUID) -> bytes:
    return to_offline_json(tx, tenant, profile_by_uuid(tx, tenant, uuid).id)


async def _esps(parts: Parts, call: Call) -> Response:
    found = await parts.db.read(list_esps, call.caller.tenant)
    return Json({"value": [_esp_shape(one) for one in found]})


def _esp_shape(esp: EspProfile) -> dict[str, Any]:
    return {
        "id": esp.uuid,
        "displayName": esp.name,
        "description": esp.description,
        "priority": esp.priority,
        "settings": esp_settings(esp.settings),
    }


async def _devices(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    found = await parts.db.read(
        list_devices, call.caller.tenant, search=call.query("search"), after=after, limit=top
    )
    return page_answer(call, found, _device_shape)


def _device_shape(device: Device) -> dict[str, Any]:
    return {
        "id": device.uuid,
        "deviceId": device.device_id,
        "displayName": device.display_name,
        "accountEnabled": device.enabled,
        "trustType": device.trust_type,
        "isManaged": device.is_managed,
        "isCompliant": device.is_compliant,
        "physicalIds": device.physical_ids,
        "registrationDateTime": device.created_at,
    }


# --- changing -----------------------------------------------------------------------------------------------


async def _edit(parts: Parts, call: Call) -> Response:
    edit = await call.json(Edit)
    changes = RegistrationChanges(
        group_tag=edit.group_tag,
        purchase_order=edit.purchase_order,
        device_name=edit.device_name,
        assigned_user_upn=edit.assigned_user,
        addressable_user_name=edit.addressable_user_name,
    )
    tenant, actor = call.caller.tenant, call.caller.name
    return Json(await parts.db.write(_update, tenant, call.uuid("id"), changes, actor, causes=tenant))


def _update(
    tx: Tx, tenant: TenantKey, ztdid: UUID, changes: RegistrationChanges, actor: str
) -> dict[str, Any]:
    registration = registration_by_uuid(tx, tenant, ztdid)
    update_registration(tx, tenant, registration.id, changes, actor=actor)
    tx.settle()
    return _whole(tx, tenant, ztdid)


async def _delete(parts: Parts, call: Call) -> Response:
    tenant, actor = call.caller.tenant, call.caller.name
    keep = call.flag("keepDirectoryDevice")
    await parts.db.write(_deregister, tenant, call.uuid("id"), keep, actor, causes=tenant)
    return nothing()


def _deregister(tx: Tx, tenant: TenantKey, ztdid: UUID, keep: bool, actor: str) -> None:
    key = registration_by_uuid(tx, tenant, ztdid).id
    deregister(tx, tenant, [key], keep_directory_device=keep, actor=actor)


async def _delete_device(parts: Parts, call: Call) -> Response:
    tenant, actor = call.caller.tenant, call.caller.name
    await parts.db.write(_delete_directory_device, tenant, call.uuid("id"), actor, causes=tenant)
    return nothing()


def _delete_directory_device(tx: Tx, tenant: TenantKey, uuid: UUID, actor: str) -> None:
    delete_device(tx, tenant, device_by_uuid(tx, tenant, uuid).id, actor=actor)


async def _sync(parts: Parts, call: Call) -> Response:
    """A sync has nothing to do; only in compatibility mode it may be asked for too early."""
    if parts.settings.sync_compatibility:
        await parts.db.write(request_sync, call.caller.tenant, actor=call.caller.name)
    return nothing()


async def _match(parts: Parts, call: Call) -> Response:
    presented = await call.json(Presented)
    try:
        hardware = decode(presented.hardware_hash)
    except WireError as error:
        raise Invalid(code=error.code, message=error.message, remedy=error.remedy) from error
    tenant = call.caller.tenant
    return Json(await parts.db.write(_recognise, tenant, hardware, causes=tenant))


def _recognise(tx: Tx, tenant: TenantKey, hardware: HardwareHash) -> dict[str, Any]:
    """Which registration a presented hash belongs to. What is concluded for one of our own is kept, as when
    the device itself presents it; of another tenant's nothing is told or changed.
    """
    found = recognise(tx, hardware)
    fields = dict(describe(hardware))
    if found.registered is not None and found.registered.tenant != tenant:
        return {"recognition": "otherTenant", "registrationId": None, "fields": fields}
    match(tx, hardware)
    return {
        "recognition": found.recognition,
        "registrationId": found.registered.registration if found.registered else None,
        "points": found.points,
        "differing": found.differing,
        "cloneSuspected": found.clone_suspected,
        "serialMismatch": found.serial_mismatch,
        "fields": fields,
    }
