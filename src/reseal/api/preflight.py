"""Preflight: what stands against each registration, as everything is set up now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from reseal.api.parts import Declare, Parts, page_answer
from reseal.api.registrations import READ, which_asked
from reseal.autopilot.registrations import list_registrations
from reseal.directory.paging import Page
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
    found = await parts.db.read(_page, call.caller.tenant, which_asked(call))
    return page_answer(call, found, _shape)


def _page(tx: Tx, tenant: TenantKey, which: Mapping[str, Any]) -> Page[Readiness]:
    listed = list_registrations(tx, tenant, **which)
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
