"""Users and their roles."""

from __future__ import annotations

import pytest

from reseal.directory.changes import USERS_REMOVED
from reseal.directory.devices import device_by_id, update_device
from reseal.directory.joining import join_selection, select_for_join
from reseal.directory.members import add_member, count_members
from reseal.directory.model import MemberKind, Role
from reseal.directory.roles import assign_role, permissions_of_user, remove_role, roles_of
from reseal.directory.tenants import add_domain
from reseal.directory.users import (
    delete_user,
    find_user,
    list_users,
    password_hash,
    set_password_hash,
    update_user,
    user_by_id,
    user_by_uuid,
    users_by_id,
)
from reseal.kernel.errors import Conflict, Invalid, NotFound


async def test_a_new_user_is_licensed_enabled_and_found(contoso, clock):
    lee = await contoso.user("Lee", attributes={"department": "Sales"})
    assert (lee.upn, lee.display_name, lee.licensed, lee.enabled) == ("lee@contoso.test", "Lee", True, True)
    assert lee.attributes == {"department": "Sales"}
    assert lee.created_at == lee.modified_at == clock.now()
    assert await contoso.read(user_by_id, lee.id) == lee
    assert await contoso.read(user_by_uuid, lee.uuid) == lee
    assert await contoso.read(find_user, "LEE@Contoso.test") == lee
    assert await contoso.read(users_by_id, [lee.id, 7]) == {lee.id: lee}
    assert await contoso.read(find_user, "kim@contoso.test") is None
    assert await contoso.events("user.created") == [{"upn": "lee@contoso.test", "display_name": "Lee"}]


async def test_a_user_principal_name_is_unique_in_any_letter_case(contoso, fabrikam):
    await contoso.user("Lee")
    with pytest.raises(Conflict) as refusal:
        await contoso.user("LEE")
    assert refusal.value.code == "UserPrincipalNameTaken"
    kim = await contoso.user("Kim")
    with pytest.raises(Conflict) as refusal:
        await contoso.write(update_user, kim.id, upn="Lee@contoso.test")
    assert refusal.value.code == "UserPrincipalNameTaken"


async def test_a_foreign_domain_is_refused(contoso, fabrikam):
    lee = await contoso.user("Lee")
    with pytest.raises(Invalid) as refusal:
        await contoso.write(update_user, lee.id, upn="lee@fabrikam.test")
    assert refusal.value.code == "UnknownDomain"


async def test_a_user_is_renamed_within_the_organisations_domains(contoso):
    lee = await contoso.user("Lee")
    await contoso.write(add_domain, "sub.contoso.test")
    renamed = await contoso.write(update_user, lee.id, upn="LEE@sub.contoso.test", display_name="Lee Gu")
    assert (renamed.upn, renamed.display_name) == ("LEE@sub.contoso.test", "Lee Gu")
    assert await contoso.read(find_user, "lee@sub.contoso.test") == renamed
    assert await contoso.read(find_user, "lee@contoso.test") is None
    same = await contoso.write(update_user, lee.id, upn="lee@sub.contoso.test")
    assert same.upn == "lee@sub.contoso.test"


async def test_the_event_of_an_edit_tells_what_differs(contoso):
    boss, lee = await contoso.user("Boss"), await contoso.user("Lee", attributes={"city": "Bonn"})
    await contoso.write(
        update_user, lee.id, licensed=False, manager_id=boss.id, attributes={"city": "Berlin"}
    )
    await contoso.write(update_user, lee.id, licensed=False, attributes={"city": "Berlin"})
    assert await contoso.events("user.changed") == [
        {
            "licensed": {"from": True, "to": False},
            "manager": {"from": None, "to": str(boss.uuid)},
            "attributes": {"from": {"city": "Bonn"}, "to": {"city": "Berlin"}},
        }
    ]


async def test_a_manager_is_another_user_of_the_organisation(contoso, fabrikam):
    lee, stranger = await contoso.user("Lee"), await fabrikam.write(_create, "kim@fabrikam.test")
    with pytest.raises(Invalid) as refusal:
        await contoso.write(update_user, lee.id, manager_id=lee.id)
    assert refusal.value.code == "OwnManager"
    for unknown in [7, stranger.id]:
        with pytest.raises(NotFound):
            await contoso.write(update_user, lee.id, manager_id=unknown)
        with pytest.raises(NotFound):
            await contoso.user("Kim", manager_id=unknown)


def _create(tx, tenant, upn):
    from reseal.directory.users import create_user

    return create_user(tx, tenant, upn, "Kim")


async def test_the_hash_of_a_password_is_kept_apart_from_the_user(contoso):
    lee = await contoso.user("Lee")
    assert await contoso.read(password_hash, lee.id) is None
    await contoso.write(set_password_hash, lee.id, "$argon2id$...")
    assert await contoso.read(password_hash, lee.id) == "$argon2id$..."
    assert "argon2id" not in repr(await contoso.read(user_by_id, lee.id))
    assert await contoso.events("user.password_changed") == [{}]
    with pytest.raises(NotFound):
        await contoso.write(set_password_hash, 7, "x")


async def test_a_deleted_user_is_gone_from_everywhere(contoso, heard):
    lee = await contoso.user("Lee")
    kim = await contoso.user("Kim", manager_id=lee.id)
    hand = await contoso.group("Hand")
    laptop = await contoso.device("A")
    await contoso.write(add_member, hand.id, MemberKind.USER, lee.id)
    await contoso.write(select_for_join, [lee.id], [])
    await contoso.write(assign_role, lee.id, Role.GLOBAL_READER)
    await contoso.write(update_device, laptop.id, owner_user_id=lee.id)
    heard.take()
    await contoso.write(delete_user, lee.id)
    with pytest.raises(NotFound):
        await contoso.read(user_by_id, lee.id)
    assert (await contoso.read(count_members, hand.id))[MemberKind.USER] == 0
    assert (await contoso.read(join_selection)).users == ()
    assert (await contoso.read(device_by_id, laptop.id)).owner_user_id is None
    assert (await contoso.read(user_by_id, kim.id)).manager_id is None
    assert heard.take() == {USERS_REMOVED: {lee.id}}
    assert await contoso.events("user.deleted") == [{"upn": "lee@contoso.test", "display_name": "Lee"}]


async def test_users_page_by_name_and_are_searched(contoso):
    for name in ["Zoe", "adam", "Bea", "Lee", "Kim"]:
        await contoso.user(name)
    first = await contoso.read(list_users, limit=2)
    second = await contoso.read(list_users, limit=2, after=first.next)
    last = await contoso.read(list_users, limit=2, after=second.next)
    names = [user.display_name for page in (first, second, last) for user in page.items]
    assert names == ["adam", "Bea", "Kim", "Lee", "Zoe"]
    assert last.next is None
    found = await contoso.read(list_users, search="LEE@")
    assert [user.display_name for user in found.items] == ["Lee"]
    assert (await contoso.read(list_users, search="%")).items == ()


async def test_users_of_the_same_name_page_without_loss(contoso):
    made = {(await contoso.user(f"u{number}", attributes={})).id for number in range(5)}
    for key in made:
        await contoso.write(update_user, key, display_name="Same")
    seen, after = [], None
    while True:
        page = await contoso.read(list_users, limit=2, after=after)
        seen += [user.id for user in page.items]
        after = page.next
        if after is None:
            break
    assert seen == sorted(made)


@pytest.mark.parametrize("limit", [0, 1001])
async def test_a_page_has_1_to_1000_rows(contoso, limit):
    with pytest.raises(Invalid) as refusal:
        await contoso.read(list_users, limit=limit)
    assert refusal.value.code == "InvalidPageSize"


async def test_roles_are_given_and_taken(contoso):
    lee = await contoso.user("Lee")
    for role in [Role.GLOBAL_READER, Role.INTUNE_ADMINISTRATOR, Role.GLOBAL_READER]:
        await contoso.write(assign_role, lee.id, role)
    assert await contoso.read(roles_of, lee.id) == (Role.GLOBAL_READER, Role.INTUNE_ADMINISTRATOR)
    assert "Group.ReadWrite.All" in await contoso.read(permissions_of_user, lee.id)
    for _ in range(2):
        await contoso.write(remove_role, lee.id, Role.INTUNE_ADMINISTRATOR)
    assert await contoso.read(roles_of, lee.id) == (Role.GLOBAL_READER,)
    assert "Group.ReadWrite.All" not in await contoso.read(permissions_of_user, lee.id)
    assert len(await contoso.events("user.role_assigned")) == 2
    assert await contoso.events("user.role_removed") == [{"role": "Intune Administrator"}]


async def test_the_last_administrator_stays(contoso):
    lee, kim = await contoso.user("Lee"), await contoso.user("Kim", enabled=False)
    for user in (lee, kim):
        await contoso.write(assign_role, user.id, Role.GLOBAL_ADMINISTRATOR)
    for change, details in [
        (delete_user, {}),
        (update_user, {"enabled": False}),
        (remove_role, {"role": Role.GLOBAL_ADMINISTRATOR}),
    ]:
        with pytest.raises(Conflict) as refusal:
            await contoso.write(change, lee.id, **details)
        assert refusal.value.code == "LastAdministrator"
    await contoso.write(update_user, kim.id, enabled=True)
    await contoso.write(delete_user, lee.id)


async def test_a_role_is_given_to_a_user_who_exists(contoso):
    for change in (assign_role, remove_role):
        with pytest.raises(NotFound):
            await contoso.write(change, 7, Role.GLOBAL_READER)
