"""The state machine of a session: its tables are complete, and arrivals are told apart."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.mdm.sessions.states import (
    AFTER,
    STORED_FOR,
    TREATMENT,
    Arrival,
    ReplyKind,
    SessionState,
    Treatment,
    arrival,
)
from tools.session_states import PAGE, updated

SOON = timedelta(seconds=30)


def test_the_page_about_sessions_is_drawn_from_the_tables() -> None:
    assert updated(PAGE.read_text()) == PAGE.read_text(), "run tools/session_states.py"


def test_every_state_has_an_answer_to_every_arrival() -> None:
    assert set(TREATMENT) == set(product(SessionState, Arrival))
    assert set(AFTER) == set(ReplyKind)


def test_a_new_session_is_always_begun_and_a_repetition_changes_nothing() -> None:
    assert {TREATMENT[state, Arrival.OPENS] for state in SessionState} == {Treatment.BEGIN}
    assert {TREATMENT[state, Arrival.REPEATS] for state in SessionState} == {Treatment.REPLAY}


@pytest.mark.parametrize(
    "arrived, same_bytes, expected",
    [
        (("7", 4), False, Arrival.FOLLOWS),
        (("7", 9), False, Arrival.FOLLOWS),
        (("7", 3), False, Arrival.REPEATS),
        (("7", 2), True, Arrival.LATE),
        (("7", 1), True, Arrival.OPENS),
        (("8", 1), False, Arrival.OPENS),
        (("8", 4), False, Arrival.OPENS),
    ],
)
def test_a_message_is_compared_with_the_one_answered_last(
    arrived: tuple[str, int], same_bytes: bool, expected: Arrival
) -> None:
    found = arrival(SessionState.CONVERSING, ("7", 3), arrived, same_bytes=same_bytes, silent_for=SOON)
    assert found is expected


def test_message_1_again_is_a_repetition_only_if_it_is_the_same_and_something_was_asked() -> None:
    def again(state: SessionState, *, same_bytes: bool = True, silent_for: timedelta = SOON) -> Arrival:
        return arrival(state, ("0", 1), ("0", 1), same_bytes=same_bytes, silent_for=silent_for)

    assert again(SessionState.CONVERSING) is Arrival.REPEATS
    assert again(SessionState.COLLECTING) is Arrival.REPEATS
    assert again(SessionState.CONVERSING, same_bytes=False) is Arrival.OPENS
    assert again(SessionState.IDLE) is Arrival.OPENS, "a client that always says session 0"
    late = STORED_FOR + timedelta(seconds=1)
    assert again(SessionState.CONVERSING, silent_for=late) is Arrival.OPENS


@given(st.sampled_from(SessionState), st.text(max_size=2), st.integers(1, 9), st.booleans())
def test_a_session_of_which_nothing_is_known_is_begun(
    state: SessionState, session: str, number: int, same: bool
) -> None:
    found = arrival(state, ("", 0), (session, number), same_bytes=same, silent_for=None)
    assert found is Arrival.OPENS
