"""Whatever was edited in whatever order: the reactor's result is the one that is worked out from scratch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
import sqlalchemy as sa

from reseal.assignment import facts, service, sets
from reseal.assignment.model import (
    Basis,
    Entry,
    FilterMode,
    Intent,
    ItemKind,
    ItemRef,
    Mode,
    Signature,
    Target,
    TargetKind,
    resolve,
)
from reseal.assignment.tables import (
    assignment_filter,
    assignment_target,
    device_effective,
    effective_basis,
    effective_entry,
    effective_set,
    target_of,
)
from reseal.directory import tables as directory
from reseal.directory.devices import create_device, delete_device, update_device
from reseal.directory.groups import create_group, delete_group, update_group
from reseal.directory.members import add_members, remove_member
from reseal.directory.model import MemberKind, Membership
from reseal.directory.users import create_user, delete_user, update_user
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from tests.store.assignment.world import World

T = TypeVar("T")

CITIES = ("Berlin", "Paris", "Rome")
MODELS = ("Latitude", "OptiPlex", "ThinkPad")
ITEMS = tuple(ItemRef(kind, number) for kind in (ItemKind.APP, ItemKind.POLICY) for number in (1, 2))


def in_city(city: str) -> str:
    return f'(device.devicePhysicalIds -any (_ -eq "[OrderID]:{city}"))'


class Game:
    """Edits an organisation at random, in one unit; the same chance plays the same game."""

    def __init__(self, tx: Tx, tenant: TenantKey, chance: SeededEntropy) -> None:
        self.tx = tx
        self.tenant = tenant
        self.chance = chance

    def play(self) -> None:
        for _ in range(1 + self.chance.below(3)):
            self.one_of(self.MOVES)(self)

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.chance.below(len(choices))]

    def coin(self) -> bool:
        return self.chance.below(2) == 0

    def keys(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[int]:
        statement = sa.select(table.c.id).where(table.c.tenant_id == self.tenant, *where).order_by(table.c.id)
        return [row.id for row in self.tx.rows(statement)]

    def some(self, keys: Sequence[int]) -> list[int]:
        return [key for key in keys if self.coin()]

    def word(self) -> str:
        return self.chance.bytes(6).hex()

    # --- moves ---

    def new_device(self) -> None:
        ids = [f"[OrderID]:{self.one_of(CITIES)}"]
        model = {"deviceModel": self.one_of(MODELS)}
        made = create_device(self.tx, self.tenant, self.word(), ids, model)
        if self.coin() and (users := self.keys(directory.user)):
            service.set_assigned_user(self.tx, self.tenant, made.id, self.one_of(users))

    def delete_device(self) -> None:
        if (devices := self.keys(directory.device)) and self.coin():
            delete_device(self.tx, self.tenant, self.one_of(devices))

    def edit_device(self) -> None:
        if not (devices := self.keys(directory.device)):
            return
        device = self.one_of(devices)
        if self.coin():
            ids = [f"[OrderID]:{self.one_of(CITIES)}"]
            update_device(self.tx, self.tenant, device, physical_ids=ids)
        else:
            model = {"deviceModel": self.one_of(MODELS)}
            update_device(self.tx, self.tenant, device, attributes=model)

    def assign_user(self) -> None:
        devices, users = self.keys(directory.device), self.keys(directory.user)
        if devices:
            user = self.one_of(users) if users and self.coin() else None
            service.set_assigned_user(self.tx, self.tenant, self.one_of(devices), user)

    def new_user(self) -> None:
        name = self.word()
        department = {"department": self.one_of(CITIES)}
        create_user(self.tx, self.tenant, f"{name}@contoso.test", name, attributes=department)

    def delete_user(self) -> None:
        if (users := self.keys(directory.user)) and self.coin():
            delete_user(self.tx, self.tenant, self.one_of(users))

    def edit_user(self) -> None:
        if users := self.keys(directory.user):
            department = {"department": self.one_of(CITIES)}
            update_user(self.tx, self.tenant, self.one_of(users), attributes=department)

    def new_group(self) -> None:
        match self.chance.below(3):
            case 0:
                rule, kind = in_city(self.one_of(CITIES)), Membership.DYNAMIC_DEVICE
                create_group(self.tx, self.tenant, self.word(), membership=kind, rule=rule)
            case 1:
                rule, kind = f'user.department -eq "{self.one_of(CITIES)}"', Membership.DYNAMIC_USER
                create_group(self.tx, self.tenant, self.word(), membership=kind, rule=rule)
            case _:
                group = create_group(self.tx, self.tenant, self.word()).id
                for kind_, table in (
                    (MemberKind.DEVICE, directory.device),
                    (MemberKind.USER, directory.user),
                ):
                    add_members(self.tx, self.tenant, group, kind_, self.some(self.keys(table)))

    def delete_group(self) -> None:
        if (groups := self.keys(directory.group)) and self.coin():
            delete_group(self.tx, self.tenant, self.one_of(groups))

    def edit_rule(self) -> None:
        dynamic = directory.group.c.membership == Membership.DYNAMIC_DEVICE.value
        if groups := self.keys(directory.group, dynamic):
            update_group(self.tx, self.tenant, self.one_of(groups), rule=in_city(self.one_of(CITIES)))

    def remove_member(self) -> None:
        member = directory.group_member
        by_hand = (
            sa.select(member.c.group_id, member.c.member_kind, member.c.member_id)
            .join(directory.group, directory.group.c.id == member.c.group_id)
            .where(directory.group.c.membership == Membership.ASSIGNED.value)
            .order_by(member.c.group_id, member.c.member_kind, member.c.member_id)
        )
        if rows := self.tx.rows(by_hand):
            row = self.one_of(rows)
            remove_member(self.tx, self.tenant, row.group_id, MemberKind(row.member_kind), row.member_id)

    def new_filter(self) -> None:
        rule = f'device.model -eq "{self.one_of(MODELS)}"'
        service.create_filter(self.tx, self.tenant, self.word(), rule)

    def edit_filter(self) -> None:
        if filters := self.keys(assignment_filter):
            rule = f'device.model -eq "{self.one_of(MODELS)}"'
            service.update_filter(self.tx, self.tenant, self.one_of(filters), rule=rule)

    def aim(self) -> None:
        item = self.one_of(ITEMS)
        groups = self.some(self.keys(directory.group))
        targets = [self.group_target(item, group) for group in groups]
        targets += [self.all_target(item, kind) for kind in (TargetKind.ALL_DEVICES, TargetKind.ALL_USERS)]
        chosen = [target for target in targets if self.chance.below(3) > 0]
        with contextlib.suppress(Invalid):  # an app that is available to a group of devices
            service.set_targets(self.tx, self.tenant, item, chosen)

    def group_target(self, item: ItemRef, group: int) -> Target:
        if self.chance.below(4) == 0:
            return Target(item, Mode.EXCLUDE, TargetKind.GROUP, group)
        used, mode = self.narrowing()
        intent = self.one_of(tuple(Intent)) if item.kind is ItemKind.APP else Intent.REQUIRED
        return Target(item, Mode.INCLUDE, TargetKind.GROUP, group, used, mode, intent)

    def all_target(self, item: ItemRef, kind: TargetKind) -> Target:
        used, mode = self.narrowing()
        return Target(item, Mode.INCLUDE, kind, None, used, mode)

    def narrowing(self) -> tuple[int | None, FilterMode]:
        filters = self.keys(assignment_filter)
        if not filters or self.coin():
            return None, FilterMode.NONE
        return self.one_of(filters), self.one_of((FilterMode.INCLUDE, FilterMode.EXCLUDE))

    MOVES: tuple[Callable[[Game], None], ...] = (
        new_device,
        new_device,
        delete_device,
        edit_device,
        edit_device,
        assign_user,
        assign_user,
        new_user,
        delete_user,
        edit_user,
        new_group,
        delete_group,
        edit_rule,
        remove_member,
        new_filter,
        edit_filter,
        aim,
        aim,
        aim,
    )


def expected(tx: Tx, tenant: TenantKey) -> dict[int, tuple[Entry, ...]]:
    """What every device should get, worked out one device at a time, the simple way."""
    targets = [
        target_of(row) for row in tx.rows(sa.select(assignment_target).order_by(assignment_target.c.id))
    ]
    basis = Basis.of(targets)
    filters = {
        row.id: row.rule for row in tx.rows(sa.select(assignment_filter).order_by(assignment_filter.c.id))
    }
    member = directory.group_member
    groups: dict[tuple[str, int], set[int]] = {}
    for row in tx.rows(
        sa.select(member).order_by(member.c.group_id, member.c.member_kind, member.c.member_id)
    ):
        groups.setdefault((row.member_kind, row.member_id), set()).add(row.group_id)
    statement = (
        sa.select(directory.device.c.id, directory.device.c.attributes, device_effective.c.user_id)
        .outerjoin(device_effective, device_effective.c.device_id == directory.device.c.id)
        .order_by(directory.device.c.id)
    )
    result = {}
    for row in tx.rows(statement):
        model = row.attributes["deviceModel"]
        signature = Signature.of(
            groups=basis.groups & groups.get(("device", row.id), set()),
            filters=[key for key in basis.filters if filters[key] == f'device.model -eq "{model}"'],
            user_groups=None
            if row.user_id is None
            else basis.groups & groups.get(("user", row.user_id), set()),
        )
        result[row.id] = resolve(targets, signature)
    return result


@pytest.mark.parametrize("seed", range(6))
async def test_reacting_and_rebuilding_agree(world: World, seed: int) -> None:
    await play(world, seed, rounds=25)


@pytest.mark.parametrize("seed", range(6, 8))
async def test_they_agree_in_small_batches(world: World, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """As if there were a hundred thousand devices."""
    monkeypatch.setattr(facts, "BATCH", 2)
    monkeypatch.setattr(sets, "_PAGE", 2)
    monkeypatch.setattr(sets, "_POINTERS", 3)
    await play(world, seed, rounds=15)


async def play(world: World, seed: int, rounds: int) -> None:
    """After every unit, compare with the simple way and with a rebuild."""
    chance = SeededEntropy(f"game {seed}")
    after = await world.state()
    for _ in range(rounds):
        before = after
        world.announced.take()
        await world.do(lambda tx: Game(tx, world.tenant, chance).play())
        after = await world.state()
        wanted = await world.database.read(expected, world.tenant)
        assert {device: entries for device, (_, _, entries) in after.items()} == wanted
        await _assert_told_exactly(world, before, after)
        await world.do(lambda tx: service.rebuild(tx, world.tenant))
        assert world.announced.take() == (set(), set())
        assert await world.state() == after
    await _assert_tidy(world)


async def _assert_told_exactly(world: World, before: object, after: object) -> None:
    """Every device whose entries differ was announced, itself or by its set; no set without a reason."""
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    devices, changed = world.announced.take()
    by_set = set(await world.database.read(service.devices_of_sets, world.tenant, changed))
    differ = {key for key in after if key not in before or before[key][2] != after[key][2]}
    moved = {key for key in after if key not in before or before[key][1] != after[key][1]}
    assert devices == moved
    assert by_set <= differ | moved
    assert differ <= devices | by_set


async def _assert_tidy(world: World) -> None:
    """No set without a device, no entry without a set, no basis that no target names."""

    def unit(tx: Tx) -> None:
        made = {row.id for row in tx.rows(sa.select(effective_set.c.id).order_by(effective_set.c.id))}
        used = sa.select(device_effective.c.set_id).distinct().order_by(device_effective.c.set_id)
        assert {row.set_id for row in tx.rows(used)} == made
        listed = sa.select(effective_entry.c.set_id).distinct().order_by(effective_entry.c.set_id)
        assert {row.set_id for row in tx.rows(listed)} <= made
        targets = [
            target_of(row) for row in tx.rows(sa.select(assignment_target).order_by(assignment_target.c.id))
        ]
        basis = Basis.of(targets)
        rows = tx.rows(sa.select(effective_basis).order_by(effective_basis.c.kind, effective_basis.c.id))
        assert {(row.kind, row.id) for row in rows} == {("group", key) for key in basis.groups} | {
            ("filter", key) for key in basis.filters
        }

    await world.database.read(unit)


async def test_rebuild_repairs_what_was_damaged(world: World) -> None:
    item = ItemRef(ItemKind.POLICY, 1)
    devices = [await world.device(f"PC-{number}") for number in range(3)]
    group = await world.group("Pilot", devices[0])
    target = Target(item, Mode.INCLUDE, TargetKind.GROUP, group)
    await world.aim(item, target)
    good = await world.state()

    def damage(tx: Tx) -> None:
        tx.execute(sa.delete(effective_entry))
        tx.execute(sa.delete(device_effective).where(device_effective.c.device_id == devices[1]))
        tx.execute(sa.delete(effective_basis))

    await world.do(damage)
    assert await world.state() != good
    world.announced.take()
    await world.do(lambda tx: service.rebuild(tx, world.tenant))
    assert await world.state() == good
    moved, changed = world.announced.take()
    assert moved == {devices[1]}
    assert await world.database.read(service.devices_of_sets, world.tenant, changed) == [devices[0]]
