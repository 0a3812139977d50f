"""Users: who can sign in, whose devices may come under management, who administers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from reseal.console import paging
from reseal.console.desk import STEP, Desk, Saving, Visit, address
from reseal.console.forms import Form, Option
from reseal.console.saving import Done, differences
from reseal.directory.members import groups_of
from reseal.directory.model import Group, MemberKind, Role, User
from reseal.directory.paging import Page, PageKey
from reseal.directory.roles import assign_role, remove_role, roles_by_user, roles_of
from reseal.directory.tenants import domains
from reseal.directory.users import (
    create_user,
    delete_user,
    list_users,
    set_password_hash,
    update_user,
    user_by_id,
    user_by_uuid,
)
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.signin.passwords import make_password
from reseal.web.posted import Posted
from reseal.web.routes import Route, require

READ = "User.Read.All"
WRITE = "User.ReadWrite.All"
ROLES = "RoleManagement.ReadWrite.Directory"
PATH = "/users"

ATTRIBUTES: Final[Mapping[str, str]] = {
    "department": "Department",
    "jobTitle": "Job title",
    "companyName": "Company",
    "city": "City",
    "country": "Country",
    "usageLocation": "Usage location",
}
"""Those that the form has; rules of groups read them, and others."""
ADMINISTRATORS = (
    Option(Role.GLOBAL_ADMINISTRATOR, "Global Administrator", "May do everything."),
    Option(Role.INTUNE_ADMINISTRATOR, "Intune Administrator", "Devices, groups, profiles, policies, apps."),
    Option(Role.POLICY_AND_PROFILE_MANAGER, "Policy and Profile Manager", "Profiles and policies."),
    Option(Role.GLOBAL_READER, "Global Reader", "May see everything, and change nothing."),
)
_FIELDS: Final[Mapping[str, str]] = {
    "DisplayNameMissing": "name",
    "DisplayNameTooLong": "name",
    "InvalidUserPrincipalName": "upn",
    "UserPrincipalNameTooLong": "upn",
    "UserPrincipalNameTaken": "upn",
    "UnknownDomain": "upn",
}


@dataclass(frozen=True, slots=True)
class _Listed:
    page: Page[User]
    roles: Mapping[int, tuple[Role, ...]]


@dataclass(frozen=True, slots=True)
class _Known:
    user: User
    roles: tuple[Role, ...]
    groups: tuple[Group, ...]


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, and the forms of one."""
    return (
        desk.page(PATH, _list, READ),
        desk.page(PATH + "/new", _new, READ),
        desk.form(PATH + "/new", _create, WRITE),
        desk.page(PATH + "/{id}", _edit, READ),
        desk.form(PATH + "/{id}", _change, WRITE),
        desk.form(PATH + "/{id}/password", _new_password, WRITE),
        desk.form(PATH + "/{id}/delete", _delete, WRITE),
    )


async def _list(visit: Visit) -> Response:
    asked = paging.asked(visit.call)
    found = await visit.read(_listed, asked.search, asked.after)
    return await visit.page(
        "users.html",
        found=found.page.items,
        roles=found.roles,
        search=asked.search,
        links=paging.links(visit.call, found.page),
        may_save=visit.may(WRITE),
    )


def _listed(tx: Tx, tenant: TenantKey, search: str, after: PageKey | None) -> _Listed:
    found = list_users(tx, tenant, search=search, after=after, limit=paging.PAGE)
    return _Listed(found, roles_by_user(tx, tenant))


# --- making -------------------------------------------------------------------------------------------------


async def _new(visit: Visit) -> Response:
    return await _form_page(visit, Form.of(licensed=True, enabled=True, upn=f"@{await _domain(visit)}"))


async def _domain(visit: Visit) -> str:
    owned = await visit.read(domains)
    return next(one.name for one in owned if one.is_default)


async def _create(visit: Visit) -> Response:
    _require_roles(visit, frozenset())
    password, hashed = await _password(visit)
    return await visit.save(
        partial(
            _made,
            tenant=visit.tenant,
            posted=visit.posted,
            actor=visit.caller.name,
            password=password,
            hashed=hashed,
        ),
        Saving("Make the user", "Make the user", partial(_form_page, visit), fields=_FIELDS),
    )


async def _password(visit: Visit) -> tuple[str, str]:
    """A fresh password and its hash, once it is needed: hashing is slow on purpose."""
    if visit.posted.text(STEP) != "save":
        return "", ""
    parts = visit.parts
    password = make_password(parts.entropy)
    return password, await parts.workers.run(parts.passwords.hash, password, parts.entropy)


def _made(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str, password: str, hashed: str) -> Done:
    user = create_user(
        tx,
        tenant,
        posted.text("upn"),
        posted.text("name"),
        licensed=posted.has("licensed"),
        enabled=posted.has("enabled"),
        attributes={name: posted.text(name) for name in ATTRIBUTES if posted.text(name)},
        actor=actor,
    )
    roles = _roles_in(posted)
    for role in roles:
        assign_role(tx, tenant, user.id, role, actor=actor)
    if hashed:
        set_password_hash(tx, tenant, user.id, hashed, actor=actor)
    return Done(
        address("users", user.uuid),
        f"{user.display_name} was made. The first password is below; give it to them.",
        differences(
            ("User principal name", "", user.upn),
            ("Name", "", user.display_name),
            *((label, "", user.attributes.get(name, "")) for name, label in ATTRIBUTES.items()),
            ("Licensed for device management", "", user.licensed),
            ("May sign in", "", user.enabled),
            ("Roles", "", [role.value for role in roles]),
        ),
        ["A password is made and shown once, after saving."],
        secret=password,
        secret_of=f"First password of {user.upn}",
    )


# --- changing -----------------------------------------------------------------------------------------------


async def _edit(visit: Visit) -> Response:
    known = await visit.read(_known, visit.call.uuid("id"))
    user = known.user
    form = Form.of(
        upn=user.upn,
        name=user.display_name,
        licensed=user.licensed,
        enabled=user.enabled,
        roles=[role.value for role in known.roles],
        **{name: str(user.attributes.get(name, "")) for name in ATTRIBUTES},
    )
    return await _form_page(visit, form, known)


def _known(tx: Tx, tenant: TenantKey, uuid: UUID) -> _Known:
    user = user_by_uuid(tx, tenant, uuid)
    return _Known(user, roles_of(tx, tenant, user.id), groups_of(tx, tenant, MemberKind.USER, user.id))


async def _change(visit: Visit) -> Response:
    known = await visit.read(_known, visit.call.uuid("id"))
    _require_roles(visit, frozenset(known.roles))
    return await visit.save(
        partial(
            _changed,
            tenant=visit.tenant,
            key=known.user.id,
            posted=visit.posted,
            actor=visit.caller.name,
            with_roles=visit.may(ROLES),
        ),
        Saving(
            f"Change {known.user.display_name}",
            "Save the user",
            partial(_form_page, visit, known=known),
            fields=_FIELDS,
        ),
    )


def _changed(tx: Tx, *, tenant: TenantKey, key: int, posted: Posted, actor: str, with_roles: bool) -> Done:
    before, held = user_by_id(tx, tenant, key), set(roles_of(tx, tenant, key))
    wanted = set(_roles_in(posted)) if with_roles else held
    for role in sorted(wanted - held):
        assign_role(tx, tenant, key, role, actor=actor)
    for role in sorted(held - wanted):
        remove_role(tx, tenant, key, role, actor=actor)
    attributes: dict[str, Any] = {name: posted.text(name) or None for name in ATTRIBUTES}
    after = update_user(
        tx,
        tenant,
        key,
        actor=actor,
        upn=posted.text("upn"),
        display_name=posted.text("name"),
        licensed=posted.has("licensed"),
        enabled=posted.has("enabled"),
        attributes=attributes,
    )
    return Done(
        address("users", after.uuid),
        f"{after.display_name} was saved.",
        differences(
            ("User principal name", before.upn, after.upn),
            ("Name", before.display_name, after.display_name),
            *(
                (label, before.attributes.get(name, ""), after.attributes.get(name, ""))
                for name, label in ATTRIBUTES.items()
            ),
            ("Licensed for device management", before.licensed, after.licensed),
            ("May sign in", before.enabled, after.enabled),
            ("Roles", sorted(held), sorted(wanted)),
        ),
    )


async def _new_password(visit: Visit) -> Response:
    known = await visit.read(_known, visit.call.uuid("id"))
    if known.roles:
        require(visit.caller, ROLES)
    password, hashed = await _password(visit)
    return await visit.save(
        partial(
            _repassworded,
            tenant=visit.tenant,
            user=known.user,
            actor=visit.caller.name,
            password=password,
            hashed=hashed,
        ),
        Saving(
            f"Give {known.user.display_name} another password",
            "Make another password",
            partial(_form_page, visit, known=known),
        ),
    )


def _repassworded(tx: Tx, *, tenant: TenantKey, user: User, actor: str, password: str, hashed: str) -> Done:
    if hashed:
        set_password_hash(tx, tenant, user.id, hashed, actor=actor)
    return Done(
        address("users", user.uuid),
        f"{user.display_name} has another password. It is below; give it to them.",
        remarks=["The present password ends at once, and all sessions with it. The new one is shown once."],
        secret=password,
        secret_of=f"New password of {user.upn}",
    )


async def _delete(visit: Visit) -> Response:
    known = await visit.read(_known, visit.call.uuid("id"))
    if known.roles:
        require(visit.caller, ROLES)
    return await visit.save(
        partial(_deleted, tenant=visit.tenant, user=known.user, actor=visit.caller.name),
        Saving(
            f"Delete {known.user.display_name}",
            "Delete the user",
            partial(_refused_deletion, visit, known),
            dangerous=True,
        ),
    )


async def _refused_deletion(visit: Visit, known: _Known, form: Form) -> Response:
    user = known.user
    kept = Form.of(
        upn=user.upn,
        name=user.display_name,
        licensed=user.licensed,
        enabled=user.enabled,
        roles=[role.value for role in known.roles],
        **{name: str(user.attributes.get(name, "")) for name in ATTRIBUTES},
    )
    return await _form_page(visit, Form(kept.values, general=form.general), known)


def _deleted(tx: Tx, *, tenant: TenantKey, user: User, actor: str) -> Done:
    delete_user(tx, tenant, user.id, actor=actor)
    return Done(
        PATH,
        f"{user.display_name} was deleted.",
        remarks=["Their devices stay, without an owner. Groups and selections forget them."],
    )


def _roles_in(posted: Posted) -> list[Role]:
    return [Role(text) for text in posted.texts("roles") if text in set(Role)]


def _require_roles(visit: Visit, held: frozenset[Role]) -> None:
    """Whoever may edit users may not thereby make administrators, nor change them. Raises `Denied`."""
    wanted = frozenset(_roles_in(visit.posted))
    if held or wanted != held:
        require(visit.caller, ROLES)


async def _form_page(visit: Visit, form: Form, known: _Known | None = None) -> Response:
    return await visit.page(
        "user.html",
        status=422 if form.is_wrong else 200,
        form=form,
        user=None if known is None else known.user,
        groups=() if known is None else known.groups,
        held=() if known is None else known.roles,
        attributes=ATTRIBUTES,
        administrators=ADMINISTRATORS,
        domain=await _domain(visit),
        may_save=visit.may(WRITE),
        may_roles=visit.may(ROLES),
    )
