"""Directory devices."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from reseal.directory.changes import DEVICE_CHANGED, DEVICES_REMOVED
from reseal.directory.devices import (
    count_joined,
    create_devices,
    delete_device,
    delete_devices,
    device_by_device_id,
    device_by_id,
    device_by_uuid,
    devices_by_id,
    devices_of_user,
    list_devices,
    set_many_physical_ids,
    set_physical_ids,
    update_device,
)
from reseal.directory.members import add_member, count_members
from reseal.directory.model import MemberKind, NewDevice, ProfileType, TrustType
from reseal.kernel.changes import Reactor
from reseal.kernel.errors import Conflict, Invalid, NotFound

ZTDID = "[ZTDID]:6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11"


@pytest.fixture
def reactors(heard) -> tuple[Reactor, ...]:
    """A listener in the place of the membership reactor, to hear what devices announce."""
    return (Reactor("listener", frozenset({DEVICE_CHANGED, DEVICES_REMOVED}), heard.react),)


async def announced(contoso, unit, *args, **kwargs) -> dict[int, frozenset[str]]:
    """The devices that a unit announces as changed, with the attributes."""
    changes = []

    def settle(tx, tenant):
        unit(tx, tenant, *args, **kwargs)
        changes.extend(tx.settle())

    await contoso.write(settle)
    return {
        key: change.attributes for change in changes for key in change.ids if change.kind == DEVICE_CHANGED
    }


async def test_a_new_device_is_enabled_not_yet_joined_and_found(contoso, clock):
    laptop = await contoso.device(
        "PF0001", ZTDID, attributes={"deviceModel": "X1"}, protected_by="Windows Autopilot"
    )
    assert (laptop.enabled, laptop.trust_type, laptop.is_managed, laptop.is_compliant) == (
        True,
        None,
        False,
        None,
    )
    assert laptop.physical_ids == (ZTDID,)
    assert laptop.profile_type is ProfileType.REGISTERED_DEVICE
    assert laptop.uuid != laptop.device_id
    assert laptop.created_at == clock.now()
    assert await contoso.read(device_by_id, laptop.id) == laptop
    assert await contoso.read(device_by_uuid, laptop.uuid) == laptop
    assert await contoso.read(device_by_device_id, laptop.device_id) == laptop
    assert await contoso.read(devices_by_id, [laptop.id, 7]) == {laptop.id: laptop}
    assert await contoso.events("device.created") == [{"display_name": "PF0001", "physical_ids": [ZTDID]}]


@pytest.mark.parametrize(
    "find, what", [(device_by_id, 7), (device_by_uuid, UUID(int=7)), (device_by_device_id, UUID(int=7))]
)
async def test_an_unknown_device_is_not_found(contoso, find, what):
    with pytest.raises(NotFound) as refusal:
        await contoso.read(find, what)
    assert refusal.value.code == "DeviceNotFound"


async def test_many_devices_are_created_in_order_each_with_its_event(contoso):
    new = [NewDevice(f"PC{number}") for number in (3, 1, 2)]
    made = await contoso.write(create_devices, new)
    assert [one.display_name for one in made] == ["PC3", "PC1", "PC2"]
    assert await contoso.read(devices_by_id, [one.id for one in made]) == {one.id: one for one in made}
    told = await contoso.events("device.created")
    assert [one["display_name"] for one in told] == ["PC3", "PC1", "PC2"]


async def test_one_unfit_device_keeps_all_out(contoso):
    with pytest.raises(Invalid):
        await contoso.write(create_devices, [NewDevice("PC1"), NewDevice("PC2", ["Berlin"])])
    assert (await contoso.read(list_devices)).items == ()


async def test_an_edit_announces_the_names_that_rules_know(contoso):
    laptop = await contoso.device("PF0001", attributes={"deviceModel": "X1", "deviceCategory": "Kiosk"})
    lee = await contoso.user("Lee")
    changes = {
        "display_name": "DESKTOP-1",
        "enabled": False,
        "trust_type": TrustType.AZURE_AD,
        "profile_type": ProfileType.SHARED,
        "is_managed": True,
        "is_compliant": False,
        "owner_user_id": lee.id,
        "physical_ids": [ZTDID],
        "attributes": {"deviceModel": "X2", "deviceOSType": "Windows", "deviceCategory": None},
    }
    assert await announced(contoso, update_device, laptop.id, **changes) == {
        laptop.id: {
            "displayName",
            "accountEnabled",
            "deviceTrustType",
            "profileType",
            "isManaged",
            "isCompliant",
            "owner",
            "devicePhysicalIds",
            "deviceModel",
            "deviceOSType",
            "deviceCategory",
        }
    }
    edited = await contoso.read(device_by_id, laptop.id)
    assert edited.attributes == {"deviceModel": "X2", "deviceOSType": "Windows"}
    assert (edited.trust_type, edited.profile_type) == (TrustType.AZURE_AD, ProfileType.SHARED)
    assert edited.owner_user_id == lee.id
    assert await announced(contoso, update_device, laptop.id, **changes) == {}
    (told,) = await contoso.events("device.changed")
    assert told["owner"] == {"from": None, "to": str(lee.uuid)}
    assert told["display_name"] == {"from": "PF0001", "to": "DESKTOP-1"}


async def test_only_what_is_new_to_rules_is_announced(contoso):
    laptop = await contoso.device("PF0001")
    assert await announced(contoso, update_device, laptop.id, protected_by="Windows Autopilot") == {}
    assert (await contoso.read(device_by_id, laptop.id)).protected_by == "Windows Autopilot"


async def test_an_owner_exists(contoso):
    laptop = await contoso.device("PF0001")
    with pytest.raises(NotFound):
        await contoso.write(update_device, laptop.id, owner_user_id=7)


async def test_changed_physical_ids_are_told_before_and_after(contoso):
    laptop = await contoso.device("PF0001", "[OrderID]:Berlin")
    await contoso.write(set_physical_ids, laptop.id, ["[OrderID]:Paris"])
    assert (await contoso.read(device_by_id, laptop.id)).physical_ids == ("[OrderID]:Paris",)
    assert await contoso.events("device.physical_ids_changed") == [
        {"physical_ids": {"from": ["[OrderID]:Berlin"], "to": ["[OrderID]:Paris"]}}
    ]


async def test_the_physical_ids_of_many_devices_change_at_once(contoso):
    made = await contoso.write(
        create_devices, [NewDevice(f"PC{number}", ["[HWID]:h:1"]) for number in range(3)]
    )
    wanted = {made[0].id: ["[OrderID]:A"], made[1].id: ["[HWID]:h:1"], made[2].id: [], 7: ["[OrderID]:B"]}
    assert await announced(contoso, set_many_physical_ids, wanted) == {
        made[0].id: {"devicePhysicalIds"},
        made[2].id: {"devicePhysicalIds"},
    }
    found = await contoso.read(devices_by_id, [one.id for one in made])
    assert [one.physical_ids for one in found.values()] == [("[OrderID]:A",), ("[HWID]:h:1",), ()]
    told = await contoso.events("device.physical_ids_changed")
    assert [one["physical_ids"]["to"] for one in told] == [["[OrderID]:A"], []]
    assert await announced(contoso, set_many_physical_ids, wanted) == {}


async def test_one_unfit_physical_id_changes_nothing(contoso):
    laptop = await contoso.device("PF0001", "[OrderID]:A")
    with pytest.raises(Invalid):
        await contoso.write(set_many_physical_ids, {laptop.id: ["Berlin"]})
    assert (await contoso.read(device_by_id, laptop.id)).physical_ids == ("[OrderID]:A",)


async def test_a_protected_device_is_not_deleted_and_the_reason_is_told(contoso):
    laptop = await contoso.device("PF0001", protected_by="Windows Autopilot")
    for released_by in (None, "Intune"):
        with pytest.raises(Conflict, match=r"PF0001 .*Windows Autopilot") as refusal:
            await contoso.write(delete_device, laptop.id, released_by=released_by)
        assert refusal.value.code == "DeviceProtected"
        assert "Windows Autopilot" in refusal.value.remedy
    await contoso.write(delete_device, laptop.id, released_by="Windows Autopilot")
    with pytest.raises(NotFound):
        await contoso.read(device_by_id, laptop.id)


async def test_all_protected_devices_are_named_and_none_of_the_others_goes(contoso):
    free = await contoso.device("FREE")
    held = [await contoso.device(name, protected_by="Windows Autopilot") for name in ("B", "A")]
    with pytest.raises(Conflict) as refusal:
        await contoso.write(delete_devices, [free.id, *(one.id for one in held)])
    assert [detail.where for detail in refusal.value.details] == [str(one.uuid) for one in held]
    assert await contoso.read(device_by_id, free.id) == free


async def test_deleted_devices_leave_their_groups(contoso, heard):
    hand = await contoso.group("Hand")
    made = await contoso.write(create_devices, [NewDevice("A"), NewDevice("B"), NewDevice("C")])
    for one in made:
        await contoso.write(add_member, hand.id, MemberKind.DEVICE, one.id)
    heard.take()
    await contoso.write(delete_devices, [made[0].id, made[1].id, 7])
    assert heard.take() == {DEVICES_REMOVED: {made[0].id, made[1].id}}
    assert (await contoso.read(count_members, hand.id))[MemberKind.DEVICE] == 1
    assert [one.display_name for one in (await contoso.read(list_devices)).items] == ["C"]
    assert [one["display_name"] for one in await contoso.events("device.deleted")] == ["A", "B"]


async def test_deleting_an_unknown_device_is_an_error(contoso):
    with pytest.raises(NotFound):
        await contoso.write(delete_device, 7)


async def test_devices_page_by_name_and_are_searched(contoso):
    await contoso.write(create_devices, [NewDevice(name) for name in ["pf2", "PF10", "PF1", "Kiosk"]])
    first = await contoso.read(list_devices, limit=3)
    assert [one.display_name for one in first.items] == ["Kiosk", "PF1", "PF10"]
    rest = await contoso.read(list_devices, after=first.next)
    assert [one.display_name for one in rest.items] == ["pf2"]
    found = await contoso.read(list_devices, search="pF1")
    assert [one.display_name for one in found.items] == ["PF1", "PF10"]


async def test_joined_and_registered_devices_count_towards_the_quota(contoso):
    lee = await contoso.user("Lee")
    made = await contoso.write(create_devices, [NewDevice(f"PC{number}") for number in range(5)])
    trusts = [TrustType.AZURE_AD, TrustType.WORKPLACE, TrustType.SERVER_AD, None]
    for one, trust in zip(made, trusts, strict=False):
        await contoso.write(update_device, one.id, owner_user_id=lee.id, trust_type=trust)
    assert await contoso.read(count_joined, lee.id) == 2
    owned = await contoso.read(devices_of_user, lee.id)
    assert [one.display_name for one in owned] == ["PC0", "PC1", "PC2", "PC3"]


async def test_attributes_changed_at_the_same_time_are_both_kept(contoso):
    laptop = await contoso.device("PF0001")
    names = [f"extensionAttribute{number}" for number in range(1, 13)]
    edits = [contoso.database.write(_set_attribute, contoso.tenant.id, laptop.id, name) for name in names]
    await asyncio.gather(*edits)
    assert (await contoso.read(device_by_id, laptop.id)).attributes == dict.fromkeys(names, "x")


def _set_attribute(tx, tenant, key, name):
    update_device(tx, tenant, key, attributes={name: "x"})
