"""What an enrolment shall have, and how its deliveries follow (spec/autopilot.md 5.4, 6.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseal.assignment.model import Intent
from reseal.catalog.model import Body, CertificateStore, InstallContext
from reseal.catalog.service import delete_item, update_item
from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.managed.desired import items_of, save_items
from reseal.managed.model import MACHINE, ItemState
from tests.store.managed.world import (
    CAMERA,
    CORTANA,
    WALLPAPER,
    WIFI,
    World,
    app,
    certificate,
    policy,
)

USER_APP = app(9, InstallContext.USER)


async def test_what_is_assigned_to_devices_is_delivered_to_the_machine_at_once(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        world.item(tx, "Camera", policy(CAMERA, WALLPAPER), "devices")
        world.item(tx, "Root", certificate(), "devices")
        world.item(tx, "Issuing", certificate(CertificateStore.CA), "devices")
        world.item(tx, "Wi-Fi", WIFI, "devices")
        world.item(tx, "Agent", app(1), "devices")
        world.item(tx, "Notes", USER_APP, "devices")
        everything = {("", name) for name in ("Camera", "Root", "Issuing", "Wi-Fi", "Agent")}
        assert set(world.refresh(tx)) == everything
        found = world.refresh(tx, "adele")
        assert set(found) == {*everything, ("adele", "Camera"), ("adele", "Notes")}
        assert found["", "Camera"].digest != found["adele", "Camera"].digest
        assert all(one.state is ItemState.PENDING and one.required for one in found.values())

    await database.write(unit)


async def test_autopilot_126_of_what_a_user_is_assigned_only_apps_for_the_machine_come_before_the_user(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx, user="adele")
        sales = world.group(tx, "Sales", "adele")
        world.item(tx, "Agent", app(1), sales)
        world.item(tx, "Notes", USER_APP, sales)
        world.item(tx, "Wi-Fi", WIFI, sales)
        world.item(tx, "Camera", policy(CAMERA, WALLPAPER), sales)
        world.item(tx, "Root", certificate(), sales)
        world.item(tx, "Issuing", certificate(CertificateStore.CA), sales)
        assert set(world.refresh(tx)) == {("", "Agent")}
        assert set(world.refresh(tx, "adele")) == {
            ("", "Agent"),
            ("", "Camera"),
            ("", "Root"),
            ("adele", "Notes"),
            ("adele", "Wi-Fi"),
            ("adele", "Camera"),
            ("adele", "Issuing"),
        }

    await database.write(unit)


async def test_autopilot_139_140_the_technician_flow_delivers_to_devices_and_nothing_to_users(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx, user="adele")
        ours = world.group(tx, "Ours", device=True)
        world.item(tx, "Camera", policy(CAMERA), ours)
        world.item(tx, "Cortana", policy(CORTANA), world.group(tx, "Sales", "adele"))
        world.item(tx, "Everybody", policy(WALLPAPER), "users")
        found = world.refresh(tx)
        assert {one.user for one in found.values()} == {MACHINE}
        assert set(found) == {("", "Camera")}

    await database.write(unit)


async def test_somebody_who_is_not_the_assigned_user_gets_what_is_assigned_to_him(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx, user="adele")
        world.item(tx, "Agent", app(1), world.group(tx, "Support", "bob"))
        world.item(tx, "Notes", USER_APP, world.group(tx, "Sales", "adele"))
        world.item(tx, "Everybody", policy(WALLPAPER), "users")
        assert world.refresh(tx) == {}, "bob is not there, and nothing of adele's is for the machine"
        assert set(world.refresh(tx, "bob")) == {("", "Agent"), ("bob", "Everybody")}
        assert set(world.refresh(tx, "adele", "bob")) == {
            ("", "Agent"),
            ("adele", "Notes"),
            ("adele", "Everybody"),
            ("bob", "Everybody"),
        }

    await database.write(unit)


async def test_what_is_available_or_to_be_uninstalled_is_not_delivered(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        offered, banned = world.item(tx, "Offered", app(1)), world.item(tx, "Banned", app(2), "devices")
        world.assign(tx, offered, world.group(tx, "Ours", device=True), intent=Intent.AVAILABLE)
        assert set(world.refresh(tx)) == {("", "Banned")}
        world.deliver(tx)
        world.assign(tx, banned, "devices", intent=Intent.UNINSTALL)
        found = world.refresh(tx)["", "Banned"]
        assert (found.state, found.required) == (ItemState.REMOVING, False)
        assert [each.endswith("/MSI/%7B00000002-2222-3333-4444-555555555555%7D") for each in found.leftovers]

    await database.write(unit)


async def test_a_new_version_is_delivered_again_and_remembers_what_it_has_no_more(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        item = world.item(tx, "Privacy", policy(CAMERA, CORTANA), "devices")
        first = world.refresh(tx)["", "Privacy"]
        world.deliver(tx)
        update_item(tx, world.tenant, item.id, body=policy(replace(CAMERA, value="1")))
        tx.settle()
        second = world.refresh(tx)["", "Privacy"]
        assert (second.state, second.version, second.attempt) == (ItemState.PENDING, 2, 0)
        assert second.digest != first.digest
        assert second.progress == {}
        assert second.leftovers == (CORTANA.uri,)
        delete_item(tx, world.tenant, item.id)
        tx.settle()
        gone = world.refresh(tx)["", "Privacy"]
        assert gone.state is ItemState.REMOVING
        assert set(gone.leftovers) == {CAMERA.uri, CORTANA.uri}, "the device may still have both"

    await database.write(unit)


async def test_a_version_that_changes_nothing_on_the_device_is_not_delivered_again(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        item = world.item(tx, "Camera", policy(CAMERA), "devices")
        world.refresh(tx)
        world.deliver(tx)
        remark = policy(replace(CAMERA, description="for the lab"))
        update_item(tx, world.tenant, item.id, body=remark, name="No camera")
        tx.settle()
        found = world.refresh(tx)["", "No camera"]
        assert (found.state, found.version) == (ItemState.DONE, 2)
        assert world.now(tx).open_items == 0

    await database.write(unit)


@pytest.mark.parametrize(
    "body", [policy(CAMERA), WIFI, certificate(), app(1)], ids=lambda b: type(b).__name__
)
async def test_what_is_no_longer_wanted_is_removed_if_the_device_may_have_it(
    database: Database, world: World, body: Body
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        item = world.item(tx, "It", body, "devices")
        world.refresh(tx)
        world.assign(tx, item)
        assert world.refresh(tx) == {}, "it was never sent"
        world.assign(tx, item, "devices")
        (pending,) = world.refresh(tx).values()
        save_items(tx, world.tenant, world.enrolment.id, [replace(pending, state=ItemState.SENT, attempt=1)])
        world.assign(tx, item)
        (removing,) = world.refresh(tx).values()
        assert removing.state is ItemState.REMOVING
        assert len(removing.leftovers) == 1
        world.assign(tx, item, "devices")
        (back,) = world.refresh(tx).values()
        assert (back.state, back.leftovers, back.required) == (ItemState.PENDING, (), True)
        world.assign(tx, item)
        (again,) = world.refresh(tx).values()
        assert again.leftovers == removing.leftovers
        world.deliver(tx)
        assert world.refresh(tx) == {}
        assert world.now(tx).open_items == 0

    await database.write(unit)


async def test_a_node_that_another_policy_sets_is_not_removed(database: Database, world: World) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        first = world.item(tx, "First", policy(CAMERA, CORTANA), "devices")
        world.item(tx, "Second", policy(CAMERA), "devices")
        world.refresh(tx)
        world.deliver(tx)
        world.assign(tx, first)
        found = world.refresh(tx)
        assert found["", "First"].leftovers == (CORTANA.uri,)
        world.assign(tx, first, "devices")
        world.refresh(tx)
        update_item(tx, world.tenant, first.id, body=policy(CAMERA))
        tx.settle()
        world.refresh(tx)
        world.deliver(tx)
        world.assign(tx, first)
        assert set(world.refresh(tx)) == {("", "Second")}, "nothing is left to remove"

    await database.write(unit)


async def test_refreshing_clears_stale_counts_what_is_open_and_tells_once(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        world.item(tx, "Camera", policy(CAMERA), "devices")
        world.item(tx, "Agent", app(1), "devices")
        assert world.now(tx).stale
        first = world.refresh(tx)
        assert (world.now(tx).stale, world.now(tx).open_items) == (False, 2)
        recorded, statements = tx.recorded, tx.statements
        assert world.refresh(tx) == first
        assert tx.recorded == recorded, "nothing happened, nothing is told"
        assert tx.statements - statements < 25
        world.deliver(tx)
        assert world.now(tx).open_items == 0
        failed = replace(world.named(tx)["", "Agent"], state=ItemState.FAILED, error=0x80070643)
        save_items(tx, world.tenant, world.enrolment.id, [failed])
        assert world.refresh(tx)["", "Agent"] == failed
        assert world.now(tx).open_items == 0

    await database.write(unit)
    log = await database.read(lambda tx: events.read(tx, world.tenant, 0, 1000, world.enrolment.uuid))
    changes = [event for event in log if event.kind == "enrolment.items_changed"]
    if database.seals_in_commit:
        assert [event.payload["added"]["count"] for event in changes] == [2]  # type: ignore[index,call-overload]


async def test_deliveries_come_in_the_order_in_which_they_are_worked_on(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        world.item(tx, "Agent", app(1), "devices")
        world.item(tx, "Wi-Fi", WIFI, "devices")
        world.item(tx, "Camera", policy(CAMERA, WALLPAPER), "devices")
        world.item(tx, "Root", certificate(), "devices")
        names = ["Camera", "Root", "Wi-Fi", "Agent", "Camera"]
        assert [name for _, name in world.refresh(tx, "bob")] == names
        assert [one.name for one in items_of(tx, world.tenant, world.enrolment.id)] == names

    await database.write(unit)
