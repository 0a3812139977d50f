"""Assignment filters: their names, rules and use."""

from __future__ import annotations

import pytest

from reseal.assignment import service
from reseal.directory.rules import RuleError
from reseal.kernel.errors import Conflict, Invalid, NotFound
from tests.store.assignment.world import APP, ESP, POLICY, World, all_devices, include

RULE = 'device.model -startsWith "Latitude"'


async def test_created_filter_is_found_by_key_public_id_and_name(world: World) -> None:
    made = await world.do(
        lambda tx: service.create_filter(tx, world.tenant, "  Latitude ", RULE, description=" Laptops ")
    )
    assert (made.name, made.description, made.rule) == ("Latitude", "Laptops", RULE)
    read = world.database.read
    assert await read(service.filter_by_id, world.tenant, made.id) == made
    assert await read(service.filter_by_uuid, world.tenant, made.uuid) == made
    assert await read(service.filter_by_name, world.tenant, "LATITUDE") == made


async def test_rule_that_cannot_be_used_is_refused_with_its_position(world: World) -> None:
    with pytest.raises(RuleError) as caught:
        await world.filter("Bad", 'device.colour -eq "red"')
    assert (caught.value.code, caught.value.position) == ("AttributeNotSupported", 0)


async def test_name_is_needed_and_taken_once_in_any_case(world: World) -> None:
    first = await world.filter("Latitude", RULE)
    with pytest.raises(Invalid, match="no display name"):
        await world.filter(" ", RULE)
    with pytest.raises(Conflict) as caught:
        await world.filter("LATITUDE", RULE)
    assert caught.value.code == "FilterNameTaken"
    await world.filter("Other", RULE)
    with pytest.raises(Conflict):
        await world.do(lambda tx: service.update_filter(tx, world.tenant, first, name="other"))
    renamed = await world.do(lambda tx: service.update_filter(tx, world.tenant, first, name="latitude"))
    assert renamed.name == "latitude"


async def test_the_same_name_in_another_organisation(world: World) -> None:
    other = await World.open(world.database, world.announced, "fabrikam.test")
    await world.filter("Latitude", RULE)
    theirs = await other.filter("Latitude", RULE)
    with pytest.raises(NotFound):
        await world.database.read(service.filter_by_id, world.tenant, theirs)


async def test_update_changes_what_is_given_and_nothing_else(world: World) -> None:
    key = await world.filter("Latitude", RULE)
    before = await world.database.read(service.filter_by_id, world.tenant, key)
    again = await world.do(lambda tx: service.update_filter(tx, world.tenant, key, name="Latitude"))
    assert again == before
    rule = 'device.model -eq "OptiPlex"'
    after = await world.do(
        lambda tx: service.update_filter(tx, world.tenant, key, rule=rule, description="Tower")
    )
    assert (after.name, after.rule, after.description) == ("Latitude", rule, "Tower")
    assert await world.database.read(service.filter_by_id, world.tenant, key) == after
    with pytest.raises(RuleError):
        await world.do(lambda tx: service.update_filter(tx, world.tenant, key, rule="device.model"))


async def test_rule_of_a_filter_used_by_an_esp_must_stay_allowed_there(world: World) -> None:
    key = await world.filter("Latitude", RULE)
    hidden = 'device.deviceName -startsWith "PC"'
    await world.aim(ESP, all_devices(ESP, key))
    with pytest.raises(RuleError, match="deviceName"):
        await world.do(lambda tx: service.update_filter(tx, world.tenant, key, rule=hidden))
    await world.aim(ESP)
    await world.aim(APP, all_devices(APP, key))
    assert (
        await world.do(lambda tx: service.update_filter(tx, world.tenant, key, rule=hidden))
    ).rule == hidden


async def test_filter_in_use_is_not_deleted_and_names_its_items(world: World) -> None:
    key = await world.filter("Latitude", RULE)
    group = await world.group("Pilot")
    await world.aim(APP, include(APP, group, key), all_devices(APP, key))
    await world.aim(POLICY, all_devices(POLICY, key))
    with pytest.raises(service.FilterInUse, match="Latitude") as caught:
        await world.do(lambda tx: service.delete_filter(tx, world.tenant, key))
    assert caught.value.items == (APP, POLICY)
    assert "app:70, policy:30" in caught.value.message
    await world.aim(APP)
    await world.aim(POLICY)
    await world.do(lambda tx: service.delete_filter(tx, world.tenant, key))
    with pytest.raises(NotFound) as gone:
        await world.database.read(service.filter_by_id, world.tenant, key)
    assert gone.value.code == "FilterNotFound"


async def test_filters_are_listed_by_name_page_by_page(world: World) -> None:
    for name in ("beta", "Alpha", "Gamma"):
        await world.filter(name, RULE)
    first = await world.database.read(service.list_filters, world.tenant, limit=2)
    assert [found.name for found in first.items] == ["Alpha", "beta"]
    rest = await world.database.read(service.list_filters, world.tenant, after=first.next)
    assert ([found.name for found in rest.items], rest.next) == (["Gamma"], None)


async def test_every_edit_is_logged(world: World) -> None:
    import sqlalchemy as sa

    key = await world.filter("Latitude", RULE)
    await world.do(lambda tx: service.update_filter(tx, world.tenant, key, name="Laptops", actor="anna"))
    await world.do(lambda tx: service.delete_filter(tx, world.tenant, key, actor="anna"))
    statement = sa.text("SELECT kind, actor FROM event WHERE subject_kind = 'filter' ORDER BY id")
    rows = await world.database.read(lambda tx: tx.rows(statement))
    assert [tuple(row) for row in rows] == [
        ("assignment.filter_created", "system"),
        ("assignment.filter_changed", "anna"),
        ("assignment.filter_deleted", "anna"),
    ]
