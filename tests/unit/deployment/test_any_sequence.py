"""Whatever comes in whatever order: nothing raises, and nothing is silent."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

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
from reseal.deployment.invariant import check
from reseal.deployment.model import ENDS
from reseal.deployment.stepping import step
from reseal.deployment.words import for_device, in_full
from tests.unit.deployment.stories import ADA, BOB, PLAIN, TO_GREEN, USER_FLOW, Story

_phases, _flows = st.sampled_from(Phase), st.sampled_from(Flow)
_users = st.sampled_from([ADA, BOB])
_enrolments = st.integers(1, 3)

FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.sampled_from([Contacted(), AttestationBegun(), Attested("virtual"), PageReset(), UserPresent()]),
    st.sampled_from([Resealed(), LeftPage("continueAnyway"), LeftPage("")]),
    st.builds(
        Refused, st.sampled_from(["attestation", "join", "enrolment"]), st.just("801c0003"), st.just("No.")
    ),
    st.builds(Joined, st.none() | _users),
    st.builds(Enrolled, _enrolments, st.none() | _users, st.booleans()),
    st.builds(PhaseBegun, _flows, _phases, st.integers(60, 7200)),
    st.builds(Waiting, _phases, st.sampled_from(["A", "B"]), st.just("app"), st.integers(1, 3)),
    st.builds(ReleaseRequested, _phases),
    st.builds(Released, _phases),
    st.builds(Failed, _phases, st.just("0x80070643"), st.just("It failed."), st.booleans()),
    st.builds(UserSignedIn, _users, st.just("ada@contoso.test")),
    st.builds(Ended, st.just("unenrolled"), st.none() | _enrolments),
)
_ORDERLY = st.sampled_from([(), TO_GREEN, (*TO_GREEN, *USER_FLOW), PLAIN, TO_GREEN[:6], PLAIN[:6]])
_STEPS = st.tuples(FACTS, st.integers(-5, 400).map(lambda seconds: timedelta(seconds=seconds)))


@settings(max_examples=400)
@given(start=_ORDERLY, then=st.lists(_STEPS, max_size=25))
def test_any_sequence_of_facts_keeps_the_invariant(
    start: tuple[Fact, ...], then: list[tuple[Fact, timedelta]]
) -> None:
    story = Story().tell(start)
    for fact, pause in then:
        story.now += pause
        story.take(fact)
        for deployment, blockers in story.told:
            assert check(deployment, blockers) == ()
        if story.present is not None:
            document = for_device(story.present)
            assert (document.kind is None) is (story.present.state in ENDS)
            assert story.present.blocker is None or in_full(story.present.blocker)
    earlier = [deployment for deployment, _ in story.told[:-1]]
    assert all(deployment.state in ENDS for deployment in earlier)
    enrolments = [deployment.enrolment_id for deployment, _ in story.told]
    assert all(one is None or isinstance(one, int) for one in enrolments)


@settings(max_examples=200)
@given(start=_ORDERLY, then=st.lists(FACTS, max_size=12), last=FACTS)
def test_a_repeated_fact_changes_nothing(start: tuple[Fact, ...], then: list[Fact], last: Fact) -> None:
    story = Story().tell(start).tell(then)
    story.take(last)
    if story.present is not None and story.present.open:
        assert step(story.present, last, story.now) is story.present
