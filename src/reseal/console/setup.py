"""The guided set-up: the nine steps of a pre-provisioned deployment, what is there, what is missing, and why
it matters (spec/autopilot.md 1.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from starlette.responses import Response

from reseal.assignment.model import ItemKind, ItemRef, Target
from reseal.assignment.service import targets_of_kind
from reseal.autopilot.model_profile import Profile
from reseal.autopilot.profiles import list_profiles
from reseal.autopilot.registrations import Counted, count_by_profile
from reseal.console.desk import Desk, Visit
from reseal.console.places import Place
from reseal.directory.joining import count_chosen
from reseal.directory.members import count_groups_with
from reseal.directory.model import MemberKind
from reseal.directory.model_settings import JoinAllowed, MdmScope, TenantSettings
from reseal.directory.tenants import tenant_by_id
from reseal.esp.model import EspProfile
from reseal.esp.profiles import item_ref, list_esps
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.kernel.wording import counted
from reseal.web.routes import Route

READ = "DeviceManagementServiceConfig.Read.All"


class Standing(StrEnum):
    """How a step stands; the value is what its badge says."""

    DONE = "done"
    MISSING = "missing"
    PARTLY = "look at it"
    OPTIONAL = "optional"
    PERSON = "by hand"

    @property
    def tone(self) -> str:
        """The style of its badge."""
        return {
            Standing.DONE: "good",
            Standing.MISSING: "bad",
            Standing.PARTLY: "person",
            Standing.OPTIONAL: "",
            Standing.PERSON: "step",
        }[self]


@dataclass(frozen=True, slots=True)
class Step:
    """One of the nine."""

    title: str
    standing: Standing
    state: str
    why: str
    action: str
    address: str
    beside: Place | None = None
    """What else belongs to it, for whoever may see that."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the steps look at."""

    settings: TenantSettings
    registrations: Mapping[int | None, Counted]
    profiles: Sequence[Profile]
    esps: Sequence[EspProfile]
    esp_targets: Mapping[ItemRef, Sequence[Target]]
    device_groups: int
    scope_groups: int = 0
    """Groups in the MDM user scope."""
    join_selected: int = 0
    """Users and groups that are selected to join devices."""

    @property
    def registered(self) -> int:
        """Registered devices."""
        return sum(counted.all for counted in self.registrations.values())

    def reached(self, profiles: Sequence[Profile]) -> int:
        """Registered devices that have one of these profiles."""
        return sum(self.registrations.get(profile.id, Counted()).all for profile in profiles)


def routes(desk: Desk) -> tuple[Route, ...]:
    """The page."""
    return (desk.page("/set-up", _page, READ),)


async def _page(visit: Visit) -> Response:
    facts = await visit.read(facts_of)
    steps = tuple(steps_of(facts))
    missing = [step for step in steps if step.standing is Standing.MISSING]
    return await visit.page(
        "setup.html", steps=steps, missing=missing, next=missing[0] if missing else None, facts=facts
    )


def facts_of(tx: Tx, tenant: TenantKey) -> Facts:
    """Everything that the steps look at, in a handful of statements."""
    scope_groups, selected = count_chosen(tx, tenant)
    return Facts(
        settings=tenant_by_id(tx, tenant).settings,
        registrations=count_by_profile(tx, tenant),
        profiles=list_profiles(tx, tenant, limit=1000).items,
        esps=list_esps(tx, tenant),
        esp_targets=targets_of_kind(tx, tenant, ItemKind.ESP),
        device_groups=count_groups_with(tx, tenant, MemberKind.DEVICE),
        scope_groups=scope_groups,
        join_selected=selected,
    )


def steps_of(facts: Facts) -> Iterator[Step]:
    """The nine steps, in their order."""
    yield _enrolment(facts)
    yield _joining(facts)
    yield _devices(facts)
    yield _groups(facts)
    yield _status_page(facts)
    yield _profile(facts)
    yield _users(facts)
    yield Step(
        "Pre-provision: the technician flow",
        Standing.PERSON,
        "The technician switches a laptop on, presses the Windows key five times on its first page, chooses "
        "pre-provisioning, and waits for green. Then Reseal switches it off.",
        "Everything that is meant for the device is installed before its user sees it. Each deployment shows "
        "live what it waits for.",
        "Open the bench",
        "/bench",
    )
    yield Step(
        "Hand over: the user flow",
        Standing.PERSON,
        "The user opens the lid, connects to a network, signs in on your branded page, and waits for what is "
        "meant for them.",
        "What was done before is not repeated; the desktop appears when everything that blocks is there.",
        "Watch deployments",
        "/deployments",
    )


def _enrolment(facts: Facts) -> Step:
    scope = facts.settings.mdm_scope
    nobody = scope is MdmScope.NONE or (scope is MdmScope.SOME and not facts.scope_groups)
    states = {
        MdmScope.ALL: "Devices of all users come under management when they join.",
        MdmScope.SOME: "Devices of users in the chosen groups come under management when they join.",
        MdmScope.NONE: "Nobody's device comes under management.",
    }
    return Step(
        "Automatic enrolment",
        Standing.MISSING if nobody else Standing.DONE,
        states[MdmScope.NONE if nobody else scope],
        "Without it a device joins the organisation and then stops: no policy and no app can reach it.",
        "Set the scope",
        "/set-up/enrolment",
        Place("/organisation", "Domains and addresses", "Organization.Read.All"),
    )


def _joining(facts: Facts) -> Step:
    allowed = facts.settings.join_allowed
    if allowed is JoinAllowed.SELECTED and not facts.join_selected:
        allowed = JoinAllowed.NONE
    states = {
        JoinAllowed.ALL: "All users may join devices.",
        JoinAllowed.SELECTED: "Selected users and groups may join devices.",
        JoinAllowed.NONE: "Nobody may join devices, so only devices that a technician pre-provisions get in.",
    }
    return Step(
        "Who may join devices",
        Standing.PARTLY if allowed is JoinAllowed.NONE else Standing.DONE,
        states[allowed],
        "In the user flow it is the user who joins the device. A technician needs no such right: the device "
        "proves itself with its TPM.",
        "Choose who may",
        "/set-up/joining",
    )


def _devices(facts: Facts) -> Step:
    count = facts.registered
    return Step(
        "Register devices",
        Standing.DONE if count else Standing.MISSING,
        f"{counted(count, 'device is', 'devices are')} registered." if count else "No device is registered.",
        "A device is recognised by its hardware hash the first time it is switched on. Without registration "
        "it is anybody's device.",
        "Import devices",
        "/set-up/devices",
    )


def _groups(facts: Facts) -> Step:
    count = facts.device_groups
    return Step(
        "Device group",
        Standing.DONE if count else Standing.MISSING,
        f"{counted(count, 'group holds', 'groups hold')} devices." if count else "No group holds devices.",
        "Profiles, status pages, policies and apps are aimed at groups. A rule over the group tag puts "
        "devices into theirs at once.",
        "Groups",
        "/groups",
    )


def _status_page(facts: Facts) -> Step:
    assigned = [esp for esp in facts.esps if facts.esp_targets.get(item_ref(esp.id))]
    shown = [esp for esp in assigned if esp.settings.show_installation_progress]
    default = [esp for esp in facts.esps if esp.is_default and esp.settings.show_installation_progress]
    if shown or default:
        names = ", ".join(esp.name for esp in (shown or default)[:3])
        standing, state = Standing.DONE, f"Devices wait on: {names}."
    elif assigned:
        standing, state = (
            Standing.PARTLY,
            "The assigned status pages do not show progress, so nothing is held.",
        )
    else:
        standing, state = Standing.MISSING, "No status page that shows progress is assigned."
    return Step(
        "Enrollment Status Page",
        standing,
        state,
        "It holds the device until what must be there is there. Without it, a device may look done while its "
        "software is still missing.",
        "Status pages",
        "/status-pages",
    )


def _profile(facts: Facts) -> Step:
    allowing = [one for one in facts.profiles if one.settings.preprovisioning_allowed]
    reached, registered = facts.reached(allowing), facts.registered
    if registered and reached == registered:
        standing, state = Standing.DONE, "Every registered device has a profile that allows pre-provisioning."
    elif reached:
        standing = Standing.PARTLY
        state = (
            f"{reached:,} of {registered:,} registered devices have a profile that allows pre-provisioning."
        )
    elif allowing:
        standing, state = (
            Standing.PARTLY,
            "The profiles that allow pre-provisioning reach no registered device.",
        )
        if not registered:
            standing, state = (
                Standing.DONE,
                f"{counted(len(allowing), 'profile allows', 'profiles allow')} it.",
            )
    else:
        standing, state = Standing.MISSING, "No profile allows pre-provisioning."
    return Step(
        "Autopilot profile",
        standing,
        state,
        "It says which pages the user sees, how the device is called, and whether a technician may "
        "pre-provision it; otherwise enrolment is refused with 0x80180005.",
        "Profiles",
        "/profiles",
    )


def _users(facts: Facts) -> Step:
    assigned = sum(counted.with_user for counted in facts.registrations.values())
    return Step(
        "Assign users",
        Standing.DONE if assigned else Standing.OPTIONAL,
        f"{counted(assigned, 'device has', 'devices have')} an assigned user."
        if assigned
        else "No device has an assigned user.",
        "An assigned user is greeted by name, and what is meant for them is prepared with the device.",
        "Assign users",
        "/set-up/users",
    )
