"""How a run moves on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reseal.esp.flows import Flow, Phase
from reseal.esp.judging import frozen
from reseal.esp.model_phase import (
    TIMED_OUT,
    PhaseStatus,
    Tracked,
    acknowledged,
    failed,
    release_requested,
    released,
    tracking,
    wants_account_phase,
)
from tests.support.clock import START
from tests.unit.esp.phases import ADA, AGENT, SHOWN, item, run

LATER = START + timedelta(minutes=5)
BOB = ADA + 1


def test_a_run_is_held_tracked_released() -> None:
    state = run(status=PhaseStatus.HOLDING)
    assert (state.phase, state.ended, state.budget) == (Phase.DEVICE, False, timedelta(hours=1))
    state = tracking(acknowledged(state, ["block", "text", "block"]))
    assert (state.status, state.held) == (PhaseStatus.TRACKING, ("block", "text"))
    state = release_requested(state, frozen(state, [item(AGENT)]), LATER)
    assert (state.status, state.requested_at) == (PhaseStatus.RELEASING, LATER)
    assert state.tracked is not None
    assert tracking(state) is state
    state = released(state, LATER)
    assert (state.status, state.released_at, state.ended) == (PhaseStatus.RELEASED, LATER, True)


def test_a_run_that_failed_keeps_the_list_it_had() -> None:
    listed = frozen(run(), [item(AGENT)])
    state = failed(run(), TIMED_OUT, "Late.", LATER, listed)
    assert (state.status, state.timed_out, state.tracked) == (PhaseStatus.FAILED, True, listed)
    requested = release_requested(run(), listed, LATER)
    assert failed(requested, "0x1", "No.", LATER).tracked == listed
    assert released(state, LATER).status is PhaseStatus.RELEASED


def test_a_frozen_list_comes_back_from_the_store() -> None:
    (one,) = frozen(run(), [item(AGENT)])
    assert Tracked.from_json(one.to_json()) == one


def test_autopilot_092_only_oobe_means_the_first_user_alone() -> None:
    first_only = replace(SHOWN, disable_user_status_tracking_after_first_user=True)
    for settings, others in ((SHOWN, True), (first_only, False)):
        device = run(settings, status=PhaseStatus.RELEASED)
        mine = run(settings, user=ADA, flow=Flow.USER, status=PhaseStatus.RELEASED)
        assert wants_account_phase({0: device}, ADA)
        assert wants_account_phase({0: device, ADA: mine}, ADA)
        assert wants_account_phase({0: device, ADA: mine}, BOB) is others
    still_held = run(first_only, user=ADA, flow=Flow.USER)
    assert wants_account_phase({ADA: still_held}, BOB)
