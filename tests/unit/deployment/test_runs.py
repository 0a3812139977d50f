"""Runs of devices, told as facts: where the story stands after each, and what is awaited."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.deployment.facts import (
    AttestationBegun,
    Attested,
    Contacted,
    Ended,
    Enrolled,
    Fact,
    Failed,
    Flow,
    Joined,
    LeftPage,
    PageReset,
    Phase,
    PhaseBegun,
    Refused,
    Released,
    ReleaseRequested,
    Resealed,
    UserPresent,
    UserSignedIn,
    Waiting,
)
from reseal.deployment.model import State
from reseal.deployment.stepping import OUTSIDE, SUPERSEDED
from reseal.deployment.words import for_device, in_full, words
from reseal.wire.runtime.blockers import BlockerKind
from tests.support.clock import START
from tests.unit.deployment.stories import (
    ADA,
    BOB,
    PLAIN,
    TO_ENROLLED,
    TO_GREEN,
    TO_SETUP,
    USER_FLOW,
    Story,
)

S = State
BROKEN = Failed(Phase.DEVICE, "0x80070643", "The app 'Agent' could not be set up: 0x80070643.")
LATE = Failed(Phase.DEVICE, "0x800705B4", "Set-up was not finished within 60 minutes.", timed_out=True)
ACCOUNT_BEGUN = PhaseBegun(Flow.USER, Phase.ACCOUNT, 3600)
ADA_HERE = UserSignedIn(ADA, "ada@contoso.test")


def test_technician_and_user_flow_are_one_deployment() -> None:
    story = Story().tell((*TO_GREEN, Resealed(), Contacted(), *USER_FLOW))
    assert len(story.told) == 1
    assert story.states == [
        S.CONTACTED,
        S.ATTESTING,
        S.JOINING,
        S.ENROLLING,
        S.TECHNICIAN_PREPARING,
        S.TECHNICIAN_SETUP,
        S.TECHNICIAN_RELEASING,
        S.GREEN,
        S.RESEALED,
        S.USER_SIGN_IN,
        S.USER_DEVICE_SETUP,
        S.USER_DEVICE_RELEASING,
        S.USER_ACCOUNT_SETUP,
        S.USER_ACCOUNT_RELEASING,
        S.DESKTOP,
    ]
    assert (story.it.technician, story.it.upn, story.it.deviations) == (True, "ada@contoso.test", ())


def test_without_reports_the_run_still_ends_at_the_desktop() -> None:
    story = Story().tell((*TO_GREEN, PageReset(), *USER_FLOW))
    assert story.it.state is S.DESKTOP
    assert S.RESEALED not in story.states


def test_the_plain_user_driven_run() -> None:
    story = Story().tell(PLAIN)
    assert story.states == [
        S.CONTACTED,
        S.ENROLLING,
        S.USER_DEVICE_SETUP,
        S.USER_DEVICE_RELEASING,
        S.USER_ACCOUNT_SETUP,
        S.USER_ACCOUNT_RELEASING,
        S.DESKTOP,
    ]
    assert (story.it.technician, story.it.user_id, story.it.upn) == (False, ADA, "ada@contoso.test")


# --- green stays --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fact",
    [
        Contacted(),
        AttestationBegun(),
        Waiting(Phase.DEVICE, "Late", "app", 1),
        ReleaseRequested(Phase.DEVICE),
        Released(Phase.DEVICE),
        BROKEN,
        LeftPage("reported"),
        Enrolled(1, None, True),
        Refused("attestation", "0x801C03EA", "No."),
    ],
)
def test_green_stays_whatever_happens_on_the_bench(fact: Fact) -> None:
    story = Story().tell(TO_GREEN)
    green = story.it
    story.tell([fact])
    assert story.it is green


@pytest.mark.parametrize(
    "fact, state",
    [
        (Resealed(), S.RESEALED),
        (ADA_HERE, S.USER_DEVICE_SETUP),
        (UserPresent(), S.USER_DEVICE_SETUP),
        (PageReset(), S.USER_SIGN_IN),
        (PhaseBegun(Flow.USER, Phase.DEVICE, 60), S.USER_DEVICE_SETUP),
    ],
)
def test_what_leads_on_from_green(fact: Fact, state: State) -> None:
    assert Story().tell((*TO_GREEN, fact)).it.state is state


def test_a_device_that_kept_its_release_reaches_the_account_phase_without_deviation() -> None:
    story = Story().tell((*TO_GREEN, ADA_HERE, UserPresent()))
    assert story.it.state is S.USER_ACCOUNT_SETUP
    story.tell([PhaseBegun(Flow.USER, Phase.DEVICE, 3600), Released(Phase.DEVICE)])
    assert (story.it.state, story.blocker.kind) == (S.USER_ACCOUNT_SETUP, BlockerKind.CHECK_IN)
    assert story.it.deviations == ()


def test_an_acknowledgement_that_was_lost_is_no_deviation() -> None:
    facts = (*PLAIN[:6], UserPresent())
    story = Story().tell(facts)
    assert (story.it.state, story.it.deviations) == (S.USER_ACCOUNT_SETUP, ())
    assert Story().tell((*TO_GREEN[:-1], Resealed())).it.deviations == ()


# --- red, error, again --------------------------------------------------------------------------------------


def test_red_retry_green() -> None:
    story = Story().tell((*TO_SETUP, BROKEN))
    assert (story.it.state, story.blocker.kind, story.blocker.name) == (
        S.RED,
        BlockerKind.DECISION,
        "0x80070643",
    )
    assert "Agent" in words(story.blocker).text
    story.tell([PageReset()])
    assert (story.it.state, story.it.error_code) == (S.TECHNICIAN_SETUP, "")
    story.tell([PhaseBegun(Flow.TECHNICIAN, Phase.DEVICE, 3600), *TO_GREEN[-2:]])
    assert (story.it.state, len(story.told)) == (S.GREEN, 1)


def test_a_release_that_is_read_after_the_time_was_over_turns_red_green() -> None:
    story = Story().tell((*TO_GREEN[:-1], LATE))
    assert (story.it.state, story.it.timed_out) == (S.RED, True)
    story.tell([Released(Phase.DEVICE)])
    assert (story.it.state, story.it.timed_out) == (S.GREEN, True)


def test_try_again_in_the_account_phase_goes_back_there() -> None:
    broken = Failed(Phase.ACCOUNT, "0x87D101F4", "It failed.")
    story = Story().tell((*PLAIN[:-2], broken))
    assert story.it.state is S.ERROR
    assert Story().tell((*PLAIN[:-2], broken, PageReset())).it.state is S.USER_ACCOUNT_SETUP
    story.tell([PhaseBegun(Flow.USER, Phase.ACCOUNT, 3600), Released(Phase.ACCOUNT)])
    assert (story.it.state, story.it.error_code) == (S.DESKTOP, "")


def test_a_refusal_is_red_for_a_technician_and_an_error_for_a_user() -> None:
    by_ticket = (Contacted(), AttestationBegun(), Attested("virtual"), Joined(None))
    for facts, step, state in (
        ((Contacted(), AttestationBegun()), "attestation", S.RED),
        ((Contacted(), AttestationBegun(), Attested("virtual")), "join", S.RED),
        (by_ticket, "enrolment", S.RED),
        ((Contacted(),), "join", S.ERROR),
        ((Contacted(), Joined(ADA)), "enrolment", S.ERROR),
        ((), "attestation", S.RED),
        ((), "join", S.ERROR),
    ):
        story = Story().tell((*facts, Refused(step, "0x80180005", "Not allowed.")))
        assert (story.it.state, story.blocker.kind) == (state, BlockerKind.DECISION)
        assert (story.it.error_code, words(story.blocker).text) == (
            "0x80180005",
            "Not allowed. (0x80180005) Somebody at the device has to retry or reset.",
        )
    told = Refused("join", "801c0003", "Quota.", Flow.USER)
    assert Story().tell((Contacted(), AttestationBegun(), Attested("virtual"), told)).it.state is S.ERROR


def test_tries_before_an_enrolment_share_a_deployment() -> None:
    refused = Refused("enrolment", "0x80180005", "Not allowed.")
    story = Story().tell((*TO_ENROLLED[:-1], refused, Contacted(), *TO_ENROLLED[1:]))
    assert (len(story.told), story.it.state, story.it.error_code) == (1, S.TECHNICIAN_PREPARING, "")


@pytest.mark.parametrize("before", [(*TO_SETUP, BROKEN), TO_GREEN, (*TO_GREEN, Resealed()), TO_SETUP])
@pytest.mark.parametrize(
    "fact, state",
    [
        (Attested("virtual"), S.JOINING),
        (Joined(None), S.ENROLLING),
        (Enrolled(2, None, True), S.TECHNICIAN_PREPARING),
        (Enrolled(2, ADA, True), S.USER_DEVICE_SETUP),
    ],
)
def test_a_reset_device_begins_another_deployment(before: tuple[Fact, ...], fact: Fact, state: State) -> None:
    story = Story().tell((*before, fact))
    (old, _), (new, _) = story.told
    assert (old.state, old.ended_because, old.ended_at) == (S.ENDED, SUPERSEDED, new.begun_at)
    assert new.state is state
    assert new.proof == ("virtual" if isinstance(fact, Attested) else "")


def test_after_the_desktop_only_a_beginning_opens_another() -> None:
    story = Story().tell(PLAIN)
    done = story.it
    later = (UserSignedIn(BOB, "bob@contoso.test"), UserPresent(), PageReset(), Released(Phase.ACCOUNT))
    story.tell([*later, PhaseBegun(Flow.USER, Phase.ACCOUNT, 60), Enrolled(1, ADA, False)])
    assert story.it is done
    assert len(story.tell([Contacted()]).told) == 2


# --- deviations ---------------------------------------------------------------------------------------------


def test_who_leaves_the_page_is_seen() -> None:
    for facts, state, how in (
        ((*PLAIN[:5], LeftPage("continueAnyway")), S.DESKTOP, "continueAnyway"),
        ((*PLAIN[:5], UserPresent()), S.USER_ACCOUNT_SETUP, "deviceSetupLeft"),
        ((*PLAIN[:5], LATE, UserPresent()), S.USER_ACCOUNT_SETUP, "continuedAfterError"),
        (
            (*PLAIN[:5], LATE, PhaseBegun(Flow.USER, Phase.ACCOUNT, 60)),
            S.USER_ACCOUNT_SETUP,
            "continuedAfterError",
        ),
        ((*TO_SETUP, ADA_HERE), S.USER_DEVICE_SETUP, "technicianFlowLeft"),
        ((*TO_SETUP, BROKEN, ADA_HERE), S.USER_DEVICE_SETUP, "usedAfterRed"),
        ((*TO_SETUP, Resealed()), S.RESEALED, "resealedEarly"),
        ((*TO_SETUP, LeftPage("")), S.TECHNICIAN_SETUP, "left"),
    ):
        story = Story().tell(facts)
        assert (story.it.state, story.it.deviations) == (state, (how,))


def test_going_on_after_an_error_keeps_the_error() -> None:
    story = Story().tell((*PLAIN[:5], LATE, UserPresent(), *USER_FLOW[-4:]))
    assert (story.it.state, story.it.timed_out, story.it.error_code) == (S.DESKTOP, True, "0x800705B4")


# --- what is awaited ----------------------------------------------------------------------------------------


def test_a_phase_has_a_limit_until_its_release() -> None:
    story = Story().tell(TO_SETUP)
    limit = story.now + timedelta(hours=1)
    assert (story.blocker.kind, story.blocker.until) == (BlockerKind.CHECK_IN, limit)
    story.tell([Waiting(Phase.DEVICE, "Agent", "app", 2)])
    assert (story.blocker.kind, story.blocker.until) == (BlockerKind.ITEM, limit)
    story.tell([ReleaseRequested(Phase.DEVICE)])
    assert (story.blocker.kind, story.blocker.until) == (BlockerKind.RELEASE, limit)
    story.tell([Released(Phase.DEVICE)])
    assert (story.blocker.kind, story.blocker.until) == (BlockerKind.RESEAL, None)


def test_another_item_is_another_interval_and_fewer_items_are_not() -> None:
    story = Story().tell((*TO_SETUP, Waiting(Phase.DEVICE, "Agent", "app", 3)))
    first = story.blocker
    story.tell([Waiting(Phase.DEVICE, "Agent", "app", 2)])
    assert (story.blocker.since, story.blocker.items) == (first.since, 2)
    story.tell([Waiting(Phase.DEVICE, "Reader", "app", 1)])
    assert story.blocker.since == story.now
    assert [each.name for each in story.told[-1][1][-3:]] == ["", "Agent", "Reader"]


def test_the_users_part_waits_for_his_session_first() -> None:
    story = Story().tell((*PLAIN[:4], Released(Phase.DEVICE)))
    assert story.blocker.kind is BlockerKind.USER_SESSION
    story.tell([UserPresent()])
    assert story.blocker.kind is BlockerKind.CHECK_IN
    story.tell([PhaseBegun(Flow.USER, Phase.ACCOUNT, 600), Waiting(Phase.ACCOUNT, "Mail", "policy", 1)])
    assert (story.blocker.kind, story.blocker.until) == (
        BlockerKind.ITEM,
        story.now + timedelta(minutes=9),
    )


def test_a_blocker_says_what_from_whom_since_when_until_when_and_what_then() -> None:
    story = Story().tell((*TO_SETUP, Waiting(Phase.DEVICE, "Contoso Agent", "app", 3)))
    assert in_full(story.blocker) == (
        "The device has to report the app 'Contoso Agent' and 2 more. Awaited from the device since "
        f"{START + timedelta(minutes=7):%Y-%m-%d %H:%M:%S} UTC, "
        f"until {START + timedelta(minutes=66):%Y-%m-%d %H:%M:%S} UTC. "
        "The page turns red, and the technician can retry or reset."
    )
    document = for_device(story.it)
    assert (document.kind, document.state) == (BlockerKind.ITEM, "technicianSetup")
    assert (document.since, document.until) == (story.blocker.since, story.blocker.until)
    green = Story().tell(TO_GREEN)
    assert for_device(green.it).then == "There is no time limit."
    assert for_device(Story().tell(PLAIN).it).kind is None


def test_a_clock_that_was_set_back_makes_no_gap() -> None:
    story = Story().tell(TO_SETUP)
    story.now -= timedelta(hours=2)
    story.take(BROKEN)
    blockers = story.told[-1][1]
    assert blockers[-1].since == blockers[-2].ended_at == blockers[-2].since


# --- ends ---------------------------------------------------------------------------------------------------


def test_an_enrolment_that_ended_ends_its_own_deployment_only() -> None:
    story = Story().tell((*TO_SETUP, Ended("unenrolled", 5)))
    assert story.it.state is S.TECHNICIAN_SETUP
    story.tell([Ended("unenrolled", 1)])
    assert (story.it.state, story.it.ended_because) == (S.ENDED, "unenrolled")
    assert Story().tell((Contacted(), Ended("deregistered"))).it.state is S.ENDED


def test_an_enrolment_outside_of_set_up_is_no_run() -> None:
    story = Story().tell((Contacted(), Joined(ADA), Enrolled(1, ADA, False)))
    assert (story.it.state, story.it.ended_because) == (S.ENDED, OUTSIDE)
    assert Story().tell([Enrolled(1, ADA, False)]).present is None
