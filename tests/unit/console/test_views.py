"""What stands on the pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from reseal.catalog.model import Kind
from reseal.console.views import (
    Card,
    Progress,
    Show,
    card_of,
    deliveries_of,
    entries_of,
    spoken,
)
from reseal.deployment.facts import Failed, Phase, Refused
from reseal.deployment.model import State
from reseal.deployment.report_model import Sources, Status, row_of
from reseal.deployment.story import Tone
from reseal.kernel.events import SealedEvent, Subject
from reseal.managed.counting import Count, Counts
from reseal.managed.model import Item, ItemState
from tests.support.clock import START
from tests.unit.deployment.stories import PLAIN, TO_ENROLLED, TO_GREEN, TO_SETUP, Story

NOTHING = Counts()


def card(story: Story, counts: Counts = NOTHING, **changes: object) -> Card:
    """The last deployment of a story as a card; `changes` are those of its report row."""
    deployment, blockers = story.told[-1]
    row = row_of(deployment, blockers, Sources(None, None, None, "", ()), story.now)
    return card_of(replace(row, **changes), counts)  # type: ignore[arg-type]


def progress(story: Story, **changes: object) -> list[Progress]:
    """Of the three parts."""
    return [part.progress for part in card(story, **changes).parts]


A, N, D, F, L = Progress.AHEAD, Progress.NOW, Progress.DONE, Progress.FAILED, Progress.LEFT_OUT


def test_the_parts_follow_the_story() -> None:
    assert progress(Story().tell(TO_ENROLLED[:1])) == [A, A, A]
    assert progress(Story().tell(TO_ENROLLED[:3])) == [N, A, A]
    assert progress(Story().tell(TO_ENROLLED)) == [N, A, A]
    assert progress(Story().tell(TO_SETUP)) == [D, N, A]
    assert progress(Story().tell(TO_GREEN)) == [D, D, A]
    assert progress(Story().tell(PLAIN[:-2])) == [D, D, N]
    assert progress(Story().tell(PLAIN)) == [D, D, D]


def test_what_the_status_page_says_goes_before_the_state() -> None:
    setup = Story().tell(TO_SETUP)
    assert progress(setup, device_setup=Status.DISABLED) == [D, L, A]
    assert progress(setup, device_setup=Status.FAILURE) == [D, F, A]
    assert progress(setup, device_setup=Status.SUCCESS_WITH_TIMEOUT) == [D, D, A]


def test_a_refusal_fails_the_preparation_and_a_failure_the_setup() -> None:
    refused = Story().tell([*TO_ENROLLED[:3], Refused("join", "0x801C03F2", "No.")])
    failed = Story().tell([*TO_SETUP, Failed(Phase.DEVICE, "0x80070643", "The app failed.")])
    assert progress(refused)[0] is F
    assert progress(failed) == [D, F, A]
    assert card(failed).tone is Tone.BAD


def test_a_name_stands_for_the_serial_number_as_soon_as_there_is_one() -> None:
    story = Story().tell(TO_SETUP)
    assert card(story).name == card(story).serial
    assert card(story, device_name="CONTOSO-7").name == "CONTOSO-7"


def test_what_is_awaited_is_said_in_the_words_of_every_page() -> None:
    waiting = card(Story().tell(TO_GREEN)).waiting
    assert waiting is not None
    assert waiting.text == "Pre-provisioning is done. The technician has to press Reseal."
    assert (waiting.awaited_from, waiting.until) == ("the technician", None)
    assert card(Story().tell(PLAIN)).waiting is None


@pytest.mark.parametrize("done, share", [(0, 1), (3, 5), (6, 9)])
def test_the_bar_of_a_running_part_is_neither_empty_nor_full(done: int, share: int) -> None:
    part = card(Story().tell(TO_SETUP), Counts(machine=Count(done, 6))).parts[1]
    assert part.share == share


def test_the_bar_of_a_part_whose_deliveries_nobody_knows_is_half() -> None:
    assert [part.share for part in card(Story().tell(TO_SETUP)).parts] == [10, 5, 0]


@pytest.mark.parametrize("show, states", [(Show.ALL, ()), (Show.FAILED, (State.RED, State.ERROR))])
def test_lists_are_narrowed(show: Show, states: tuple[State, ...]) -> None:
    assert show.states == states
    assert show.label


# --- deliveries ---------------------------------------------------------------------------------------------


def item(number: int, kind: Kind, state: ItemState, **changes: object) -> Item:
    """A delivery of that kind."""
    made = Item(
        user=0,
        kind=kind,
        item_id=number,
        item_uuid=UUID(int=number),
        name=f"{kind.value} {number}",
        version=1,
        digest="",
        required=True,
        state=state,
        attempt=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_deliveries_stand_in_the_order_in_which_they_are_worked_on() -> None:
    shown = deliveries_of(
        [
            item(4, Kind.APP, ItemState.FAILED, error=-2147023293),
            item(3, Kind.WIFI, ItemState.RUNNING),
            item(5, Kind.APP, ItemState.HELD, user=7),
            item(1, Kind.POLICY, ItemState.DONE),
            item(6, Kind.APP, ItemState.REMOVING),
            item(7, Kind.APP, ItemState.DONE, required=False),
        ]
    )
    assert [(one.kind, one.for_user, one.progress, one.error) for one in shown] == [
        ("policy", False, D, ""),
        ("network", False, N, ""),
        ("app", False, F, "0x80070643"),
        ("app", True, A, ""),
    ]
    assert len({one.key for one in shown}) == 4


# --- entries ------------------------------------------------------------------------------------------------


def test_an_entry_says_when_and_how_long_after_the_beginning() -> None:
    subject = Subject("deployment", UUID(int=1))
    events = [
        SealedEvent(7, "deployment.moved", subject, "system", START + after, {"to": "green"}, b"")
        for after in (timedelta(minutes=3), timedelta(days=2))
    ]
    today, later = entries_of(events, START)
    assert (today.position, today.after, today.other_day) == (7, timedelta(minutes=3), False)
    assert later.other_day


@pytest.mark.parametrize(
    "seconds, said",
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_are_spoken(seconds: float, said: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == said
