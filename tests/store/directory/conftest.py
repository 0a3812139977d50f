"""An organisation in a fresh database, with the membership reactor and somebody who hears what is
announced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from reseal.directory.changes import (
    DEVICE_MEMBERSHIP_CHANGED,
    DEVICES_REMOVED,
    GROUPS_REMOVED,
    USER_MEMBERSHIP_CHANGED,
    USERS_REMOVED,
)
from reseal.directory.devices import create_device
from reseal.directory.groups import create_group
from reseal.directory.members import members
from reseal.directory.membership import REACTOR
from reseal.directory.model import Device, Group, MemberKind, Membership, Tenant, User
from reseal.directory.tenants import create_tenant
from reseal.directory.users import create_user
from reseal.kernel import events
from reseal.kernel.changes import Change, ChangeKind, Reactor
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey

T = TypeVar("T")


@dataclass
class Heard:
    """What reactors above the directory are told: the ids of each kind of change."""

    ids: dict[ChangeKind, set[int]] = field(default_factory=dict)

    def react(self, tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
        """Note the ids of all changes."""
        for change in changes:
            self.ids.setdefault(change.kind, set()).update(change.ids)

    def take(self) -> dict[ChangeKind, set[int]]:
        """What was heard since the last call."""
        heard, self.ids = self.ids, {}
        return heard


@dataclass
class Contoso:
    """Short ways of saying what happens in the organisation; each is a unit of work of its own."""

    database: Database
    tenant: Tenant

    async def write(self, unit: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a service function on this organisation."""
        return await self.database.write(unit, self.tenant.id, *args, causes=self.tenant.id, **kwargs)

    async def read(self, unit: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a reading service function on this organisation."""
        return await self.database.read(unit, self.tenant.id, *args, **kwargs)

    async def user(self, name: str, **options: Any) -> User:
        """A new user `name@contoso.test`."""
        return await self.write(create_user, f"{name.lower()}@contoso.test", name, **options)

    async def device(self, name: str, *physical_ids: str, **options: Any) -> Device:
        """A new directory device."""
        return await self.write(create_device, name, physical_ids, **options)

    async def group(self, name: str, **options: Any) -> Group:
        """A new assigned group."""
        return await self.write(create_group, name, **options)

    async def device_group(self, name: str, rule: str) -> Group:
        """A new dynamic group of devices."""
        return await self.write(create_group, name, membership=Membership.DYNAMIC_DEVICE, rule=rule)

    async def user_group(self, name: str, rule: str) -> Group:
        """A new dynamic group of users."""
        return await self.write(create_group, name, membership=Membership.DYNAMIC_USER, rule=rule)

    async def devices_in(self, group: Group) -> list[str]:
        """Names of the devices in a group, sorted."""
        page = await self.read(members, group.id, MemberKind.DEVICE)
        return [member.display_name for member in page.items]

    async def users_in(self, group: Group) -> list[str]:
        """Names of the users in a group, sorted."""
        page = await self.read(members, group.id, MemberKind.USER)
        return [member.display_name for member in page.items]

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of the events of a kind, oldest first."""

        def unsealed(tx: Tx) -> list[dict[str, Any]]:
            events.seal(tx)
            log = events.read(tx, self.tenant.id, 0, 1000)
            return [dict(event.payload or {}) for event in log if event.kind == kind]

        return await self.database.write(unsealed)


@pytest.fixture
def heard() -> Heard:
    """Ids that were announced to whoever reacts above the directory."""
    return Heard()


@pytest.fixture
def reactors(heard: Heard) -> tuple[Reactor, ...]:
    """The directory's own reactor, and a listener."""
    kinds = frozenset(
        {
            DEVICE_MEMBERSHIP_CHANGED,
            USER_MEMBERSHIP_CHANGED,
            DEVICES_REMOVED,
            USERS_REMOVED,
            GROUPS_REMOVED,
        }
    )
    return (REACTOR, Reactor("listener", kinds, heard.react))


@pytest.fixture
async def contoso(database: Database) -> Contoso:
    """A new organisation with the domain contoso.test."""
    return Contoso(database, await database.write(create_tenant, "Contoso", "contoso.test"))


@pytest.fixture
async def fabrikam(database: Database, contoso: Contoso) -> Contoso:
    """Another organisation on the same server."""
    return Contoso(database, await database.write(create_tenant, "Fabrikam", "fabrikam.test"))
