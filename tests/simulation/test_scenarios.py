"""The stories that a deployment can take, from the first power-on to the end, read back from the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.kernel.events import SealedEvent
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.player import Player
from reseal.rehearsal.record import all_events
from reseal.rehearsal.world import World
from tests.simulation.rehearsing import AGENT, Bench, told

PLAIN = 11
"""A laptop without group tag and without assigned user."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _names(tenant: dict[str, Any], section: str) -> dict[str, dict[str, Any]]:
    return {each.get("name", each.get("upn")): each for each in tenant[section]}


def test_both_flows(bench: Bench) -> None:
    found = bench.rehearse({"devices": [1, PLAIN], "steps": ["technician", "reseal", "user"]})
    assert found.arrived, told(found)


def test_plain_user_driven(bench: Bench) -> None:
    found = bench.rehearse({"devices": [1, PLAIN], "steps": ["user"]})
    assert found.arrived, told(found)


def test_over_wifi(bench: Bench) -> None:
    found = bench.rehearse(
        {"devices": 1, "wifi": "Contoso Office", "steps": ["technician", "reseal", "user"]},
        {"devices": PLAIN, "wifi": "Cafe", "steps": ["user"]},
    )
    assert found.arrived, told(found)


def test_without_reports_the_run_arrives_by_facts_of_the_wire_alone(bench: Bench) -> None:
    lines: list[str] = []

    def watch(world: World, _players: list[Player]) -> None:
        world.network.wire.witness = lines.append

    found = bench.play({"devices": [1, PLAIN], "reports": False}, before=watch)
    assert found.arrived, told(found)
    assert lines
    assert not [line for line in lines if "/reports" in line]


def test_a_second_user_gets_what_is_his_and_the_first_stays_the_owner(bench: Bench) -> None:
    seen: list[tuple[str, ...]] = []

    async def look(world: World, players: list[Player]) -> None:
        seen.append(Evidence.of(players[0].disk, world.clock).users)

    found = bench.play({"devices": PLAIN, "user": "adele", "steps": ["user", {"user": "emily"}]}, then=look)
    assert found.arrived, told(found)
    assert seen == [("adele@contoso.example", "emily@contoso.example")]
    assert found.devices[0].upn == "emily@contoso.example"


def test_what_is_assigned_between_the_flows_arrives_in_the_second(bench: Bench) -> None:
    bench.write(
        "later/more.yaml",
        {
            "reseal": 1,
            "policies": [
                {
                    "name": "Later",
                    "settings": [
                        {
                            "uri": "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera",
                            "format": "int",
                            "value": 0,
                        }
                    ],
                    "assign": [{"all": "devices"}],
                }
            ],
        },
    )
    found = bench.rehearse(
        {"devices": PLAIN, "steps": ["technician", "reseal", {"apply": "later/more.yaml"}, "user"]}
    )
    assert found.arrived, told(found)


def test_an_app_of_the_assigned_user_installs_before_he_signs_in_and_his_policies_do_not(
    bench: Bench,
) -> None:
    """Diego is a pilot: the reader is his, and installs for the machine (spec/autopilot.md 6.4)."""
    installed: list[set[str]] = []

    async def look(world: World, players: list[Player]) -> None:
        device = Evidence.of(players[0].disk, world.clock)
        assert device.users == ()
        installed.append({entry.product.version for entry in device.journal if entry.step == "end"})

    found = bench.play({"devices": 9, "steps": ["technician"], "expect": "green"}, then=look)
    assert found.arrived, told(found)
    assert installed == [{"2.4.1", "11.0.3"}]


def test_a_user_who_is_assigned_between_the_flows_is_the_one_who_signs_in(bench: Bench) -> None:
    found = bench.rehearse(
        {"devices": PLAIN, "steps": ["technician", "reseal", {"assignUser": "emily"}, "user"]}
    )
    assert found.arrived, told(found)
    assert found.devices[0].upn == "emily@contoso.example"


# --- what goes wrong ----------------------------------------------------------------------------------------


def _without_preprovisioning(tenant: dict[str, Any]) -> None:
    for profile in tenant["profiles"]:
        profile["preprovisioningAllowed"] = False


def test_a_profile_without_preprovisioning_is_red(tmp_path: Path) -> None:
    found = Bench(tmp_path, _without_preprovisioning).rehearse(
        {"devices": [1, PLAIN], "steps": ["technician"], "expect": "red 0x80180005"}
    )
    assert found.arrived, told(found)


def test_a_flipped_bit_in_a_package_is_red(bench: Bench) -> None:
    found = bench.rehearse(
        {"devices": PLAIN, "steps": [{"damage": AGENT}, "technician"], "expect": "red 0x80091007"}
    )
    assert found.arrived, told(found)


def test_an_installer_that_fails_is_red_with_its_code(bench: Bench) -> None:
    found = bench.rehearse(
        {"devices": PLAIN, "steps": ["technician"], "expect": "red 0x80070643"},
        apps={AGENT: {"minutes": 1, "failure": 0x80070643}},
    )
    assert found.arrived, told(found)


def test_what_takes_too_long_is_red_at_the_time_out(bench: Bench) -> None:
    found = bench.rehearse(
        {"devices": PLAIN, "steps": ["technician"], "expect": "red 0x800705B4"},
        apps={AGENT: {"minutes": 90}},
    )
    assert found.arrived, told(found)


def test_a_cured_network_and_retry(bench: Bench) -> None:
    found = bench.rehearse(
        {
            "devices": PLAIN,
            "steps": [
                *({"unplugAfter": 2}, "technician"),
                *({"wait": 10}, {"cable": "in"}, "retry", "reseal", "user"),
            ],
        },
        apps={AGENT: {"minutes": 10}},
    )
    assert found.arrived, told(found)


def test_red_then_reset_then_again(bench: Bench) -> None:
    found = bench.rehearse(
        {
            "devices": PLAIN,
            "steps": [{"unplugAfter": 2}, "technician", {"cable": "in"}, "reset", "reseal", "user"],
        },
        apps={AGENT: {"minutes": 10}},
    )
    assert found.arrived, told(found)


def test_an_unlicensed_user_is_refused(bench: Bench) -> None:
    found = bench.rehearse(
        {"devices": PLAIN, "user": "johanna", "steps": ["user"], "expect": "error 0x80180018"}
    )
    assert found.arrived, told(found)


def _narrow_scope(tenant: dict[str, Any]) -> None:
    tenant["settings"]["mdmScope"] = "some"
    tenant["settings"]["mdmScopeGroups"] = ["Pilots"]


def test_a_user_outside_of_the_mdm_scope_is_refused(tmp_path: Path) -> None:
    found = Bench(tmp_path, _narrow_scope).rehearse(
        {"devices": PLAIN, "user": "emily", "steps": ["user"], "expect": "error 0x8018002B"},
        {"devices": 12, "user": "adele", "steps": ["user"]},
    )
    assert found.arrived, told(found)


def _one_device_each(tenant: dict[str, Any]) -> None:
    tenant["settings"]["userDeviceQuota"] = 1


def test_a_device_above_the_users_quota_is_refused(tmp_path: Path) -> None:
    found = Bench(tmp_path, _one_device_each).rehearse(
        {"devices": 12, "user": "emily", "steps": ["user"]},
        {"devices": 13, "user": "emily", "steps": [{"wait": 60}, "user"], "expect": "error 0x801C0003"},
    )
    assert found.arrived, told(found)


# --- the value in the file is the value on the device -------------------------------------------------------


def _lock_after(minutes: int) -> Any:
    def change(tenant: dict[str, Any]) -> None:
        _names(tenant, "policies")["Device lock"]["settings"][0]["value"] = minutes

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
