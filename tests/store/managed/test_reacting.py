"""Changes of causes mark enrolments in the unit of the change; what is gone takes its enrolments along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reseal.assignment.model import FilterMode, Mode, Target, TargetKind
from reseal.assignment.service import create_filter, update_filter
from reseal.autopilot.registrations import deregister
from reseal.catalog.model import Kind
from reseal.catalog.service import delete_item, find_item, item_ref, update_item
from reseal.directory.groups import create_group, list_groups
from reseal.directory.members import add_member, remove_member
from reseal.directory.model import MemberKind
from reseal.directory.users import delete_user
from reseal.kernel.db import Database, Tx
from reseal.managed.enrolments import enrolment_by_id, note_user, users_of
from reseal.managed.model import EnrolmentState
from tests.store.managed.world import CAMERA, CORTANA, WALLPAPER, World, policy

Change = Callable[[Tx, World], None]


def _item(tx: Tx, world: World, name: str) -> int:
    found = find_item(tx, world.tenant, Kind.POLICY, name)
    assert found is not None
    return found.id


def _group(tx: Tx, world: World, name: str) -> int:
    return next(group.id for group in list_groups(tx, world.tenant).items if group.name == name)


def _new_assignment(tx: Tx, world: World) -> None:
    world.item(tx, "New", policy(CORTANA), "devices")


def _for_a_user_who_is_there(tx: Tx, world: World) -> None:
    world.item(tx, "New", policy(WALLPAPER), _group(tx, world, "Support"))


def _for_all_users(tx: Tx, world: World) -> None:
    world.item(tx, "New", policy(WALLPAPER), "users")


def _no_longer_for_a_user_who_is_there(tx: Tx, world: World) -> None:
    found = find_item(tx, world.tenant, Kind.POLICY, "Of support")
    assert found is not None
    world.assign(tx, found)


def _excluded(tx: Tx, world: World) -> None:
    found = find_item(tx, world.tenant, Kind.POLICY, "Of support")
    assert found is not None
    out = Target(item_ref(found), Mode.EXCLUDE, TargetKind.GROUP, group=_group(tx, world, "Support"))
    world.assign(tx, found, "users", out)


def _another_value(tx: Tx, world: World) -> None:
    body = policy(replace(CAMERA, value="1"))
    update_item(tx, world.tenant, _item(tx, world, "Of devices"), body=body)


def _another_value_for_a_user_who_is_there(tx: Tx, world: World) -> None:
    body = policy(replace(WALLPAPER, value="0"))
    update_item(tx, world.tenant, _item(tx, world, "Of support"), body=body)


def _deleted(tx: Tx, world: World) -> None:
    delete_item(tx, world.tenant, _item(tx, world, "Of devices"))


def _device_into_a_group(tx: Tx, world: World) -> None:
    add_member(tx, world.tenant, _group(tx, world, "Ours"), MemberKind.DEVICE, world.registration.device_id)


def _user_into_a_group(tx: Tx, world: World) -> None:
    add_member(tx, world.tenant, _group(tx, world, "Sales"), MemberKind.USER, world.user(tx, "bob"))


def _user_out_of_a_group(tx: Tx, world: World) -> None:
    remove_member(tx, world.tenant, _group(tx, world, "Support"), MemberKind.USER, world.user(tx, "bob"))


def _assigned(tx: Tx, world: World) -> None:
    world.assign_user(tx, "adele")


def _user_gone(tx: Tx, world: World) -> None:
    delete_user(tx, world.tenant, world.user(tx, "bob"))


CHANGES: list[Change] = [
    _new_assignment,
    _for_a_user_who_is_there,
    _for_all_users,
    _no_longer_for_a_user_who_is_there,
    _excluded,
    _another_value,
    _another_value_for_a_user_who_is_there,
    _deleted,
    _device_into_a_group,
    _user_into_a_group,
    _user_out_of_a_group,
    _assigned,
    _user_gone,
]


def _prepare(tx: Tx, world: World) -> None:
    """A device with bob on it, who is not assigned; a policy for devices, one for bob's group."""
    world.open(tx)
    world.group(tx, "Ours")
    sales, support = world.group(tx, "Sales"), world.group(tx, "Support", "bob")
    world.item(tx, "Of ours", policy(CORTANA), _group(tx, world, "Ours"))
    world.item(tx, "Of sales", policy(CORTANA), sales)
    world.item(tx, "Of support", policy(WALLPAPER), support)
    world.item(tx, "Of devices", policy(CAMERA), "devices")
    note_user(tx, world.tenant, world.enrolment.id, world.user(tx, "bob"))
    world.refresh(tx, "bob")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
async def test_whatever_the_device_could_get_otherwise_makes_its_enrolment_stale(
    database: Database, world: World, change: Change
) -> None:
    await database.write(_prepare, world)
    assert not (await database.read(world.now)).stale
    await database.write(change, world)
    assert (await database.read(world.now)).stale


def _other_group(tx: Tx, world: World) -> None:
    world.item(tx, "Elsewhere", policy(CORTANA), create_group(tx, world.tenant, "Elsewhere").id)


def _other_user(tx: Tx, world: World) -> None:
    add_member(tx, world.tenant, _group(tx, world, "Support"), MemberKind.USER, world.user(tx, "adele"))


def _renamed(tx: Tx, world: World) -> None:
    update_item(tx, world.tenant, _item(tx, world, "Of devices"), name="Renamed", description="why not")


@pytest.mark.parametrize("change", [_other_group, _other_user, _renamed], ids=lambda one: one.__name__)
async def test_what_does_not_concern_the_device_leaves_it_alone(
    database: Database, world: World, change: Change
) -> None:
    await database.write(_prepare, world)
    await database.write(change, world)
    assert not (await database.read(world.now)).stale


async def test_the_rule_of_a_filter_marks_those_that_it_can_touch(database: Database, world: World) -> None:
    def prepare(tx: Tx) -> int:
        _prepare(tx, world)
        only = create_filter(tx, world.tenant, "Ours", '(device.manufacturer -eq "Contoso")')
        made = world.item(tx, "Filtered", policy(WALLPAPER))
        target = Target(
            item_ref(made),
            Mode.INCLUDE,
            TargetKind.GROUP,
            group=_group(tx, world, "Support"),
            filter=only.id,
            filter_mode=FilterMode.EXCLUDE,
        )
        world.assign(tx, made, target)
        world.refresh(tx, "bob")
        return only.id

    key = await database.write(prepare)
    assert not (await database.read(world.now)).stale
    await database.write(
        lambda tx: update_filter(tx, world.tenant, key, rule='(device.manufacturer -eq "Fabrikam")')
    )
    assert (await database.read(world.now)).stale


async def test_marking_takes_few_statements_however_many_devices_there_are(
    database: Database, world: World
) -> None:
    def unit(tx: Tx) -> int:
        _prepare(tx, world)
        item = world.item(tx, "New", policy(CORTANA))
        before = tx.statements
        world.assign(tx, item, "devices")
        return tx.statements - before

    assert await database.write(unit) < 40


@pytest.mark.parametrize("keep", [False, True])
async def test_a_device_that_leaves_the_directory_ends_its_enrolment(
    database: Database, world: World, keep: bool
) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        deregister(tx, world.tenant, [world.registration.id], keep_directory_device=keep)

    await database.write(unit)
    found = await database.read(world.now)
    assert found.registration_id is None or not keep
    if keep:
        assert found.state is EnrolmentState.ACTIVE, "it is a managed device like any other now"
    else:
        assert (found.state, found.ended_because) == (EnrolmentState.ENDED, "directory device deleted")


async def test_a_user_who_leaves_the_directory_leaves_the_device(database: Database, world: World) -> None:
    def unit(tx: Tx) -> None:
        world.open(tx)
        note_user(tx, world.tenant, world.enrolment.id, world.user(tx, "bob"), primary=True)
        delete_user(tx, world.tenant, world.user(tx, "bob"))
        tx.settle()
        assert users_of(tx, world.tenant, world.enrolment.id) == ()
        assert enrolment_by_id(tx, world.tenant, world.enrolment.id).owner_user_id is None

    await database.write(unit)
