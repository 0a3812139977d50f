"""Reading what a document says of the organisation as a whole: its name, settings and branding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, get_type_hints

from reseal.blueprint.document import BrandingEntry, SettingsEntry, TenantEntry
from reseal.blueprint.parsing.common import content
from reseal.blueprint.reading import Cursor, Fields, camel
from reseal.directory.model import Branding, TenantSettings
from reseal.directory.model_branding import (
    DEFAULT_LOCALE,
    HiddenText,
    ImageSlot,
    Layout,
    check_branding,
    check_locale,
)
from reseal.directory.model_names import display_name, domain_name
from reseal.directory.model_settings import MdmScope, MdmUrls, check_settings

DEFAULT_LANGUAGE = "default"
"""How a document calls the branding of the locale `0`."""


class Quota(StrEnum):
    """What `userDeviceQuota` may say instead of a number."""

    UNLIMITED = "unlimited"


_SETTINGS = {camel(field.name): field.name for field in fields(TenantSettings)}
_MDM_URLS = {camel(field.name): field.name for field in fields(MdmUrls)}
_READ_APART = frozenset({"user_device_quota", "mdm_urls", "mdm_scope"})
_BRANDING = {camel(field.name): field.name for field in fields(Branding) if field.name != "images"}
_BRANDING_TYPES: Mapping[str, Any] = {
    "layout": Layout,
    "header_shown": bool,
    "footer_shown": bool,
    "hidden_texts": tuple[HiddenText, ...],
}
"""The types of the fields that are no texts."""


def tenant(sections: Fields) -> TenantEntry | None:
    """The section `tenant`."""
    if "tenant" not in sections:
        return None
    values = sections["tenant"].fields(("name", "domains"))
    for item in values.each("domains"):
        if isinstance(item.value, str):
            with item.collecting():
                domain_name(item.value)
    name = values.read_or_none("name", str)
    if name is not None:
        with values["name"].collecting():
            name = display_name(name, of="organisation")
    return TenantEntry("$.tenant", name, values.texts("domains") or ())


def settings(sections: Fields) -> SettingsEntry | None:
    """The section `settings`; what it does not write is not in the result."""
    if "settings" not in sections:
        return None
    cursor = sections["settings"]
    values = cursor.fields((*_SETTINGS, "joinSelected", "mdmScopeGroups"))
    before = len(cursor.problems)
    hints = get_type_hints(TenantSettings)
    given = {
        name: values[written].convert(hints[name], None)
        for written, name in _SETTINGS.items()
        if written in values and name not in _READ_APART
    }
    if "userDeviceQuota" in values:
        given["user_device_quota"] = _quota(values["userDeviceQuota"])
    selected = values["joinSelected"].fields(("users", "groups")) if "joinSelected" in values else None
    entry = SettingsEntry(
        path=cursor.path,
        values=given,
        mdm_urls=_mdm_urls(values),
        mdm_scope=values.read_or_none("mdmScope", MdmScope),
        mdm_scope_groups=values.texts("mdmScopeGroups"),
        join_users=None if selected is None else selected.texts("users") or (),
        join_groups=None if selected is None else selected.texts("groups") or (),
    )
    if entry.mdm_scope_groups is not None and entry.mdm_scope is not MdmScope.SOME:
        values["mdmScopeGroups"].problem(
            "Groups count in the MDM user scope Some only.", "Add `mdmScope: some`, or leave the groups out."
        )
    if len(cursor.problems) == before:
        with cursor.collecting():
            check_settings(TenantSettings(**given, mdm_urls=MdmUrls(**entry.mdm_urls)))
    return entry


def _quota(cursor: Cursor) -> int | None:
    """The number of devices per user, None for `unlimited`."""
    if isinstance(cursor.value, str):
        cursor.convert(Quota, None)
        return None
    number: int | None = cursor.convert(int, None)
    return number


def _mdm_urls(values: Fields) -> dict[str, str | None]:
    """The URLs that are written; an empty text restores the server's own."""
    if "mdmUrls" not in values:
        return {}
    urls = values["mdmUrls"].fields(_MDM_URLS)
    return {
        name: urls.read(written, str, "") or None for written, name in _MDM_URLS.items() if written in urls
    }


def branding(sections: Fields) -> tuple[BrandingEntry, ...]:
    """The section `branding`, by locale."""
    if "branding" not in sections:
        return ()
    cursor = sections["branding"]
    if not isinstance(cursor.value, Mapping):
        cursor.problem("Branding is not a mapping of languages.", "Write `default: {...}`, `de-DE: {...}`.")
        return ()
    return tuple(_localization(cursor.child(language), language) for language in cursor.value)


def _localization(cursor: Cursor, language: str) -> BrandingEntry:
    locale = DEFAULT_LOCALE if language == DEFAULT_LANGUAGE else language
    values = cursor.fields((*_BRANDING, *ImageSlot))
    before = len(cursor.problems)
    texts = Branding(
        **{
            name: values[written].convert(_BRANDING_TYPES.get(name, str), None)
            for written, name in _BRANDING.items()
            if written in values
        }
    )
    if len(cursor.problems) == before:
        with cursor.collecting():
            check_locale(locale)
            check_branding(texts)
    images = {slot: content(values[slot]) for slot in ImageSlot if slot in values}
    return BrandingEntry(cursor.path, locale, texts, images)
