"""Preflight: what stands against each registration, as everything is set up now."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from reseal.api.parts import Declare, Parts, page_answer, page_asked
from reseal.api.registrations import READ
from reseal.autopilot.registrations import list_registrations
from reseal.directory.paging import Page, PageKey
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.preflight.model import Readiness
from reseal.preflight.service import readiness_of
from reseal.web.calls import Call
from reseal.web.routes import Route


def preflight_routes(declare: Declare) -> tuple[Route, ...]:
    """The route of preflight."""
    return (declare("GET", "/preflight", _preflight, READ),)


async def _preflight(parts: Parts, call: Call) -> Response:
    after, top = page_asked(call)
    tag = call.request.query_params.get("groupTag")
    found = await parts.db.read(
        _page, call.caller.tenant, serial=call.query("serial"), group_tag=tag, after=after, limit=top
    )
    return page_answer(call, found, _shape)


def _page(
    tx: Tx, tenant: TenantKey, *, serial: str, group_tag: str | None, after: PageKey | None, limit: int
) -> Page[Readiness]:
    """Asked for as registrations are listed."""
    listed = list_registrations(tx, tenant, serial=serial, group_tag=group_tag, after=after, limit=limit)
    return Page(tuple(readiness_of(tx, tenant, listed.items)), listed.next)


def _shape(one: Readiness) -> dict[str, Any]:
    return {
        "registrationId": one.registration.uuid,
        "serialNumber": one.registration.serial,
        "ready": one.ready,
        "profile": {"name": one.profile.name, "reason": one.profile.reason},
        "enrollmentStatusPage": {"name": one.esp.profile.name, "reason": one.esp.reason},
        "items": one.items,
        "objections": [
            {
                "code": objection.code,
                "severity": objection.severity,
                "message": objection.message,
                "remedy": objection.remedy,
            }
            for objection in one.objections
        ],
    }
