"""The row of the report, from what is known of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reseal.catalog.model import Kind
from reseal.deployment.facts import Contacted, Ended, Failed, Phase, Refused, Resealed, UserPresent
from reseal.deployment.report_model import (
    EnrolmentType,
    ReportRow,
    Sources,
    Status,
    durations_of,
    row_of,
    state_of,
)
from reseal.esp.flows import Flow
from reseal.esp.model import EspSettings
from reseal.esp.model_phase import TIMED_OUT, PhaseState, PhaseStatus, Tracked
from reseal.managed.model import ItemState
from tests.support.clock import START
from tests.unit.deployment.stories import ADA, BOB, PLAIN, TO_GREEN, TO_SETUP, USER_FLOW, Story

MINUTE = timedelta(minutes=1)
SHOWN = EspSettings(show_installation_progress=True)
LATE = Failed(Phase.DEVICE, TIMED_OUT, "Set-up was not finished within 60 minutes.", timed_out=True)


def _run(user: int, run: int = 1, status: PhaseStatus = PhaseStatus.RELEASED, **more: object) -> PhaseState:
    plain = PhaseState(
        id=user * 10 + run,
        enrolment_id=1,
        user=user,
        flow=Flow.USER,
        run=run,
        status=status,
        settings=SHOWN,
        profile_name="Standard",
        selected_apps=(),
        held=(),
        tracked=(),
        begun_at=START,
        deadline=START,
    )
    return replace(plain, **more)


def _tracked(kind: Kind, key: int) -> Tracked:
    return Tracked(kind, key, 1, f"Item {key}", ItemState.DONE, counted=True)


def _row(story: Story, *runs: PhaseState) -> ReportRow:
    deployment, blockers = story.told[-1]
    return row_of(deployment, blockers, Sources(None, None, None, deployment.upn, runs), story.now)


def test_autopilot_174_total_and_deployment_are_both_flows_without_the_gap() -> None:
    story = Story().tell((*TO_GREEN, Resealed()))
    story.now += timedelta(days=30)
    story.tell((Contacted(), *USER_FLOW))
    told = _row(story, _run(0), _run(ADA)).durations
    assert told.device_preparation == 4 * MINUTE  # from the challenge to the hold
    assert told.technician == 7 * MINUTE  # from the challenge to green
    assert told.user == 9 * MINUTE  # from the profile to the desktop
    assert told.total == told.technician + told.user
    assert told.deployment == told.total - MINUTE  # the minute in which the user signed in
    assert told.deployment == told.device_preparation + told.device_setup + told.account_setup


def test_time_in_red_counts_for_the_technician_flow_but_not_as_work() -> None:
    story = Story().tell((*TO_SETUP, LATE))
    story.now += timedelta(hours=3)
    story.tell(TO_GREEN[5:])
    told = durations_of(story.told[-1][1], technician=True, now=story.now)
    assert told.technician - told.deployment == timedelta(hours=3) + MINUTE


def test_what_goes_on_is_measured_up_to_now() -> None:
    story = Story().tell(TO_SETUP)
    story.now += timedelta(minutes=10)
    assert _row(story).durations.device_setup == timedelta(minutes=10)
    green = Story().tell(TO_GREEN)
    before = _row(green).durations
    green.now += timedelta(days=1)
    assert _row(green).durations == before


def test_autopilot_146_the_enrolment_type_tells_the_technician_flow() -> None:
    assert _row(Story().tell(TO_GREEN)).enrolment_type is EnrolmentType.TECHNICIAN
    assert EnrolmentType.TECHNICIAN == "azureADJoinedWithWhiteGlove"
    assert _row(Story().tell(PLAIN)).enrolment_type is EnrolmentType.USER
    assert _row(Story().tell([Contacted()])).enrolment_type is EnrolmentType.UNKNOWN


def test_the_states_of_the_whole() -> None:
    refused = Refused("enrolment", "0x80180005", "Not allowed.")
    for facts, state in (
        (TO_GREEN, Status.IN_PROGRESS),
        (PLAIN, Status.SUCCESS),
        ((*TO_SETUP, LATE), Status.FAILURE),
        ((*TO_GREEN[:-1], LATE, *TO_GREEN[-1:], *USER_FLOW), Status.SUCCESS_WITH_TIMEOUT),
        ((*PLAIN[:5], LATE, UserPresent(), *USER_FLOW[-4:]), Status.SUCCESS_WITH_TIMEOUT),
        ((*PLAIN[:5], replace(LATE, timed_out=False), UserPresent(), *USER_FLOW[-4:]), Status.FAILURE),
        ((*TO_SETUP, Ended("unenrolled", 1)), Status.UNKNOWN),
        ((*TO_SETUP, LATE, Ended("unenrolled", 1)), Status.FAILURE),
        ((Contacted(), Ended("deregistered")), Status.NOT_ATTEMPTED),
        ((Contacted(), refused), Status.FAILURE),
    ):
        assert state_of(Story().tell(facts).it) is state, facts


def test_autopilot_190_success_after_a_failed_first_attempt_is_success() -> None:
    again = (*TO_SETUP, LATE, *TO_GREEN[5:], *USER_FLOW)
    row = _row(Story().tell(again), _run(0, status=PhaseStatus.FAILED), _run(0, 2), _run(ADA))
    assert (row.state, row.device_setup, row.account_setup, row.failure) == (
        Status.SUCCESS,
        Status.SUCCESS,
        Status.SUCCESS,
        "",
    )


def test_the_states_of_the_phases_are_those_of_their_last_runs() -> None:
    story = Story().tell(PLAIN)
    assert _row(story).device_setup is Status.NOT_ATTEMPTED
    row = _row(story, _run(0, status=PhaseStatus.FAILED), _run(BOB, status=PhaseStatus.FAILED))
    assert (row.device_setup, row.account_setup) == (Status.FAILURE, Status.NOT_ATTEMPTED)
    row = _row(story, _run(0, settings=EspSettings()), _run(ADA, error_code=TIMED_OUT))
    assert (row.device_setup, row.account_setup) == (Status.DISABLED, Status.SUCCESS_WITH_TIMEOUT)
    going_on = _run(0, status=PhaseStatus.TRACKING)
    assert _row(Story().tell(TO_SETUP), going_on).device_setup is Status.IN_PROGRESS
    over = Story().tell((*TO_SETUP, Ended("unenrolled", 1)))
    assert _row(over, going_on).device_setup is Status.UNKNOWN


def test_what_was_targeted_is_what_the_last_lists_say() -> None:
    first = (_tracked(Kind.APP, 1),)
    again = (_tracked(Kind.APP, 1), _tracked(Kind.APP, 2), _tracked(Kind.POLICY, 3))
    mine = (_tracked(Kind.POLICY, 4), _tracked(Kind.WIFI, 5))
    running = _run(ADA, 2, PhaseStatus.TRACKING, tracked=None)
    runs = (_run(0, tracked=first), _run(0, 2, tracked=again), _run(ADA, tracked=mine), running)
    row = _row(Story().tell(PLAIN), *runs)
    assert (row.targeted_apps, row.targeted_policies) == (2, 2)
    assert [item.item_id for item in row.items] == [1, 2, 3, 4, 5]
    assert row.esp_name == "Standard"


def test_a_failure_is_told_with_code_and_sentence() -> None:
    row = _row(Story().tell((*TO_SETUP, LATE)))
    assert row.failure == "0x800705B4: Set-up was not finished within 60 minutes."
    assert _row(Story().tell((*TO_SETUP, UserPresent()))).deviations == ("technicianFlowLeft",)
