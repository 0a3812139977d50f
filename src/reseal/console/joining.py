"""Step 2: who may join devices, how many, and what the organisation asks of devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.responses import Response

from reseal.blueprint.touch import devices_without_profile
from reseal.console.choosing import groups_chosen, groups_offered, users_named
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form, Option
from reseal.console.saving import Done, differences
from reseal.directory.joining import JoinSelection, join_selection, select_for_join
from reseal.directory.model import User
from reseal.directory.model_settings import QUOTA_LIMIT, JoinAllowed, TenantSettings
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.numbers import whole_number
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "Policy.Read.DeviceConfiguration"
WRITE = "Policy.ReadWrite.DeviceConfiguration"
PATH = "/set-up/joining"

WHO = (
    Option(JoinAllowed.ALL, "All", "Every user of the organisation."),
    Option(JoinAllowed.SELECTED, "Selected", "The users and groups below."),
    Option(JoinAllowed.NONE, "None", "Nobody; a technician still can pre-provision, with the device's TPM."),
)
_LABELS = {option.value: option.label for option in WHO}
_SWITCHES = {
    "builtin_default_profile": "Serve registered devices without a profile with the built-in one",
    "one_time_rule": "Refuse a second pre-provisioning until the device is unblocked",
    "user_before_attestation": "Show the assigned user before the TPM is proven",
    "allow_virtual_tpm": "Allow virtual TPMs, which prove nothing: for tests",
}
_FIELDS = {
    "user_device_quota": "quota",
    "host_name_prefix": "prefix",
    "NotAGroupOfUsers": "groups",
    "GroupNotFound": "groups",
}


@dataclass(frozen=True, slots=True)
class _Present:
    settings: TenantSettings
    selection: JoinSelection
    offered: tuple[Option, ...]


def routes(desk: Desk) -> tuple[Route, ...]:
    """The page and its form."""
    return (desk.page(PATH, _page, READ), desk.form(PATH, _save, WRITE))


async def _page(visit: Visit) -> Response:
    present = await visit.read(_present)
    settings = present.settings
    quota = settings.user_device_quota
    form = Form.of(
        who=settings.join_allowed.value,
        users="\n".join(user.upn for user in present.selection.users),
        groups=[str(group.uuid) for group in present.selection.groups],
        quota="" if quota is None else str(quota),
        prefix=settings.host_name_prefix,
        **{name: bool(getattr(settings, name)) for name in _SWITCHES},
    )
    return await _shown(visit, form)


async def _shown(visit: Visit, form: Form) -> Response:
    present = await visit.read(_present)
    return await visit.page(
        "joining.html",
        status=422 if form.is_wrong else 200,
        form=form,
        who=WHO,
        groups=present.offered,
        switches=_SWITCHES,
        most=QUOTA_LIMIT,
        may_save=visit.may(WRITE),
    )


async def _save(visit: Visit) -> Response:
    return await visit.save(
        partial(_act, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving("Set who may join devices", "Save", partial(_shown, visit), fields=_FIELDS),
    )


def _act(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    before, former = tenant_by_id(tx, tenant).settings, join_selection(tx, tenant)
    switched: dict[str, Any] = {name: posted.has(name) for name in _SWITCHES}
    after = replace(
        before,
        join_allowed=JoinAllowed(posted.text("who") or JoinAllowed.ALL),
        user_device_quota=_quota(posted.text("quota")),
        host_name_prefix=posted.text("prefix"),
        **switched,
    )
    update_settings(tx, tenant, after, actor=actor)
    users = users_named(tx, tenant, posted.text("users"), where="users")
    groups = groups_chosen(tx, tenant, posted.texts("groups"))
    chosen = {one.id for one in users}, {one.id for one in groups}
    if chosen != ({one.id for one in former.users}, {one.id for one in former.groups}):
        select_for_join(tx, tenant, *chosen, actor=actor)
    return Done(
        "/set-up",
        f"Who may join devices: {_LABELS[after.join_allowed]}.",
        differences(
            *((what, old, new) for (what, old), (_, new) in zip(told(before), told(after), strict=True)),
            ("Selected users", _sorted(former.users), _sorted(users)),
            (
                "Selected groups",
                [one.name for one in former.groups],
                sorted(one.name for one in groups),
            ),
        ),
        ["It counts from the next join on; devices that have joined stay."],
        devices=_served_otherwise(tx, tenant, before, after),
    )


def _served_otherwise(
    tx: Tx, tenant: TenantKey, before: TenantSettings, after: TenantSettings
) -> tuple[int, ...]:
    """Devices that the built-in profile begins or ceases to serve."""
    if before.builtin_default_profile == after.builtin_default_profile:
        return ()
    return tuple(sorted(devices_without_profile(tx, tenant)))


def told(settings: TenantSettings) -> tuple[tuple[str, str | bool], ...]:
    """What is decided here beside the selection, in words."""
    return (
        ("Who may join", _LABELS[settings.join_allowed]),
        ("Devices of one user", _counted(settings)),
        ("Names without a template begin with", settings.host_name_prefix),
        *((label, bool(getattr(settings, name))) for name, label in _SWITCHES.items()),
    )


def _quota(text: str) -> int | None:
    if not text:
        return None
    if (quota := whole_number(text)) is not None:
        return quota
    raise Invalid(
        code="InvalidSetting",
        message=f"{text!r} is not a number of devices.",
        details=[
            Detail(
                "user_device_quota",
                f"{text!r} is not a number.",
                "Give a whole number, or nothing for unlimited.",
            )
        ],
    )


def _counted(settings: TenantSettings) -> str:
    return "unlimited" if settings.user_device_quota is None else str(settings.user_device_quota)


def _sorted(users: Sequence[User]) -> list[str]:
    return sorted(user.upn for user in users)


def _present(tx: Tx, tenant: TenantKey) -> _Present:
    selection = join_selection(tx, tenant)
    return _Present(
        tenant_by_id(tx, tenant).settings,
        selection,
        groups_offered(tx, tenant, selection.groups, of_users=True),
    )
