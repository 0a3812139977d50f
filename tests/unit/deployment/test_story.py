"""What events say to people."""

from __future__ import annotations

from uuid import UUID

import pytest

from reseal.deployment.model import State
from reseal.deployment.story import Line, Tone, line_of
from reseal.deployment.words import TITLES
from reseal.kernel.events import SealedEvent, Subject
from tests.support.clock import START


def told(name: str, /, **payload: object) -> Line:
    """An event's line."""
    return line_of(event(name, payload))


def event(kind: str, payload: dict[str, object] | None) -> SealedEvent:
    subject = Subject("deployment", UUID(int=1))
    return SealedEvent(1, kind, subject, "system", START, payload, b"")  # type: ignore[arg-type]


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_title_and_a_sentence_of_its_arrival(state: State) -> None:
    line = told("deployment.moved", **{"from": "contacted", "to": state.value})
    assert TITLES[state]
    assert line.text.endswith(".")
    assert (line.tone is Tone.BAD) == (state in {State.RED, State.ERROR})
    assert (line.tone is Tone.GOOD) == (state in {State.GREEN, State.DESKTOP})


def test_no_two_states_arrive_with_the_same_words() -> None:
    texts = [told("deployment.moved", to=state.value).text for state in State]
    assert len(set(texts)) == len(texts)


def test_a_beginning_says_its_state() -> None:
    assert told("deployment.began", state="red", code="0x1", message="No.") == Line(
        "Red: pre-provisioning has failed.", "No. (0x1)", Tone.BAD
    )


def test_a_failure_says_what_and_with_which_code() -> None:
    line = told("deployment.moved", to="error", code="0x80070643", message="The app failed.")
    assert line.more == "The app failed. (0x80070643)"


@pytest.mark.parametrize(
    "seconds, said", [(45, "45 seconds"), (60, "1 minute"), (3600, "60 minutes"), (119, "1 minute")]
)
def test_a_phase_says_how_long_it_has(seconds: int, said: str) -> None:
    assert told("deployment.moved", to="technicianSetup", seconds=seconds).more == f"It has {said}."


@pytest.mark.parametrize(
    "because, said",
    [
        ("superseded", "The device began anew."),
        ("replaced", "Another enrolment took its place."),
        ("deviceRemoved", "Device removed."),
    ],
)
def test_an_end_says_why(because: str, said: str) -> None:
    assert told("deployment.ended", to="ended", because=because).more == said


def test_which_phase_began_again() -> None:
    assert told("deployment.phase_begun", phase="account").text == "Account setup has begun again."
    assert told("deployment.phase_begun", phase="device").text == "Device setup has begun again."


def test_a_deviation_says_what_the_person_did() -> None:
    assert told("deployment.deviated", how="usedAfterRed").tone is Tone.BAD
    assert "although" in told("deployment.deviated", how="usedAfterRed").more
    assert told("deployment.deviated", how="jumpedOut").more == "Jumped out."


def test_deliveries_are_counted_and_named() -> None:
    some = {"count": 2, "items": [{"name": "Agent"}, {"name": "VPN"}]}
    one = {"count": 1, "items": [{"name": "Old"}]}
    line = told("enrolment.items_changed", added=some, removed=one)
    assert line.text == "2 items to be delivered; 1 item to be removed."
    assert line.more == "Agent, VPN, Old"


def test_reports_of_the_device_are_for_whoever_wants_to_know_exactly() -> None:
    shown = told("device.reported", kind="pageShown", screen="statusPage")
    assert (shown.text, shown.tone) == ("The device shows: status page.", Tone.QUIET)
    acted = told("device.reported", kind="intent", screen="green", detail={"action": "reseal"})
    assert "reseal" in acted.text
    failed = told("device.reported", kind="failed", code="0x80180014")
    assert (failed.tone, failed.more) == (Tone.BAD, "(0x80180014)")


def test_a_kind_that_nobody_described_is_told_by_its_name() -> None:
    assert told("hybrid.blob_applied") == Line("Hybrid blob applied.", tone=Tone.QUIET)


@pytest.mark.parametrize(
    "kind",
    [
        "deployment.began",
        "deployment.moved",
        "deployment.phase_begun",
        "deployment.deviated",
        "attestation.succeeded",
        "attestation.refused",
        "device.joined",
        "device.reported",
        "enrolment.begun",
        "enrolment.items_changed",
    ],
)
def test_an_erased_payload_leaves_a_sentence(kind: str) -> None:
    assert line_of(event(kind, None)).text.endswith(".")
