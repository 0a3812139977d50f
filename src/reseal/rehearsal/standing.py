"""What the server knows of one device, read in one unit: its registration, stories, enrolment, deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import list_registrations
from reseal.deployment.listing import list_deployments
from reseal.deployment.model import Blocker, Deployment
from reseal.deployment.report import report_rows
from reseal.deployment.report_model import ReportRow
from reseal.deployment.service import blockers_of
from reseal.directory.users import users_by_id
from reseal.esp.phases import PhaseState, phases_of
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.desired import items_of
from reseal.managed.enrolments import active_enrolment_of_registration, users_of
from reseal.managed.model import Enrolment, Item
from reseal.managed.wanted import Delivery, wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """One registered device as the server has it."""

    registration: Registration
    stories: tuple[tuple[Deployment, tuple[Blocker, ...]], ...]
    """Oldest first, each with everything that it waited for."""
    rows: tuple[ReportRow, ...]
    """Of the report, in the same order."""
    enrolment: Enrolment | None
    upns: Mapping[int, str]
    """Of the users who were seen on the device, by key."""
    primary: str
    """UPN of the owner; empty without one."""
    shall: tuple[Delivery, ...]
    """What the device is to have, for itself and for these users."""
    items: tuple[Item, ...]
    """How far the server believes each to be."""
    phases: Mapping[int, PhaseState]

    @property
    def story(self) -> Deployment | None:
        """The last deployment."""
        return self.stories[-1][0] if self.stories else None


def standing_of(tx: Tx, tenant: TenantKey, serial: str) -> Standing | None:
    """How the device with that serial number stands; None if it is not registered."""
    found = [one for one in list_registrations(tx, tenant, serial=serial).items if one.serial == serial]
    if not found:
        return None
    registration = found[0]
    stories = list_deployments(tx, tenant, registration=registration.id, oldest_first=True, limit=1000).items
    enrolment = active_enrolment_of_registration(tx, tenant, registration.id)
    seen = () if enrolment is None else users_of(tx, tenant, enrolment.id)
    present = [user.user_id for user in seen if user.session_seen]
    owner = None if enrolment is None else enrolment.owner_user_id
    people = users_by_id(tx, tenant, {*(user.user_id for user in seen), *([] if owner is None else [owner])})
    shall = {} if enrolment is None else wanted(tx, tenant, enrolment.device_id, present)
    return Standing(
        registration=registration,
        stories=tuple((one, blockers_of(tx, tenant, one.id)) for one in stories),
        rows=report_rows(tx, tenant, stories),
        enrolment=enrolment,
        upns={key: people[key].upn for key in sorted(people)},
        primary="" if owner is None or owner not in people else people[owner].upn,
        shall=tuple(shall[key] for key in sorted(shall)),
        items=() if enrolment is None else items_of(tx, tenant, enrolment.id),
        phases={} if enrolment is None else phases_of(tx, tenant, enrolment.id),
    )
