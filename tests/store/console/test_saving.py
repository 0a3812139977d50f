"""What a save of the console costs and counts, in an organisation whose devices have a status page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reseal.assignment import facts
from reseal.server import wiring
from tests.conformance.office import ALL_REGISTERED, TAGGED, Office
from tests.store.api.callers import token_of

pytestmark = pytest.mark.anyio

_WRITES = (
    "User.ReadWrite.All",
    "Group.ReadWrite.All",
    "GroupMember.ReadWrite.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
)


async def _effect(office: Office, token: str, path: str, **typed: Any) -> str:
    """What a form of the console says beforehand: for how many devices it makes a difference."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = await office.http.request("POST", path, headers=headers, data=typed)
    assert answer.status_code == 200, answer.text
    (said,) = re.findall(r'<p class="effect">(.*?)</p>', answer.text)
    return str(said)


async def _settle(office: Office, tag: str = "") -> None:
    """A user, and a status page for every device with the tag, or for every device."""
    rule = TAGGED.format(tag) if tag else ALL_REGISTERED
    await office.apply(
        users=[{"upn": office.upn("adele"), "displayName": "Adele"}],
        groups=[{"name": "Those", "rule": rule}],
        enrollmentStatusPages=[{"name": "Shown", "assign": [{"group": "Those"}]}],
    )


async def test_what_a_save_costs_does_not_grow_with_the_devices(
    office: Office, parts: wiring.Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "BATCH", 4)  # so that twenty devices are many
    await _settle(office)
    token = await token_of(office, parts, _WRITES)
    path = f"/users/{(await office.user('adele'))['id']}"
    typed = {"upn": office.upn("adele"), "name": "Adele Vance", "licensed": "yes", "enabled": "yes"}

    async def statements() -> int:
        before = office.database.stats.statements
        assert await _effect(office, token, path, **typed) == "Nothing changes for any device."
        return office.database.stats.statements - before

    await office.register(1)
    of_one = await statements()
    await office.register(*range(2, 22))
    assert await statements() == of_one


async def test_devices_that_get_another_page_by_a_groups_rule_are_counted(
    office: Office, parts: wiring.Parts
) -> None:
    await _settle(office, tag="sales")
    await office.register(1, 2, tag="sales")
    await office.register(3, tag="lab")
    token = await token_of(office, parts, _WRITES)
    path = f"/groups/{(await office.group('Those'))['id']}"
    typed = {"name": "Those", "membership": "dynamicDevice", "rule": TAGGED.format("lab")}

    assert await _effect(office, token, f"{path}/edit", **typed) == "3 devices are affected."
    assert await _effect(office, token, f"{path}/delete") == "2 devices are affected."


async def test_a_device_that_is_deleted_is_counted_once(office: Office, parts: wiring.Parts) -> None:
    await _settle(office)
    first, _ = await office.register(1, 2)
    token = await token_of(office, parts, _WRITES)

    assert await _effect(office, token, "/devices/delete", device=first) == "1 device is affected."
