"""What is with the device, and which answer belongs to it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reseal.mdm.sessions.model import Notes, purposes_from_json, purposes_to_json
from reseal.mdm.sessions.purposes import Answer, InFlight, Purpose, What, match
from reseal.wire.syncml import Item, Results, Status

ADD = Purpose(What.ADD, 0, "policy", 7, "./Device/A")
ASK = Purpose(What.ASK, node="./DevDetail/SwV")
HOLD = Purpose(What.HOLD, 3, node="userPage", accept=(200, 418))

purposes = st.builds(
    Purpose,
    st.sampled_from(What),
    st.integers(0, 2**40),
    st.sampled_from(["", "policy", "app"]),
    st.integers(0, 2**40),
    st.text(max_size=20),
    st.lists(st.integers(200, 599), max_size=3).map(tuple),
)


def status(command: str, code: int, message: int = 4) -> Status:
    return Status(msg_ref=message, cmd_ref=command, cmd="Get", code=code)


def results(command: str, value: str, message: int = 4) -> Results:
    return Results(msg_ref=message, cmd_ref=command, items=(Item(data=value),))


@given(st.dictionaries(st.tuples(st.integers(1, 99), st.text(max_size=5)), purposes, max_size=8))
def test_what_is_with_the_device_is_kept_as_json(commands: dict[tuple[int, str], Purpose]) -> None:
    half = dict.fromkeys(list(commands)[::2], 200)
    given_ = InFlight(commands, half)
    assert InFlight.from_json(json.loads(json.dumps(given_.to_json()))) == given_


@given(st.frozensets(purposes, max_size=8))
def test_purposes_are_kept_in_an_order_of_their_own(some: frozenset[Purpose]) -> None:
    stored = purposes_to_json(some)
    assert purposes_from_json(json.loads(json.dumps(stored))) == some
    assert stored == purposes_to_json(frozenset(reversed(list(some))))


def test_notes_are_kept_without_what_says_nothing() -> None:
    assert Notes().to_json() == {}
    notes = Notes(inventory="user", told=("device", "app", "Agent", "2"), closed=(3, 4), present=0)
    assert Notes.from_json(json.loads(json.dumps(notes.to_json()))) == notes


def test_answers_come_in_the_order_of_their_commands_whatever_the_device_does() -> None:
    in_flight = InFlight().sent(4, [("1", ADD), ("2", ASK), ("3", HOLD)])
    said = [status("3", 418), results("2", "10.0"), status("2", 200), status("1", 200)]
    answers, left = match(in_flight, said, complete=True)
    assert answers == (Answer(ADD, 200), Answer(ASK, 200, "10.0"), Answer(HOLD, 418))
    assert not left


def test_what_belongs_to_nothing_is_passed_over() -> None:
    in_flight = InFlight().sent(4, [("1", ADD)])
    odd = [status("1", 500, message=3), status("9", 500), results("9", "x"), status("", 400)]
    answers, left = match(in_flight, odd, complete=True)
    assert answers == ()
    assert left == in_flight


def test_a_value_may_come_in_a_later_message_of_the_package() -> None:
    in_flight = InFlight().sent(4, [("2", ASK)])
    answers, half = match(in_flight, [status("2", 200)], complete=False)
    assert answers == ()
    answers, left = match(half, [results("2", "10.0")], complete=True)
    assert answers == (Answer(ASK, 200, "10.0"),)
    assert not left
    answers, _ = match(half, [], complete=True)
    assert answers == (Answer(ASK, 200, None),), "it never came"


def test_a_value_alone_is_an_answer_and_a_refusal_needs_no_value() -> None:
    in_flight = InFlight().sent(4, [("2", ASK)])
    assert match(in_flight, [results("2", "x")], complete=False)[0] == (Answer(ASK, 200, "x"),)
    assert match(in_flight, [status("2", 404)], complete=False)[0] == (Answer(ASK, 404),)
