"""A record that is silent somewhere is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.deployment.invariant import check, require
from reseal.deployment.model import Blocker, State
from reseal.kernel.errors import Fault
from reseal.wire.runtime.blockers import BlockerKind
from tests.unit.deployment.stories import PLAIN, TO_GREEN, Story

SECOND = timedelta(seconds=1)


def _shifted(one: Blocker, by: timedelta) -> Blocker:
    assert one.ended_at is not None
    return replace(one, ended_at=one.ended_at + by)


@pytest.mark.parametrize(
    "spoil, complaint",
    [
        (lambda b: [], "no blocker at all"),
        (lambda b: b[1:], "The first blocker begins"),
        (lambda b: b[:-1], "the last blocker belongs to technicianReleasing"),
        (lambda b: [*b[:2], *b[3:]], "gap"),
        (lambda b: [_shifted(b[0], SECOND), *b[1:]], "overlap"),
        (lambda b: [_shifted(b[0], -SECOND), *b[1:]], "gap"),
        (lambda b: [replace(b[0], kind=BlockerKind.RESEAL), *b[1:]], "cannot be awaited in contacted"),
        (lambda b: [replace(b[0], ended_at=None), *b[1:]], "is open"),
        (lambda b: [*b[:-1], replace(b[-1], ended_at=b[-1].since)], "nothing is awaited"),
        (lambda b: [replace(b[0], until=b[0].since - SECOND), *b[1:]], "Its limit"),
        (lambda b: [_shifted(b[0], timedelta(days=-1)), *b[1:]], "before it began"),
        (
            lambda b: [b[0], replace(b[1], state=State.GREEN, kind=BlockerKind.RESEAL), *b[2:]],
            "No arrow leads from contacted to green",
        ),
    ],
)
def test_a_spoiled_record_is_found_out(
    spoil: Callable[[list[Blocker]], list[Blocker]], complaint: str
) -> None:
    deployment, blockers = Story().tell(TO_GREEN).told[-1]
    assert check(deployment, blockers) == ()
    assert complaint in " ".join(check(deployment, spoil(blockers)))
    with pytest.raises(Fault) as refused:
        require(deployment, spoil(blockers))
    assert refused.value.code == "SilentState"


def test_an_end_has_nothing_open_and_is_reached_by_an_arrow() -> None:
    deployment, blockers = Story().tell(PLAIN).told[-1]
    require(deployment, blockers)
    left_open = [*blockers[:-1], replace(blockers[-1], ended_at=None)]
    assert "The last blocker ends at None" in " ".join(check(deployment, left_open))
    green, until_green = Story().tell(TO_GREEN).told[-1]
    skipped = replace(green, state=State.DESKTOP, ended_at=green.moved_at)
    closed = [*until_green[:-1], replace(until_green[-1], ended_at=green.moved_at)]
    assert check(skipped, closed) == ("No arrow leads from green to desktop.",)
