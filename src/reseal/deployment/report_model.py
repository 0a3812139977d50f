"""A row of the report *Autopilot deployments* (spec/autopilot.md 8.4) from what is known of a run. Pure.

One deployment is one row with two parts. Every duration is a sum of blocker intervals, so they need no clock
of their own: what counts is in which state the time passed (`model.PARTS`).

    device preparation   attestation, join, enrolment, first session
    device setup         the device's phase in both flows, acknowledgement included
    account setup        from the end of the device's phase to the desktop
    deployment           these three: what the device worked
    technician, user     the two flows, with what people took inside them: signing in, deciding after red
    total                both flows together; neither the time before the first nor between the two counts
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from reseal.autopilot.model import Registration
from reseal.catalog.model import Kind
from reseal.deployment.facts import Flow
from reseal.deployment.model import PARTS, Blocker, Deployment, Part, State
from reseal.esp.model_phase import PhaseState, PhaseStatus, Tracked
from reseal.managed.model import MACHINE, Enrolment

_ZERO: Final = timedelta(0)


class EnrolmentType(StrEnum):
    """How the device came; the names of Graph that can occur here."""

    UNKNOWN = "unknown"
    USER = "azureADJoinedWithAutopilotProfile"
    TECHNICIAN = "azureADJoinedWithWhiteGlove"


class Status(StrEnum):
    """Deployment state, device setup status and account setup status; the names of Graph."""

    UNKNOWN = "unknown"
    SUCCESS = "success"
    IN_PROGRESS = "inProgress"
    FAILURE = "failure"
    SUCCESS_WITH_TIMEOUT = "successWithTimeout"
    NOT_ATTEMPTED = "notAttempted"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Durations:
    """How long what took."""

    device_preparation: timedelta
    device_setup: timedelta
    account_setup: timedelta
    deployment: timedelta
    technician: timedelta
    user: timedelta
    total: timedelta


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One deployment for people who look at many."""

    deployment: Deployment
    device_id: UUID | None
    """Of the directory device, while it exists."""
    serial: str
    device_name: str
    os_version: str
    event_at: datetime
    registered_at: datetime | None
    enrolment_start: datetime | None
    enrolment_type: EnrolmentType
    enrolment_state: str
    upn: str
    profile_name: str
    esp_name: str
    state: Status
    device_setup: Status
    account_setup: Status
    durations: Durations
    started_at: datetime
    ended_at: datetime | None
    targeted_apps: int
    targeted_policies: int
    failure: str
    """Code and sentence; empty without a failure."""
    deviations: tuple[str, ...]
    items: tuple[Tracked, ...]
    """What the phases were about when they ended, of the machine and of the user."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What else is known of the device of a deployment; None: not, or not any more."""

    registration: Registration | None
    enrolment: Enrolment | None
    device_id: UUID | None
    upn: str
    runs: tuple[PhaseState, ...]


def row_of(deployment: Deployment, blockers: Sequence[Blocker], sources: Sources, now: datetime) -> ReportRow:
    """The row of one deployment; what is still going on is measured up to `now`."""
    registration, enrolment = sources.registration, sources.enrolment
    device_runs = [run for run in sources.runs if run.user == MACHINE]
    account_runs = [run for run in sources.runs if run.user == deployment.user_id]
    items = (*_frozen(device_runs), *_frozen(account_runs))
    return ReportRow(
        deployment=deployment,
        device_id=sources.device_id,
        serial=deployment.serial,
        device_name="" if enrolment is None else enrolment.device_name,
        os_version="" if enrolment is None else enrolment.os_version,
        event_at=deployment.moved_at,
        registered_at=None if registration is None else registration.created_at,
        enrolment_start=None if enrolment is None else enrolment.created_at,
        enrolment_type=_type_of(deployment),
        enrolment_state="notEnrolled" if enrolment is None else enrolment.state.value,
        upn=sources.upn,
        profile_name=deployment.profile_name,
        esp_name=sources.runs[-1].profile_name if sources.runs else "",
        state=state_of(deployment),
        device_setup=_status_of(deployment, device_runs),
        account_setup=_status_of(deployment, account_runs),
        durations=durations_of(blockers, technician=deployment.technician, now=now),
        started_at=deployment.begun_at,
        ended_at=deployment.ended_at,
        targeted_apps=sum(item.kind is Kind.APP for item in items),
        targeted_policies=sum(item.kind is Kind.POLICY for item in items),
        failure=_failure(deployment),
        deviations=deployment.deviations,
        items=items,
    )


def durations_of(blockers: Iterable[Blocker], *, technician: bool, now: datetime) -> Durations:
    """Sums of the intervals. `technician`: attestation, join and enrolment belong to the technician flow."""
    parts = dict.fromkeys(Part, _ZERO)
    flows = dict.fromkeys(Flow, _ZERO)
    for one in blockers:
        passed = (max(now, one.since) if one.ended_at is None else one.ended_at) - one.since
        parts[PARTS[one.state]] += passed
        if PARTS[one.state] is not Part.GAP:
            flows[_flow_of(one.state, technician=technician)] += passed
    setup = parts[Part.DEVICE_PREPARATION] + parts[Part.DEVICE_SETUP] + parts[Part.ACCOUNT_SETUP]
    return Durations(
        device_preparation=parts[Part.DEVICE_PREPARATION],
        device_setup=parts[Part.DEVICE_SETUP],
        account_setup=parts[Part.ACCOUNT_SETUP],
        deployment=setup,
        technician=flows[Flow.TECHNICIAN],
        user=flows[Flow.USER],
        total=flows[Flow.TECHNICIAN] + flows[Flow.USER],
    )


_USERS_STATES: Final = frozenset(
    {
        State.USER_SIGN_IN,
        State.USER_DEVICE_SETUP,
        State.USER_DEVICE_RELEASING,
        State.USER_ACCOUNT_SETUP,
        State.USER_ACCOUNT_RELEASING,
        State.ERROR,
    }
)
_TECHNICIANS_STATES: Final = frozenset(
    {State.TECHNICIAN_PREPARING, State.TECHNICIAN_SETUP, State.TECHNICIAN_RELEASING, State.RED}
)


def _flow_of(state: State, *, technician: bool) -> Flow:
    if state in _USERS_STATES:
        return Flow.USER
    return Flow.TECHNICIAN if technician or state in _TECHNICIANS_STATES else Flow.USER


def state_of(deployment: Deployment) -> Status:
    """How the whole stands. A success after a failed first attempt is a success; one that came although the
    time was over, or by going on after an error, is not quite one.
    """
    if deployment.state in {State.RED, State.ERROR}:
        return Status.FAILURE
    if deployment.open:
        return Status.IN_PROGRESS
    if deployment.state is State.DESKTOP and deployment.timed_out:
        return Status.SUCCESS_WITH_TIMEOUT
    if deployment.error_code:
        return Status.FAILURE
    if deployment.state is State.DESKTOP:
        return Status.SUCCESS
    return Status.NOT_ATTEMPTED if deployment.enrolment_id is None else Status.UNKNOWN


def _status_of(deployment: Deployment, runs: Sequence[PhaseState]) -> Status:
    """How a phase stands by its last run."""
    if not runs:
        return Status.NOT_ATTEMPTED
    last = runs[-1]
    if not last.shown:
        return Status.DISABLED
    match last.status:
        case PhaseStatus.RELEASED:
            return Status.SUCCESS_WITH_TIMEOUT if last.timed_out else Status.SUCCESS
        case PhaseStatus.FAILED:
            return Status.FAILURE
        case _:
            return Status.IN_PROGRESS if deployment.open else Status.UNKNOWN


def _type_of(deployment: Deployment) -> EnrolmentType:
    if deployment.technician or (deployment.enrolment_id is None and deployment.flow is Flow.TECHNICIAN):
        return EnrolmentType.TECHNICIAN
    return EnrolmentType.UNKNOWN if deployment.enrolment_id is None else EnrolmentType.USER


def _frozen(runs: Sequence[PhaseState]) -> tuple[Tracked, ...]:
    """The list of the last run that has one."""
    lists = [run.tracked for run in runs if run.tracked is not None]
    return lists[-1] if lists else ()


def _failure(deployment: Deployment) -> str:
    if not deployment.error_code:
        return ""
    return f"{deployment.error_code}: {deployment.error_message}"
