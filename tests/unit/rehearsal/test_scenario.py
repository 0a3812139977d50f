"""Scenario files: what they may say, and what is told of those that say something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reseal.blueprint.source import read_source
from reseal.device.quirks import ALL, Quirk
from reseal.kernel.errors import Invalid
from reseal.rehearsal.faults import Faults
from reseal.rehearsal.scenario import (
    BOTH_FLOWS,
    USUAL_MINUTES,
    Act,
    AppHint,
    Expectation,
    Outcome,
    Scenario,
    Step,
    read_scenario,
)

FULL = """
rehearsal: 1
description: Some sales laptops fail.
blueprint: tenant
also: [more.yaml, tenant/less.yaml]
domain: fabrikam.example
sample: fabrikam
start: 2026-11-09T08:00:00Z
stagger: 5
faults: loss=20,cut=1
downloadRate: 100000
apps:
  Agent: {minutes: 20}
  Reader: {minutes: 1, failure: 0x80070643}
  Notes: {failure: "0x80070652"}
wifi:
  Office: a password
plan:
  - devices: 1-3
    steps:
      - technician
      - {assignUser: adele}
      - {apply: overlays/notes.yaml}
      - {wait: 30}
      - {cable: out}
      - reseal
      - {user: bianca}
      - {ended: desktop}
      - {seen: [signIn, statusPage]}
      - {lacks: [Agent]}
    expect: desktop
  - devices: [7, RSL-0004-0F5985]
    user: adele
    wifi: Office
    withoutQuirks: [sessionZero]
    reports: false
    expect: red 0x80180005
  - devices: 9
    quirks: none
  - quirks: [keepsFinished]
"""


def _read(directory: Path, text: str) -> Scenario:
    (directory / "rehearsal.yaml").write_text(text, "utf-8")
    return read_scenario(directory)


def _refusal(directory: Path, text: str) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        _read(directory, text)
    (detail,) = caught.value.details
    return detail.where.rpartition("/")[2], detail.message


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    scenario = _read(tmp_path, FULL)
    first, second, third, fourth = scenario.plan

    assert scenario.blueprint == tmp_path / "tenant"
    assert scenario.also == (tmp_path / "more.yaml", tmp_path / "tenant/less.yaml")
    assert scenario.stagger == timedelta(seconds=5)
    assert scenario.faults == Faults(loss=20, cut=1)
    assert scenario.apps == {
        "Agent": AppHint(20),
        "Reader": AppHint(1, 0x80070643),
        "Notes": AppHint(None, 0x80070652),
    }
    assert first.devices == (1, 2, 3)
    assert [step.act for step in first.steps] == [
        *(Act.TECHNICIAN, Act.ASSIGN_USER, Act.APPLY, Act.WAIT, Act.CABLE, Act.RESEAL, Act.USER),
        *(Act.ENDED, Act.SEEN, Act.SEEN, Act.LACKS),
    ]
    assert first.steps[2] == Step(Act.APPLY, str(tmp_path / "overlays/notes.yaml"))
    assert first.steps[6:9] == (
        *(Step(Act.USER, "bianca"), Step(Act.ENDED, "desktop"), Step(Act.SEEN, "signIn")),
    )
    assert first.steps[-1] == Step(Act.LACKS, "Agent")
    assert second.devices == (7, "RSL-0004-0F5985")
    assert second.expect == Expectation(Outcome.RED, "0x80180005")
    assert second.quirks == ALL - {Quirk.SESSION_ZERO}
    assert (second.wifi, second.reports) == ("Office", False)
    assert (third.devices, third.quirks) == ((9,), frozenset())
    assert (fourth.devices, fourth.quirks) == ((), frozenset({Quirk.KEEPS_FINISHED}))


@pytest.mark.parametrize(
    "said, start",
    [
        ("2026-11-09T08:30:00Z", datetime(2026, 11, 9, 8, 30, tzinfo=UTC)),
        ("2026-11-09T08:30:00+02:00", datetime(2026, 11, 9, 6, 30, tzinfo=UTC)),
        ("2026-11-09T08:30:00", datetime(2026, 11, 9, 8, 30, tzinfo=UTC)),
        ("2026-11-09 08:30", datetime(2026, 11, 9, 8, 30, tzinfo=UTC)),
        ("2026-11-09", datetime(2026, 11, 9, tzinfo=UTC)),
        ("'2026-11-09'", datetime(2026, 11, 9, tzinfo=UTC)),
        ("", None),
    ],
)
def test_a_rehearsal_begins_at_a_moment_or_a_day_in_utc(
    tmp_path: Path, said: str, start: datetime | None
) -> None:
    found = _read(tmp_path, f"rehearsal: 1\nstart: {said}").start

    assert found == start
    assert found is None or found.tzinfo is UTC


def test_without_a_file_every_device_goes_through_both_flows(tmp_path: Path) -> None:
    scenario = read_scenario(tmp_path)
    (plan,) = scenario.plan

    assert scenario.devices == tmp_path / "devices.csv"
    assert scenario.usual_minutes == USUAL_MINUTES
    assert (plan.devices, plan.steps, plan.quirks) == ((), BOTH_FLOWS, ALL)
    assert str(plan.expect) == "desktop"


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("rehearsal: 2", 1, "not known"),
        ("rehearsal: 1\nspeed: 3", 1, "unknown field `speed`"),
        ("rehearsal: 1\nplan:\n  - devices: all\n    flows: [user]", 3, "unknown field `flows`"),
        ("rehearsal: 1\nplan:\n  - steps:\n    - technician\n    - dance", 5, "'dance' is no step"),
        ("rehearsal: 1\nplan:\n  - steps: [{retry: now}]", 3, "takes nothing"),
        ("rehearsal: 1\nplan:\n  - steps: [wait]", 3, "needs to be told what"),
        ("rehearsal: 1\nplan:\n  - steps: [{wait: long}]", 3, "minutes"),
        ("rehearsal: 1\nplan:\n  - steps: [{cable: half}]", 3, "`in` or `out`"),
        ("rehearsal: 1\nplan:\n  - steps: [{ended: heaven}]", 3, "'heaven' is no outcome"),
        ("rehearsal: 1\nplan:\n  - steps:\n    - user\n    - {seen: window}", 5, "'window' is no page"),
        ("rehearsal: 1\nplan:\n  - steps:\n    - user\n    - {seen: [green, window]}", 5, "is no page"),
        ("rehearsal: 1\nplan:\n  - steps: [has]", 3, "needs to be told what"),
        ("rehearsal: 1\nplan:\n  - steps: [{has: []}]", 3, "at least one thing"),
        ('rehearsal: 1\nplan:\n  - steps: [{wait: ["1"]}]', 3, "is told one thing"),
        ("rehearsal: 1\nplan:\n  - steps: [{has: Agent, lacks: Notes}]", 3, "a step is one thing"),
        ("rehearsal: 1\nplan:\n  - expect: heaven", 3, "'heaven' is no outcome"),
        ("rehearsal: 1\nplan:\n  - quirks: [sillyWalk]", 3, "'sillyWalk' is no quirk"),
        ("rehearsal: 1\nplan:\n  - devices: 0", 3, "counted from 1"),
        ("rehearsal: 1\nplan:\n  - wifi: Office", 3, "no network 'Office'"),
        ("rehearsal: 1\nstagger: soon", 2, "Expected `int`"),
        ("rehearsal: 1\nstart: soon", 2, "'soon' is no moment"),
        ("rehearsal: 1\nstart: 8", 2, "8 is no moment"),
        ("rehearsal: 1\nstart: 2026-13-01", 0, "month must be in 1..12"),
        ("rehearsal: 1\nrehearsal: 1", 2, "stands twice"),
        ("rehearsal: [", 1, "expected"),
        ("- rehearsal", 0, "does not hold a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    where, message = _refusal(tmp_path, text)

    assert words in message
    assert where == (f"rehearsal.yaml:{line}" if line else "rehearsal.yaml")


def test_a_scenario_is_no_part_of_the_tenants_description(tmp_path: Path) -> None:
    (tmp_path / "rehearsal.yaml").write_text("rehearsal: 1", "utf-8")
    (tmp_path / "tenant.yaml").write_text("reseal: 1", "utf-8")

    assert read_source(tmp_path).document == {"reseal": 1}
