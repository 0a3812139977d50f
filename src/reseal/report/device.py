"""Everything that is known of one registered device, for its page: few statements, most of it in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.assignment.lookup import entries_of_sets
from reseal.assignment.model import Entry
from reseal.assignment.tables import device_effective
from reseal.autopilot.matching import Presentation, presentations
from reseal.autopilot.model import Registration
from reseal.autopilot.profile_assignment import EffectiveProfile, effective_profile_of_set
from reseal.autopilot.tables import hardware_identity, registration, to_registration
from reseal.deployment.listing import list_deployments
from reseal.deployment.model import Deployment
from reseal.deployment.story import Line, Tone, line_of
from reseal.directory.model import Device
from reseal.directory.tables import device, to_device, user
from reseal.esp.effective import EffectiveEsp, effective_esps_by_entries
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.errors import NotFound
from reseal.kernel.ids import TenantKey
from reseal.managed.model import Enrolment, EnrolmentState
from reseal.managed.tables import enrolment, to_enrolment
from reseal.report.roster import JOIN_DEVICE
from reseal.trust.tables import proven_tpm
from reseal.wire.hwhash import decode_blob, describe

MOST_DEPLOYMENTS: Final = 20
MOST_EVENTS: Final = 60


@dataclass(frozen=True, slots=True)
class Proof:
    """What the TPM of a device proved last."""

    kind: str
    at: datetime
    firmware: str


@dataclass(frozen=True, slots=True)
class Known:
    """One device: its registration, its directory device, its management if there is any."""

    registration: Registration
    device: Device
    enrolment: Enrolment | None
    """The one that is active."""
    owner: str
    """The user principal name of the primary user."""
    effective_set: int | None
    proof: Proof | None
    captured_at: datetime | None
    """When the hardware hash was taken."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.device.display_name


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page of a device says."""

    known: Known
    profile: EffectiveProfile
    status_page: EffectiveEsp
    user_status_page: EffectiveEsp
    deployments: Sequence[Deployment]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event about the device as a line."""

    position: int
    at: datetime
    line: Line


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What helps to find out what is wrong with a device."""

    known: Known
    hardware: Sequence[tuple[str, str]]
    presentations: Sequence[Presentation]
    troubles: Sequence[Happened]


def known_device(tx: Tx, tenant: TenantKey, ztdid: UUID) -> Known:
    """One device by its ZTDID; one statement. Raises `NotFound`."""
    row = tx.row(_KNOWN, {"at_tenant": tenant, "ztdid": ztdid})
    if row is None:
        raise NotFound(
            code="RegistrationNotFound",
            message=f"There is no Autopilot device with the ZTDID {ztdid} in this organisation.",
            remedy="Check the device; it may have been deregistered.",
        )
    return _known(row)


def overview(tx: Tx, tenant: TenantKey, ztdid: UUID) -> Overview:
    """What stands on a device's first page. Raises `NotFound`."""
    known = known_device(tx, tenant, ztdid)
    technician, of_user = effective_esps_by_entries(tx, tenant, entries_of(tx, tenant, known))
    found = list_deployments(tx, tenant, registration=known.registration.id, limit=MOST_DEPLOYMENTS)
    return Overview(
        known=known,
        profile=effective_profile_of_set(tx, tenant, known.effective_set),
        status_page=technician,
        user_status_page=of_user,
        deployments=found.items,
    )


def entries_of(tx: Tx, tenant: TenantKey, known: Known) -> tuple[Entry, ...]:
    """What is effective for the device; at most one statement."""
    if known.effective_set is None:
        return ()
    return entries_of_sets(tx, tenant, [known.effective_set]).get(known.effective_set, ())


def diagnose(tx: Tx, tenant: TenantKey, ztdid: UUID) -> Diagnosis:
    """What stands on a device's page for diagnosis. Raises `NotFound`."""
    known = known_device(tx, tenant, ztdid)
    blob = tx.value(
        sa.select(hardware_identity.c.hash).where(hardware_identity.c.id == known.registration.identity_id)
    )
    subjects = {known.registration.uuid, known.device.uuid}
    subjects |= {one.uuid for one in (known.enrolment,) if one is not None}
    deployments = list_deployments(tx, tenant, registration=known.registration.id, limit=MOST_DEPLOYMENTS)
    subjects |= {one.uuid for one in deployments.items}
    found = events.read_back(tx, tenant, MOST_EVENTS, subjects=subjects)
    told = [Happened(each.position, each.at, line_of(each)) for each in found]
    return Diagnosis(
        known=known,
        hardware=describe(decode_blob(blob)),
        presentations=presentations(tx, tenant, known.registration.id),
        troubles=[one for one in told if one.line.tone in {Tone.BAD, Tone.PERSON}],
    )


_ACTIVE: Final = sa.and_(
    enrolment.c.tenant_id == registration.c.tenant_id,
    enrolment.c.device_id == registration.c.device_id,
    enrolment.c.state == EnrolmentState.ACTIVE.value,
)
_LABELLED: Final = (("registration", registration), ("device", device), ("enrolment", enrolment))
_KNOWN: Final = (
    sa.select(
        *(column.label(f"{name}__{column.name}") for name, table in _LABELLED for column in table.c),
        user.c.upn.label("owner"),
        device_effective.c.set_id,
        proven_tpm.c.proof,
        proven_tpm.c.proven_at,
        proven_tpm.c.firmware_version,
        hardware_identity.c.captured_at,
    )
    .select_from(
        registration.join(device, JOIN_DEVICE)
        .join(hardware_identity, hardware_identity.c.id == registration.c.identity_id)
        .outerjoin(enrolment, _ACTIVE)
        .outerjoin(
            user, sa.and_(user.c.tenant_id == enrolment.c.tenant_id, user.c.id == enrolment.c.owner_user_id)
        )
        .outerjoin(
            device_effective,
            sa.and_(
                device_effective.c.tenant_id == registration.c.tenant_id,
                device_effective.c.device_id == registration.c.device_id,
            ),
        )
        .outerjoin(
            proven_tpm,
            sa.and_(
                proven_tpm.c.tenant_id == registration.c.tenant_id,
                proven_tpm.c.registration_id == registration.c.id,
            ),
        )
    )
    .where(
        registration.c.tenant_id == sa.bindparam("at_tenant"), registration.c.uuid == sa.bindparam("ztdid")
    )
)


class _Part:
    """The columns of one table in a row of several."""

    def __init__(self, row: sa.Row[Any], name: str) -> None:
        self._columns, self._name = row._mapping, name

    def __getattr__(self, column: str) -> Any:
        return self._columns[f"{self._name}__{column}"]


def _known(row: sa.Row[Any]) -> Known:
    parts: Any = {name: _Part(row, name) for name, _ in _LABELLED}
    proof = None if row.proof is None else Proof(row.proof, row.proven_at, row.firmware_version)
    return Known(
        registration=to_registration(parts["registration"]),
        device=to_device(parts["device"]),
        enrolment=None if row.enrolment__id is None else to_enrolment(parts["enrolment"]),
        owner=row.owner or "",
        effective_set=row.set_id,
        proof=proof,
        captured_at=row.captured_at,
    )
