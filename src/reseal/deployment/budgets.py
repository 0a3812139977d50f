"""The end of a phase's time: the server ends it by itself, and tells the story."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reseal.deployment.facts import Failed
from reseal.deployment.service import observe
from reseal.esp.judging import frozen
from reseal.esp.phases import BUDGET, phase_by_id, time_out
from reseal.kernel.db import Tx
from reseal.kernel.deadlines import Deadline
from reseal.managed.desired import items_of
from reseal.managed.enrolments import enrolment_by_id, hold_enrolment
from reseal.managed.model import EnrolmentState


def on_budget(tx: Tx, deadline: Deadline) -> None:
    """A run of a phase had its time: it failed with 0x800705B4, unless it ended before."""
    tenant, key = deadline.tenant, deadline.subject_id
    asked = phase_by_id(tx, tenant, key)
    if asked is None or asked.ended:
        return
    hold_enrolment(tx, tenant, asked.enrolment_id)
    running = phase_by_id(tx, tenant, key)  # a session may have gone on with it in the meantime
    if running is None or running.ended:
        return
    enrolment = enrolment_by_id(tx, tenant, running.enrolment_id)
    if enrolment.state is not EnrolmentState.ACTIVE:
        return
    items = items_of(tx, tenant, enrolment.id)
    state = time_out(tx, tenant, key, frozen(running, items))
    if state is not None:
        over = Failed(state.phase, state.error_code, state.error_message, timed_out=True)
        observe(tx, tenant, enrolment.registration_id, over)


HANDLERS: Final[Mapping[str, Callable[[Tx, Deadline], None]]] = {BUDGET: on_budget}
"""What the ticker calls when the budget of a phase is over."""
