"""Nothing of one organisation can be found, read or changed under the key of another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from reseal.directory import devices, groups, joining, members, membership, roles, rule_objects, users
from reseal.directory.model import MemberKind, Role
from reseal.directory.model_settings import MdmScope
from reseal.directory.tables import (
    device,
    group,
    group_member,
    join_selected,
    mdm_scope_group,
    role_assignment,
    user,
)
from reseal.kernel.db import metadata
from reseal.kernel.errors import NotFound

MODULES = (devices, groups, joining, members, membership, roles, rule_objects, users)
USER, DEVICE = MemberKind.USER, MemberKind.DEVICE


class Theirs:
    """What Contoso has, and a stranger would like to reach."""

    async def fill(self, contoso) -> Theirs:
        self.user = await contoso.user("Lee", attributes={"department": "Sales"})
        self.device = await contoso.device("PF0001")
        self.group = await contoso.group("Pilots")
        self.dynamic = await contoso.device_group("All", "device.objectId -ne null")
        await contoso.write(members.add_member, self.group.id, USER, self.user.id)
        await contoso.write(roles.assign_role, self.user.id, Role.GLOBAL_READER)
        await contoso.write(joining.select_for_join, [self.user.id], [self.group.id])
        await contoso.write(joining.set_mdm_scope, MdmScope.SOME, [self.group.id])
        await contoso.write(users.set_password_hash, self.user.id, "$argon2id$...")
        await contoso.write(devices.update_device, self.device.id, owner_user_id=self.user.id)
        return self


NOT_FOUND: dict[Callable[..., Any], Callable[[Theirs], tuple[Any, ...]]] = {
    devices.delete_device: lambda t: (t.device.id,),
    devices.device_by_device_id: lambda t: (t.device.device_id,),
    devices.device_by_id: lambda t: (t.device.id,),
    devices.device_by_uuid: lambda t: (t.device.uuid,),
    devices.set_physical_ids: lambda t: (t.device.id, []),
    devices.update_device: lambda t: (t.device.id,),
    groups.delete_group: lambda t: (t.group.id,),
    groups.group_by_id: lambda t: (t.group.id,),
    groups.group_by_uuid: lambda t: (t.group.uuid,),
    groups.update_group: lambda t: (t.group.id,),
    joining.add_mdm_scope_group: lambda t: (t.group.id,),
    joining.may_enroll: lambda t: (t.user.id,),
    joining.may_join: lambda t: (t.user.id,),
    joining.remove_mdm_scope_group: lambda t: (t.group.id,),
    joining.select_for_join: lambda t: ([t.user.id], []),
    joining.set_mdm_scope: lambda t: (MdmScope.SOME, [t.group.id]),
    members.add_member: lambda t: (t.group.id, USER, t.user.id),
    members.add_members: lambda t: (t.group.id, USER, [t.user.id]),
    members.members: lambda t: (t.group.id, USER),
    members.remove_member: lambda t: (t.group.id, USER, t.user.id),
    membership.check_rule: lambda t: ("device.objectId -ne null", DEVICE, t.device.id),
    roles.assign_role: lambda t: (t.user.id, Role.GLOBAL_ADMINISTRATOR),
    roles.remove_role: lambda t: (t.user.id, Role.GLOBAL_READER),
    users.delete_user: lambda t: (t.user.id,),
    users.set_password_hash: lambda t: (t.user.id, "x"),
    users.update_user: lambda t: (t.user.id,),
    users.user_by_id: lambda t: (t.user.id,),
    users.user_by_uuid: lambda t: (t.user.uuid,),
}
EMPTY: dict[Callable[..., Any], tuple[Callable[[Theirs], tuple[Any, ...]], Callable[[Theirs], Any]]] = {
    devices.count_joined: (lambda t: (t.user.id,), lambda t: 0),
    devices.delete_devices: (lambda t: ([t.device.id],), lambda t: None),
    devices.devices_by_id: (lambda t: ([t.device.id],), lambda t: {}),
    devices.devices_of_user: (lambda t: (t.user.id,), lambda t: ()),
    devices.set_many_physical_ids: (lambda t: ({t.device.id: ["[OrderID]:x"]},), lambda t: None),
    groups.find_group: (lambda t: (t.group.name,), lambda t: None),
    groups.groups_by_id: (lambda t: ([t.group.id],), lambda t: {}),
    joining.mdm_scope_groups: (lambda t: (), lambda t: ()),
    members.count_members: (lambda t: (t.group.id,), lambda t: {USER: 0, DEVICE: 0}),
    members.count_members_of: (lambda t: ([t.group.id],), lambda t: {}),
    members.group_ids_of: (lambda t: (USER, [t.user.id]), lambda t: {t.user.id: ()}),
    members.groups_of: (lambda t: (USER, t.user.id), lambda t: ()),
    roles.permissions_of_user: (lambda t: (t.user.id,), lambda t: frozenset()),
    roles.roles_by_user: (lambda t: (), lambda t: {}),
    roles.roles_of: (lambda t: (t.user.id,), lambda t: ()),
    rule_objects.rule_objects: (lambda t: (USER, [t.user.id]), lambda t: {}),
    users.find_user: (lambda t: (t.user.upn,), lambda t: None),
    users.password_hash: (lambda t: (t.user.id,), lambda t: None),
    users.public_ids: (lambda t: ({"to": t.user.id},), lambda t: {"to": None}),
    users.users_by_id: (lambda t: ([t.user.id],), lambda t: {}),
}
HARMLESS = {
    devices.create_device,
    devices.create_devices,
    devices.list_devices,
    groups.create_group,
    groups.list_groups,
    joining.count_chosen,
    joining.join_selection,
    members.count_groups_with,
    membership.react,
    membership.rebuild_memberships,
    membership.watch_clock,
    roles.require_other_administrator,
    roles.standing_of_user,
    rule_objects.load,
    rule_objects.stream,
    users.create_user,
    users.list_users,
}
"""They take no id of somebody else, or are the machinery beneath; lists are looked at below."""


def name_of(service: Callable[..., Any]) -> str:
    return f"{service.__module__.rpartition('.')[2]}.{service.__name__}"


def services_of(module: ModuleType) -> set[Callable[..., Any]]:
    """The public functions of a module that take a tenant's key."""
    return {
        found
        for name, found in inspect.getmembers(module, inspect.isfunction)
        if found.__module__ == module.__name__
        and not name.startswith("_")
        and "tenant" in inspect.signature(found).parameters
    }


def test_every_service_is_looked_at():
    served = {service for module in MODULES for service in services_of(module)}
    assert {name_of(service) for service in served} == {
        name_of(service) for service in [*NOT_FOUND, *EMPTY, *HARMLESS]
    }


async def snapshot(database) -> dict[str, list[Any]]:
    """All rows of the directory that people can edit."""
    tables = [device, group, group_member, join_selected, mdm_scope_group, role_assignment, user]
    assert all(table.name in metadata.tables for table in tables)

    def read(tx):
        return {table.name: tx.rows(sa.select(table).order_by(*table.primary_key)) for table in tables}

    return await database.read(read)


async def test_what_takes_an_id_finds_nothing_of_another_organisation(contoso, fabrikam, database):
    theirs = await Theirs().fill(contoso)
    before = await snapshot(database)
    for service, arguments in NOT_FOUND.items():
        with pytest.raises(NotFound):
            await fabrikam.write(service, *arguments(theirs))
    for service, (arguments, nothing) in EMPTY.items():
        assert await fabrikam.write(service, *arguments(theirs)) == nothing(theirs), name_of(service)
    assert await snapshot(database) == before


async def test_somebody_of_another_organisation_may_nothing(contoso, fabrikam):
    theirs = await Theirs().fill(contoso)
    *_, permissions = await fabrikam.read(roles.standing_of_user, theirs.user.id)
    assert permissions == frozenset()


async def test_lists_show_the_organisations_own(contoso, fabrikam):
    await Theirs().fill(contoso)
    for listing in (devices.list_devices, groups.list_groups, users.list_users):
        assert (await fabrikam.read(listing)).items == ()
    assert await fabrikam.read(joining.join_selection) == joining.JoinSelection((), ())


async def test_names_are_free_in_every_organisation(contoso, fabrikam):
    await Theirs().fill(contoso)
    await fabrikam.group("Pilots")
    await fabrikam.device_group("All", "device.objectId -ne null")


async def test_rules_see_the_organisations_own(contoso, fabrikam):
    theirs = await Theirs().fill(contoso)
    everything = await fabrikam.device_group("All", "device.objectId -ne null")
    await fabrikam.device("OURS")
    assert await fabrikam.devices_in(everything) == ["OURS"]
    assert await contoso.devices_in(theirs.dynamic) == ["PF0001"]
    await fabrikam.write(membership.rebuild_memberships)
    assert await contoso.devices_in(theirs.dynamic) == ["PF0001"]
