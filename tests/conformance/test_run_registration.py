"""Registrations, and what becomes of them when a device comes: whole runs.

The lists are the API's; what the device makes of it is read from its pages and its disk.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reseal.device.hardware import Hardware, sample_laptop
from reseal.device.oobe.context import EndingKind
from reseal.device.screens import ScreenId
from reseal.rehearsal.administrator import Refused
from tests.support.rehearsing import DEVICES, Stage, Visit, policy, stage, virtual

DESKTOP = EndingKind.DESKTOP
RESEALED = EndingKind.POWERED_OFF_RESEALED
LOCK = "Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"


async def devices(s: Stage) -> list[dict[str, Any]]:
    """The directory devices."""
    found: list[dict[str, Any]] = (await s.world.admin.json("GET", "/devices"))["value"]
    return found


def words(visit: Visit) -> str:
    """Everything that a person could read during a visit."""
    return " ".join(str(page) for page in visit.seen)


# --- 30: both lists -----------------------------------------------------------------------------------------


@virtual
async def test_autopilot_030_both_lists_show_it_and_enrolment_adds_management_and_host_name() -> None:
    async with stage(profile={"deviceNameTemplate": "CON-%SERIAL%"}) as s:
        registration = await s.registration()
        assert registration["serialNumber"] == s.hardware.serial
        (before,) = await devices(s)
        assert (before["displayName"], before["isManaged"]) == (s.hardware.serial, False)
        await s.technician()
        (after,) = await devices(s)
        assert (after["id"], after["isManaged"]) == (before["id"], True)
        name = after["displayName"]
        assert name.startswith("CON-")
        assert len(name) <= 15
        assert s.hardware.serial.endswith(name.removeprefix("CON-"))
        assert s.value("./DevDetail/Ext/Microsoft/DeviceName") == name
        enrolment = (await s.standing()).enrolment
        assert enrolment is not None
        assert enrolment.device_name == name
        assert (await s.row()).device_name == name


# --- 32, 33: the end of a registration ----------------------------------------------------------------------


@virtual
async def test_autopilot_032_the_directory_device_is_protected_and_without_it_0x801c03f3() -> None:
    async with stage(profile={"preprovisioningAllowed": False}) as s:
        (device,) = await devices(s)
        with pytest.raises(Refused, match="autopilot") as refused:
            await s.world.admin.json("DELETE", f"/devices/{device['id']}")
        assert refused.value.code == "DeviceProtected"

        async def lose_it() -> None:
            """The device has joined; now its directory device goes with its registration."""
            await s.apply(profiles=[{"name": "Standard", "preprovisioningAllowed": True, "assign": DEVICES}])
            await s.world.admin.json("DELETE", f"/registrations/{(await s.registration())['id']}")
            assert await devices(s) == []
            await s.register()

        visit = await s.technician(before={ScreenId.RED: [lose_it]}, retries=1)
        assert [page.code for page in visit.pages(ScreenId.RED)][-1] == "0x801C03F3"
        assert "Register the device anew" in visit.last(ScreenId.RED).texts[1]
        again = await s.technician(resets=1)
        assert again.ending.kind is RESEALED
        assert [one["isManaged"] for one in await devices(s)] == [True]


@pytest.mark.parametrize("kept", [True, False])
@virtual
async def test_autopilot_033_deregistering_keeps_or_removes_the_managed_device_as_asked(kept: bool) -> None:
    async with stage(policies=[policy("Lock", LOCK, 10)]) as s:
        await s.technician()
        await s.user("adele")
        enrolment = (await s.standing()).enrolment
        assert enrolment is not None
        path = f"/registrations/{(await s.registration())['id']}"
        await s.world.admin.json("DELETE", f"{path}?keepDirectoryDevice={str(kept).lower()}")
        await s.apply(policies=[policy("Lock", LOCK, 5)])
        assert [(one["isManaged"], one["physicalIds"]) for one in await devices(s)] == (
            [(True, [])] if kept else []
        )
        visit = await s.user("adele")
        if kept:
            assert visit.ending.kind is DESKTOP, "whoever works with the device goes on"
            assert s.value(LOCK) == "5"
        else:
            assert s.value(LOCK) != "5"
        s.disk.wipe()
        s.wire.clear()
        plain = await s.user("adele")
        asked = [ScreenId.LANGUAGE, ScreenId.REGION, ScreenId.KEYBOARD, ScreenId.SECOND_KEYBOARD]
        assert plain.screens[2:7] == [*asked, ScreenId.LICENCE_TERMS]
        assert ScreenId.SIGN_IN not in plain.screens
        assert "Contoso" not in words(plain)
        assert not [path for path in s.paths() if "oauth2" in path or "Enrollment" in path]


# --- 36: another mainboard ----------------------------------------------------------------------------------


OTHER = sample_laptop("contoso", 2)


def repair(s: Stage, repaired: Hardware) -> None:
    """The laptop comes back from repair: another mainboard with another TPM, and the same serial number."""
    s.disk.wipe()
    s.factory_number = 2
    s.hardware = repaired


async def remediation(s: Stage) -> str:
    """How the registration stands."""
    return str((await s.registration())["remediationState"])


@virtual
async def test_autopilot_036_fix_pending_ends_when_the_repair_is_confirmed_and_the_device_deploys() -> None:
    async with stage() as s:
        repair(s, replace(s.hardware, smbios_uuid=OTHER.smbios_uuid))
        visit = await s.technician()
        assert ScreenId.STATUS_PAGE not in visit.screens, "it is not the registered one"
        assert "Contoso" not in words(visit)
        assert await remediation(s) == "automaticRemediationRequired"
        path = f"/registrations/{(await s.registration())['id']}/presentations"
        (shown,) = (await s.world.admin.json("GET", path))["value"]
        assert {difference["evidence"] for difference in shown["differences"]} == {"ek", "uuid"}
        await s.world.admin.json("POST", f"{path}/{shown['id']}/confirm")
        assert await remediation(s) == "noRemediationRequired"
        assert (await s.technician()).ending.kind is RESEALED
        assert (await s.user("adele")).ending.kind is DESKTOP


@virtual
async def test_autopilot_036_attention_required_until_the_device_is_registered_anew() -> None:
    async with stage() as s:
        repair(s, replace(OTHER, serial=s.hardware.serial, model=s.hardware.model))
        visit = await s.technician()
        assert ScreenId.STATUS_PAGE not in visit.screens
        assert await remediation(s) == "manualRemediationRequired"
        await s.world.admin.json("DELETE", f"/registrations/{(await s.registration())['id']}")
        await s.register(factory_number=2)
        assert await remediation(s) == "noRemediationRequired"
        assert (await s.technician()).ending.kind is RESEALED
