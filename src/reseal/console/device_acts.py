"""What is done with devices, one or several: another group tag, another user, the end of their registration.

Each act first says what changes, and for how many. At most `MOST` devices are changed at once; a deletion of
more than `FEW` has to be confirmed by typing how many they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from reseal.autopilot.editing_many import set_tag_of_many, set_user_of_many
from reseal.autopilot.registrations import deregister
from reseal.console.choosing import uuid_of
from reseal.console.desk import Desk, Saving, Visit, address
from reseal.console.devices import PATH, WRITE, narrowing, sought_of
from reseal.console.forms import TICKED, Form
from reseal.console.saving import Difference, Done
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey
from reseal.kernel.wording import counted
from reseal.report.roster import Rostered, roster_keys, roster_of
from reseal.web.posted import Posted
from reseal.web.routes import Route

MOST: Final = 500
"""Devices that are changed in one step."""
FEW: Final = 10
"""More than these are deleted only if their number is typed."""
_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of act."""

    word: str
    template: str
    button: str
    fields: dict[str, str]
    dangerous: bool = False

    def title(self, devices: Sequence[Rostered]) -> str:
        return self.word.format(devices=counted(len(devices), "device"))


_TAG = _Kind("Change the group tag of {devices}", "devices_tag.html", "Change it", {"*": "tag"})
_USER = _Kind("Assign a user to {devices}", "devices_user.html", "Assign", {"*": "user"})
_DELETE = _Kind(
    "Delete {devices}", "devices_delete.html", "Delete the registration", {"count": "count"}, dangerous=True
)


def routes(desk: Desk) -> tuple[Route, ...]:
    """One form for each act; the list and the page of a device lead there with what was chosen."""
    return (
        desk.form(f"{PATH}/tag", partial(_handled, _TAG), WRITE),
        desk.form(f"{PATH}/user", partial(_handled, _USER), WRITE),
        desk.form(f"{PATH}/delete", partial(_handled, _DELETE), WRITE),
    )


async def _handled(kind: _Kind, visit: Visit) -> Response:
    devices = await visit.read(_chosen, visit.posted)
    if not devices:
        return visit.go(_back(visit.posted), "No device was chosen. Tick the devices first.")
    act = partial(_done, kind=kind, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name)
    saving = Saving(
        kind.title(devices),
        kind.button,
        partial(_form_page, visit, kind, devices),
        fields=kind.fields,
        dangerous=kind.dangerous,
    )
    return await visit.save(act, saving)


async def _form_page(visit: Visit, kind: _Kind, devices: Sequence[Rostered], form: Form) -> Response:
    return await visit.page(
        kind.template,
        status=422 if form.is_wrong else 200,
        form=form,
        title=kind.title(devices),
        devices=devices[:_NAMED],
        more=max(0, len(devices) - _NAMED),
        count=len(devices),
        ids=[str(one.uuid) for one in devices],
        back=_back(visit.posted),
        few=FEW,
    )


def _chosen(tx: Tx, tenant: TenantKey, posted: Posted) -> tuple[Rostered, ...]:
    """The devices that are ticked, or all that fit the filter. Raises `Invalid` for too many."""
    if posted.text("every"):
        sought = sought_of({name: posted.text(f"sought-{name}") for name in _SOUGHT})
        ids = roster_keys(tx, tenant, sought, MOST + 1)
    else:
        ids = [uuid_of(text) for text in dict.fromkeys(posted.texts("device"))]
    if len(ids) > MOST:
        raise Invalid(
            code="TooManyDevices",
            message=f"At most {MOST} devices are changed in one step.",
            remedy="Narrow the list, and do it in several steps.",
        )
    return roster_of(tx, tenant, ids)


_SOUGHT: Final = ("q", "tag", "user", "profile", "standing")


def _back(posted: Posted) -> str:
    if posted.text("from"):
        return address("devices", uuid_of(posted.text("from")))
    kept = narrowing(sought_of({name: posted.text(f"sought-{name}") for name in _SOUGHT}))
    return f"{PATH}?{urlencode(kept)}" if kept else PATH


# --- acts ---------------------------------------------------------------------------------------------------


def _done(tx: Tx, *, kind: _Kind, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    devices = _chosen(tx, tenant, posted)
    keys = [one.id for one in devices]
    match kind.template:
        case _TAG.template:
            before = set_tag_of_many(tx, tenant, keys, posted.text("tag"), actor=actor)
            return Done(
                _back(posted),
                f"The group tag of {counted(len(before), 'device')} was changed.",
                _told("Group tag", [one.group_tag for one in before], posted.text("tag")),
                devices=[one.device_id for one in before],
            )
        case _USER.template:
            upn = "" if posted.text("whom") == "nobody" else _required(posted)
            was = set_user_of_many(tx, tenant, keys, upn, actor=actor)
            return Done(
                _back(posted),
                f"{counted(len(was), 'device has', 'devices have')} another user.",
                _told("Assigned user", [one.assigned_user_upn for one in was], upn),
                devices=[one.device_id for one in was],
            )
        case _:
            return _deleted(tx, tenant, devices, posted, actor)


def _required(posted: Posted) -> str:
    if not posted.text("user"):
        raise Invalid(
            code="UserMissing",
            message="No user was named.",
            remedy="Type a user principal name, or choose to assign nobody.",
        )
    return posted.text("user")


def _deleted(tx: Tx, tenant: TenantKey, devices: Sequence[Rostered], posted: Posted, actor: str) -> Done:
    if len(devices) > FEW and posted.text("count").replace(",", "") != str(len(devices)):
        raise Invalid(
            code="CountWrong",
            message="The number of devices was not typed.",
            details=[Detail("count", "This is not how many devices were chosen.", f"Type {len(devices)}.")],
        )
    keep = posted.text("keep") == TICKED
    keys = [one.id for one in devices]
    deregister(tx, tenant, keys, keep_directory_device=keep, actor=actor)
    remarks = [
        "A device that is not registered shows the usual set-up of Windows when it is reset.",
        "Directory device and management stay." if keep else "Directory device and management end, too.",
    ]
    return Done(
        PATH,
        f"{counted(len(devices), 'device is', 'devices are')} no longer registered.",
        (Difference("Registrations", counted(len(devices), "device"), ""),),
        remarks=remarks,
        gone=[one.serial for one in devices],
    )


def _told(what: str, before: Sequence[str], after: str) -> tuple[Difference, ...]:
    """Each former value with how many had it."""
    return tuple(
        Difference(f"{what} of {counted(count, 'device')}", value, after)
        for value, count in sorted(Counter(before).items())
    )
