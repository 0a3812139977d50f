"""Registrations: what they make, what can be edited, how repaired hardware is told, how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.conformance.office import (
    ALL_REGISTERED,
    TAGGED,
    Office,
    Refused,
    both_databases,
    device_list,
    serial_of,
)
from tests.support.hardware import hash_text

NEW_BOARD: dict[str, Any] = {
    "ek_modulus": b"\x81" * 256,
    "smbios_uuid": UUID("4c4c4544-0035-3510-8036-b4c04f4d3332"),
}
"""What a hash says after another mainboard was put in, with the serial number written anew."""


async def physical_ids(office: Office, number: int) -> list[str]:
    """The physical ids of the directory device of virtual laptop `number`."""
    found = await office.registration(number)
    return list(found["device"]["physicalIds"])


async def present(office: Office, number: int, **changes: object) -> Any:
    """The device presents its hash as it is now; what is concluded."""
    return await office.post("/registrations/match", {"hardwareHash": hash_text(number, **changes)})


# --- what registering makes ---------------------------------------------------------------------------------


@both_databases
async def test_autopilot_025_registering_makes_a_directory_device_named_by_serial_with_a_ztdid(
    office: Office,
) -> None:
    ztdid, other = await office.register(1, 2)
    devices = await office.values("/devices")
    assert {device["displayName"]: device["physicalIds"] for device in devices} == {
        serial_of(1): [f"[ZTDID]:{ztdid}"],
        serial_of(2): [f"[ZTDID]:{other}"],
    }
    registration = await office.get(f"/registrations/{ztdid}")
    assert registration["device"]["id"] in {device["id"] for device in devices}


@both_databases
async def test_autopilot_026_the_group_tag_is_an_order_id_and_follows_when_changed(office: Office) -> None:
    (ztdid,) = await office.register(1, tag="sales")
    assert await physical_ids(office, 1) == [f"[ZTDID]:{ztdid}", "[OrderID]:sales"]
    await office.edit(1, groupTag="kiosk")
    assert await physical_ids(office, 1) == [f"[ZTDID]:{ztdid}", "[OrderID]:kiosk"]
    await office.edit(1, groupTag="")
    assert await physical_ids(office, 1) == [f"[ZTDID]:{ztdid}"]


async def test_autopilot_027_the_purchase_order_is_a_purchase_order_id(office: Office) -> None:
    (ztdid,) = await office.register(1, tag="sales")
    await office.edit(1, purchaseOrder="76222342342")
    assert await physical_ids(office, 1) == [
        f"[ZTDID]:{ztdid}",
        "[OrderID]:sales",
        "[PurchaseOrderId]:76222342342",
    ]


@pytest.mark.parametrize("settings", [{"sync_compatibility": True}], indirect=True)
async def test_autopilot_029_a_second_sync_within_ten_minutes_is_refused_and_told_how_long_to_wait(
    office: Office,
) -> None:
    await office.post("/registrations/sync")
    office.clock.pass_silently(timedelta(minutes=7))
    with pytest.raises(Refused) as refused:
        await office.post("/registrations/sync")
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "180")
    assert "180 seconds" in refused.value.remedy
    office.clock.pass_silently(timedelta(minutes=3))
    await office.post("/registrations/sync")


async def test_autopilot_030_a_registration_is_in_both_lists_before_enrolment(office: Office) -> None:
    await office.register(1)
    assert [one["serialNumber"] for one in await office.values("/registrations")] == [serial_of(1)]
    (device,) = await office.values("/devices")
    assert (device["displayName"], device["isManaged"]) == (serial_of(1), False)


async def test_autopilot_040_looking_up_by_the_start_of_the_serial_number_and_by_ztdid(
    office: Office,
) -> None:
    await office.apply(users=[{"upn": "adele", "displayName": "Adele Vance"}])
    ztdids = await office.register(1, 2, 31)
    found = await office.values("/registrations", serial="sn-0000")
    assert [one["serialNumber"] for one in found] == [serial_of(1), serial_of(2)]
    assert (await office.get(f"/registrations/{ztdids[2]}"))["serialNumber"] == serial_of(31)
    await office.edit(31, assignedUser=office.upn("adele"), addressableUserName="Adele")
    edited = await office.registration(31)
    assert (edited["assignedUser"], edited["addressableUserName"]) == (office.upn("adele"), "Adele")
    unassigned = await office.edit(31, assignedUser="")
    assert (unassigned["assignedUser"], unassigned["addressableUserName"]) == ("", "")


# --- editing ------------------------------------------------------------------------------------------------


async def test_autopilot_031_device_name_group_tag_and_user_can_be_changed_later(office: Office) -> None:
    await office.apply(users=[{"upn": name, "displayName": name.title()} for name in ("adele", "diego")])
    await office.register(1, tag="sales", user=office.upn("adele"))
    await office.edit(1, deviceName="FRONT-DESK-1", groupTag="kiosk", assignedUser=office.upn("diego"))
    edited = await office.registration(1)
    assert (edited["deviceName"], edited["groupTag"]) == ("FRONT-DESK-1", "kiosk")
    assert edited["assignedUser"] == office.upn("diego")
    with pytest.raises(Refused, match="15"):
        await office.edit(1, deviceName="LONGER-THAN-15-X")
    assert await office.registration(1) == edited


async def test_autopilot_125_a_user_without_licence_cannot_be_assigned(office: Office) -> None:
    await office.apply(users=[{"upn": "johanna", "displayName": "Johanna Lorenz", "licensed": False}])
    await office.register(1)
    with pytest.raises(Refused, match="licence") as refused:
        await office.edit(1, assignedUser=office.upn("johanna"))
    assert refused.value.code == "UserNotLicensed"
    assert (await office.registration(1))["assignedUser"] == ""


# --- the end ------------------------------------------------------------------------------------------------


async def test_autopilot_032_the_directory_device_of_a_registration_cannot_be_deleted(
    office: Office,
) -> None:
    (ztdid,) = await office.register(1)
    (device,) = await office.values("/devices")
    with pytest.raises(Refused) as refused:
        await office.delete(f"/devices/{device['id']}")
    assert (refused.value.status, refused.value.code) == (409, "DeviceProtected")
    assert "autopilot" in str(refused.value).lower()
    assert await office.values("/devices") == [device]
    await office.delete(f"/registrations/{ztdid}", keepDirectoryDevice="true")
    await office.delete(f"/devices/{device['id']}")
    assert await office.values("/devices") == []


async def test_autopilot_033_deregistering_takes_one_step_and_keeps_the_device_only_if_asked(
    office: Office,
) -> None:
    kept, gone = await office.register(1, 2, tag="sales")
    await office.delete(f"/registrations/{kept}", keepDirectoryDevice="true")
    await office.delete(f"/registrations/{gone}")
    assert await office.values("/registrations") == []
    (device,) = await office.values("/devices")
    assert (device["displayName"], device["physicalIds"]) == (serial_of(1), [])
    assert (await present(office, 1))["recognition"] == "notRegistered"
    fabrikam = await office.neighbour("Fabrikam")
    await fabrikam.register(1, 2)


# --- hardware -----------------------------------------------------------------------------------------------


async def test_autopilot_035_a_new_disk_still_matches(office: Office) -> None:
    (ztdid,) = await office.register(1)
    found = await present(office, 1, disk_serials=("A-NEW-DISK",))
    assert (found["recognition"], found["registrationId"]) == ("registered", ztdid)
    assert found["differing"] == ["disk"]
    assert (await office.registration(1))["remediationState"] == "noRemediationRequired"


async def test_autopilot_035_a_new_board_does_not_match_and_shows_fix_pending(office: Office) -> None:
    (ztdid,) = await office.register(1)
    found = await present(office, 1, **NEW_BOARD)
    assert (found["recognition"], found["registrationId"]) == ("fixPending", ztdid)
    assert (await office.registration(1))["remediationState"] == "automaticRemediationRequired"


async def test_autopilot_036_fix_pending_ends_when_somebody_confirms_the_repair(office: Office) -> None:
    (ztdid,) = await office.register(1)
    await present(office, 1, **NEW_BOARD)
    (shown,) = (await office.get(f"/registrations/{ztdid}/presentations"))["value"]
    assert {difference["evidence"] for difference in shown["differences"]} == {"ek", "uuid"}
    await office.post(f"/registrations/{ztdid}/presentations/{shown['id']}/confirm")
    assert (await office.registration(1))["remediationState"] == "noRemediationRequired"
    assert (await present(office, 1, **NEW_BOARD))["recognition"] == "registered"
    assert (await office.get(f"/registrations/{ztdid}/presentations"))["value"] == []


async def test_only_what_was_presented_can_be_confirmed_and_by_the_owner_alone(office: Office) -> None:
    (ztdid,) = await office.register(1)
    await present(office, 1, **NEW_BOARD)
    presentations = f"/registrations/{ztdid}/presentations"
    (shown,) = (await office.get(presentations))["value"]
    fabrikam = await office.neighbour("Fabrikam")
    for somebody, path, code in (
        (office, f"{presentations}/1/confirm", "PresentationNotFound"),
        (office, f"{presentations}/x/confirm", "BadId"),
        (fabrikam, f"{presentations}/{shown['id']}/confirm", "RegistrationNotFound"),
    ):
        with pytest.raises(Refused) as refused:
            await somebody.post(path)
        assert refused.value.code == code
    with pytest.raises(Refused, match="RegistrationNotFound"):
        await fabrikam.get(presentations)
    assert (await office.registration(1))["remediationState"] == "automaticRemediationRequired"


async def test_autopilot_036_attention_required_lasts_until_the_device_is_registered_anew(
    office: Office,
) -> None:
    (ztdid,) = await office.register(1)
    stranger = hash_text(9, serial=serial_of(1))
    found = await office.post("/registrations/match", {"hardwareHash": stranger})
    assert found["recognition"] == "attentionRequired"
    assert (await office.registration(1))["remediationState"] == "manualRemediationRequired"
    await office.delete(f"/registrations/{ztdid}")
    await office.import_csv(device_list(f"{serial_of(1)},,{stranger},,"))
    found = await office.post("/registrations/match", {"hardwareHash": stranger})
    assert found["recognition"] == "registered"
    assert (await office.registration(1))["remediationState"] == "noRemediationRequired"


# --- conversion ---------------------------------------------------------------------------------------------


async def test_autopilot_039_switching_conversion_off_deregisters_nothing(office: Office) -> None:
    converting = {"name": "Standard", "hardwareHashExtractionEnabled": True, "assign": [{"all": "devices"}]}
    await office.apply(profiles=[converting])
    await office.register(1, 2)
    before = await office.values("/devices")
    await office.apply(profiles=[{**converting, "hardwareHashExtractionEnabled": False}])
    assert [await office.profile_of(number) for number in (1, 2)] == ["Standard", "Standard"]
    await office.apply(profiles=[{"name": "Standard", "assign": []}])
    assert len(await office.values("/registrations")) == 2
    assert await office.values("/devices") == before


# --- the same transaction -----------------------------------------------------------------------------------


@both_databases
async def test_autopilot_059_a_new_group_tag_answers_with_the_new_groups_and_profile(office: Office) -> None:
    await office.apply(
        groups=[{"name": tag, "rule": TAGGED.format(tag)} for tag in ("sales", "kiosk")]
        + [{"name": "All", "rule": ALL_REGISTERED}],
        profiles=[{"name": f"For {tag}", "assign": [{"group": tag}]} for tag in ("sales", "kiosk")],
    )
    await office.register(1, 2, tag="sales")
    edited = await office.edit(1, groupTag="kiosk")
    assert edited["profile"]["name"] == "For kiosk"
    assert [await office.members(group) for group in ("sales", "kiosk", "All")] == [
        [serial_of(2)],
        [serial_of(1)],
        [serial_of(1), serial_of(2)],
    ]
    assert await office.profile_of(2) == "For sales"
