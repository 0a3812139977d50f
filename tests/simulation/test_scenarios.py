"""The stories that a deployment can take, from the first power-on to the end, read back from the device.

Each is a file in examples/scenarios: what happens, and what is expected on the way and at the end. What
cannot be said in a file is asked here of the finished run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reseal.kernel.events import SealedEvent
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.player import Player
from reseal.rehearsal.record import all_events
from reseal.rehearsal.run import rehearse
from reseal.rehearsal.scenario import read_scenario
from reseal.rehearsal.stage import read_script
from reseal.rehearsal.world import World
from tests.simulation.rehearsing import Bench, told

SCENARIOS = Path(__file__).parents[2] / "examples" / "scenarios"
PLAIN = 11
"""A laptop without group tag and without assigned user."""


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5] if os.environ.get("RESEAL_SOAK") == "1" else [1])
@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_story_goes_as_its_file_expects(file: Path, seed: int) -> None:
    found = rehearse(read_script(read_scenario(file)), seed)
    assert found.arrived, told(found)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- what is on the wire and in the log -----------------------------------------------------------------


def test_without_reports_nothing_but_the_messages_of_windows_passes(bench: Bench) -> None:
    lines: list[str] = []

    def watch(world: World, _players: list[Player]) -> None:
        world.network.wire.witness = lines.append

    found = bench.play({"devices": PLAIN, "reports": False}, before=watch)
    assert found.arrived, told(found)
    assert lines
    assert not [line for line in lines if "/reports" in line]


def test_every_step_of_a_story_is_in_the_log(bench: Bench) -> None:
    events: list[SealedEvent] = []

    async def look(world: World, _players: list[Player]) -> None:
        events.extend(await world.db.read(all_events, world.tenant))

    found = bench.play({"devices": PLAIN}, then=look)
    assert found.arrived, told(found)
    story = [event for event in events if event.kind.startswith("deployment.")]
    facts = [str((event.payload or {}).get("fact", "")) for event in story]
    assert [fact for fact in facts if fact] == [
        *("Contacted", "AttestationBegun", "Attested", "Contacted", "AttestationBegun", "Attested"),
        *("Joined", "Enrolled", "PhaseBegun", "ReleaseRequested", "Released", "Resealed", "Contacted"),
        *("UserSignedIn", "ReleaseRequested", "Released", "ReleaseRequested", "Released"),
    ]
    assert story[-1].kind == "deployment.ended"


# --- the value in the file is the value on the device -------------------------------------------------------


def _lock_after(minutes: int) -> Any:
    def change(tenant: dict[str, Any]) -> None:
        (lock,) = (each for each in tenant["policies"] if each["name"] == "Device lock")
        lock["settings"][0]["value"] = minutes

    return change


@pytest.mark.parametrize("minutes", [10, 15])
def test_a_policy_value_in_the_file_is_the_value_in_the_tree(tmp_path: Path, minutes: int) -> None:
    values: list[str | int] = []
    address = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"

    async def look(world: World, players: list[Player]) -> None:
        answers = Evidence.of(players[0].disk, world.clock).answers([address], None)
        values.append(answers[address])

    found = Bench(tmp_path, _lock_after(minutes)).play(
        {"devices": PLAIN, "steps": ["technician"], "expect": "green"}, then=look
    )
    assert found.arrived, told(found)
    assert values == [str(minutes)]


# --- expectations that are not met --------------------------------------------------------------------------


def test_what_is_not_as_expected_on_the_way_is_a_cause(bench: Bench) -> None:
    found = bench.rehearse(
        {
            "devices": PLAIN,
            "steps": [
                "technician",
                {"ended": "red 0x800705B4"},
                {"seen": ["green", "privacy"]},
                {"unseen": "statusPage"},
                {"has": ["Device lock", "Pilot features", "Contoso Reader", "Nothing"]},
                {"lacks": ["Contoso Device Agent", "Contoso root", "Office network", "Contoso Reader"]},
            ],
            "expect": "green",
        }
    )
    assert not found.arrived
    assert [cause.replace("when it had ended green", "then") for cause in found.devices[0].causes] == [
        "It ended green, expected on the way was red 0x800705B4.",
        *(cause for cause in found.devices[0].causes if cause.startswith("The page")),
        "Pilot features was not on the device then.",
        "Contoso Reader was not on the device then.",
        "There is no Nothing in the catalogue.",
        "Contoso Device Agent was on the device then.",
        "Contoso root was on the device then.",
        "Office network was on the device then.",
    ]
    pages = [cause for cause in found.devices[0].causes if cause.startswith("The page")]
    assert [page.partition(";")[0] for page in pages] == [
        "The page privacy was not shown",
        "The page statusPage was shown",
    ]


def test_what_is_expected_after_a_failure_is_looked_at_too(bench: Bench) -> None:
    found = bench.rehearse(
        {
            "devices": PLAIN,
            "user": "johanna",
            "steps": ["user", {"unseen": "error"}, {"wait": 600}, {"seen": "desktop"}],
            "expect": "error",
        }
    )
    assert [cause.partition(";")[0] for cause in found.devices[0].causes] == ["The page error was shown"]
