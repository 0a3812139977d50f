"""Devices that join and are not to be managed: the MDM user scope leaves them out."""

from __future__ import annotations

from reseal.autopilot.model import Registration
from reseal.deployment import service as deployment
from reseal.deployment.facts import Flow, Refused
from reseal.directory.joining import may_enroll
from reseal.directory.model_joining import EnrollDecision
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey


def decide_enrolment(
    tx: Tx, tenant: TenantKey, registration: Registration, user: int | None
) -> EnrollDecision:
    """Whether the device that just joined for this user (None: by a ticket) enrols.

    Outside of the scope it is told no address and shows 0x8018002B by itself; so that the deployment does not
    wait for an enrolment that never comes, it is told here.
    """
    decision = may_enroll(tx, tenant, user)
    if not decision.given_addresses:
        flow = Flow.TECHNICIAN if user is None else Flow.USER
        fact = Refused("enrolment", decision.device_code, decision.message, flow)
        deployment.observe(tx, tenant, registration.id, fact)
    return decision
