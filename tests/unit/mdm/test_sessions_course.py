"""What is read from a page, and what it makes of the page's phase."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reseal.deployment.facts import Failed, PageReset, Released
from reseal.esp.model import EspSettings
from reseal.esp.phases import TIMED_OUT, Flow, PhaseState, PhaseStatus
from reseal.mdm.sessions.course import (
    ASKED_FOR,
    FAILS_WITHIN,
    Course,
    account_to_begin,
    device_flow_to_begin,
    is_over,
    take_answers,
)
from reseal.mdm.sessions.model import Notes, Session
from reseal.mdm.sessions.purposes import Answer, Purpose, What
from reseal.wire.syncml import LoginStatus

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ADELE = 5


def phase(status: PhaseStatus, *, user: int = 0, **changes: object) -> PhaseState:
    made = PhaseState(
        id=70 + user,
        enrolment_id=1,
        user=user,
        flow=Flow.USER,
        run=1,
        status=status,
        settings=EspSettings(show_installation_progress=True),
        profile_name="Page",
        selected_apps=(),
        held=(),
        tracked=None,
        begun_at=NOW - timedelta(hours=1),
        deadline=NOW,
        released_at=NOW - timedelta(seconds=10),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def read(state: PhaseState, what: What, value: str | None, notes: Notes | None = None) -> Course:
    """The course after a question about the page of a phase was answered; None: with 404."""
    answer = Answer(Purpose(what, state.user), 404 if value is None else 200, value)
    return take_answers(Course({state.user: state}, notes or Notes()), [answer], NOW)


@pytest.mark.parametrize(
    "status, value, becomes",
    [
        (PhaseStatus.RELEASING, "true", PhaseStatus.RELEASED),
        (PhaseStatus.RELEASING, " TRUE\n", PhaseStatus.RELEASED),
        (PhaseStatus.RELEASING, "false", PhaseStatus.RELEASING),
        (PhaseStatus.RELEASING, None, PhaseStatus.RELEASING),
        (PhaseStatus.RELEASING, "perhaps", PhaseStatus.RELEASING),
        (PhaseStatus.TRACKING, "true", PhaseStatus.TRACKING),
        (PhaseStatus.FAILED, "true", PhaseStatus.RELEASED),
        (PhaseStatus.FAILED, "false", PhaseStatus.FAILED),
    ],
)
def test_a_page_that_reads_finished_was_released(
    status: PhaseStatus, value: str | None, becomes: PhaseStatus
) -> None:
    course = read(phase(status), What.FINISHED, value)
    assert course.phases[0].status is becomes
    assert (Released(course.phases[0].phase) in course.facts) == (becomes is not status)
    assert not course.new_page


def test_a_released_page_that_reads_not_finished_began_anew() -> None:
    course = read(phase(PhaseStatus.RELEASED), What.FINISHED, "false")
    assert course.new_page
    assert course.facts == (PageReset(),)
    account = read(phase(PhaseStatus.RELEASED, user=ADELE), What.FINISHED, "false")
    assert not account.new_page, "the device's page is the one that tells"


def test_a_page_that_failed_and_reads_in_progress_began_anew_once_it_was_seen_red() -> None:
    failed = phase(PhaseStatus.FAILED)
    assert not read(failed, What.SUCCESSFUL, "2").new_page
    red = read(failed, What.SUCCESSFUL, "0").notes
    assert red.red == failed.id
    assert read(failed, What.SUCCESSFUL, "2", red).new_page
    timed_out = replace(failed, error_code=TIMED_OUT)
    long_ago = replace(timed_out, released_at=NOW - FAILS_WITHIN)
    assert not read(replace(timed_out, released_at=NOW - FAILS_WITHIN / 2), What.SUCCESSFUL, "2").new_page
    assert read(long_ago, What.SUCCESSFUL, "2").new_page


def test_a_released_page_tells_how_it_ended() -> None:
    released = phase(PhaseStatus.RELEASED)
    assert read(released, What.SUCCESSFUL, "1").notes.closed == (released.id,)
    gave_up = read(released, What.SUCCESSFUL, "0")
    assert gave_up.phases[0].status is PhaseStatus.FAILED
    assert any(isinstance(fact, Failed) and fact.timed_out for fact in gave_up.facts)


@pytest.mark.parametrize(
    "code, accept, counts",
    [(200, (), True), (405, (), True), (418, (200, 418), True), (405, (200, 418), False)],
)
def test_a_refused_part_of_the_users_hold_is_told_again(
    code: int, accept: tuple[int, ...], counts: bool
) -> None:
    state = phase(PhaseStatus.HOLDING, user=ADELE)
    answer = Answer(Purpose(What.HOLD, ADELE, node="userPage", accept=accept), code)
    course = take_answers(Course({ADELE: state}, Notes()), [answer], NOW)
    assert ("userPage" in course.phases[ADELE].held) == counts


def test_who_comes_begins_the_user_flow_and_a_poll_does_not() -> None:
    green = phase(PhaseStatus.RELEASED, flow=Flow.TECHNICIAN)
    course = Course({0: green}, Notes())
    assert device_flow_to_begin(Course({}, Notes()), Session(), Flow.TECHNICIAN) is Flow.TECHNICIAN
    assert device_flow_to_begin(course, Session(login=LoginStatus.OTHERS), Flow.TECHNICIAN) is None
    for session in (Session(user=ADELE), Session(login=LoginStatus.USER)):
        assert device_flow_to_begin(course, session, Flow.TECHNICIAN) is Flow.USER
    anew = replace(course, new_page=True)
    assert device_flow_to_begin(anew, Session(), Flow.TECHNICIAN) is Flow.USER
    red = replace(anew, phases={0: replace(green, status=PhaseStatus.FAILED)})
    assert device_flow_to_begin(red, Session(), Flow.TECHNICIAN) is Flow.TECHNICIAN, "that was a Retry"


def test_an_account_phase_begins_after_the_devices_for_a_user_who_is_known_and_there() -> None:
    released = Course({0: phase(PhaseStatus.RELEASED)}, Notes())
    there = Session(user=ADELE, login=LoginStatus.USER)
    assert account_to_begin(released, there) == ADELE
    assert account_to_begin(released, Session(login=LoginStatus.USER)) is None
    assert account_to_begin(released, Session(user=ADELE, login=LoginStatus.OTHERS)) is None
    assert account_to_begin(Course({0: phase(PhaseStatus.RELEASING)}, Notes()), there) is None
    account = phase(PhaseStatus.HOLDING, user=ADELE)
    both = replace(released, phases={**released.phases, ADELE: account})
    assert account_to_begin(both, there) is None
    of_before = replace(account, begun_at=NOW - timedelta(days=1))
    assert account_to_begin(replace(both, phases={**both.phases, ADELE: of_before}), there) == ADELE


def test_nobody_watches_a_page_that_is_over() -> None:
    assert is_over(Course({}, Notes()), NOW)
    device = phase(PhaseStatus.RELEASED)
    assert not is_over(Course({0: device}, Notes()), NOW), "its user has not come"
    account = phase(PhaseStatus.RELEASED, user=ADELE, held=_AFTERMATH)
    both = {0: device, ADELE: account}
    assert not is_over(Course(both, Notes()), NOW)
    assert is_over(Course(both, Notes(closed=(account.id,))), NOW)
    assert is_over(Course(both, Notes()), NOW + ASKED_FOR)
    green = phase(PhaseStatus.RELEASED, flow=Flow.TECHNICIAN)
    assert not is_over(Course({0: green}, Notes(closed=(green.id,))), NOW + timedelta(days=99))


_AFTERMATH = ("after:skipUser", "after:pollThen", "after:pollThenTimes", "after:pollTimes", "after:poll")
