"""The page about the states says what the table says."""

from __future__ import annotations

from reseal.deployment.diagram import page_part
from reseal.deployment.model import AFTER, BEFORE, ENDS, State, Trigger
from tools.deployment_states import PAGE, updated


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert updated(page) == page, "run tools/deployment_states.py"


def test_every_state_is_drawn() -> None:
    drawn = page_part()
    assert all(state.value in drawn for state in State)


def test_every_state_that_is_no_end_can_be_left_and_reached() -> None:
    reached = {state for arrows in (*BEFORE.values(), *AFTER.values()) for state in arrows.values()}
    assert reached == set(State)
    left = {*BEFORE, *AFTER}
    assert left == set(State) - ENDS
    assert all(arrows[Trigger.ENDED] is State.ENDED for arrows in (*BEFORE.values(), *AFTER.values()))
