"""Events of a deployment: one for each arrow, and one for what a person did beside the table."""

from __future__ import annotations

from typing import Any

from reseal.deployment.facts import Fact, Failed, PhaseBegun, Refused
from reseal.deployment.model import Deployment
from reseal.deployment.words import in_full
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.kernel.logs import get_logger

log = get_logger(__name__)


def tell(
    tx: Tx, tenant: TenantKey, before: Deployment | None, after: Deployment, fact: Fact, actor: str
) -> None:
    """Record what happened, and log what is awaited now in the words that pages show."""
    subject = Subject("deployment", after.uuid)
    device: dict[str, JsonValue] = {"registration": str(after.registration_uuid), "serial": after.serial}
    if before is None:
        told = {**device, "state": after.state.value, "fact": type(fact).__name__, **_details(after, fact)}
        events.record(tx, tenant, "deployment.began", subject, told, actor)
    elif before.state is not after.state:
        told = {
            **device,
            "from": before.state.value,
            "to": after.state.value,
            "fact": type(fact).__name__,
            **_details(after, fact),
        }
        kind = "deployment.moved" if after.open else "deployment.ended"
        events.record(tx, tenant, kind, subject, told, actor)
    elif isinstance(fact, PhaseBegun):
        told = {**device, "state": after.state.value, **_details(after, fact)}
        events.record(tx, tenant, "deployment.phase_begun", subject, told, actor)
    for how in after.deviations[len(before.deviations) if before else 0 :]:
        told = {**device, "state": after.state.value, "how": how}
        events.record(tx, tenant, "deployment.deviated", subject, told, actor)
    if after.blocker is not None and (before is None or before.blocker != after.blocker):
        log.info("waiting", device=after.serial, state=after.state.value, blocker=in_full(after.blocker))


def _details(after: Deployment, fact: Fact) -> dict[str, Any]:
    """What an arrow's event says besides: the refusal or failure, the phase and its limit, the user."""
    told: dict[str, Any] = {}
    match fact:
        case Refused(step=step, code=code, message=message):
            told = {"step": step, "code": code, "message": message}
        case Failed(code=code, message=message, timed_out=timed_out):
            told = {"code": code, "message": message, "timedOut": timed_out}
        case PhaseBegun(flow=flow, phase=phase, budget=budget):
            told = {"flow": flow.value, "phase": phase.value, "seconds": budget}
        case _:
            pass
    if after.upn:
        told["upn"] = after.upn
    if after.ended_because:
        told["because"] = after.ended_because
    return told
