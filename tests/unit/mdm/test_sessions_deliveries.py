"""What an item has to be sent, and what the device's answers make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.catalog.model import Kind
from reseal.managed.model import Item, ItemState
from reseal.mdm.sessions.deliveries import (
    MOST_ATTEMPTS,
    MOST_FAULTS,
    MOST_REFUSALS,
    STOOD_STILL,
    Sender,
    answered,
    commands_for,
    due_again,
    finished_removal,
    held,
    sent,
)
from reseal.mdm.sessions.patience import PARKED, PATIENCE
from reseal.mdm.sessions.purposes import Answer, Planned, Purpose, What
from reseal.wire.csp import LocURI, MsiInstallJob, MsiStatus, NodeValue
from reseal.wire.syncml import Add, Delete, Exec, Format, Get, Replace

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
A, B = "./Device/Vendor/MSFT/Policy/Config/A/One", "./Device/Vendor/MSFT/Policy/Config/A/Two"
USERS = "./User/Vendor/MSFT/Policy/Config/A/One"
CODE = "{11111111-2222-3333-4444-555555555555}"
JOB = MsiInstallJob(product_code=CODE, version="1.0", urls=("https://x.test/a.msi",), sha256="ab" * 32)


def item(kind: Kind = Kind.POLICY, user: int = 0, **changes: object) -> Item:
    made = Item(
        user=user,
        kind=kind,
        item_id=7,
        item_uuid=UUID(int=7),
        name="Seven",
        version=1,
        digest="d",
        required=True,
        state=ItemState.PENDING,
        attempt=0,
        since=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def node(uri: str) -> tuple[str, NodeValue]:
    return uri, NodeValue(LocURI.parse(uri), Format.INT, "1")


def sender(*uris: str, key: tuple[int, str, int] = (0, "policy", 7)) -> Sender:
    return Sender({key: tuple(map(node, uris))}, {7: JOB})


def planned(one: Item, given_: Sender) -> list[Planned]:
    return list(commands_for(one, given_))


def kinds(one: Item, given_: Sender) -> list[type]:
    return [type(each.command) for each in planned(one, given_)]


def go(one: Item, given_: Sender, codes: dict[str, int], now: datetime = NOW) -> Item:
    """Send what is planned, and have the device answer by address; 200 if nothing else is said."""
    plan = planned(one, given_)
    one = sent(one, [each.purpose for each in plan], now)
    answers = [Answer(each.purpose, codes.get(each.command.target, 200)) for each in plan]  # type: ignore[union-attr]
    return answered(one, answers, now, given_.nodes.get(one.key))


# --- settings


def test_nodes_are_added_in_their_order_and_the_item_is_done_with_the_last() -> None:
    given_ = sender(A, B)
    plan = planned(item(), given_)
    assert [(type(each.command), each.purpose.node) for each in plan] == [(Add, A), (Add, B)]
    under_way = sent(item(), [plan[0].purpose], NOW)
    assert (under_way.state, under_way.attempt, under_way.progress) == (ItemState.SENT, 1, {A: 0})
    half = answered(under_way, [Answer(plan[0].purpose, 200)], NOW, given_.nodes[under_way.key])
    assert half.state is ItemState.SENT
    assert [each.purpose.node for each in planned(half, given_)] == [B]
    assert go(half, given_, {}).state is ItemState.DONE


def test_an_add_of_what_exists_becomes_a_replace_and_nothing_more_if_that_fails() -> None:
    exists = go(item(), sender(A), {A: 418})
    assert kinds(exists, sender(A)) == [Replace]
    assert go(exists, sender(A), {}).state is ItemState.DONE
    failed = go(exists, sender(A), {A: 404})
    assert (failed.state, failed.error) == (ItemState.FAILED, 404)
    assert planned(failed, sender(A)) == []


def test_what_was_left_out_is_sent_again() -> None:
    again = go(item(), sender(A), {A: 215})
    assert again.state is ItemState.SENT
    assert kinds(again, sender(A)) == [Add]


def test_405_holds_an_item_of_a_user_and_fails_one_of_the_machine() -> None:
    machine = go(item(), sender(A), {A: 405})
    assert (machine.state, machine.error) == (ItemState.FAILED, 405)
    users = item(user=3)
    given_ = sender(USERS, key=users.key)
    for _ in range(MOST_REFUSALS - 1):
        users = go(users, given_, {USERS: 405})
        assert users.state is ItemState.HELD
        assert planned(users, given_) == []
        users = due_again(users, NOW)
    assert go(users, given_, {}).state is ItemState.DONE
    assert go(users, given_, {USERS: 405}).state is ItemState.FAILED


def test_202_is_looked_after() -> None:
    runs = go(item(), sender(A), {A: 202})
    assert runs.state is ItemState.RUNNING
    assert kinds(runs, sender(A)) == [Get]
    assert go(runs, sender(A), {A: 404}).state is ItemState.RUNNING
    assert go(runs, sender(A), {}).state is ItemState.DONE


@given(st.lists(st.sampled_from([200, 202, 215, 216, 404, 405, 418, 425, 500]), min_size=1, max_size=8))
def test_whatever_a_device_answers_an_item_sends_or_rests(codes: list[int]) -> None:
    one, given_ = item(user=3), sender(USERS, key=(3, "policy", 7))
    for code in codes:
        one = go(due_again(one, NOW), given_, {USERS: code})
        rests = one.state in {ItemState.DONE, ItemState.FAILED, ItemState.HELD}
        assert rests != bool(planned(one, given_))
        assert (one.state is ItemState.FAILED) == (one.error is not None)


def test_holding_spends_no_attempt() -> None:
    waits = held(item(user=3), NOW)
    assert (waits.state, waits.attempt) == (ItemState.HELD, 0)
    assert held(item(user=3, state=ItemState.DONE), NOW).state is ItemState.DONE


# --- deletions


def test_leftovers_go_first_and_404_is_as_good_as_200() -> None:
    changed = item(leftovers=("./Device/Old", "./Device/Older"), changed_at=NOW)
    assert kinds(changed, sender(A)) == [Delete, Delete, Add]
    done = go(changed, sender(A), {"./Device/Old": 404})
    assert (done.state, done.leftovers) == (ItemState.DONE, ())


def test_a_removal_is_finished_without_leftovers_and_given_up_after_some_faults() -> None:
    removing = item(state=ItemState.REMOVING, required=False, leftovers=(A,))
    assert not finished_removal(removing)
    assert finished_removal(go(removing, sender(), {}))
    for _ in range(MOST_FAULTS):
        assert not finished_removal(removing)
        removing = go(removing, sender(), {A: 500})
    assert finished_removal(removing)


# --- apps


def app(**changes: object) -> Item:
    return item(Kind.APP, **changes)


def status_of(
    one: Item,
    status: int | None,
    last_error: int | None = None,
    now: datetime = NOW,
    others: Sequence[Item] = (),
) -> Item:
    """The item after its Status was read; None: there is none."""
    user, kind, key = one.key
    code = 404 if status is None else 200
    answers = [Answer(Purpose(What.STATUS, user, kind, key), code, None if status is None else str(status))]
    error = Purpose(What.LAST_ERROR, user, kind, key)
    answers.append(Answer(error, 404) if last_error is None else Answer(error, 200, str(last_error)))
    return answered(one, answers, now, None, others=others)


def begun(code: int = 202) -> Item:
    plan = planned(app(), sender())
    assert [type(each.command) for each in plan] == [Add, Exec]
    one = sent(app(), [each.purpose for each in plan], NOW)
    assert (one.state, one.exec_sent, one.attempt) == (ItemState.SENT, True, 1)
    return answered(one, [Answer(plan[0].purpose, 418), Answer(plan[1].purpose, code)], NOW, None)


def test_an_app_runs_from_its_exec_to_its_status() -> None:
    runs = begun()
    assert runs.state is ItemState.RUNNING
    assert [each.purpose.what for each in planned(runs, sender())] == [What.STATUS, What.LAST_ERROR]
    assert status_of(runs, MsiStatus.INSTALLING).state is ItemState.RUNNING
    assert status_of(runs, MsiStatus.DONE).state is ItemState.DONE
    failed = status_of(runs, MsiStatus.INSTALL_FAILED, 0x80070643 - 2**32)
    assert (failed.state, failed.error) == (ItemState.FAILED, 0x80070643)
    assert status_of(runs, MsiStatus.DOWNLOAD_FAILED).error == MsiStatus.DOWNLOAD_FAILED


def test_an_exec_that_fails_fails_the_app_with_what_was_first() -> None:
    assert (begun(500).state, begun(500).error) == (ItemState.FAILED, 500)
    plan = planned(app(), sender())
    one = sent(app(), [each.purpose for each in plan], NOW)
    both = answered(one, [Answer(plan[0].purpose, 425), Answer(plan[1].purpose, 404)], NOW, None)
    assert both.error == 425


def test_a_lost_answer_is_read_and_never_guessed() -> None:
    plan = planned(app(), sender())
    lost = sent(app(), [each.purpose for each in plan], NOW)
    assert [each.purpose.what for each in planned(lost, sender())] == [What.STATUS, What.LAST_ERROR]
    assert status_of(lost, MsiStatus.DOWNLOADING).state is ItemState.RUNNING
    never = status_of(lost, None)
    assert (never.state, never.exec_sent) == (ItemState.PENDING, False)
    assert kinds(never, sender()) == [Add, Exec]


@pytest.mark.parametrize("status", list(PATIENCE))
def test_an_installation_may_stay_at_a_status_for_so_long(status: int) -> None:
    runs = status_of(begun(), status)
    soon, late = NOW + PATIENCE[status] - timedelta(seconds=1), NOW + PATIENCE[status]
    assert status_of(runs, status, now=soon).state is ItemState.RUNNING
    assert status_of(runs, status, now=late).state is ItemState.PENDING


def test_one_that_waits_for_a_session_has_all_the_time() -> None:
    waits = status_of(begun(), MsiStatus.WAITING_FOR_USER)
    assert (
        status_of(waits, MsiStatus.WAITING_FOR_USER, now=NOW + timedelta(days=9)).state is ItemState.RUNNING
    )


def test_a_parked_installation_is_begun_again_a_few_times_then_fails() -> None:
    now, one, begins = NOW, app(), 0
    while one.state is not ItemState.FAILED:
        if one.state is ItemState.PENDING:
            plan = planned(one, sender())
            one = sent(one, [each.purpose for each in plan], now)
            one = answered(one, [Answer(plan[1].purpose, 202)], now, None)
            begins += 1
        now += timedelta(minutes=1)
        one = status_of(one, MsiStatus.INITIALISED, PARKED, now)
    assert begins == MOST_ATTEMPTS
    assert one.error == PARKED


def test_one_that_stands_still_without_saying_why_fails_as_timed_out() -> None:
    one = status_of(replace(begun(), attempt=MOST_ATTEMPTS), MsiStatus.DOWNLOADED)
    failed = status_of(one, MsiStatus.DOWNLOADED, now=NOW + timedelta(hours=1))
    assert (failed.state, failed.error) == (ItemState.FAILED, STOOD_STILL)


def test_one_that_waits_for_its_turn_behind_another_does_not_stand_still() -> None:
    ahead = status_of(begun(), MsiStatus.INSTALLING)
    ahead = replace(ahead, item_id=8, changed_at=NOW)
    waits = status_of(begun(), MsiStatus.INITIALISED)
    late = NOW + timedelta(minutes=50)
    assert status_of(waits, MsiStatus.INITIALISED, now=late, others=[waits, ahead]).state is ItemState.RUNNING
    done = status_of(ahead, MsiStatus.DONE, now=late)
    soon, later = late + timedelta(minutes=9), late + timedelta(minutes=10)
    assert status_of(waits, MsiStatus.INITIALISED, now=soon, others=[done]).state is ItemState.RUNNING
    assert status_of(waits, MsiStatus.INITIALISED, now=later, others=[done]).state is ItemState.PENDING
    at_work = status_of(begun(), MsiStatus.DOWNLOADING)
    stuck = NOW + timedelta(minutes=60)
    assert status_of(at_work, MsiStatus.DOWNLOADING, now=stuck, others=[ahead]).state is ItemState.PENDING


@given(
    st.lists(
        st.tuples(st.sampled_from([*MsiStatus, None]), st.sampled_from([None, PARKED, 0x80070643])),
        max_size=20,
    )
)
def test_an_exec_goes_out_only_after_status_said_that_there_is_no_job_or_a_dead_one(
    reads: list[tuple[int | None, int | None]],
) -> None:
    one, now = begun(), NOW
    for status, error in reads:
        if any(isinstance(each.command, Exec) for each in planned(one, sender())):
            assert one.state is ItemState.PENDING
            plan = planned(one, sender())
            one = sent(one, [each.purpose for each in plan], now)
        now += timedelta(minutes=7)
        if one.state in {ItemState.SENT, ItemState.RUNNING}:
            one = status_of(one, status, error, now)
        assert one.attempt <= MOST_ATTEMPTS
