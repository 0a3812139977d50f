"""The server is killed before and after its commits, the power of the laptop is cut before and after its
writes: every run ends at the desktop, and nothing is lost or done twice.

What is asked after each run:

    the device   it is at its desktop; each app has one `end` in the journal; policies, certificate, network
                 and files are read back and are those of the catalogue (`rehearsal.verdict`)
    the server   is at the same end; its blockers cover the run (no silent state); no handler raised; the log
                 of events verifies
    both         what was acknowledged is in the log since before it was acknowledged (`acknowledged`)

A failure says how to play it again (`crash_points`). `make test` takes a sample that a seed decides: 24
points in runs of their own, 176 in runs with many crashes, on good networks and bad ones, and a few more.
`make soak` takes every point.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import structlog

from reseal.kernel.entropy import SeededEntropy
from reseal.rehearsal.faults import NO_FAULTS, Faults
from reseal.rehearsal.stage import Script
from tests.simulation.acknowledged import debts
from tests.simulation.crash_points import BAD_NETWORK, Moment, Of, Point, Run, play_with, small_script
from tests.support.logs import log_plainly

pytestmark = pytest.mark.slow

SOAK = os.environ.get("RESEAL_SOAK") == "1"
ALONE = 6
"""Points of each class (before or after, commit or write) that have a run of their own."""
PARTS = 2
TOGETHER = 44
"""Points of each class in runs with many."""
MIXED = 8
MIXED_RUNS = 40 if SOAK else MIXED
STORM = 25
"""Kills, and cuts, of a run in a storm."""

CLASSES: list[tuple[Moment, Of]] = [
    ("before", "commit"),
    ("after", "commit"),
    ("before", "write"),
    ("after", "write"),
]


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
    log_plainly()


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    return small_script(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def clean(script: Script) -> Run:
    return play_with(script)


def _played(
    script: Script,
    points: Sequence[Point],
    *,
    seed: int = 1,
    faults: Faults = NO_FAULTS,
    all_reached: bool = True,
) -> str:
    """Play a run; what must not be, and how to see it again. Empty if all is well."""
    found = play_with(script, points, seed=seed, faults=faults)
    kills = sum(point.of == "commit" for point in points)
    wrong = list(found.wrong)
    wrong += [f"{point} was never reached" for point in found.missed if all_reached]
    if (found.kills, found.cuts) != (kills, len(points) - kills) and not found.missed:
        wrong.append(f"{found.kills} kills and {found.cuts} cuts happened")
    if not wrong:
        return ""
    words = " ".join(f"'{point}'" for point in points)
    network = " --bad-network" if faults != NO_FAULTS else ""
    again = f"python -m tests.simulation.crash_points --seed {seed}{network} {words}"
    return "\n".join([again, *(f"    {cause}" for cause in wrong)])


def _count(clean: Run, of: Of) -> int:
    return clean.commits if of == "commit" else clean.writes


def _spread(count: int, sample: int, name: str) -> list[int]:
    """So many numbers from 1 to `count`: a seeded one out of each of as many equal parts."""
    chance = SeededEntropy(f"crash points {name}")
    bounds = [1 + part * count // sample for part in range(sample + 1)]
    return [low + chance.below(high - low) for low, high in pairwise(bounds)]


# --- what is compared with ----------------------------------------------------------------------------------


def test_without_crashes_everything_is_acknowledged_and_in_the_log(clean: Run) -> None:
    assert clean.wrong == ()
    assert (clean.kills, clean.cuts) == (0, 0)
    assert clean.commits > 100
    assert clean.writes > 100


@pytest.mark.parametrize(
    "kind",
    [
        *("deployment.began", "attestation.succeeded", "device.joined", "device.certificate_issued"),
        *("enrolment.begun", "user.signed_in", "enrolment.user_seen", "item.arrived", "device.reported"),
        *("deployment.moved", "deployment.ended"),
    ],
)
def test_an_event_that_is_missing_is_noticed(clean: Run, kind: str) -> None:
    """Whether the question asks anything: without these events something acknowledged is not in the log."""
    assert all(debt.paid(clean.events[: debt.position]) for debt in debts(clean.heard, clean.shall))
    without = [
        replace(event, kind="lost", payload={}) if event.kind == kind else event for event in clean.events
    ]
    assert any(not debt.paid(without[: debt.position]) for debt in debts(clean.heard, clean.shall))


def test_an_event_that_comes_after_its_acknowledgement_is_noticed(clean: Run) -> None:
    late = [replace(each, position=each.position - 1) for each in clean.heard]
    found = [debt for debt in debts(late, clean.shall) if not debt.paid(clean.events[: debt.position])]
    assert len(found) > 10


# --- one crash ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("moment, of", CLASSES)
def test_a_crash_at_one_point(script: Script, clean: Run, moment: Moment, of: Of, part: int) -> None:
    count = _count(clean, of)
    numbers = range(1, count + 1) if SOAK else _spread(count, ALONE, f"{moment} {of}")
    points = [Point(of, moment, number) for number in numbers[part::PARTS]]
    wrong = [_played(script, [point]) for point in points]
    assert not any(wrong), "\n".join(filter(None, wrong))


# --- many ---------------------------------------------------------------------------------------------------


def _mixed(clean: Run, run: int) -> list[Point]:
    """Every eighth point of each class. Those of the same kind stand clear of each other, and of the end,
    which may come nearer by what crashes before.
    """
    chosen: list[Point] = []
    for moment, of in CLASSES:
        first = run if moment == "before" else run + MIXED // 2
        count = _count(clean, of) * 9 // 10
        numbers = _spread(count, TOGETHER, f"{moment} {of} {run // MIXED}")
        chosen += [Point(of, moment, number) for number in numbers[first % MIXED :: MIXED]]
    return chosen


@pytest.mark.parametrize("run", range(MIXED_RUNS))
def test_kills_and_cuts_in_one_run(script: Script, clean: Run, run: int) -> None:
    wrong = _played(script, _mixed(clean, run), seed=run, faults=BAD_NETWORK if run % 2 else NO_FAULTS)
    assert not wrong, wrong


def test_a_run_with_crashes_can_be_played_again(script: Script, clean: Run) -> None:
    one, two = (play_with(script, _mixed(clean, 1), seed=1, faults=BAD_NETWORK) for _ in range(2))
    assert one.events == two.events
    assert [(each.path, each.body) for each in one.heard] == [(each.path, each.body) for each in two.heard]
    assert one.log == two.log


@pytest.mark.parametrize("third", [0, 1, 2])
def test_a_server_that_is_killed_again_while_it_starts(script: Script, clean: Run, third: int) -> None:
    first = clean.commits * (2 * third + 1) // 6
    moments: tuple[Moment, ...] = ("before", "after", "before", "after")
    wrong = _played(script, [Point("commit", moment, first + n) for n, moment in enumerate(moments)])
    assert not wrong, wrong


@pytest.mark.parametrize("storm", range(20 if SOAK else 1))
def test_a_storm_is_weathered(script: Script, clean: Run, storm: int) -> None:
    """More crashes than anybody would bear; not all of these points are reached."""
    chance = SeededEntropy(f"storm {storm}")
    moments: tuple[Moment, ...] = ("before", "after")
    points = [
        Point(of, moments[chance.below(2)], number)
        for of in ("commit", "write")
        for number in _spread(_count(clean, of), STORM, f"storm {storm} {of}")
    ]
    wrong = _played(script, points, seed=storm, faults=BAD_NETWORK, all_reached=False)
    assert not wrong, wrong
