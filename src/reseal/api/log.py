"""The event log: reading by position, following it as it grows, and recomputing the chain."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec
from starlette.responses import Response

from reseal.api.parts import DEFAULT_PAGE, Declare, Parts
from reseal.kernel import events
from reseal.kernel.ids import TenantKey
from reseal.web.answers import Json
from reseal.web.calls import Call
from reseal.web.routes import Route
from reseal.web.streams import Sent, Streams, position_of

_MOST = 1000
_LAST_POSITION = 2**62


def log_routes(declare: Declare) -> tuple[Route, ...]:
    """Routes of the event log."""
    streams = Streams(declare.parts.clock, declare.parts.stopping)

    async def live(parts: Parts, call: Call) -> Response:
        return streams.answer(_looks(parts, call.caller.tenant, position_of(call)))

    return (
        declare("GET", "/events", _events, "AuditLog.Read.All"),
        replace(declare("GET", "/events/live", live, "AuditLog.Read.All"), endless=True),
        declare("GET", "/events/verify", _verify, "AuditLog.Read.All"),
    )


async def _events(parts: Parts, call: Call) -> Response:
    after = call.number("after", 0, _LAST_POSITION)
    found = await parts.db.read(
        events.read, call.caller.tenant, after, call.number("top", DEFAULT_PAGE, _MOST)
    )
    return Json({"value": [_event_shape(event) for event in found]})


async def _looks(parts: Parts, tenant: TenantKey, after: int) -> AsyncGenerator[Sequence[Sent], None]:
    """Server-sent events: each event of the log once and in order, its position as the id."""
    async with aclosing(events.watch(parts.db, tenant, after, parts.clock)) as looks:
        async for news in looks:
            yield [_message(event) for event in news]


def _message(event: events.SealedEvent) -> Sent:
    return Sent(msgspec.json.encode(_event_shape(event)).decode(), id=str(event.position))


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
