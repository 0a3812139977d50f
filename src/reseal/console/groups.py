"""Step 4: groups, whose members are chosen by hand or follow from a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.registrations import list_registrations
from reseal.console import paging
from reseal.console.choosing import KINDS, uuid_of
from reseal.console.desk import Desk, Saving, Visit, address
from reseal.console.forms import Form, Option
from reseal.console.saving import Difference, Done, differences
from reseal.directory.devices import device_by_uuid, list_devices
from reseal.directory.groups import (
    create_group,
    delete_group,
    group_by_id,
    group_by_uuid,
    list_groups,
    update_group,
)
from reseal.directory.members import (
    add_members,
    count_members,
    count_members_of,
    members,
    remove_member,
)
from reseal.directory.membership import check_rule
from reseal.directory.model import Group, Member, MemberKind, Membership, Processing
from reseal.directory.model_names import fold
from reseal.directory.paging import Page, PageKey
from reseal.directory.rules import Explanation
from reseal.directory.users import find_user, user_by_uuid
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid, ResealError
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "Group.Read.All"
WRITE = "Group.ReadWrite.All"
MEMBERS = "GroupMember.Read.All"
MEMBERS_WRITE = "GroupMember.ReadWrite.All"

_MEMBERSHIPS = (
    Option(
        Membership.DYNAMIC_DEVICE,
        "A rule over devices",
        "Registered devices with a group tag, for instance. Members come and go by themselves, at once.",
    ),
    Option(Membership.DYNAMIC_USER, "A rule over users", "Everybody of a department, for instance."),
    Option(Membership.ASSIGNED, "Chosen by hand", "Users and devices that you put in."),
)
_PATTERNS = (
    ("Every registered device", '(device.devicePhysicalIDs -any (_ -startsWith "[ZTDid]"))'),
    ("Devices with the group tag sales", '(device.devicePhysicalIds -any (_ -eq "[OrderID]:sales"))'),
    (
        "Devices with the purchase order 4711",
        '(device.devicePhysicalIds -any (_ -eq "[PurchaseOrderId]:4711"))',
    ),
    ("Users of a department", '(user.department -eq "Sales")'),
)
_FIELDS = {
    "displayName": "name",
    "GroupNameTaken": "name",
    "DisplayNameMissing": "name",
    "DisplayNameTooLong": "name",
    "ControlCharacter": "name",
    "DescriptionTooLong": "description",
    "RuleMissing": "rule",
    "QueryCompilationError": "rule",
    "AttributeNotSupported": "rule",
    "OperatorNotSupportedOnAttribute": "rule",
    "InvalidValue": "rule",
    "NotWithNull": "rule",
    "UnknownGroup": "rule",
    "UnknownManager": "rule",
    "NestedMemberOf": "rule",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule says of somebody or something; a `problem` if it cannot be said."""

    of: str = ""
    told: Explanation | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Listed:
    page: Page[Group]
    counted: dict[int, dict[MemberKind, int]]


@dataclass(frozen=True, slots=True)
class _Whole:
    group: Group
    counted: dict[MemberKind, int]
    members: Page[Member]


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, one group, its members, and its forms."""
    return (
        desk.page("/groups", _list, READ),
        desk.page("/groups/new", _new, READ),
        desk.form("/groups/new", _create, WRITE),
        desk.page("/groups/{id}", _one, MEMBERS),
        desk.page("/groups/{id}/edit", _edit, READ),
        desk.form("/groups/{id}/edit", _change, WRITE),
        desk.form("/groups/{id}/delete", _delete, WRITE),
        desk.form("/groups/{id}/members", _add, MEMBERS_WRITE),
        desk.form("/groups/{id}/members/remove", _remove, MEMBERS_WRITE),
    )


# --- looking ------------------------------------------------------------------------------------------------


async def _list(visit: Visit) -> Response:
    asked = paging.asked(visit.call)
    found = await visit.read(_listed, asked.search, asked.after)
    return await visit.page(
        "groups.html",
        found=found.page.items,
        counted=found.counted,
        kinds=KINDS,
        search=asked.search,
        links=paging.links(visit.call, found.page),
        may_save=visit.may(WRITE),
    )


def _listed(tx: Tx, tenant: TenantKey, search: str, after: PageKey | None) -> _Listed:
    found = list_groups(tx, tenant, search=search, after=after, limit=paging.PAGE)
    return _Listed(found, count_members_of(tx, tenant, [group.id for group in found.items]))


async def _one(visit: Visit) -> Response:
    return await _group_page(visit, Form())


async def _group_page(visit: Visit, form: Form) -> Response:
    asked = paging.asked(visit.call)
    wanted = visit.call.query("kind")
    whole = await visit.read(_whole, visit.call.uuid("id"), wanted, asked.after)
    group = whole.group
    return await visit.page(
        "group.html",
        status=422 if form.is_wrong else 200,
        form=form,
        group=group,
        kind=_kind_shown(group, wanted, whole.counted),
        kinds=KINDS,
        counted=whole.counted,
        members=whole.members.items,
        links=paging.links(visit.call, whole.members),
        may_save=visit.may(WRITE),
        may_add=visit.may(MEMBERS_WRITE) and not group.membership.is_dynamic,
    )


def _whole(tx: Tx, tenant: TenantKey, uuid: UUID, wanted: str, after: PageKey | None) -> _Whole:
    group = group_by_uuid(tx, tenant, uuid)
    counted = count_members(tx, tenant, group.id)
    kind = _kind_shown(group, wanted, counted)
    return _Whole(group, counted, members(tx, tenant, group.id, kind, after=after, limit=paging.PAGE))


def _kind_shown(group: Group, wanted: str, counted: dict[MemberKind, int]) -> MemberKind:
    if wanted in set(MemberKind):
        return MemberKind(wanted)
    if group.membership is Membership.DYNAMIC_USER or not counted[MemberKind.DEVICE]:
        return MemberKind.USER if counted[MemberKind.USER] else group.membership.kinds[-1]
    return MemberKind.DEVICE


# --- making and changing ------------------------------------------------------------------------------------


async def _new(visit: Visit) -> Response:
    return await _form_page(visit, Form.of(membership=Membership.DYNAMIC_DEVICE, rule=_PATTERNS[0][1]))


async def _create(visit: Visit) -> Response:
    again = partial(_form_page, visit)
    return await visit.save(
        partial(_made, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving("Make the group", "Make it", again, fields=_FIELDS),
    )


def _made(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    membership = Membership(posted.text("membership") or Membership.ASSIGNED)
    group = create_group(
        tx,
        tenant,
        posted.text("name"),
        description=posted.text("description"),
        membership=membership,
        rule=posted.text("rule") if membership.is_dynamic else None,
        actor=actor,
    )
    return Done(
        address("groups", group.uuid),
        f"The group {group.name} was made.",
        differences(
            ("Name", "", group.name),
            ("Description", "", group.description),
            ("Members", "", KINDS[membership]),
            ("Rule", "", group.rule),
        ),
        afterwards=lambda tx: _counts(tx, tenant, group.id, dict.fromkeys(MemberKind, 0)),
    )


async def _edit(visit: Visit) -> Response:
    group = await visit.read(group_by_uuid, visit.call.uuid("id"))
    form = Form.of(
        name=group.name,
        description=group.description,
        rule=group.rule or "",
        paused=group.processing is Processing.PAUSED,
    )
    return await _form_page(visit, form, group)


async def _change(visit: Visit) -> Response:
    group = await visit.read(group_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_changed, tenant=visit.tenant, group=group, posted=visit.posted, actor=visit.caller.name),
        Saving(
            f"Change the group {group.name}",
            "Save the group",
            partial(_form_page, visit, group=group),
            fields=_FIELDS,
        ),
    )


def _changed(tx: Tx, *, tenant: TenantKey, group: Group, posted: Posted, actor: str) -> Done:
    before, counted = group_by_id(tx, tenant, group.id), count_members(tx, tenant, group.id)
    after = update_group(
        tx,
        tenant,
        group.id,
        actor=actor,
        name=posted.text("name"),
        description=posted.text("description"),
    )
    if before.membership.is_dynamic:
        paused = Processing.PAUSED if posted.has("paused") else Processing.ON
        after = update_group(tx, tenant, group.id, actor=actor, rule=posted.text("rule"), processing=paused)
    return Done(
        address("groups", group.uuid),
        f"The group {after.name} was saved.",
        differences(
            ("Name", before.name, after.name),
            ("Description", before.description, after.description),
            ("Rule", before.rule, after.rule),
            ("Follows its rule", before.processing is Processing.ON, after.processing is Processing.ON),
        ),
        afterwards=lambda tx: _counts(tx, tenant, group.id, counted),
    )


def _counts(tx: Tx, tenant: TenantKey, key: int, before: dict[MemberKind, int]) -> tuple[Difference, ...]:
    after = count_members(tx, tenant, key)
    return differences(
        *((f"Number of {kind.value}s in it", before[kind], after[kind]) for kind in MemberKind)
    )


async def _delete(visit: Visit) -> Response:
    group = await visit.read(group_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_deleted, tenant=visit.tenant, group=group, actor=visit.caller.name),
        Saving(
            f"Delete the group {group.name}",
            "Delete it",
            partial(_group_page, visit),
            dangerous=True,
        ),
    )


def _deleted(tx: Tx, *, tenant: TenantKey, group: Group, actor: str) -> Done:
    counted = count_members(tx, tenant, group.id)
    delete_group(tx, tenant, group.id, actor=actor)
    users, devices = counted[MemberKind.USER], counted[MemberKind.DEVICE]
    said = f"It has {users:,} users and {devices:,} devices, which stay."
    return Done("/groups", f"The group {group.name} was deleted.", remarks=[said])


async def _form_page(visit: Visit, form: Form, group: Group | None = None) -> Response:
    trial = Trial()
    if form.value("step") == "check":
        membership = group.membership if group else Membership(form.value("membership"))
        trial = await visit.read(_tried, form.value("rule"), membership, form.value("of").strip())
    return await visit.page(
        "group_form.html",
        status=422 if form.is_wrong else 200,
        form=form,
        group=group,
        memberships=_MEMBERSHIPS,
        patterns=_PATTERNS,
        trial=trial,
        may_save=visit.may(WRITE),
    )


def _tried(tx: Tx, tenant: TenantKey, rule: str, membership: Membership, of: str) -> Trial:
    """What a rule says of the user or device of this name."""
    kind = MemberKind.USER if membership is Membership.DYNAMIC_USER else MemberKind.DEVICE
    key = _user(tx, tenant, of) if kind is MemberKind.USER else _device(tx, tenant, of)
    if key is None:
        who = "user" if kind is MemberKind.USER else "device"
        return Trial(of, problem=f"There is no {who} {of!r}." if of else f"Name a {who} to try the rule on.")
    try:
        return Trial(of, check_rule(tx, tenant, rule, kind, key))
    except ResealError as error:
        return Trial(of, problem=f"{error.message} {error.remedy}")


# --- members ------------------------------------------------------------------------------------------------


async def _add(visit: Visit) -> Response:
    group = await visit.read(group_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_added, tenant=visit.tenant, group=group, posted=visit.posted, actor=visit.caller.name),
        Saving(
            f"Add members to {group.name}",
            "Add them",
            partial(_group_page, visit),
            fields={"*": "names"},
        ),
    )


def _added(tx: Tx, *, tenant: TenantKey, group: Group, posted: Posted, actor: str) -> Done:
    names = [name.strip() for name in posted.text("names").splitlines() if name.strip()]
    users = {name: _user(tx, tenant, name) for name in names}
    devices = {name: _device(tx, tenant, name) for name in names if users[name] is None}
    _require_all([name for name in names if users[name] is None and devices[name] is None], names)
    counted = count_members(tx, tenant, group.id)
    for kind, found in ((MemberKind.USER, users), (MemberKind.DEVICE, devices)):
        keys = [key for key in found.values() if key is not None]
        if keys:
            add_members(tx, tenant, group.id, kind, keys, actor=actor)
    return Done(
        address("groups", group.uuid),
        f"{len(names):,} members were added to {group.name}.",
        [Difference("New members", "", ", ".join(names))],
        afterwards=lambda tx: _counts(tx, tenant, group.id, counted),
    )


def _require_all(missing: Sequence[str], names: Sequence[str]) -> None:
    if missing or not names:
        raise Invalid(
            code="NoSuchMember",
            message="Not all of these exist.",
            details=[
                Detail("names", f"There is no user or device {name}.", "Check the spelling.")
                for name in missing
            ]
            or [Detail("names", "Nobody was named.", "Write at least one name.")],
        )


async def _remove(visit: Visit) -> Response:
    group = await visit.read(group_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_removed, tenant=visit.tenant, group=group, posted=visit.posted, actor=visit.caller.name),
        Saving(f"Take a member out of {group.name}", "Take it out", partial(_group_page, visit)),
    )


def _removed(tx: Tx, *, tenant: TenantKey, group: Group, posted: Posted, actor: str) -> Done:
    uuid = uuid_of(posted.text("member"))
    if posted.text("kind") == MemberKind.USER:
        user = user_by_uuid(tx, tenant, uuid)
        kind, key, name = MemberKind.USER, user.id, user.upn
    else:
        device = device_by_uuid(tx, tenant, uuid)
        kind, key, name = MemberKind.DEVICE, device.id, device.display_name
    remove_member(tx, tenant, group.id, kind, key, actor=actor)
    return Done(
        address("groups", group.uuid),
        f"{name} is no longer in {group.name}.",
        [Difference("Member", name, "")],
    )


def _user(tx: Tx, tenant: TenantKey, name: str) -> int | None:
    found = find_user(tx, tenant, name) if "@" in name else None
    return None if found is None else found.id


def _device(tx: Tx, tenant: TenantKey, name: str) -> int | None:
    """A device by its serial number, or by its name."""
    if not name:
        return None
    for registration in list_registrations(tx, tenant, serial=name, limit=10).items:
        if fold(registration.serial) == fold(name):
            return registration.device_id
    named = list_devices(tx, tenant, search=name, limit=10).items
    return next((one.id for one in named if fold(one.display_name) == fold(name)), None)
