"""The report *Autopilot deployments*: rows for a page of deployments, with few statements for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import registrations_by_id
from reseal.deployment.listing import blockers_of_many
from reseal.deployment.model import Deployment
from reseal.deployment.report_model import ReportRow, Sources, row_of
from reseal.directory.devices import devices_by_id
from reseal.directory.users import users_by_id
from reseal.esp.phases import runs_of_many
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import enrolments_by_id
from reseal.managed.model import Enrolment


def report_rows(
    tx: Tx, tenant: TenantKey, deployments: Sequence[Deployment], *, whole: bool = True
) -> tuple[ReportRow, ...]:
    """The rows of these deployments (`listing.list_deployments` pages them), in their order. Not `whole`:
    without what only registration and directory know, two statements less.
    """
    if not deployments:
        return ()
    blockers = blockers_of_many(tx, tenant, [one.id for one in deployments])
    enrolments = enrolments_by_id(tx, tenant, [one.enrolment_id for one in deployments if one.enrolment_id])
    runs = runs_of_many(tx, tenant, enrolments)
    keys = [one.registration_id for one in deployments] if whole else []
    registrations = registrations_by_id(tx, tenant, keys)
    at = {one.id: _device_of(one, enrolments, registrations) for one in deployments}
    devices = devices_by_id(tx, tenant, [key for key in at.values() if key is not None]) if whole else {}
    nameless = [one.user_id for one in deployments if one.user_id is not None and not one.upn]
    users = users_by_id(tx, tenant, nameless) if nameless else {}
    rows = []
    for one in deployments:
        device, user = devices.get(at[one.id] or 0), users.get(one.user_id or 0)
        sources = Sources(
            registration=registrations.get(one.registration_id),
            enrolment=enrolments.get(one.enrolment_id or 0),
            device_id=None if device is None else device.device_id,
            upn=one.upn or ("" if user is None else user.upn),
            runs=runs.get(one.enrolment_id or 0, ()),
        )
        rows.append(row_of(one, blockers.get(one.id, ()), sources, tx.now))
    return tuple(rows)


def _device_of(
    one: Deployment, enrolments: Mapping[int, Enrolment], registrations: Mapping[int, Registration]
) -> int | None:
    """The directory device: the one that enrolled, else the one that is registered."""
    enrolment, registration = enrolments.get(one.enrolment_id or 0), registrations.get(one.registration_id)
    if enrolment is not None:
        return enrolment.device_id
    return None if registration is None else registration.device_id
