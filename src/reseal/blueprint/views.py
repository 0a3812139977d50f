"""Things in the document's own words: what is compared, what a plan shows, and what an export writes.

A view holds every field that the document knows, in its order, as plain JSON. The same functions show what a
tenant has and what a document wants, so that nothing can differ by the way it is written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from reseal.assignment.model import FilterMode, Intent, ItemKind, ItemRef, Mode, Target, TargetKind
from reseal.assignment.service import Filter
from reseal.autopilot import model_profile
from reseal.autopilot.model_profile import Profile, ProfileSettings
from reseal.blueprint.document import Assign
from reseal.blueprint.names import Names, shorten
from reseal.blueprint.parsing.items import STORES
from reseal.blueprint.parsing.organisation import DEFAULT_LANGUAGE, Quota
from reseal.blueprint.plan import View
from reseal.blueprint.present import Present
from reseal.blueprint.reading import camel
from reseal.catalog.model import (
    AppBody,
    Body,
    CatalogItem,
    CertificateBody,
    Format,
    Kind,
    OmaSetting,
    PolicyBody,
    WifiBody,
)
from reseal.catalog.service import item_ref
from reseal.directory.model import Attributes, Branding, Group, Processing, Role, TenantSettings, User
from reseal.directory.model_branding import DEFAULT_LOCALE, Image, ImageSlot
from reseal.directory.model_names import fold
from reseal.directory.model_settings import MdmScope
from reseal.esp import model as model_esp
from reseal.esp.model import DEFAULT_DESCRIPTION, EspProfile, EspSettings

_STORE_NAMES = {store: name.value for name, store in STORES.items()}
_NO_FILE_NAME = re.compile(r"[^\w.-]+")
_STEM_LENGTH = 60
_IMAGE_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}


def _plain(stored: View) -> dict[str, Any]:
    """Stored settings without members of enumerations."""
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in stored.items()}


PROFILE_DEFAULTS: View = {
    "description": "",
    **_plain(model_profile.to_json(ProfileSettings())),
    "assign": [],
}
ESP_DEFAULTS: View = {
    "description": "",
    **model_esp.to_json(EspSettings()),
    "selectedApps": [],
    "assign": [],
}
DEFAULT_ESP_DEFAULTS: View = {**ESP_DEFAULTS, "description": DEFAULT_DESCRIPTION}
ITEM_DEFAULTS: View = {"description": "", "assign": []}
GROUP_DEFAULTS: View = {"description": "", "rule": None, "members": None, "paused": False}
FILTER_DEFAULTS: View = {"description": ""}
USER_DEFAULTS: View = {"accountEnabled": True, "licensed": True, "manager": None, "roles": []}


def compact(view: View, defaults: View) -> dict[str, Any]:
    """The view without the fields that have their default: what a person would write."""
    return {name: value for name, value in view.items() if name not in defaults or value != defaults[name]}


# --- the organisation ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """The settings of an organisation with the groups and users that they select, by name and UPN."""

    settings: TenantSettings
    scope_groups: tuple[str, ...]
    join_users: tuple[str, ...]
    join_groups: tuple[str, ...]

    @classmethod
    def at_present(cls, present: Present) -> Self:
        """What an organisation has chosen."""
        return cls(
            settings=present.tenant.settings,
            scope_groups=tuple(group.name for group in present.mdm_scope_groups),
            join_users=tuple(user.upn for user in present.join_selection.users),
            join_groups=tuple(group.name for group in present.join_selection.groups),
        )


def settings_view(chosen: Chosen, names: Names) -> dict[str, Any]:
    """The settings of an organisation; groups of the MDM user scope count in the scope Some only."""
    settings = chosen.settings
    stored = _plain(settings.to_json())
    view: dict[str, Any] = {camel(name): value for name, value in stored.items() if name != "mdm_urls"}
    if settings.user_device_quota is None:
        view["userDeviceQuota"] = Quota.UNLIMITED.value
    if settings.mdm_scope is MdmScope.SOME:
        view["mdmScopeGroups"] = by_name(names.group(name) for name in chosen.scope_groups)
    view["mdmUrls"] = {camel(name): url or "" for name, url in stored["mdm_urls"].items()}
    view["joinSelected"] = {
        "users": by_name(names.user(upn) for upn in chosen.join_users),
        "groups": by_name(names.group(name) for name in chosen.join_groups),
    }
    return view


def language_of(locale: str) -> str:
    """How a document calls the branding of a locale."""
    return DEFAULT_LANGUAGE if locale == DEFAULT_LOCALE else locale


def branding_view(locale: str, branding: Branding) -> dict[str, Any]:
    """The branding of one locale; only what is set."""
    view = {camel(name): value for name, value in branding.to_json().items() if name != "images"}
    for slot in ImageSlot:
        if slot in branding.images:
            view[slot.value] = _image_view(locale, slot, branding.images[slot])
    return view


def _image_view(locale: str, slot: ImageSlot, image: Image) -> dict[str, Any]:
    stem = re.sub(r"([A-Z])", r"-\1", slot.value).lower()
    language = "" if locale == DEFAULT_LOCALE else f".{locale}"
    return _content(image.sha256, image.size, f"{stem}{language}.{_IMAGE_SUFFIXES[image.media_type]}")


# --- the directory ------------------------------------------------------------------------------------------


def user_view(
    upn: str,
    display_name: str,
    *,
    enabled: bool,
    licensed: bool,
    manager: str | None,
    roles: Collection[Role],
    attributes: Attributes,
) -> dict[str, Any]:
    """A user; `upn` and `manager` are named as views name users."""
    return {
        "upn": upn,
        "displayName": display_name,
        "accountEnabled": enabled,
        "licensed": licensed,
        "manager": manager,
        "roles": sorted(role.value for role in roles),
        **{name: attributes[name] for name in sorted(attributes)},
    }


def present_user(user: User, present: Present, names: Names) -> dict[str, Any]:
    """A user as they are."""
    manager = None if user.manager_id is None else present.people[user.manager_id]
    return user_view(
        shorten(user.upn, names.domain),
        user.display_name,
        enabled=user.enabled,
        licensed=user.licensed,
        manager=None if manager is None else names.user(manager.upn),
        roles=present.roles.get(user.id, ()),
        attributes=user.attributes,
    )


def group_view(
    name: str, description: str, *, rule: str | None, members: Iterable[str] | None, paused: bool
) -> dict[str, Any]:
    """A group; `rule` names what it names by name, `members` is None if a rule decides."""
    return {
        "name": name,
        "description": description,
        "rule": rule,
        "members": None if members is None else by_name(members),
        "paused": paused,
    }


def present_group(group: Group, present: Present, names: Names) -> dict[str, Any]:
    """A group as it is."""
    members = present.members.get(group.id)
    return group_view(
        group.name,
        group.description,
        rule=None if group.rule is None else names.rule(group.rule),
        members=None if members is None else [names.user(present.people[key].upn) for key in members],
        paused=group.processing is Processing.PAUSED,
    )


def filter_view(name: str, description: str, rule: str) -> dict[str, Any]:
    """An assignment filter."""
    return {"name": name, "description": description, "rule": rule.strip()}


def present_filter(filter_: Filter) -> dict[str, Any]:
    """An assignment filter as it is."""
    return filter_view(filter_.name, filter_.description, filter_.rule)


# --- what can be assigned -----------------------------------------------------------------------------------


def profile_view(
    name: str, description: str, settings: ProfileSettings, assign: list[View]
) -> dict[str, Any]:
    """A deployment profile."""
    return {
        "name": name,
        "description": description,
        **_plain(model_profile.to_json(settings)),
        "assign": assign,
    }


def present_profile(profile: Profile, present: Present, names: Names) -> dict[str, Any]:
    """A deployment profile as it is."""
    targets = present.targets.get(ItemRef(ItemKind.PROFILE, profile.id), ())
    lines = targets_view(targets, present, names)
    return profile_view(profile.name, profile.description, profile.settings, lines)


def esp_view(
    name: str | None, description: str, settings: EspSettings, apps: Iterable[str], assign: list[View]
) -> dict[str, Any]:
    """An Enrollment Status Page profile; the default one has no name."""
    return {
        **({} if name is None else {"name": name}),
        "description": description,
        **model_esp.to_json(settings),
        "selectedApps": by_name(apps),
        **({} if name is None else {"assign": assign}),
    }


def present_esp(esp: EspProfile, present: Present, names: Names) -> dict[str, Any]:
    """An Enrollment Status Page profile as it is."""
    apps: dict[int, str] = {app.id: app.name for app in present.items[Kind.APP].values()}
    targets = present.targets.get(ItemRef(ItemKind.ESP, esp.id), ())
    return esp_view(
        None if esp.is_default else esp.name,
        esp.description,
        esp.settings,
        [names.app(apps[key]) for key in esp.selected_apps],
        targets_view(targets, present, names),
    )


def item_view(name: str, description: str, body: Body, assign: list[View]) -> dict[str, Any]:
    """An item of the catalogue."""
    return {"name": name, "description": description, **_body_view(name, body), "assign": assign}


def present_item(item: CatalogItem, present: Present, names: Names) -> dict[str, Any]:
    """An item of the catalogue as it is."""
    targets = present.targets.get(item_ref(item), ())
    return item_view(item.name, item.description, item.body, targets_view(targets, present, names))


def _body_view(name: str, body: Body) -> dict[str, Any]:
    match body:
        case PolicyBody(settings):
            return {"settings": [_setting_view(setting) for setting in settings]}
        case CertificateBody():
            return {"store": _STORE_NAMES[body.store], "file": _held(body, f"{_slug(name)}.pem")}
        case WifiBody():
            return {"file": _held(body, f"{_slug(name)}.xml")}
        case AppBody():
            return {
                "file": _content(body.sha256, body.size, body.file_name),
                "commandLine": body.command_line,
                "context": body.install_context.value,
            }


def held_bytes(body: CertificateBody | WifiBody) -> bytes:
    """The file that a body was made of, or an equal one."""
    return (body.pem if isinstance(body, CertificateBody) else body.wlan_xml).encode()


def content_digest(body: Body) -> str | None:
    """The SHA-256 of the file that a body was made of; None for a policy, which has none."""
    match body:
        case PolicyBody():
            return None
        case CertificateBody() | WifiBody():
            return hashlib.sha256(held_bytes(body)).hexdigest()
        case AppBody():
            return body.sha256


def _held(body: CertificateBody | WifiBody, file_name: str) -> dict[str, Any]:
    data = held_bytes(body)
    return _content(hashlib.sha256(data).hexdigest(), len(data), file_name)


def _content(sha256: str, size: int, file_name: str) -> dict[str, Any]:
    return {"sha256": sha256, "size": size, "fileName": file_name}


def _setting_view(setting: OmaSetting) -> dict[str, Any]:
    view: dict[str, Any] = {"uri": setting.uri, "format": setting.format.value, "value": _value(setting)}
    if setting.name:
        view["name"] = setting.name
    if setting.description:
        view["description"] = setting.description
    return view


def _value(setting: OmaSetting) -> str | int | bool:
    """The value as a person would write it in YAML, if reading it gives the same text again."""
    if setting.format is Format.BOOL and setting.value in {"true", "false"}:
        return setting.value == "true"
    if setting.format is Format.INT and re.fullmatch(r"0|-?[1-9][0-9]*", setting.value):
        return int(setting.value)
    return setting.value


def targets_view(targets: Iterable[Target], present: Present, names: Names) -> list[View]:
    """Stored targets as lines of `assign`."""
    groups: dict[int, str] = {group.id: group.name for group in present.groups.values()}
    filters = {filter_.id: filter_.name for filter_ in present.filters.values()}
    return _in_order(
        _assign_line(
            target,
            None if target.group is None else names.group(groups[target.group]),
            None if target.filter is None else names.filter(filters[target.filter]),
        )
        for target in targets
    )


def assign_view(lines: Iterable[Assign], names: Names) -> list[View]:
    """Wanted lines of `assign`, spelled as views spell names."""
    return _in_order(
        _assign_line(
            line,
            None if line.group is None else names.group(line.group),
            None if line.filter is None else names.filter(line.filter),
        )
        for line in lines
    )


def _assign_line(line: Target | Assign, group: str | None, filter_: str | None) -> View:
    if line.mode is Mode.EXCLUDE:
        return {"exclude": group}
    view: dict[str, Any] = {"group": group} if line.kind is TargetKind.GROUP else {"all": _ALL[line.kind]}
    if line.intent is not Intent.REQUIRED:
        view["intent"] = line.intent.value
    if filter_ is not None:
        view["filter"] = filter_
    if line.filter_mode is FilterMode.EXCLUDE:
        view["filterMode"] = FilterMode.EXCLUDE.value
    return view


_ALL: Mapping[TargetKind, str] = {TargetKind.ALL_DEVICES: "devices", TargetKind.ALL_USERS: "users"}


def _in_order(lines: Iterable[View]) -> list[View]:
    """Includes before exclusions, groups before all, by name."""
    return sorted(
        lines, key=lambda line: ("exclude" in line, "all" in line, fold(str(next(iter(line.values())))))
    )


def by_name(names: Iterable[str]) -> list[str]:
    """Names in the order of lists."""
    return sorted(names, key=lambda name: (fold(name), name))


def _slug(name: str) -> str:
    """A file name that reads like the thing's name."""
    return _NO_FILE_NAME.sub("-", name.strip().lower())[:_STEM_LENGTH].strip("-.") or "file"
