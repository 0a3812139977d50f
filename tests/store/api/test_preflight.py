"""Preflight of everything that is registered, as programs ask for it."""

from __future__ import annotations

import pytest

from tests.conformance.office import Office, both_databases, serial_of

pytestmark = pytest.mark.anyio


@both_databases
async def test_every_registration_is_told_with_what_stands_against_it_now(office: Office) -> None:
    await office.register(1, 2, tag="sales")
    (other,) = await office.register(3)

    found = await office.values("/preflight", top="2")
    assert [one["serialNumber"] for one in found] == [serial_of(number) for number in (1, 2, 3)]
    assert found[2]["registrationId"] == other
    for one in found:
        objections = {each["code"]: each for each in one["objections"]}
        assert not one["ready"]
        assert one["profile"]["reason"]
        assert objections["0x8018002B"]["severity"] == "blocks"
        assert objections["0x8018002B"]["remedy"].startswith("Set the MDM user scope")

    await office.apply(settings={"mdmScope": "all"})
    (looked_at,) = await office.values("/preflight", serial=serial_of(1))
    assert "0x8018002B" not in {each["code"] for each in looked_at["objections"]}


async def test_only_those_with_a_group_tag_and_only_ones_own(office: Office) -> None:
    await office.register(1, tag="sales")
    await office.register(2)
    neighbour = await office.neighbour("Fabrikam")
    await neighbour.register(3, tag="sales")

    assert [one["serialNumber"] for one in await office.values("/preflight", groupTag="sales")] == [
        serial_of(1)
    ]
    assert [one["serialNumber"] for one in await neighbour.values("/preflight")] == [serial_of(3)]
