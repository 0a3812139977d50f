"""People: creating, finding, changing and deleting users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack
from uuid import UUID

import sqlalchemy as sa

from reseal.directory.changes import USER_CHANGED, USERS_REMOVED
from reseal.directory.model import AttributeValue, MemberKind, User, user_view, view_changes
from reseal.directory.model_attributes import merge_user_attributes
from reseal.directory.model_names import display_name, fold, require_own_domain, user_principal_name
from reseal.directory.paging import Page, PageKey, page
from reseal.directory.roles import require_other_administrator
from reseal.directory.rules.schema import MANAGER
from reseal.directory.tables import device, group_member, join_selected, role_assignment, to_user, user
from reseal.directory.tenants import differences, folded_domains
from reseal.kernel import events
from reseal.kernel.changes import Change
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Conflict, Invalid, NotFound
from reseal.kernel.events import Subject
from reseal.kernel.ids import TenantKey


class UserChanges(TypedDict, total=False):
    """What `update_user` changes. `attributes` is merged into the present ones; None removes one."""

    upn: str
    display_name: str
    licensed: bool
    enabled: bool
    manager_id: int | None
    attributes: Mapping[str, AttributeValue | None]


def create_user(
    tx: Tx,
    tenant: TenantKey,
    upn: str,
    display_name_: str,
    *,
    licensed: bool = True,
    enabled: bool = True,
    manager_id: int | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    actor: str = "system",
) -> User:
    """A new user without a password.

    Raises `Invalid` for an unfit name, a foreign domain or an unknown attribute, `Conflict`
    (`UserPrincipalNameTaken`) if another user of the organisation has the name.
    """
    values = {
        "upn": _own_upn(tx, tenant, upn),
        "display_name": display_name(display_name_, of="user"),
        "licensed": licensed,
        "enabled": enabled,
        "manager_id": manager_id,
        "attributes": merge_user_attributes({}, attributes or {}),
    }
    if manager_id is not None:
        user_by_id(tx, tenant, manager_id)
    row = tx.row(
        tx.insert(user)
        .values(
            tenant_id=tenant,
            id=tx.new_key(),
            uuid=tx.new_uuid(),
            created_at=tx.now,
            modified_at=tx.now,
            **_with_folded(values),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "upn_folded"])
        .returning(*user.c)
    )
    if row is None:
        raise _taken(upn)
    created = to_user(row)
    tx.announce(Change(USER_CHANGED, tenant, frozenset({created.id})))
    _record(
        tx, tenant, created, "user.created", {"upn": created.upn, "display_name": created.display_name}, actor
    )
    return created


def user_by_id(tx: Tx, tenant: TenantKey, user_id: int) -> User:
    """The user with this internal key; raises `NotFound`."""
    return to_user(_row(tx, user.c.tenant_id == tenant, user.c.id == user_id, what=f"with the key {user_id}"))


def user_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> User:
    """The user with this object id; raises `NotFound`."""
    return to_user(_row(tx, user.c.tenant_id == tenant, user.c.uuid == uuid, what=f"with the id {uuid}"))


def users_by_id(tx: Tx, tenant: TenantKey, ids: Iterable[int]) -> dict[int, User]:
    """Those of `ids` that exist, by key; a few statements however many there are."""
    return {
        row.id: to_user(row)
        for some in chunks(sorted(set(ids)))
        for row in tx.rows(
            sa.select(user).where(user.c.tenant_id == tenant, among(user.c.id, some)).order_by(user.c.id)
        )
    }


def find_user(tx: Tx, tenant: TenantKey, upn: str) -> User | None:
    """The user of this user principal name, in any letter case, or None."""
    row = tx.row(sa.select(user).where(user.c.tenant_id == tenant, user.c.upn_folded == fold(upn)))
    return None if row is None else to_user(row)


def list_users(
    tx: Tx, tenant: TenantKey, *, search: str = "", after: PageKey | None = None, limit: int = 100
) -> Page[User]:
    """Users by display name; `search` keeps those with that text in their display or user principal name."""
    query = sa.select(user).where(user.c.tenant_id == tenant)
    if search:
        text = fold(search)
        query = query.where(
            user.c.display_name_folded.contains(text, autoescape=True)
            | user.c.upn_folded.contains(text, autoescape=True)
        )
    return page(tx, query, user.c.display_name_folded, user.c.id, to_user, after=after, limit=limit)


def update_user(
    tx: Tx, tenant: TenantKey, user_id: int, *, actor: str = "system", **changes: Unpack[UserChanges]
) -> User:
    """Change a user; what is not named stays, and nothing is written if nothing differs.

    Raises `NotFound`, what `create_user` raises, and `Conflict` (`LastAdministrator`) when the last enabled
    Global Administrator would be disabled.
    """
    at_key = (user.c.tenant_id == tenant, user.c.id == user_id)
    row = _row(tx, *at_key, what=f"with the key {user_id}", to_change=True)
    before = row._asdict()
    values = {
        name: value for name, value in _checked(tx, tenant, before, changes).items() if value != before[name]
    }
    if not values:
        return to_user(row)
    changed = tx.execute(
        sa.update(user)
        .where(user.c.tenant_id == tenant, user.c.id == user_id)
        .values(modified_at=tx.now, **_with_folded(values))
        .returning(*user.c)
    ).one()
    names = set(view_changes(user_view(before), user_view(changed._asdict())))
    if "manager_id" in values:
        names.add(MANAGER)
    if "licensed" in values:
        names.add("licensed")
    if names:
        tx.announce(Change(USER_CHANGED, tenant, frozenset({user_id}), frozenset(names)))
    told = differences({name: before[name] for name in values}, values)
    if "manager_id" in told:
        told["manager"] = public_ids(tx, tenant, told.pop("manager_id"))
    _record(tx, tenant, to_user(changed), "user.changed", told, actor)
    return to_user(changed)


def delete_user(tx: Tx, tenant: TenantKey, user_id: int, *, actor: str = "system") -> None:
    """Delete a user for good: out of groups, roles and settings; their devices stay, without an owner.

    Raises `NotFound`, and `Conflict` (`LastAdministrator`) for the last enabled Global Administrator.
    """
    gone = user_by_id(tx, tenant, user_id)
    require_other_administrator(tx, tenant, user_id)
    reports = _release_reports(tx, tenant, user_id)
    tx.execute(
        sa.update(device)
        .where(device.c.tenant_id == tenant, device.c.owner_user_id == user_id)
        .values(owner_user_id=None)
    )
    tx.execute(
        sa.delete(group_member).where(
            group_member.c.tenant_id == tenant,
            group_member.c.member_kind == MemberKind.USER.value,
            group_member.c.member_id == user_id,
        )
    )
    tx.execute(
        sa.delete(join_selected).where(
            join_selected.c.tenant_id == tenant,
            join_selected.c.member_kind == "user",
            join_selected.c.member_id == user_id,
        )
    )
    tx.execute(
        sa.delete(role_assignment).where(
            role_assignment.c.tenant_id == tenant, role_assignment.c.user_id == user_id
        )
    )
    tx.execute(sa.delete(user).where(user.c.tenant_id == tenant, user.c.id == user_id))
    tx.announce(Change(USERS_REMOVED, tenant, frozenset({user_id})))
    if reports:
        tx.announce(Change(USER_CHANGED, tenant, reports, frozenset({MANAGER})))
    _record(tx, tenant, gone, "user.deleted", {"upn": gone.upn, "display_name": gone.display_name}, actor)


def set_password_hash(
    tx: Tx, tenant: TenantKey, user_id: int, password_hash_: str, *, actor: str = "system"
) -> None:
    """Store the argon2id hash of a user's new password; raises `NotFound`."""
    changed = tx.execute(
        sa.update(user)
        .where(user.c.tenant_id == tenant, user.c.id == user_id)
        .values(password_hash=password_hash_)
    )
    if changed.rowcount == 0:
        raise _not_found(f"with the key {user_id}")
    _record(tx, tenant, user_by_id(tx, tenant, user_id), "user.password_changed", {}, actor)


def password_hash(tx: Tx, tenant: TenantKey, user_id: int) -> str | None:
    """The stored hash, for whoever verifies a password; None if there is no password or no such user."""
    stored: str | None = tx.value(
        sa.select(user.c.password_hash).where(user.c.tenant_id == tenant, user.c.id == user_id)
    )
    return stored


def public_ids(tx: Tx, tenant: TenantKey, keys: Mapping[str, int | None]) -> dict[str, str | None]:
    """The object ids of users in place of their internal keys, for the event of an edit."""
    known = users_by_id(tx, tenant, [key for key in keys.values() if key is not None])
    return {name: str(known[key].uuid) if key in known else None for name, key in keys.items()}


def _checked(tx: Tx, tenant: TenantKey, before: Mapping[str, Any], changes: UserChanges) -> dict[str, Any]:
    """`changes` in the form in which they are stored; raises for what cannot be."""
    values: dict[str, Any] = dict(changes)
    if "upn" in changes:
        values["upn"] = _own_upn(tx, tenant, changes["upn"])
        holder = find_user(tx, tenant, changes["upn"])
        if holder is not None and holder.id != before["id"]:
            raise _taken(changes["upn"])
    if "display_name" in changes:
        values["display_name"] = display_name(changes["display_name"], of="user")
    if "attributes" in changes:
        values["attributes"] = merge_user_attributes(before["attributes"], changes["attributes"])
    if (manager_id := changes.get("manager_id")) is not None:
        if manager_id == before["id"]:
            raise Invalid(
                code="OwnManager",
                message=f"{before['upn']} cannot be their own manager.",
                remedy="Choose another user.",
            )
        user_by_id(tx, tenant, manager_id)
    if changes.get("enabled") is False:
        require_other_administrator(tx, tenant, before["id"])
    return values


def _with_folded(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the folded form of the names among them."""
    folded = {f"{name}_folded": fold(values[name]) for name in ("upn", "display_name") if name in values}
    return {**values, **folded}


def _own_upn(tx: Tx, tenant: TenantKey, upn: str) -> str:
    require_own_domain(user_principal_name(upn), folded_domains(tx, tenant))
    return upn


def _release_reports(tx: Tx, tenant: TenantKey, manager_id: int) -> frozenset[int]:
    """Leave the users whose manager this is without one; their keys."""
    managed = (user.c.tenant_id == tenant) & (user.c.manager_id == manager_id)
    reports = frozenset(row.id for row in tx.rows(sa.select(user.c.id).where(managed).order_by(user.c.id)))
    if reports:
        tx.execute(sa.update(user).where(managed).values(manager_id=None))
    return reports


def _row(tx: Tx, *conditions: sa.ColumnElement[bool], what: str, to_change: bool = False) -> sa.Row[Any]:
    """The row of a user; `to_change` keeps other units from changing it between reading and writing."""
    query = sa.select(user).where(*conditions)
    row = tx.row(query.with_for_update() if to_change else query)
    if row is None:
        raise _not_found(what)
    return row


def _not_found(what: str) -> NotFound:
    return NotFound(
        code="UserNotFound",
        message=f"There is no user {what} in this organisation.",
        remedy="Check the user; it may have been deleted.",
    )


def _taken(upn: str) -> Conflict:
    return Conflict(
        code="UserPrincipalNameTaken",
        message=f"A user {upn} already exists.",
        remedy="Choose another name before the @.",
    )


def _record(
    tx: Tx, tenant: TenantKey, subject: User, kind: str, payload: Mapping[str, Any], actor: str
) -> None:
    events.record(tx, tenant, kind, Subject("user", subject.uuid), payload, actor)
