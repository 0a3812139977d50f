"""Step 6: Autopilot deployment profiles and whom they reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from starlette.responses import Response

from reseal.assignment.model import ItemKind
from reseal.assignment.service import targets_of, targets_of_kind
from reseal.autopilot.model_naming import expand_template
from reseal.autopilot.model_profile import (
    OS_DEFAULT,
    DeviceUsageType,
    JoinType,
    Profile,
    ProfileSettings,
    UserType,
)
from reseal.autopilot.offline import to_offline_json
from reseal.autopilot.profiles import (
    assign_profile,
    create_profile,
    delete_profile,
    item_ref,
    list_profiles,
    profile_by_id,
    profile_by_uuid,
    update_profile,
)
from reseal.autopilot.registrations import Counted, count_by_profile, list_registrations
from reseal.console import assigning, paging
from reseal.console.desk import Desk, Saving, Visit
from reseal.console.forms import Form, Option
from reseal.console.saving import Done, differences
from reseal.directory.paging import Page, PageKey
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.posted import Posted
from reseal.web.routes import Route

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"
PATH = "/profiles"

JOINS = (
    Option(JoinType.ENTRA, "Cloud join", "The device belongs to this organisation alone."),
    Option(JoinType.HYBRID, "Hybrid join", "It joins a domain as well; it gets its name there."),
)
MODES = (
    Option(DeviceUsageType.SINGLE_USER, "User-driven", "Somebody signs in and owns it."),
    Option(DeviceUsageType.SHARED, "Self-deploying", "A shared device without an owner."),
)
USERS = (
    Option(UserType.STANDARD, "Standard", ""),
    Option(UserType.ADMINISTRATOR, "Administrator", "Whoever joins the device administers it."),
)
LANGUAGES = (
    Option(OS_DEFAULT, "As Windows is"),
    Option("", "The user chooses"),
    *(
        Option(tag, f"{label} ({tag})")
        for tag, label in (
            ("ar-SA", "Arabic"),
            ("zh-CN", "Chinese, simplified"),
            ("cs-CZ", "Czech"),
            ("da-DK", "Danish"),
            ("nl-NL", "Dutch"),
            ("en-GB", "English, United Kingdom"),
            ("en-US", "English, United States"),
            ("fi-FI", "Finnish"),
            ("fr-FR", "French"),
            ("de-DE", "German"),
            ("he-IL", "Hebrew"),
            ("it-IT", "Italian"),
            ("ja-JP", "Japanese"),
            ("ko-KR", "Korean"),
            ("nb-NO", "Norwegian"),
            ("pl-PL", "Polish"),
            ("pt-BR", "Portuguese, Brazil"),
            ("pt-PT", "Portuguese, Portugal"),
            ("es-ES", "Spanish"),
            ("sv-SE", "Swedish"),
            ("tr-TR", "Turkish"),
            ("uk-UA", "Ukrainian"),
        )
    ),
)
SWITCHES: Mapping[str, tuple[str, str]] = {
    "preprovisioning_allowed": (
        "Allow pre-provisioned deployment",
        "Without it the technician flow ends with 0x80180005.",
    ),
    "eula_hidden": ("Hide the licence terms", ""),
    "privacy_settings_hidden": ("Hide the privacy settings", ""),
    "escape_link_hidden": ("Hide the options to change the account", ""),
    "keyboard_selection_page_skipped": (
        "Set the keyboard by the language",
        "Together with a language, and on a wired network only.",
    ),
    "hardware_hash_extraction_enabled": (
        "Register targeted devices that are not yet",
        "Their hashes are read from them once they are under management.",
    ),
    "hybrid_skip_connectivity_check": ("Skip the check for a domain controller", "For hybrid join only."),
}
_PAGES = ("eula_hidden", "privacy_settings_hidden", "escape_link_hidden", "keyboard_selection_page_skipped")
_FIELDS = {
    "displayName": "name",
    "description": "description",
    "NameTaken": "name",
    "deviceNameTemplate": "template",
    "deviceUsageType": "mode",
    "preprovisioningAllowed": "preprovisioning_allowed",
    "OtherJoinType": "join",
    "locale": "locale",
    "targets": "whom",
    "ExclusionWithAllDevices": "whom",
    "ProfileFilter": "whom",
}


@dataclass(frozen=True, slots=True)
class _Listed:
    page: Page[Profile]
    aims: dict[int, list[str]]
    counted: dict[int | None, Counted]


def routes(desk: Desk) -> tuple[Route, ...]:
    """The list, and the forms of one profile."""
    return (
        desk.page(PATH, _list, READ),
        desk.page(PATH + "/new", _new, READ),
        desk.form(PATH + "/new", _create, WRITE),
        desk.page(PATH + "/{id}", _edit, READ),
        desk.form(PATH + "/{id}", _change, WRITE),
        desk.form(PATH + "/{id}/delete", _delete, WRITE),
        desk.page(PATH + "/{id}/offline", _offline, READ),
    )


async def _list(visit: Visit) -> Response:
    asked = paging.asked(visit.call)
    found = await visit.read(_listed, asked.after)
    return await visit.page(
        "profiles.html",
        found=found.page.items,
        aims=found.aims,
        counted=found.counted,
        links=paging.links(visit.call, found.page),
        may_save=visit.may(WRITE),
    )


def _listed(tx: Tx, tenant: TenantKey, after: PageKey | None) -> _Listed:
    found = list_profiles(tx, tenant, after=after, limit=paging.PAGE)
    aims = assigning.all_aims(tx, tenant, targets_of_kind(tx, tenant, ItemKind.PROFILE))
    return _Listed(
        found,
        {profile.id: aims.get(item_ref(profile.id), []) for profile in found.items},
        count_by_profile(tx, tenant),
    )


# --- one of them --------------------------------------------------------------------------------------------


async def _new(visit: Visit) -> Response:
    settings = replace(
        ProfileSettings(),
        preprovisioning_allowed=True,
        user_type=UserType.STANDARD,
        eula_hidden=True,
        privacy_settings_hidden=True,
        escape_link_hidden=True,
    )
    return await _form_page(visit, _form_of("", "", settings))


def _form_of(name: str, description: str, settings: ProfileSettings, **more: Any) -> Form:
    return Form.of(
        name=name,
        description=description,
        join=settings.join_type.value,
        mode=settings.device_usage_type.value,
        user=settings.user_type.value,
        locale=settings.locale,
        template=settings.device_name_template,
        **{switch: bool(getattr(settings, switch)) for switch in SWITCHES},
        **more,
    )


async def _create(visit: Visit) -> Response:
    return await visit.save(
        partial(_made, tenant=visit.tenant, posted=visit.posted, actor=visit.caller.name),
        Saving("Make the profile", "Make it", partial(_form_page, visit), fields=_FIELDS),
    )


def _made(tx: Tx, *, tenant: TenantKey, posted: Posted, actor: str) -> Done:
    profile = create_profile(
        tx,
        tenant,
        posted.text("name"),
        _settings(posted, ProfileSettings()),
        description=posted.text("description"),
        actor=actor,
    )
    targets = assigning.targets_in(tx, tenant, item_ref(profile.id), posted)
    assign_profile(tx, tenant, profile.id, targets, actor=actor)
    return Done(
        PATH,
        f"The profile {profile.name} was made.",
        differences(
            ("Name", "", profile.name),
            ("Description", "", profile.description),
            *_told(None, profile.settings),
            ("Assigned to", "", assigning.aims(tx, tenant, targets)),
        ),
    )


async def _edit(visit: Visit) -> Response:
    profile = await visit.read(profile_by_uuid, visit.call.uuid("id"))
    lines = await visit.read(assigning.written, item_ref(profile.id))
    return await _form_page(
        visit, _form_of(profile.name, profile.description, profile.settings, **lines), profile
    )


async def _change(visit: Visit) -> Response:
    profile = await visit.read(profile_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_changed, tenant=visit.tenant, key=profile.id, posted=visit.posted, actor=visit.caller.name),
        Saving(
            f"Change the profile {profile.name}",
            "Save the profile",
            partial(_form_page, visit, profile=profile),
            fields=_FIELDS,
        ),
    )


def _changed(tx: Tx, *, tenant: TenantKey, key: int, posted: Posted, actor: str) -> Done:
    before, item = profile_by_id(tx, tenant, key), item_ref(key)
    aimed = assigning.aims(tx, tenant, targets_of(tx, tenant, item))
    update_profile(
        tx,
        tenant,
        key,
        name=posted.text("name"),
        description=posted.text("description"),
        settings=_settings(posted, before.settings),
        actor=actor,
    )
    assign_profile(tx, tenant, key, assigning.targets_in(tx, tenant, item, posted), actor=actor)
    after = profile_by_id(tx, tenant, key)
    return Done(
        PATH,
        f"The profile {after.name} was saved.",
        differences(
            ("Name", before.name, after.name),
            ("Description", before.description, after.description),
            *_told(before.settings, after.settings),
            ("Assigned to", aimed, assigning.aims(tx, tenant, targets_of(tx, tenant, item))),
        ),
        ["Devices that are enrolled already keep what they were given."],
    )


async def _delete(visit: Visit) -> Response:
    profile = await visit.read(profile_by_uuid, visit.call.uuid("id"))
    return await visit.save(
        partial(_deleted, tenant=visit.tenant, profile=profile, actor=visit.caller.name),
        Saving(
            f"Delete the profile {profile.name}",
            "Delete it",
            partial(_refused_deletion, visit, profile),
            dangerous=True,
        ),
    )


async def _refused_deletion(visit: Visit, profile: Profile, form: Form) -> Response:
    lines = await visit.read(assigning.written, item_ref(profile.id))
    kept = _form_of(profile.name, profile.description, profile.settings, **lines)
    return await _form_page(visit, replace(kept, general=form.general), profile)


def _deleted(tx: Tx, *, tenant: TenantKey, profile: Profile, actor: str) -> Done:
    assign_profile(tx, tenant, profile.id, [], actor=actor)
    delete_profile(tx, tenant, profile.id, actor=actor)
    return Done(
        PATH,
        f"The profile {profile.name} was deleted.",
        remarks=["Its assignments go with it. Devices that are enrolled already keep what they were given."],
    )


async def _offline(visit: Visit) -> Response:
    content = await visit.read(_offline_file, visit.call.uuid("id"))
    return Response(
        content,
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="AutopilotConfigurationFile.json"'},
    )


def _offline_file(tx: Tx, tenant: TenantKey, uuid: UUID) -> bytes:
    return to_offline_json(tx, tenant, profile_by_uuid(tx, tenant, uuid).id)


async def _form_page(visit: Visit, form: Form, profile: Profile | None = None) -> Response:
    offered = await visit.read(assigning.offer, ItemKind.PROFILE)
    template = form.value("template").strip()
    example, problem = await _example(visit, template) if template else ("", "")
    return await visit.page(
        "profile.html",
        status=422 if form.is_wrong else 200,
        form=form,
        profile=profile,
        offered=offered,
        joins=JOINS,
        modes=MODES,
        users=USERS,
        languages=_languages(form.value("locale")),
        switches=SWITCHES,
        pages=_PAGES,
        example=example,
        problem=problem,
        may_save=visit.may(WRITE),
    )


async def _example(visit: Visit, template: str) -> tuple[str, str]:
    """A name such as the first registered device would get, or why there is none."""
    first = (await visit.read(list_registrations, limit=1)).items
    serial = first[0].serial if first else "4711-ABC"
    try:
        return f"{expand_template(template, serial, visit.parts.entropy)} for {serial}", ""
    except Invalid as error:
        return "", f"{error.message} {error.remedy}"


def _languages(chosen: str) -> tuple[Option, ...]:
    known = {option.value for option in LANGUAGES}
    return LANGUAGES if chosen in known else (*LANGUAGES, Option(chosen, chosen))


def _settings(posted: Posted, before: ProfileSettings) -> ProfileSettings:
    switched: dict[str, Any] = {name: posted.has(name) for name in SWITCHES}
    return replace(
        before,
        join_type=JoinType(posted.text("join") or JoinType.ENTRA),
        device_usage_type=DeviceUsageType(posted.text("mode") or DeviceUsageType.SINGLE_USER),
        user_type=UserType(posted.text("user") or UserType.STANDARD),
        locale=posted.text("locale"),
        device_name_template=posted.text("template"),
        **switched,
    )


def _told(before: ProfileSettings | None, after: ProfileSettings) -> list[tuple[str, Any, Any]]:
    def was(name: str) -> Any:
        return "" if before is None else getattr(before, name)

    chosen = [
        ("Join", _label(JOINS, was("join_type")), _label(JOINS, after.join_type)),
        ("Mode", _label(MODES, was("device_usage_type")), _label(MODES, after.device_usage_type)),
        ("Account of the user", _label(USERS, was("user_type")), _label(USERS, after.user_type)),
        (
            "Language",
            "" if before is None else _label(_languages(before.locale), before.locale),
            _label(_languages(after.locale), after.locale),
        ),
        ("Name of devices", was("device_name_template"), after.device_name_template),
    ]
    switched = [(label, was(name), getattr(after, name)) for name, (label, _) in SWITCHES.items()]
    if before is None:
        switched = [each for each in switched if each[2]]
    return [*chosen, *switched]


def _label(options: tuple[Option, ...], value: str) -> str:
    return next((option.label for option in options if option.value == value), "")
