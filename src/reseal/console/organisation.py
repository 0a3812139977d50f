"""The organisation itself: its name, its domains, and the addresses under which it is reached.

What is decided for all of it elsewhere (who may join, the scope of enrolment) is shown with the way there, so
that every setting of an organisation can be found from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.responses import Response

from reseal.console import enrolment, joining
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form
from reseal.console.parts import Parts
from reseal.console.places import Place
from reseal.console.saving import Act, Done, differences, said
from reseal.directory.model import Domain, Tenant
from reseal.directory.model_names import fold
from reseal.directory.model_settings import default_mdm_urls
from reseal.directory.tenants import (
    add_domain,
    count_users_by_domain,
    domains,
    remove_domain,
    set_default_domain,
    tenant_by_id,
    update_settings,
    update_tenant,
)
from reseal.kernel.db import Tx
from reseal.kernel.errors import Detail, Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.numbers import whole_number
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ: Final = "Organization.Read.All"
WRITE: Final = "Organization.ReadWrite.All"
DOMAINS: Final = "Domain.ReadWrite.All"
PATH: Final = "/organisation"

_FIELDS: Final[Mapping[str, str]] = {"dynamic_group_limit": "groups", "*": "name"}
_OF_DOMAINS: Final[Mapping[str, str]] = {"InvalidDomainName": "domain", "DomainTaken": "domain"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is, and what for. `own` says whether it is this server that is meant."""

    label: str
    url: str
    hint: str = ""
    own: bool = True


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided on another page, as it stands: pairs of what, and what it is now."""

    page: Place
    settings: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Present:
    tenant: Tenant
    domains: tuple[Domain, ...]
    users: Mapping[str, int]


def routes(desk: Desk) -> tuple[Route, ...]:
    """The page and its forms."""
    return (
        desk.page(PATH, _page, READ),
        desk.form(PATH, _save, WRITE),
        desk.form(PATH + "/domains", _add, DOMAINS),
        desk.form(PATH + "/domains/default", _make_default, DOMAINS),
        desk.form(PATH + "/domains/remove", _remove, DOMAINS),
    )


async def _page(visit: Visit) -> Response:
    return await _shown(visit, Form())


async def _shown(visit: Visit, form: Form) -> Response:
    """The page; what another of its forms did not send stands as it is stored."""
    present = await visit.read(_present)
    tenant = present.tenant
    stored = Form.of(name=tenant.name, groups=str(tenant.settings.dynamic_group_limit))
    return await visit.page(
        "organisation.html",
        status=422 if form.is_wrong else 200,
        form=replace(form, values={**stored.values, **form.values}),
        tenant=tenant,
        domains=present.domains,
        users=present.users,
        addresses=addresses_of(visit.parts, tenant),
        decided=decided(tenant),
        may_save=visit.may(WRITE),
        may_domains=visit.may(DOMAINS),
    )


def _present(tx: Tx, tenant: TenantKey) -> _Present:
    return _Present(tenant_by_id(tx, tenant), domains(tx, tenant), count_users_by_domain(tx, tenant))


def addresses_of(parts: Parts, tenant: Tenant) -> tuple[Address, ...]:
    """Where the organisation is reached, and where its devices are sent."""
    own = tenant.settings.mdm_urls
    given = own.or_default(default_mdm_urls(parts.device_url, parts.public_url))
    public = parts.public_url
    return (
        Address("Console and sign-in", public),
        Address("Devices", parts.device_url, "Joining, enrolment and management."),
        Address(
            "Discovery of management", given.discovery or "", "Where a joined device asks.", not own.discovery
        ),
        Address("Terms of use", given.terms_of_use or "", own=not own.terms_of_use),
        Address("Compliance", given.compliance or "", own=not own.compliance),
        Address(
            "OpenID configuration",
            f"{public}/{tenant.uuid}/v2.0/.well-known/openid-configuration",
            "For programs that sign users in.",
        ),
        Address("Codes of devices", f"{public}/devicelogin", "Where a user types the code of a device."),
        Address("Programming interface", f"{public}/api/v1/tenant", "This organisation, for programs."),
    )


def decided(tenant: Tenant) -> tuple[Decided, ...]:
    """What holds for the whole organisation and is decided on other pages."""
    scope = enrolment.LABELS[tenant.settings.mdm_scope]
    return (
        Decided(
            Place(enrolment.PATH, "Automatic enrolment", enrolment.READ),
            [(enrolment.SCOPE, scope)],
        ),
        Decided(
            Place(joining.PATH, "Who may join devices", joining.READ),
            [(what, said(now)) for what, now in joining.told(tenant.settings)],
        ),
    )


# --- its name -----------------------------------------------------------------------------------------------


async def _save(visit: Visit) -> Response:
    act = partial(_changed, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name)
    return await visit.save(
        act, Saving("Change the organisation", "Save it", partial(_shown, visit), fields=_FIELDS)
    )


def _changed(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    before = tenant_by_id(tx, tenant)
    after = update_tenant(tx, tenant, name=posted.text("name"), actor=actor)
    limit = _limit(posted.text("groups"))
    update_settings(tx, tenant, replace(before.settings, dynamic_group_limit=limit), actor=actor)
    return Done(
        PATH,
        "The organisation was saved.",
        differences(
            ("Name", before.name, after.name),
            ("Most groups with a rule", f"{before.settings.dynamic_group_limit:,}", f"{limit:,}"),
        ),
        ["Users read the new name when they sign in and while a device is set up."]
        if after.name != before.name
        else [],
    )


def _limit(text: str) -> int:
    if (limit := whole_number(text)) is not None:
        return limit
    raise Invalid(
        code="InvalidSetting",
        message=f"{text!r} is not a number of groups.",
        details=[Detail("dynamic_group_limit", f"{text!r} is not a number.", "Give 0 or more.")],
    )


# --- its domains --------------------------------------------------------------------------------------------


async def _add(visit: Visit) -> Response:
    name = visit.posted.text("domain")
    act = partial(_added, tenant=visit.tenant, name=name, actor=visit.caller.name)
    return await _save_domains(visit, f"Add the domain {name}", "Add the domain", act)


def _added(tx: Tx, *, tenant: TenantKey, name: str, actor: str) -> Done:
    add_domain(tx, tenant, name, actor=actor)
    return Done(
        PATH,
        f"The domain {name} was added.",
        differences(("Domain", "", name)),
        [
            "Users can be named by it from now on. No other organisation of this server can have it.",
            "Nobody asks the DNS whether it is yours: add only what is.",
        ],
    )


async def _make_default(visit: Visit) -> Response:
    name = visit.posted.text("owned")
    act = partial(_made_default, tenant=visit.tenant, name=name, actor=visit.caller.name)
    return await _save_domains(visit, f"Make {name} the default domain", "Make it the default", act)


def _made_default(tx: Tx, *, tenant: TenantKey, name: str, actor: str) -> Done:
    before = next(one.name for one in domains(tx, tenant) if one.is_default)
    if fold(name) != fold(before):
        set_default_domain(tx, tenant, name, actor=actor)
    return Done(
        PATH,
        f"{name} is the default domain.",
        differences(("Default domain", before, name)),
        ["New users are offered it. Nobody is renamed."],
    )


async def _remove(visit: Visit) -> Response:
    name = visit.posted.text("owned")
    act = partial(_removed, tenant=visit.tenant, name=name, actor=visit.caller.name)
    return await _save_domains(visit, f"Remove the domain {name}", "Remove the domain", act, dangerous=True)


def _removed(tx: Tx, *, tenant: TenantKey, name: str, actor: str) -> Done:
    remove_domain(tx, tenant, name, actor=actor)
    return Done(
        PATH,
        f"The domain {name} was removed.",
        differences(("Domain", name, "")),
        ["Nobody can be named by it any more, and another organisation of this server may take it."],
    )


async def _save_domains(
    visit: Visit, title: str, button: str, act: Act, *, dangerous: bool = False
) -> Response:
    saving = Saving(title, button, partial(_shown, visit), fields=_OF_DOMAINS, dangerous=dangerous)
    return await visit.save(act, saving)
