"""Joins without a user: a ticket for a proven TPM, in the technician flow.

No right of a user is asked, and the device counts against nobody (spec/autopilot.md 12, items 10 and 135).
Whether the profile allows pre-provisioning is asked at the enrolment, not here (design 9).
"""

from __future__ import annotations

from dataclasses import dataclass

from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import registration_by_id
from reseal.deployment import service as deployment
from reseal.deployment.facts import Flow, Refused
from reseal.deployment.facts import Joined as JoinedFact
from reseal.directory.model_settings import default_discovery_url
from reseal.directory.tenants import tenant_by_id
from reseal.join import tickets
from reseal.join.administrators import local_administrators
from reseal.join.joining import Asked, device_to_join, join_device
from reseal.join.refusals import JoinRefused, no_device_object
from reseal.join.scope import decide_enrolment
from reseal.kernel import ca, events
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey
from reseal.wire.runtime.messages import Joined


@dataclass(frozen=True, slots=True)
class TicketUse:
    """A ticket, the certificate request (DER) that came with it, and what was read of that."""

    ticket: str
    request: bytes
    asked: Asked


def join_by_ticket(
    tx: Tx, tenant: TenantKey, use: TicketUse, authority: ca.Authority, device_url: str
) -> Joined | JoinRefused:
    """Join the registered device that the ticket stands for, under the tenant's lock for causes.

    A refusal that is about a known device is told and returned. Raises `NotProven` for a ticket that does not
    count.
    """
    redeemed = tickets.redeem(tx, use.ticket, key=use.asked.public_key, request=use.request)
    try:
        registration = registration_by_id(tx, tenant, redeemed.registration)
    except NotFound:
        return no_device_object()
    try:
        device = device_to_join(tx, tenant, registration)
    except JoinRefused as refused:
        fact = Refused("join", refused.hresult, refused.message, Flow.TECHNICIAN)
        deployment.observe(tx, tenant, registration.id, fact)
        told = {"code": refused.hresult, "error_type": refused.error_type, "message": refused.message}
        subject = Subject("registration", registration.uuid)
        events.record(tx, tenant, "device.join_refused", subject, told)
        return refused
    joined = join_device(
        tx,
        tenant,
        use.asked,
        authority=authority,
        device=device,
        registration=registration,
        proof=redeemed.proof,
    )
    if joined.repeated and not redeemed.again:  # it proved its TPM once more, and its key is the same
        deployment.observe(tx, tenant, registration.id, JoinedFact(None))
    return Joined(
        device_id=joined.device.device_id,
        certificate=joined.certificate,
        chain=joined.chain,
        mdm_discovery=_discovery(tx, tenant, registration, device_url),
        local_admins=local_administrators(),
    )


def _discovery(tx: Tx, tenant: TenantKey, registration: Registration, device_url: str) -> str:
    """Where management begins; nothing if the MDM scope is none: the device shows 0x8018002B."""
    if not decide_enrolment(tx, tenant, registration, None).given_addresses:
        return ""
    urls = tenant_by_id(tx, tenant).settings.mdm_urls
    return urls.discovery or default_discovery_url(device_url)
