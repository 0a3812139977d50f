"""Reading what a document says of profiles, pages, and items of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, get_type_hints

from reseal.autopilot import model_profile
from reseal.autopilot.model_profile import ProfileSettings, check_profile
from reseal.blueprint.document import (
    AppEntry,
    CertificateEntry,
    EspEntry,
    ItemEntry,
    PolicyEntry,
    ProfileEntry,
    WifiEntry,
)
from reseal.blueprint.parsing.assignments import assign
from reseal.blueprint.parsing.common import description_of, entries_of, file_of, name_of
from reseal.blueprint.reading import Cursor, Fields
from reseal.catalog.model import CertificateStore, Format, InstallContext, OmaSetting, PolicyBody
from reseal.catalog.model_app import DEFAULT_COMMAND_LINE
from reseal.catalog.model_policy import check_policy
from reseal.directory.model_names import fold
from reseal.esp import model as model_esp
from reseal.esp.model import DEFAULT_DESCRIPTION, DEFAULT_NAME, EspSettings, check_esp


class Store(StrEnum):
    """What `store:` may say."""

    ROOT = "root"
    CA = "ca"


STORES = {Store.ROOT: CertificateStore.ROOT, Store.CA: CertificateStore.CA}

_COMMON = ("name", "description", "assign")


def profiles(sections: Fields) -> tuple[ProfileEntry, ...]:
    """The section `profiles`."""
    return entries_of(sections, "profiles", _profile, lambda entry: entry.name)


def esps(sections: Fields) -> tuple[tuple[EspEntry, ...], EspEntry | None]:
    """The section `enrollmentStatusPages`: pages by priority, and the default one if it is described."""
    entries = entries_of(sections, "enrollmentStatusPages", _esp, lambda entry: entry.name or DEFAULT_NAME)
    named = tuple(entry for entry in entries if entry.name is not None)
    return named, next((entry for entry in entries if entry.name is None), None)


def items(sections: Fields) -> tuple[ItemEntry, ...]:
    """The sections of the catalogue: `policies`, `certificates`, `wifi`, `apps`."""
    return (
        *entries_of(sections, "policies", _policy, lambda entry: entry.name),
        *entries_of(sections, "certificates", _certificate, lambda entry: entry.name),
        *entries_of(sections, "wifi", _wifi, lambda entry: entry.name),
        *entries_of(sections, "apps", _app, lambda entry: entry.name),
    )


def _profile(cursor: Cursor) -> ProfileEntry:
    values = cursor.fields((*_COMMON, *model_profile.FIELDS.values()))
    entry = ProfileEntry(
        path=cursor.path,
        name=values.text("name").strip(),
        description=values.read("description", str, "").strip(),
        settings=ProfileSettings(**_settings(values, ProfileSettings, model_profile.FIELDS)),
        assign=assign(values),
    )
    if entry.name:
        with cursor.collecting():
            check_profile(entry.name, entry.description, entry.settings)
    return entry


def _esp(cursor: Cursor) -> EspEntry:
    if isinstance(cursor.value, Mapping) and "default" in cursor.value:
        cursor.fields(("default",))
        values = cursor.child("default").fields(("description", "selectedApps", *model_esp.FIELDS.values()))
        return _esp_entry(values, None, values.read("description", str, DEFAULT_DESCRIPTION))
    values = cursor.fields((*_COMMON, "selectedApps", *model_esp.FIELDS.values()))
    name = values.text("name").strip()
    if fold(name) == fold(DEFAULT_NAME):
        values["name"].problem("This is the name of the default page.", "Write `default: {...}` for it.")
    return _esp_entry(values, name, values.read("description", str, ""))


def _esp_entry(values: Fields, name: str | None, description: str) -> EspEntry:
    cursor = values.cursor
    entry = EspEntry(
        path=cursor.path,
        name=name,
        description=description.strip(),
        settings=EspSettings(**_settings(values, EspSettings, model_esp.FIELDS)),
        selected_apps=values.texts("selectedApps") or (),
        assign=assign(values),
    )
    if entry.name != "":
        with cursor.collecting():
            check_esp(entry.name or DEFAULT_NAME, entry.description, entry.settings, ())
    return entry


def _settings(values: Fields, kind: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a settings class that are written under their Graph names."""
    hints = get_type_hints(kind)
    defaults = {field.name: field.default for field in fields(kind)}
    return {
        name: values[written].convert(hints[name], defaults[name])
        for name, written in names.items()
        if written in values
    }


def _policy(cursor: Cursor) -> PolicyEntry:
    values = cursor.fields((*_COMMON, "settings"))
    before = len(cursor.problems)
    body = PolicyBody(tuple(_setting(item) for item in values.each("settings")))
    if len(cursor.problems) == before:
        with cursor.collecting():
            check_policy(body)
    return PolicyEntry(**_item(values, "policy"), body=body)


def _setting(cursor: Cursor) -> OmaSetting:
    values = cursor.fields(("uri", "format", "value", "name", "description"))
    if "format" not in values:
        cursor.problem("format is missing.", f"Add one of: {', '.join(Format)}.", "Missing")
    if "value" not in values:
        cursor.problem("value is missing.", "Add value.", "Missing")
    return OmaSetting(
        uri=values.text("uri"),
        format=values.read("format", Format, Format.CHR),
        value=_as_text(values["value"].convert(str | int | bool, "")) if "value" in values else "",
        name=values.read("name", str, ""),
        description=values.read("description", str, ""),
    )


def _as_text(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _certificate(cursor: Cursor) -> CertificateEntry:
    values = cursor.fields((*_COMMON, "store", "file"))
    if "store" not in values:
        cursor.problem("store is missing.", "Add `store: root` or `store: ca`.", "Missing")
    store = STORES[values.read("store", Store, Store.ROOT)]
    return CertificateEntry(**_item(values, "certificate"), store=store, file=file_of(values))


def _wifi(cursor: Cursor) -> WifiEntry:
    values = cursor.fields((*_COMMON, "file"))
    return WifiEntry(**_item(values, "wifi"), file=file_of(values))


def _app(cursor: Cursor) -> AppEntry:
    values = cursor.fields((*_COMMON, "file", "commandLine", "context"))
    return AppEntry(
        **_item(values, "app"),
        file=file_of(values),
        command_line=values.read("commandLine", str, DEFAULT_COMMAND_LINE),
        context=values.read_or_none("context", InstallContext),
    )


def _item(values: Fields, of: str) -> dict[str, Any]:
    """What all items of the catalogue have."""
    return {
        "path": values.cursor.path,
        "name": name_of(values, "name", of),
        "description": description_of(values, of),
        "assign": assign(values),
    }
