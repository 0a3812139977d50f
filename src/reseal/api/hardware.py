"""Hardware that presented itself differently: looking at it, and saying that it is the repaired device."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.responses import Response

from reseal.api.parts import Declare, Parts
from reseal.api.registrations import READ, WRITE
from reseal.autopilot.matching import Presentation, confirm_hardware, presentations
from reseal.autopilot.registrations import registration_by_uuid
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json, nothing
from reseal.web.calls import Call
from reseal.web.numbers import whole_number
from reseal.web.routes import Route


def hardware_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of presented hardware."""
    path = "/registrations/{id}/presentations"
    return (
        declare("GET", path, _presentations, READ),
        declare("POST", path + "/{presentation}/confirm", _confirm, WRITE, 0),
    )


async def _presentations(parts: Parts, call: Call) -> Response:
    found = await parts.db.read(_of_registration, call.caller.tenant, call.uuid("id"))
    return Json({"value": [_presentation_shape(one) for one in found]})


def _of_registration(tx: Tx, tenant: TenantKey, ztdid: UUID) -> list[Presentation]:
    return presentations(tx, tenant, registration_by_uuid(tx, tenant, ztdid).id)


def _presentation_shape(one: Presentation) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "recognition": one.recognition,
        "points": one.points,
        "serialNumber": one.hash.serial,
        "manufacturer": one.hash.manufacturer,
        "model": one.hash.model,
        "differences": [
            {"evidence": kind, "registered": before, "presented": now} for kind, before, now in one.difference
        ],
        "firstDateTime": one.first_at,
        "lastDateTime": one.last_at,
    }


async def _confirm(parts: Parts, call: Call) -> Response:
    tenant, actor = call.caller.tenant, call.caller.name
    presentation = _key(str(call.request.path_params["presentation"]))
    await parts.db.write(_confirm_one, tenant, call.uuid("id"), presentation, actor, causes=tenant)
    return nothing()


def _confirm_one(tx: Tx, tenant: TenantKey, ztdid: UUID, presentation: int, actor: str) -> None:
    registration = registration_by_uuid(tx, tenant, ztdid)
    confirm_hardware(tx, tenant, registration.id, presentation, actor=actor)


def _key(text: str) -> int:
    """The key of a presentation. Lists show keys as texts: not every program reads 64 bits as a number."""
    key = whole_number(text)
    if key is None:
        raise Invalid(code="BadId", message=f"{text!r} is not an id.", remedy="Take it from the list.")
    return key
