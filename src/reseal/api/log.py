"""The event log: reading by position, and recomputing the chain."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from reseal.api.parts import DEFAULT_PAGE, Declare, Parts
from reseal.kernel import events
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Route

_MOST = 1000
_LAST_POSITION = 2**62


def log_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of the event log."""
    return (
        declare("GET", "/events", _events, "AuditLog.Read.All"),
        declare("GET", "/events/verify", _verify, "AuditLog.Read.All"),
    )


async def _events(parts: Parts, call: Call) -> Response:
    after = call.number("after", 0, _LAST_POSITION)
    found = await parts.db.read(
        events.read, call.caller.tenant, after, call.number("top", DEFAULT_PAGE, _MOST)
    )
    return Json({"value": [_event_shape(event) for event in found]})


def _event_shape(event: events.SealedEvent) -> dict[str, Any]:
    return {
        "position": event.position,
        "kind": event.kind,
        "subject": {"kind": event.subject.kind, "id": event.subject.id},
        "actor": event.actor,
        "at": event.at,
        "payload": event.payload,
        "digest": event.digest.hex(),
    }


async def _verify(parts: Parts, call: Call) -> Response:
    found = await parts.db.read(events.verify, call.caller.tenant)
    return Json(
        {
            "count": found.count,
            "head": found.head.hex(),
            "erased": found.erased,
            "brokenAt": found.broken_at,
            "reason": found.reason,
        }
    )
