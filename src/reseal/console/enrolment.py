"""Step 1: whose devices come under management by themselves when they join (spec/autopilot.md 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from starlette.responses import Response

from reseal.autopilot.registrations import count_by_profile
from reseal.console.choosing import groups_chosen, groups_offered
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form, Option
from reseal.console.saving import Done, differences
from reseal.directory.joining import mdm_scope_groups, set_mdm_scope
from reseal.directory.model import Group
from reseal.directory.model_settings import MdmScope, MdmUrls, TenantSettings, default_mdm_urls
from reseal.directory.tenants import tenant_by_id, update_settings
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "Policy.Read.MobilityManagement"
WRITE = "Policy.ReadWrite.MobilityManagement"
PATH = "/set-up/enrolment"

SCOPES = (
    Option(MdmScope.ALL, "All", "Every licensed user's device."),
    Option(MdmScope.SOME, "Some", "Devices of licensed users in the groups below."),
    Option(MdmScope.NONE, "None", "No device, not even one that a technician pre-provisions."),
)
SCOPE = "Whose devices enrol"
LABELS = {option.value: option.label for option in SCOPES}
_FIELDS = {
    "mdm_urls.discovery": "discovery",
    "mdm_urls.terms_of_use": "terms",
    "mdm_urls.compliance": "compliance",
    "NotAGroupOfUsers": "groups",
    "GroupNotFound": "groups",
    "ScopeEmpty": "groups",
}


@dataclass(frozen=True, slots=True)
class _Present:
    settings: TenantSettings
    groups: tuple[Group, ...]
    offered: tuple[Option, ...]


def routes(desk: Desk) -> tuple[Route, ...]:
    """The page and its form."""
    return (desk.page(PATH, _page, READ), desk.form(PATH, _save, WRITE))


async def _page(visit: Visit) -> Response:
    present = await visit.read(_present)
    urls = present.settings.mdm_urls
    form = Form.of(
        scope=present.settings.mdm_scope.value,
        groups=[str(group.uuid) for group in present.groups],
        discovery=urls.discovery or "",
        terms=urls.terms_of_use or "",
        compliance=urls.compliance or "",
    )
    return await _shown(visit, form)


async def _shown(visit: Visit, form: Form) -> Response:
    present = await visit.read(_present)
    return await visit.page(
        "enrolment.html",
        status=422 if form.is_wrong else 200,
        form=form,
        scopes=SCOPES,
        groups=present.offered,
        standard=default_mdm_urls(visit.parts.device_url, visit.parts.public_url),
        may_save=visit.may(WRITE),
    )


async def _save(visit: Visit) -> Response:
    return await visit.save(
        partial(_act, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving("Set the enrolment scope", "Save the scope", partial(_shown, visit), fields=_FIELDS),
    )


def _act(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    before = tenant_by_id(tx, tenant).settings
    former = mdm_scope_groups(tx, tenant)
    scope = MdmScope(posted.text("scope") or MdmScope.NONE)
    groups = groups_chosen(tx, tenant, posted.texts("groups")) if scope is MdmScope.SOME else []
    set_mdm_scope(tx, tenant, scope, [group.id for group in groups], actor=actor)
    urls = MdmUrls(
        posted.text("discovery") or None, posted.text("terms") or None, posted.text("compliance") or None
    )
    update_settings(tx, tenant, replace(tenant_by_id(tx, tenant).settings, mdm_urls=urls), actor=actor)
    old = before.mdm_urls
    return Done(
        "/set-up",
        f"The enrolment scope is {LABELS[scope]}.",
        differences(
            (SCOPE, LABELS[before.mdm_scope], LABELS[scope]),
            ("Groups", [one.name for one in former], sorted(one.name for one in groups)),
            ("Discovery address", old.discovery, urls.discovery),
            ("Address of the terms of use", old.terms_of_use, urls.terms_of_use),
            ("Compliance address", old.compliance, urls.compliance),
        ),
        _remarks(tx, tenant, nobody=scope is MdmScope.SOME and not groups),
    )


def _remarks(tx: Tx, tenant: TenantKey, *, nobody: bool) -> list[str]:
    counted = sum(one.all for one in count_by_profile(tx, tenant).values())
    devices = "No device is registered yet." if not counted else f"{counted:,} devices are registered."
    said = f"It counts for every device from its next join on; devices that are enrolled stay so. {devices}"
    return [said, *(["No group is chosen, so nobody's device comes under management."] if nobody else [])]


def _present(tx: Tx, tenant: TenantKey) -> _Present:
    chosen = mdm_scope_groups(tx, tenant)
    return _Present(
        tenant_by_id(tx, tenant).settings, chosen, groups_offered(tx, tenant, chosen, of_users=True)
    )
