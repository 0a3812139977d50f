"""A small organisation to aim things at, and what the reactor announced about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa

from reseal.assignment import service
from reseal.assignment.changes import EFFECTIVE_DEVICES_CHANGED, EFFECTIVE_SETS_CHANGED
from reseal.assignment.model import (
    Entry,
    FilterMode,
    Intent,
    ItemKind,
    ItemRef,
    Mode,
    Scope,
    Target,
    TargetKind,
    Via,
)
from reseal.assignment.tables import device_effective, effective_set
from reseal.directory.devices import create_device, update_device
from reseal.directory.groups import create_group
from reseal.directory.members import add_member, remove_member
from reseal.directory.membership import REACTOR as MEMBERSHIP
from reseal.directory.model import MemberKind, Membership
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey

T = TypeVar("T")

APP = ItemRef(ItemKind.APP, 70)
PROFILE = ItemRef(ItemKind.PROFILE, 10)
POLICY = ItemRef(ItemKind.POLICY, 30)
ESP = ItemRef(ItemKind.ESP, 20)

REACTORS = (MEMBERSHIP, service.REACTOR)


class Announced:
    """A last reactor that notes what assignment announced."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        kinds = frozenset({EFFECTIVE_DEVICES_CHANGED, EFFECTIVE_SETS_CHANGED})
        self.reactor = Reactor("announced", kinds, self._note)

    def _note(self, _tx: Tx, _tenant: TenantKey, changes: Sequence[Change]) -> None:
        self.changes.extend(changes)

    def take(self) -> tuple[set[int], set[int]]:
        """The devices and the sets announced since the last call."""
        seen, self.changes = self.changes, []
        devices = {key for change in seen if change.kind == EFFECTIVE_DEVICES_CHANGED for key in change.ids}
        sets = {key for change in seen if change.kind == EFFECTIVE_SETS_CHANGED for key in change.ids}
        return devices, sets


class World:
    """One organisation in an open database; each method is a unit of work."""

    def __init__(self, database: Database, announced: Announced, tenant: TenantKey) -> None:
        self.database = database
        self.announced = announced
        self.tenant = tenant

    @classmethod
    async def open(cls, database: Database, announced: Announced, domain: str = "contoso.test") -> World:
        """A world with a new organisation."""
        tenant = await database.write(create_tenant, "Contoso", domain)
        return cls(database, announced, tenant.id)

    async def do(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit."""
        return await self.database.write(unit)

    async def device(self, name: str, tag: str = "", **attributes: str) -> int:
        """A device, perhaps with a group tag."""
        ids = [f"[OrderID]:{tag}"] if tag else []
        made = await self.do(lambda tx: create_device(tx, self.tenant, name, ids, attributes))
        return made.id

    async def edit_device(self, device: int, **changes: object) -> None:
        """Change a device as `update_device` does."""
        await self.do(lambda tx: update_device(tx, self.tenant, device, **changes))  # type: ignore[arg-type]

    async def user(self, name: str, **attributes: str) -> int:
        """A user `name@contoso.test`."""
        upn = f"{name.lower()}@contoso.test"
        made = await self.do(lambda tx: create_user(tx, self.tenant, upn, name, attributes=attributes))
        return made.id

    async def group(self, name: str, *devices: int, users: tuple[int, ...] = ()) -> int:
        """A group whose members are added by hand."""

        def unit(tx: Tx) -> int:
            key = create_group(tx, self.tenant, name).id
            for device in devices:
                add_member(tx, self.tenant, key, MemberKind.DEVICE, device)
            for user in users:
                add_member(tx, self.tenant, key, MemberKind.USER, user)
            return key

        return await self.do(unit)

    async def dynamic(self, name: str, rule: str) -> int:
        """A group whose members come by a rule."""
        kind = Membership.DYNAMIC_USER if "user." in rule else Membership.DYNAMIC_DEVICE
        made = await self.do(lambda tx: create_group(tx, self.tenant, name, membership=kind, rule=rule))
        return made.id

    async def add(self, group: int, device: int, kind: MemberKind = MemberKind.DEVICE) -> None:
        """Add a member by hand."""
        await self.do(lambda tx: add_member(tx, self.tenant, group, kind, device))

    async def remove(self, group: int, device: int, kind: MemberKind = MemberKind.DEVICE) -> None:
        """Remove a member by hand."""
        await self.do(lambda tx: remove_member(tx, self.tenant, group, kind, device))

    async def filter(self, name: str, rule: str) -> int:
        """A filter."""
        return (await self.do(lambda tx: service.create_filter(tx, self.tenant, name, rule))).id

    async def aim(self, item: ItemRef, *targets: Target) -> bool:
        """Replace the targets of an item."""
        return await self.do(lambda tx: service.set_targets(tx, self.tenant, item, targets))

    async def assign_user(self, device: int, user: int | None) -> None:
        """Assign a user to a device."""
        await self.do(lambda tx: service.set_assigned_user(tx, self.tenant, device, user))

    async def entries(self, device: int) -> tuple[Entry, ...]:
        """What is effective for the device."""
        return await self.database.read(service.entries_for, self.tenant, device)

    async def items(self, device: int) -> list[str]:
        """What is effective for the device, in short: `app:70 device required group`."""
        return [f"{e.item} {e.scope} {e.intent} {e.via}" for e in await self.entries(device)]

    async def state(self) -> Mapping[int, tuple[int | None, object, tuple[Entry, ...]]]:
        """User, signature and entries of every device, whatever the keys of the sets are."""
        return await self.database.read(self._state)

    def _state(self, tx: Tx) -> Mapping[int, tuple[int | None, object, tuple[Entry, ...]]]:
        rows = tx.rows(
            sa.select(device_effective.c.device_id, device_effective.c.user_id, effective_set.c.signature)
            .outerjoin_from(
                device_effective,
                effective_set,
                (effective_set.c.tenant_id == device_effective.c.tenant_id)
                & (effective_set.c.id == device_effective.c.set_id),
            )
            .where(device_effective.c.tenant_id == self.tenant)
            .order_by(device_effective.c.device_id)
        )
        entries = service.entries_for_many(tx, self.tenant, [row.device_id for row in rows])
        return {row.device_id: (row.user_id, row.signature, entries[row.device_id]) for row in rows}

    async def set_count(self) -> int:
        """How many effective sets there are."""
        count = sa.select(sa.func.count()).select_from(effective_set)
        where = effective_set.c.tenant_id == self.tenant
        return await self.database.read(lambda tx: tx.value(count.where(where)))


def include(item: ItemRef, group: int, filter: int | None = None, **more: object) -> Target:  # noqa: A002
    """The item for a group, perhaps narrowed to a filter."""
    mode = FilterMode.NONE if filter is None else FilterMode.INCLUDE
    given = {"filter_mode": mode} | more
    return Target(item, Mode.INCLUDE, TargetKind.GROUP, group, filter, **given)  # type: ignore[arg-type]


def exclude(item: ItemRef, group: int) -> Target:
    """The item not for a group."""
    return Target(item, Mode.EXCLUDE, TargetKind.GROUP, group)


def all_devices(item: ItemRef, filter: int | None = None) -> Target:  # noqa: A002
    """The item for all devices, perhaps narrowed to a filter."""
    mode = FilterMode.NONE if filter is None else FilterMode.INCLUDE
    return Target(item, Mode.INCLUDE, TargetKind.ALL_DEVICES, None, filter, mode)


def all_users(item: ItemRef, intent: Intent = Intent.REQUIRED) -> Target:
    """The item for all users."""
    return Target(item, Mode.INCLUDE, TargetKind.ALL_USERS, intent=intent)


def entry(item: ItemRef, scope: Scope = Scope.DEVICE, via: Via = Via.GROUP) -> Entry:
    """A required entry."""
    return Entry(item, scope, Intent.REQUIRED, via)
