"""Dynamic groups follow their rules inside the transaction that changes a cause (spec/autopilot.md 3 and
12, 42-61).
"""

from __future__ import annotations

import pytest

from reseal.directory.devices import set_physical_ids

ALL_SPELLINGS = [
    '(device.devicePhysicalIDs -any (_ -startsWith "[ZTDid]"))',
    'device.devicePhysicalIDs -any _ -startsWith "[ZTDId]"',
    '(device.devicePhysicalIDs -any _ -contains "[ZTDId]")',
    '(device.devicePhysicalIds -any (_ -startsWith "[ZTDID]"))',
    "device.devicePhysicalIds -any _ -startsWith '[ztdid]'",
]
ZTDID = "[ZTDID]:6c2c9d2e-1f0a-4d5c-9f6b-0d6f3f1f5a11"


@pytest.mark.parametrize("rule", ALL_SPELLINGS)
async def test_every_spelling_of_the_rule_finds_the_registered_devices(contoso, rule):
    await contoso.device("PF0001", ZTDID, "[OrderID]:Berlin")
    await contoso.device("OTHER", "[OrderID]:Berlin")
    group = await contoso.device_group("Registered", rule)
    await contoso.device("PF0002", "[ZTDId]:0b8a7c6d-5e4f-4321-8fed-cba987654321")
    assert await contoso.devices_in(group) == ["PF0001", "PF0002"]


async def test_a_changed_tag_moves_the_device_in_the_same_transaction(contoso):
    berlin = await contoso.device_group(
        "Berlin", '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Berlin"))'
    )
    paris = await contoso.device_group("Paris", '(device.devicePhysicalIds -any (_ -eq "[OrderID]:Paris"))')
    laptop = await contoso.device("PF0001", ZTDID, "[OrderID]:berlin")
    assert await contoso.devices_in(berlin) == ["PF0001"]
    await contoso.write(set_physical_ids, laptop.id, [ZTDID, "[OrderID]:PARIS"])
    assert await contoso.devices_in(berlin) == []
    assert await contoso.devices_in(paris) == ["PF0001"]
