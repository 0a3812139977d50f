"""Phases of the status page as they are kept: beginning, reading, saving, and the end of their time.

The rules of a run stand in `model_phase`, what it waits for in `judging`, what is sent in `holding`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from reseal.esp.effective import effective_esp, effective_esp_of_user
from reseal.esp.flows import Flow, Phase
from reseal.esp.model import EspProfile, to_json
from reseal.esp.model_phase import (
    TIMED_OUT,
    PhaseState,
    PhaseStatus,
    Tracked,
    acknowledged,
    failed,
    release_requested,
    released,
    tracking,
    wants_account_phase,
)
from reseal.esp.tables import esp_phase, to_phase
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.deadlines import cancel, set_deadline
from reseal.kernel.ids import TenantKey
from reseal.managed.enrolments import users_of
from reseal.managed.model import Enrolment

SUBJECT: Final = "esp_phase"
"""Subject of the deadline of a run."""
BUDGET: Final = "esp.budget"
"""Kind of the deadline at which a run fails; `deployment.budgets` handles it, because it has to tell the
story.
"""

__all__ = [
    "BUDGET",
    "SUBJECT",
    "TIMED_OUT",
    "Flow",
    "Phase",
    "PhaseState",
    "PhaseStatus",
    "Tracked",
    "acknowledged",
    "begin_phase",
    "failed",
    "phase_by_id",
    "phases_of",
    "release_requested",
    "released",
    "runs_of",
    "runs_of_many",
    "save_phase",
    "time_out",
    "tracking",
    "wants_account_phase",
]


def begin_phase(tx: Tx, tenant: TenantKey, enrolment: Enrolment, *, user: int, flow: Flow) -> PhaseState:
    """Begin a run: the next one if there was one, whatever became of it.

    The settings are those of the page that is effective now; the budget begins to run, and the server ends
    the run by itself when it is over.
    """
    before = phases_of(tx, tenant, enrolment.id).get(user)
    if before is not None and not before.ended:
        cancel(tx, tenant, SUBJECT, before.id, BUDGET)
    page = _page(tx, tenant, enrolment, user, flow)
    minutes = page.settings.install_progress_timeout_in_minutes
    state = PhaseState(
        id=tx.new_key(),
        enrolment_id=enrolment.id,
        user=user,
        flow=flow,
        run=1 if before is None else before.run + 1,
        status=PhaseStatus.HOLDING,
        settings=page.settings,
        profile_name=page.name,
        selected_apps=page.selected_apps,
        held=(),
        tracked=None,
        begun_at=tx.now,
        deadline=tx.now + timedelta(minutes=minutes),
    )
    tx.execute(
        sa.insert(esp_phase).values(
            tenant_id=tenant,
            id=state.id,
            enrolment_id=state.enrolment_id,
            user_id=state.user,
            run=state.run,
            flow=state.flow.value,
            settings=to_json(state.settings),
            profile_name=state.profile_name,
            selected_apps=list(state.selected_apps),
            begun_at=state.begun_at,
            deadline=state.deadline,
            **_moving(state),
        )
    )
    set_deadline(tx, tenant, SUBJECT, state.id, BUDGET, state.deadline)
    return state


def _page(tx: Tx, tenant: TenantKey, enrolment: Enrolment, user: int, flow: Flow) -> EspProfile:
    """The page of a run. In the user flow the one whom it is for counts: the user of the account phase, the
    owner of the device, whoever came first; if nobody is known yet, whoever is assigned.
    """
    device = enrolment.device_id
    if flow is Flow.TECHNICIAN:
        return effective_esp(tx, tenant, device, technician=True).profile
    person = user or enrolment.owner_user_id
    if person is None:
        seen = users_of(tx, tenant, enrolment.id)
        person = seen[0].user_id if seen else None
    if person is None:
        return effective_esp(tx, tenant, device, technician=False).profile
    return effective_esp_of_user(tx, tenant, device, person).profile


def phases_of(tx: Tx, tenant: TenantKey, enrolment: int) -> dict[int, PhaseState]:
    """The latest run of each phase of an enrolment, by user key (0: the device's); one statement."""
    rows = tx.rows(_RUNS, {"at_tenant": tenant, "at_enrolment": enrolment})
    latest = {row.user_id: row for row in rows}  # runs come in their order
    return {user: to_phase(row) for user, row in latest.items()}


def runs_of(tx: Tx, tenant: TenantKey, enrolment: int) -> tuple[PhaseState, ...]:
    """Every run of an enrolment, by user and run."""
    rows = tx.rows(_RUNS, {"at_tenant": tenant, "at_enrolment": enrolment})
    return tuple(to_phase(row) for row in rows)


_RUNS = (
    sa.select(esp_phase)
    .where(
        esp_phase.c.tenant_id == sa.bindparam("at_tenant"),
        esp_phase.c.enrolment_id == sa.bindparam("at_enrolment"),
    )
    .order_by(esp_phase.c.user_id, esp_phase.c.run)
)
"""Made once: every check-in with work asks it."""


def runs_of_many(tx: Tx, tenant: TenantKey, enrolments: Iterable[int]) -> dict[int, tuple[PhaseState, ...]]:
    """Every run of each of these enrolments, by user and run; few statements for many."""
    found: dict[int, tuple[PhaseState, ...]] = {}
    for some in chunks(sorted(set(enrolments))):
        rows = tx.rows(
            sa.select(esp_phase)
            .where(esp_phase.c.tenant_id == tenant, among(esp_phase.c.enrolment_id, some))
            .order_by(esp_phase.c.enrolment_id, esp_phase.c.user_id, esp_phase.c.run)
        )
        for row in rows:
            found[row.enrolment_id] = (*found.get(row.enrolment_id, ()), to_phase(row))
    return found


def phase_by_id(tx: Tx, tenant: TenantKey, key: int) -> PhaseState | None:
    """The run with this internal key."""
    row = tx.row(sa.select(esp_phase).where(esp_phase.c.tenant_id == tenant, esp_phase.c.id == key))
    return None if row is None else to_phase(row)


def save_phase(tx: Tx, tenant: TenantKey, state: PhaseState) -> None:
    """Keep what changed in a run. One that ended has no deadline any more.

    An end stays: a session that read the run before its time was over does not take the time-out back.
    """
    unless_over = () if state.ended else (esp_phase.c.released_at.is_(None),)
    tx.execute(
        sa.update(esp_phase)
        .where(esp_phase.c.tenant_id == tenant, esp_phase.c.id == state.id, *unless_over)
        .values(**_moving(state))
    )
    if state.ended:
        cancel(tx, tenant, SUBJECT, state.id, BUDGET)


def time_out(
    tx: Tx, tenant: TenantKey, key: int, tracked: tuple[Tracked, ...] | None = None
) -> PhaseState | None:
    """The budget of a run is over: it failed, unless it ended before or another run took its place.

    A release that was requested and never acknowledged fails too: the device's page had no word in time. If
    it had, and only its answer was lost, the next session reads so and the run counts as released.
    """
    state = phase_by_id(tx, tenant, key)
    if state is None or state.ended or phases_of(tx, tenant, state.enrolment_id)[state.user].id != key:
        return None
    minutes = state.settings.install_progress_timeout_in_minutes
    message = f"Set-up was not finished within {minutes} minutes."
    ended = failed(state, TIMED_OUT, message, tx.now, state.tracked or tracked)
    save_phase(tx, tenant, ended)
    return ended


def _moving(state: PhaseState) -> dict[str, Any]:
    """The columns that change while a run goes on."""
    return {
        "status": state.status.value,
        "held": list(state.held),
        "tracked": None if state.tracked is None else [each.to_json() for each in state.tracked],
        "requested_at": state.requested_at,
        "released_at": state.released_at,
        "error_code": state.error_code,
        "error_message": state.error_message,
    }
