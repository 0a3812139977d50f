"""Deployment profiles: limits, names of devices, and which profile a device gets."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.office import (
    ALL_REGISTERED,
    TAGGED,
    Office,
    Refused,
    both_databases,
    moment,
    serial_of,
)

GROUPS = [{"name": "All", "rule": ALL_REGISTERED}, {"name": "Sales laptops", "rule": TAGGED.format("sales")}]


def profile(name: str, *groups: str, **settings: Any) -> dict[str, Any]:
    """A profile assigned to groups."""
    return {"name": name, "assign": [{"group": group} for group in groups], **settings}


def for_all(name: str, **settings: Any) -> dict[str, Any]:
    """A profile assigned to all devices."""
    return {"name": name, "assign": [{"all": "devices"}], **settings}


async def refusals(office: Office, *profiles: dict[str, Any]) -> list[tuple[str, str]]:
    """Where and why these profiles are refused."""
    before = await office.values("/profiles")
    with pytest.raises(Refused) as refused:
        await office.apply(profiles=list(profiles))
    assert await office.values("/profiles") == before
    assert all(detail["message"] and detail["remedy"] for detail in refused.value.details)
    return [(detail["where"], detail["code"]) for detail in refused.value.details]


# --- what can be set ----------------------------------------------------------------------------------------


async def test_autopilot_097_there_are_350_profiles_and_no_351st(office: Office) -> None:
    profiles = [{"name": f"Profile {number}"} for number in range(1, 351)]
    await office.apply(profiles=profiles)
    assert len(await office.values("/profiles")) == 350
    assert await refusals(office, *profiles, {"name": "One more"}) == [("$.profiles[350]", "ProfileLimit")]


@pytest.mark.parametrize(
    "template, reason",
    [
        ("SALES-LAPTOP-1234", "longer than 15 characters"),
        ("SALES-%RAND:10%", "longer than 15 characters"),
        ("PC-%serial%", "not in upper case"),
        ("PC %SERIAL%", "other characters than letters, digits and hyphens"),
        ("12345", "digits only"),
        ("%RAND:6%", "digits only"),
        ("PC-%MODEL%", "percent sign"),
    ],
)
async def test_autopilot_098_bad_name_templates_are_refused_each_for_its_reason(
    office: Office, template: str, reason: str
) -> None:
    place = "$.profiles[0].deviceNameTemplate"
    assert await refusals(office, profile("Own", deviceNameTemplate=template)) == [
        (place, "DeviceNameTemplate")
    ]
    with pytest.raises(Refused, match=reason):
        await office.apply(profiles=[profile("Own", deviceNameTemplate=template)])


async def test_autopilot_099_random_digits_and_serial_number_are_filled_in_within_15_characters(
    office: Office,
) -> None:
    async def name(template: str, serial: str) -> str:
        trial = {"template": template, "serialNumber": serial}
        return str((await office.post("/profiles/example-name", trial))["name"])

    random = {await name("MYPC-%RAND:6%", "SN-1") for _ in range(5)}
    assert len(random) > 1
    assert all(re.fullmatch(r"MYPC-[0-9]{6}", one) for one in random)
    assert await name("%SERIAL%", "5CG1234XYZ") == "5CG1234XYZ"
    assert await name("CON-%SERIAL%", "5CG 12/34_XYZ") == "CON-5CG1234XYZ"
    assert await name("CON-%SERIAL%", "0123456789ABCDEFGH") == "CON-789ABCDEFGH"
    assert re.fullmatch(r"A-[0-9]{3}-89ABCDEFG", await name("A-%RAND:3%-%SERIAL%", "0123456789ABCDEFG"))


async def test_autopilot_102_all_devices_and_an_excluded_group_do_not_go_together(office: Office) -> None:
    await office.apply(groups=GROUPS)
    both = {"name": "Own", "assign": [{"all": "devices"}, {"exclude": "Sales laptops"}]}
    ((_, code),) = await refusals(office, both)
    assert code == "ExclusionWithAllDevices"
    await office.apply(profiles=[{"name": "Own", "assign": [{"group": "All"}, {"exclude": "Sales laptops"}]}])
    await office.register(1)
    await office.register(2, tag="sales")
    assert [await office.profile_of(number) for number in (1, 2)] == ["Own", "Built-in default"]


async def test_autopilot_111_the_offline_file_has_the_documented_keys_and_its_bits_add_up(
    office: Office,
) -> None:
    hidden = {"eulaHidden": True, "privacySettingsHidden": True, "userType": "standard"}
    await office.apply(
        profiles=[
            profile(
                "Everything hidden",
                **hidden,
                keyboardSelectionPageSkipped=True,
                locale="de-DE",
                escapeLinkHidden=True,
                deviceNameTemplate="CON-%SERIAL%",
            ),
            profile("Everything shown"),
        ]
    )
    file, plain = [
        await office.call("GET", f"/profiles/{(await office.profile(name))['id']}/offline")
        for name in ("Everything hidden", "Everything shown")
    ]
    assert "AutopilotConfigurationFile.json" in file.headers["content-disposition"]
    assert file.content.isascii()
    document = file.json()
    assert json.loads(document.pop("CloudAssignedAadServerData")) == {
        "ZeroTouchConfig": {
            "CloudAssignedTenantUpn": "",
            "ForcedEnrollment": 1,
            "CloudAssignedTenantDomain": office.domain,
        }
    }
    assert document == {
        "Version": 2049,
        "Comment_File": "Profile Everything hidden",
        "CloudAssignedTenantId": office.id,
        "CloudAssignedTenantDomain": office.domain,
        "CloudAssignedOobeConfig": 1310,
        "CloudAssignedDomainJoinMethod": 0,
        "CloudAssignedForcedEnrollment": 1,
        "ZtdCorrelationId": (await office.profile("Everything hidden"))["id"],
        "CloudAssignedDeviceName": "CON-%SERIAL%",
        "CloudAssignedLanguage": "de-DE",
        "CloudAssignedRegion": "de-DE",
        "CloudAssignedAutopilotUpdateDisabled": 1,
        "CloudAssignedAutopilotUpdateTimeout": 1_800_000,
    }
    assert plain.json()["CloudAssignedOobeConfig"] == 8 + 256


async def test_autopilot_116_a_hybrid_profile_takes_no_name_template(office: Office) -> None:
    hybrid = {"name": "Hybrid", "joinType": "activeDirectory"}
    ((where, _),) = await refusals(office, {**hybrid, "deviceNameTemplate": "CON-%SERIAL%"})
    assert where == "$.profiles[0].deviceNameTemplate"
    with pytest.raises(Refused, match="domain join profile"):
        await office.apply(profiles=[{**hybrid, "deviceNameTemplate": "CON-%SERIAL%"}])
    await office.apply(profiles=[hybrid])


# --- which one a device gets --------------------------------------------------------------------------------


@both_databases
async def test_autopilot_100_of_two_profiles_the_older_one_wins(office: Office) -> None:
    await office.apply(groups=GROUPS, profiles=[profile("Zebra", "All")])
    office.clock.pass_silently(timedelta(days=1))
    await office.apply(profiles=[profile("Antelope", "Sales laptops")])
    await office.register(1, tag="sales")
    assert await office.profile_of(1) == "Zebra"
    assert "Antelope" in (await office.registration(1))["profile"]["reason"]
    await office.apply(profiles=[profile("Zebra", description="Edited, and as old as before.")])
    assert await office.profile_of(1) == "Antelope"
    await office.apply(profiles=[profile("Zebra", "All")])
    assert await office.profile_of(1) == "Zebra"


@both_databases
async def test_autopilot_101_the_profile_for_all_devices_comes_last(office: Office) -> None:
    await office.apply(groups=GROUPS, profiles=[for_all("Standard")])
    await office.register(1, tag="sales")
    await office.register(2)
    assert [await office.profile_of(number) for number in (1, 2)] == ["Standard", "Standard"]
    office.clock.pass_silently(timedelta(days=1))
    await office.apply(profiles=[profile("Sales", "Sales laptops")])
    assert [await office.profile_of(number) for number in (1, 2)] == ["Sales", "Standard"]
    await office.edit(1, groupTag="")
    assert await office.profile_of(1) == "Standard"


async def test_autopilot_103_a_profile_is_assigned_at_once_and_says_since_when(office: Office) -> None:
    await office.apply(groups=GROUPS, profiles=[profile("Sales", "Sales laptops")])
    await office.register(1)
    waiting = await office.registration(1)
    assert (waiting["profileStatus"], waiting["profileAssignedDateTime"]) == ("unassigned", None)
    office.clock.pass_silently(timedelta(hours=1))
    edited = await office.edit(1, groupTag="sales")
    assert edited["profileStatus"] == "assigned"
    assert moment(edited["profileAssignedDateTime"]) == office.clock.now()
    office.clock.pass_silently(timedelta(hours=1))
    await office.edit(1, deviceName="FRONT-DESK")
    later = await office.registration(1)
    assert later["profileAssignedDateTime"] == edited["profileAssignedDateTime"]


async def test_autopilot_115_devices_without_a_profile_are_on_the_alert_list(office: Office) -> None:
    async def alert() -> list[str]:
        return [one["serialNumber"] for one in await office.values("/registrations/unassigned")]

    await office.apply(groups=GROUPS, profiles=[profile("Sales", "Sales laptops")])
    await office.register(1, 2)
    await office.register(3, tag="sales")
    assert await alert() == [serial_of(1), serial_of(2)]
    await office.edit(2, groupTag="sales")
    assert await alert() == [serial_of(1)]
    await office.apply(profiles=[profile("Sales", "All")])
    assert await alert() == []
    await office.apply(prune=True, groups=GROUPS)
    assert await alert() == [serial_of(1), serial_of(2), serial_of(3)]
