"""Who may join devices and whose devices enrol, as the server decides it.

A device is not there yet: what it would be answered is asked of the API. Where a check speaks of the device
itself, it is shown in part.
"""

from __future__ import annotations

from uuid import UUID

import pytest

from reseal.directory.devices import create_devices, update_device
from reseal.directory.model import NewDevice, TrustType
from reseal.directory.tenants import tenant_by_uuid
from reseal.directory.users import find_user
from reseal.kernel.db import Tx
from tests.conformance.office import ALL_REGISTERED, Office, Refused, device_list, row

PEOPLE = [
    {"upn": "adele", "displayName": "Adele Vance", "department": "Sales"},
    {"upn": "diego", "displayName": "Diego Siciliani", "department": "Engineering"},
    {"upn": "johanna", "displayName": "Johanna Lorenz", "licensed": False},
]


async def may_join(office: Office, name: str) -> bool:
    """Whether a user may join a device now."""
    return bool((await office.decision(name, "may-join"))["allowed"])


async def may_enroll(office: Office, name: str) -> bool:
    """Whether the device of a user may enrol now."""
    return bool((await office.decision(name, "may-enroll"))["allowed"])


# --- automatic enrolment ------------------------------------------------------------------------------------


async def test_autopilot_001_scope_none_lets_join_refuses_enrolment_and_is_named(office: Office) -> None:
    await office.apply(users=PEOPLE, settings={"mdmScope": "none"})
    assert await may_join(office, "adele")
    decision = await office.decision("adele", "may-enroll")
    assert not decision["allowed"]
    assert "MDM user scope is None" in decision["message"]
    assert decision["deviceCode"] == "0x8018002B"
    assert decision["remedy"]


async def test_autopilot_002_scope_some_enrols_members_and_lets_everybody_join(office: Office) -> None:
    await office.apply(
        users=PEOPLE,
        groups=[{"name": "Pilots", "members": ["adele"]}],
        settings={"mdmScope": "some", "mdmScopeGroups": ["Pilots"]},
    )
    assert [await may_enroll(office, name) for name in ("adele", "diego")] == [True, False]
    assert [await may_join(office, name) for name in ("adele", "diego")] == [True, True]


async def test_autopilot_003_scope_all_enrols_every_licensed_user(office: Office) -> None:
    await office.apply(users=PEOPLE, settings={"mdmScope": "all"})
    names = ("adele", "diego", "johanna")
    assert [await may_enroll(office, name) for name in names] == [True, True, False]


async def test_autopilot_004_the_mdm_addresses_are_seen_edited_and_put_back(office: Office) -> None:
    standard = (await office.get("/tenant"))["mdmUrls"]
    assert {address["name"] for address in standard} == {"discovery", "termsOfUse", "compliance"}
    assert all(address["url"].startswith("https://") and address["isDefault"] for address in standard)

    own = {name: f"https://mdm.contoso.example/{name}" for name in ("discovery", "termsOfUse", "compliance")}
    await office.apply(settings={"mdmUrls": own})
    edited = (await office.get("/tenant"))["mdmUrls"]
    assert {address["name"]: address["url"] for address in edited} == own
    assert not any(address["isDefault"] for address in edited)

    await office.apply(settings={"mdmUrls": dict.fromkeys(own, "")})
    assert (await office.get("/tenant"))["mdmUrls"] == standard


async def test_autopilot_005_without_a_licence_enrolment_is_refused_and_the_licence_named(
    office: Office,
) -> None:
    await office.apply(users=PEOPLE, settings={"mdmScope": "all"})
    decision = await office.decision("johanna", "may-enroll")
    assert (decision["allowed"], decision["code"]) == (False, "0x80180018")
    assert "licence" in decision["message"]
    await office.apply(users=[{"upn": "johanna", "displayName": "Johanna Lorenz", "licensed": True}])
    assert await may_enroll(office, "johanna")


# --- joining ------------------------------------------------------------------------------------------------


async def test_autopilot_007_all_selected_and_none_each_rule_the_very_next_decision(office: Office) -> None:
    await office.apply(users=PEOPLE, settings={"joinAllowed": "all"})
    assert [await may_join(office, name) for name in ("adele", "diego")] == [True, True]
    await office.apply(settings={"joinAllowed": "selected", "joinSelected": {"users": ["adele"]}})
    assert [await may_join(office, name) for name in ("adele", "diego")] == [True, False]
    await office.apply(settings={"joinAllowed": "none"})
    assert [await may_join(office, name) for name in ("adele", "diego")] == [False, False]
    await office.apply(settings={"joinAllowed": "all"})
    assert [await may_join(office, name) for name in ("adele", "diego")] == [True, True]


async def test_autopilot_008_who_is_not_among_the_selected_gets_801c0003(office: Office) -> None:
    await office.apply(
        users=PEOPLE,
        groups=[{"name": "Engineers", "rule": 'user.department -eq "Engineering"'}],
        settings={"joinAllowed": "selected", "joinSelected": {"groups": ["Engineers"]}},
    )
    refused = await office.decision("adele", "may-join")
    assert (refused["allowed"], refused["code"]) == (False, "801c0003")
    assert "Selected" in refused["message"]
    assert await may_join(office, "diego")


async def test_autopilot_009_the_51st_device_gets_801c0003_until_the_quota_is_raised(office: Office) -> None:
    await office.apply(users=PEOPLE, settings={"userDeviceQuota": 50})
    await give_devices(office, "adele", 49)
    assert await may_join(office, "adele")
    await give_devices(office, "adele", 1)
    refused = await office.decision("adele", "may-join")
    assert (refused["allowed"], refused["code"]) == (False, "801c0003")
    assert "50 of 50" in refused["message"]
    assert await may_join(office, "diego")
    await office.apply(settings={"userDeviceQuota": 51})
    assert await may_join(office, "adele")


async def give_devices(office: Office, name: str, count: int) -> None:
    """Devices that a user has joined; joining itself is not there yet."""

    def unit(tx: Tx) -> None:
        tenant = tenant_by_uuid(tx, UUID(office.id)).id
        user = find_user(tx, tenant, office.upn(name))
        assert user is not None
        for device in create_devices(tx, tenant, [NewDevice(f"PC-{n}") for n in range(count)]):
            update_device(tx, tenant, device.id, trust_type=TrustType.AZURE_AD, owner_user_id=user.id)

    await office.database.write(unit)


async def test_autopilot_010_nobody_being_selected_is_no_objection_to_the_technician_flow(
    office: Office,
) -> None:
    ready = {"mdmScope": "all", "allowVirtualTpm": True}
    await office.apply(
        users=PEOPLE,
        settings={**ready, "joinAllowed": "selected", "joinSelected": {}},
        profiles=[{"name": "Standard", "preprovisioningAllowed": True, "assign": [{"all": "devices"}]}],
        enrollmentStatusPages=[{"default": {"showInstallationProgress": True}}],
    )
    assert not await may_join(office, "adele")
    (verdict,) = (await office.import_csv(device_list(row(1)))).verdicts
    assert verdict["ready"]
    await office.apply(settings={"mdmScope": "none"})
    (verdict,) = (await office.import_csv(device_list(row(2)))).verdicts
    assert not verdict["ready"]


async def test_autopilot_011_users_and_user_groups_can_be_selected_a_device_group_cannot(
    office: Office,
) -> None:
    groups = [
        {"name": "Pilots", "members": ["diego"]},
        {"name": "All Autopilot devices", "rule": ALL_REGISTERED},
    ]
    chosen = {"users": ["adele"], "groups": ["Pilots"]}
    await office.apply(
        users=PEOPLE, groups=groups, settings={"joinAllowed": "selected", "joinSelected": chosen}
    )
    assert [await may_join(office, name) for name in ("adele", "diego", "johanna")] == [True, True, False]
    with pytest.raises(Refused, match="All Autopilot devices") as refused:
        await office.apply(settings={"joinSelected": {"groups": ["All Autopilot devices"]}})
    assert [detail["code"] for detail in refused.value.details] == ["NotAGroupOfUsers"]
    assert [await may_join(office, name) for name in ("adele", "diego")] == [True, True]
