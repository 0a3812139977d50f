"""What a phase attempts, waits for and fails on (spec/autopilot.md 5.1, 5.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.esp.flows import Flow
from reseal.esp.judging import (
    Complete,
    Failure,
    Waiting,
    attempts,
    blocks,
    frozen,
    judge,
    shown_code,
    to_retry,
    waits,
)
from reseal.esp.model import EspSettings
from reseal.esp.model_phase import PhaseStatus
from reseal.managed.model import TERMINAL, ItemState
from tests.unit.esp.phases import ADA, AGENT, CERTIFICATE, MAIL, POLICY, READER, SHOWN, WIFI, item, run

ALL = (POLICY, CERTIFICATE, WIFI, AGENT, READER)
ONLY_FAIL_SELECTED = replace(SHOWN, allow_non_blocking_app_installation=True)
DONE, FAILED, PENDING, RUNNING = ItemState.DONE, ItemState.FAILED, ItemState.PENDING, ItemState.RUNNING


def test_a_phase_waits_for_everything_and_is_complete_when_all_is_at_its_end() -> None:
    items = [item(key) for key in ALL]
    assert judge(run(), items) == Waiting(items[0], 5)
    some = [item(POLICY, DONE), item(CERTIFICATE, DONE), item(WIFI, RUNNING), *items[3:]]
    assert judge(run(), some) == Waiting(some[2], 3)
    assert judge(run(), [item(key, DONE) for key in ALL]) == Complete()


def test_an_empty_phase_completes_at_once() -> None:
    assert judge(run(), ()) == Complete()


def test_autopilot_071_a_selected_app_that_is_not_assigned_is_not_waited_for() -> None:
    selected = run(SHOWN, AGENT, MAIL)
    assert judge(selected, [item(AGENT, DONE)]) == Complete()


def test_autopilot_072_an_app_outside_the_list_is_installed_without_waiting() -> None:
    selected = run(ONLY_FAIL_SELECTED, AGENT)
    other = item(READER, RUNNING)
    assert attempts(selected, other)
    assert not waits(selected, other)
    assert judge(selected, [item(AGENT, DONE), other]) == Complete()


def test_autopilot_073_only_fail_selected_yes_a_non_blocking_failure_fails_nothing_and_is_retried() -> None:
    technician = run(ONLY_FAIL_SELECTED, AGENT)
    items = [item(AGENT, DONE), item(READER, FAILED, error=0x80070643, exec_sent=True)]
    assert judge(technician, items) == Complete()
    user = replace(technician, flow=Flow.USER, run=2)
    (again,) = to_retry(user, items)
    assert (again.item_id, again.state, again.error, again.exec_sent) == (READER, PENDING, None, False)


def test_autopilot_074_only_fail_selected_no_a_non_blocking_app_is_left_to_the_user_flow() -> None:
    technician, other = run(SHOWN, AGENT), item(READER)
    assert not attempts(technician, other)
    assert attempts(technician, item(AGENT))
    assert judge(technician, [item(AGENT, DONE), other]) == Complete()
    assert attempts(replace(technician, flow=Flow.USER), other)
    assert attempts(technician, item(READER, ItemState.REMOVING, required=False))
    assert all(attempts(technician, item(key)) for key in (POLICY, CERTIFICATE, WIFI))


def test_autopilot_075_a_blocking_app_that_fails_fails_the_phase_at_once() -> None:
    for selected in (run(), run(SHOWN, AGENT), run(ONLY_FAIL_SELECTED, AGENT)):
        broken = item(AGENT, FAILED, error=-2147023293)
        verdict = judge(selected, [item(POLICY), broken])
        assert verdict == Failure(broken, "0x80070643", "The app 'Item 4' could not be set up: 0x80070643.")


def test_without_a_selection_every_app_blocks_whatever_only_fail_selected_says() -> None:
    for settings in (SHOWN, ONLY_FAIL_SELECTED):
        assert blocks(run(settings), item(READER))
        assert attempts(run(settings), item(READER))


def test_policies_and_certificates_are_waited_for_but_fail_nothing() -> None:
    for key in (POLICY, CERTIFICATE):
        assert waits(run(), item(key))
        assert judge(run(), [item(key)]) == Waiting(item(key), 1)
        assert judge(run(), [item(key, FAILED, error=404)]) == Complete()


def test_a_network_that_fails_fails_the_phase() -> None:
    broken = item(WIFI, FAILED, error=500)
    assert judge(run(SHOWN, AGENT), [broken]) == Failure(
        broken, "0x87D101F4", "The network profile 'Item 3' could not be set up: 0x87D101F4."
    )


def test_each_phase_minds_its_own_items() -> None:
    mine, machines = item(POLICY, user=ADA), item(AGENT)
    others = item(POLICY, user=ADA + 1)
    assert judge(run(), [mine, item(AGENT, DONE)]) == Complete()
    account = run(user=ADA, flow=Flow.USER)
    assert judge(account, [machines, mine, others]) == Waiting(mine, 1)
    assert judge(account, [machines, others, item(POLICY, DONE, user=ADA)]) == Complete()


def test_mdm_wire_085_held_items_do_not_block_the_device_phase() -> None:
    held = item(POLICY, ItemState.HELD)
    assert judge(run(), [held, item(POLICY, ItemState.HELD, user=ADA)]) == Complete()
    mine = item(POLICY, ItemState.HELD, user=ADA)
    assert judge(run(user=ADA, flow=Flow.USER), [mine]) == Waiting(mine, 1)


def test_what_is_to_be_removed_or_not_required_is_not_waited_for() -> None:
    leaving = item(AGENT, ItemState.REMOVING, required=False)
    assert judge(run(), [leaving, item(READER, PENDING, required=False)]) == Complete()


def test_a_page_that_does_not_show_waits_for_nothing() -> None:
    hidden = run(EspSettings(), AGENT)
    items = [item(key, FAILED) for key in ALL]
    assert judge(hidden, items) == Complete()
    assert all(attempts(hidden, each) for each in items)


@pytest.mark.parametrize("status", [PhaseStatus.RELEASING, PhaseStatus.RELEASED])
def test_once_release_was_requested_nothing_holds_it_back(status: PhaseStatus) -> None:
    assert judge(run(status=status), [item(AGENT, FAILED), item(READER)]) == Complete()


def test_the_frozen_list_says_what_the_phase_was_about_and_what_the_page_counted() -> None:
    items = [item(POLICY, DONE), item(AGENT, DONE), item(READER, RUNNING), item(MAIL, user=ADA)]
    listed = frozen(run(ONLY_FAIL_SELECTED, AGENT), items)
    assert [(each.item_id, each.counted) for each in listed] == [
        (POLICY, False),
        (AGENT, True),
        (READER, False),
    ]


def test_retry_keeps_what_is_done() -> None:
    items = [item(POLICY, DONE), item(AGENT, FAILED, error=1, progress={"status": 60}), item(READER, RUNNING)]
    (again,) = to_retry(run(), items)
    assert (again.item_id, again.state, again.progress) == (AGENT, PENDING, {})
    assert to_retry(run(SHOWN, READER), items) == ()


@pytest.mark.parametrize(
    "error, code",
    [
        (None, "0x80004005"),
        (404, "0x87D10194"),
        (-2147023293, "0x80070643"),
        (0x80070643, "0x80070643"),
        (1603, "0x00000643"),
    ],
)
def test_errors_are_shown_as_eight_digits(error: int | None, code: str) -> None:
    assert shown_code(error) == code


_items = st.lists(
    st.builds(
        item,
        st.sampled_from(ALL),
        st.sampled_from(ItemState),
        user=st.sampled_from([0, ADA]),
        required=st.booleans(),
    ),
    max_size=6,
)
_runs = st.builds(
    lambda settings, selected, user, flow: run(settings, *selected, user=user, flow=flow),
    st.sampled_from([SHOWN, ONLY_FAIL_SELECTED, EspSettings()]),
    st.sets(st.sampled_from([AGENT, READER])).map(sorted),
    st.sampled_from([0, ADA]),
    st.sampled_from(Flow),
)


@given(_runs, _items)
def test_blocking_implies_waiting_implies_attempting(state, items) -> None:  # type: ignore[no-untyped-def]
    for each in items:
        assert not blocks(state, each) or waits(state, each)
        assert not waits(state, each) or attempts(state, each)
    match judge(state, items):
        case Waiting(first, how_many):
            still_open = [one for one in items if waits(state, one) and one.state not in TERMINAL]
            assert (first, how_many) == (still_open[0], len(still_open))
        case Failure(broken, _, _):
            assert blocks(state, broken)
        case Complete():
            assert all(one.state in TERMINAL for one in items if waits(state, one))
