"""Writing a tenant as the document that would make it.

The document is canonical: equal tenants give equal documents. Fields with their default are left out of
entries, as a person would; settings of the organisation are all written, since an application leaves alone
what it is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reseal.blueprint.document import FORMAT
from reseal.blueprint.names import Names
from reseal.blueprint.present import Present
from reseal.blueprint.views import (
    DEFAULT_ESP_DEFAULTS,
    ESP_DEFAULTS,
    FILTER_DEFAULTS,
    GROUP_DEFAULTS,
    ITEM_DEFAULTS,
    PROFILE_DEFAULTS,
    USER_DEFAULTS,
    Chosen,
    branding_view,
    by_name,
    compact,
    content_digest,
    held_bytes,
    language_of,
    present_esp,
    present_filter,
    present_group,
    present_item,
    present_profile,
    present_user,
    settings_view,
)
from reseal.catalog.model import CertificateBody, Kind, WifiBody
from reseal.directory.model import Branding
from reseal.directory.model_names import fold

SECTIONS_OF_ITEMS: Mapping[str, Kind] = {
    "policies": Kind.POLICY,
    "certificates": Kind.CERTIFICATE,
    "wifi": Kind.WIFI,
    "apps": Kind.APP,
}


@dataclass(frozen=True, slots=True)
class Export:
    """A document, and the contents that it refers to by their SHA-256.

    `held` are bytes that the tenant keeps itself (certificates, wireless networks). `stored` are digests of
    those that are among the server's contents.
    """

    document: dict[str, Any]
    held: Mapping[str, bytes]
    stored: tuple[str, ...]


def export(present: Present) -> Export:
    """The tenant as a document."""
    document: dict[str, Any] = {
        "reseal": FORMAT,
        "tenant": _tenant(present),
        "settings": _settings(present),
        "branding": _branding(present),
        **_directory(present),
        **_assigned(present),
    }
    bodies = [item.body for items in present.items.values() for item in items.values()]
    held = {
        str(content_digest(body)): held_bytes(body)
        for body in bodies
        if isinstance(body, CertificateBody | WifiBody)
    }
    stored = {
        *(digest for body in bodies if (digest := content_digest(body)) is not None),
        *(
            image.sha256
            for branding in present.tenant.branding.values()
            for image in branding.images.values()
        ),
    }
    written = {name: section for name, section in document.items() if section not in ([], {})}
    return Export(written, held, tuple(sorted(stored - held.keys())))


def _tenant(present: Present) -> dict[str, Any]:
    domains = by_name(present.other_domains)
    return {"name": present.tenant.name, **({"domains": domains} if domains else {})}


def _settings(present: Present) -> dict[str, Any]:
    view = settings_view(Chosen.at_present(present), Names.of(present))
    view["mdmUrls"] = {name: url for name, url in view["mdmUrls"].items() if url}
    view["joinSelected"] = {name: chosen for name, chosen in view["joinSelected"].items() if chosen}
    return {name: value for name, value in view.items() if value != {}}


def _branding(present: Present) -> dict[str, Any]:
    localizations: Mapping[str, Branding] = present.tenant.branding
    return {
        language_of(locale): branding_view(locale, localizations[locale]) for locale in sorted(localizations)
    }


def _directory(present: Present) -> dict[str, Any]:
    names = Names.of(present)
    users = [
        compact(present_user(user, present, names), USER_DEFAULTS)
        for folded, user in present.users.items()
        if folded != present.administrator
    ]
    return {
        "users": sorted(users, key=lambda view: fold(view["upn"])),
        "groups": [
            compact(present_group(present.groups[name], present, names), GROUP_DEFAULTS)
            for name in sorted(present.groups)
        ],
        "filters": [
            compact(present_filter(present.filters[name]), FILTER_DEFAULTS)
            for name in sorted(present.filters)
        ],
    }


def _assigned(present: Present) -> dict[str, Any]:
    names = Names.of(present)
    esps = [compact(present_esp(esp, present, names), ESP_DEFAULTS) for esp in present.esps]
    if present.default_esp is not None:
        view = present_esp(present.default_esp, present, names)
        shown = {"showInstallationProgress": view["showInstallationProgress"]}
        esps.append({"default": shown | compact(view, DEFAULT_ESP_DEFAULTS)})
    return {
        "profiles": [
            compact(present_profile(profile, present, names), PROFILE_DEFAULTS)
            for profile in present.profiles.values()
        ],
        "enrollmentStatusPages": esps,
        **{
            section: [
                compact(present_item(present.items[kind][name], present, names), ITEM_DEFAULTS)
                for name in sorted(present.items[kind])
            ]
            for section, kind in SECTIONS_OF_ITEMS.items()
        },
    }
