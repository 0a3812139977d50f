"""Whatever happens in whatever order: after a refresh an enrolment has what it shall have, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from reseal.assignment.model import Intent
from reseal.catalog.model import Body, CatalogItem, InstallContext, Kind
from reseal.catalog.service import create_item, delete_item, list_items, update_item
from reseal.directory.members import add_member, members, remove_member
from reseal.directory.model import MemberKind
from reseal.kernel.db import Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.storage import open_database
from reseal.managed.delivery import addresses_of, scope_of
from reseal.managed.desired import save_items
from reseal.managed.enrolments import note_user, users_of
from reseal.managed.model import TERMINAL, Item, ItemState
from reseal.managed.wanted import Delivery, wanted
from tests.store.managed.world import (
    CAMERA,
    CORTANA,
    REACTORS,
    WALLPAPER,
    WIFI,
    World,
    app,
    certificate,
    policy,
)
from tests.support.clock import ManualClock

BODIES: list[Body] = [
    policy(CAMERA),
    policy(CAMERA, WALLPAPER),
    policy(CORTANA, WALLPAPER),
    WIFI,
    certificate(),
    app(1),
    app(2, InstallContext.USER),
]
USERS = ("adele", "bob")


class Chance:
    """Edits an organisation at random, and plays a device that answers at random."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.groups: list[int] = []
        self.on_device: dict[int, set[str]] = {}
        """By user key, the addresses that the device may have."""

    def furnish(self, tx: Tx) -> None:
        self.world.open(tx)
        self.groups = [
            self.world.group(tx, "Ours", device=True),
            self.world.group(tx, "Sales", "adele"),
            self.world.group(tx, "Support"),
        ]

    def step(self, tx: Tx) -> None:
        """One edit, or one answer of the device."""
        choices: list[Callable[[Tx], None]] = [
            self._make,
            self._assign,
            self._assign,
            self._change,
            self._delete,
            self._join_group,
            self._assign_user,
            self._sign_in,
            self._answer,
            self._answer,
        ]
        self.random.choice(choices)(tx)
        tx.settle()

    def _make(self, tx: Tx) -> None:
        name = f"Item {self.random.randrange(10**9)}"
        create_item(tx, self.world.tenant, name, self.random.choice(BODIES))

    def _some_item(self, tx: Tx) -> CatalogItem | None:
        items = list_items(tx, self.world.tenant).items
        return self.random.choice(items) if items else None

    def _assign(self, tx: Tx) -> None:
        if (item := self._some_item(tx)) is None:
            return
        whom = self.random.sample([*self.groups, "devices", "users"], self.random.randrange(3))
        intent = Intent.REQUIRED
        if item.kind is Kind.APP and not {"devices", "users"} & set(map(str, whom)):
            intent = self.random.choice(list(Intent))
        self.world.assign(tx, item, *whom, intent=intent)

    def _change(self, tx: Tx) -> None:
        if (item := self._some_item(tx)) is not None:
            same = [body for body in BODIES if type(body) is type(item.body)]
            update_item(tx, self.world.tenant, item.id, body=self.random.choice(same))

    def _delete(self, tx: Tx) -> None:
        if (item := self._some_item(tx)) is not None and self.random.random() < 0.3:
            delete_item(tx, self.world.tenant, item.id)

    def _join_group(self, tx: Tx) -> None:
        group, user = self.random.choice(self.groups[1:]), self.world.user(tx, self.random.choice(USERS))
        inside = {member.id for member in members(tx, self.world.tenant, group, MemberKind.USER).items}
        act = remove_member if user in inside else add_member
        act(tx, self.world.tenant, group, MemberKind.USER, user)

    def _assign_user(self, tx: Tx) -> None:
        self.world.assign_user(tx, self.random.choice((*USERS, "")))

    def _sign_in(self, tx: Tx) -> None:
        user = self.world.user(tx, self.random.choice(USERS))
        note_user(tx, self.world.tenant, self.world.enrolment.id, user)

    def _answer(self, tx: Tx) -> None:
        """A session of the device: removals are done, deliveries end well or badly, or were only sent."""
        changed: list[Item] = []
        removed: list[tuple[int, str, int]] = []
        for item in self.refresh(tx):
            has = self.on_device.setdefault(item.user, set())
            has -= set(item.leftovers)
            if item.state is ItemState.REMOVING:
                removed.append(item.key)
                continue
            state = self.random.choice([item.state, ItemState.SENT, ItemState.DONE, ItemState.FAILED])
            if item.state in TERMINAL or state is ItemState.PENDING:
                changed.append(replace(item, leftovers=()))
                continue
            body = next(each for each in self._wanted(tx).values() if each.key == item.key).item.body
            has |= set(addresses_of(body, scope_of(item.user)))
            changed.append(replace(item, state=state, attempt=item.attempt + 1, leftovers=()))
        save_items(tx, self.world.tenant, self.world.enrolment.id, changed, removed)

    # --- what has to hold -------------------------------------------------------------------------

    def users(self, tx: Tx) -> list[int]:
        found = users_of(tx, self.world.tenant, self.world.enrolment.id)
        return sorted(one.user_id for one in found)

    def refresh(self, tx: Tx) -> tuple[Item, ...]:
        names = [name for name in USERS if self.world.user(tx, name) in self.users(tx)]
        return tuple(self.world.refresh(tx, *names).values())

    def _wanted(self, tx: Tx) -> dict[tuple[int, str, int], Delivery]:
        return wanted(tx, self.world.tenant, self.world.registration.device_id, self.users(tx))

    def check(self, tx: Tx) -> None:
        """A refresh brings in line, a second one changes nothing; nothing is left over for good."""
        items = self.refresh(tx)
        shall = self._wanted(tx)
        assert {one.key: one.digest for one in items if one.required} == {
            key: each.digest for key, each in shall.items()
        }
        assert self.refresh(tx) == items
        now = self.world.now(tx)
        assert not now.stale
        assert now.open_items == sum(one.state not in TERMINAL for one in items)
        kept: dict[int, set[str]] = {}
        for each in shall.values():
            kept.setdefault(each.user, set()).update(each.addresses)
        for user, has in self.on_device.items():
            going = {address for one in items if one.user == user for address in one.leftovers}
            assert not going & kept.get(user, set()), "what is wanted is not deleted"
            assert has <= kept.get(user, set()) | going, "what is not wanted is deleted"

    def check_unmarked(self, tx: Tx) -> None:
        """What was not marked stale has what it shall have, without a refresh."""
        if not self.world.now(tx).stale:
            has = {one.key: one.digest for one in self.world.named(tx).values() if one.required}
            assert has == {key: each.digest for key, each in self._wanted(tx).items()}


@pytest.mark.parametrize("seed", range(6))
async def test_after_a_refresh_a_device_has_what_it_shall_have(
    sqlite_url: str, clock: ManualClock, entropy: SeededEntropy, world: World, seed: int
) -> None:
    chance = Chance(world, seed)
    database = open_database(sqlite_url, clock=clock, entropy=entropy, reactors=REACTORS)
    await database.write(chance.furnish)
    for number in range(60):
        await database.write(chance.step)
        await database.write(chance.check_unmarked)
        if number % 3 == 0:
            await database.write(chance.check)
    await database.close()
