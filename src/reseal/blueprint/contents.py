"""Files that a document refers to: which bytes are needed, and what becomes of them.

What a tenant holds already is not asked for again: a document is applied far more often than its packages
change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from reseal.blueprint.document import (
    AppEntry,
    BrandingEntry,
    CertificateEntry,
    Content,
    Document,
    ItemEntry,
    PolicyEntry,
    WifiEntry,
)
from reseal.blueprint.present import Present
from reseal.blueprint.reading import details_of
from reseal.blueprint.views import content_digest, held_bytes
from reseal.catalog.model import AppBody, Body, CertificateBody, Kind, WifiBody
from reseal.catalog.model_app import app_of, check_app, default_context
from reseal.catalog.model_certificate import read_certificate
from reseal.catalog.model_wifi import read_wlan_profile
from reseal.directory.model import Branding
from reseal.directory.model_branding import inspect_image
from reseal.directory.model_names import fold
from reseal.kernel.errors import Detail, Invalid
from reseal.wire.errors import WireError
from reseal.wire.msi import read_msi

Contents = Mapping[str, bytes]
"""The bytes of contents by their SHA-256."""

KINDS: Mapping[type[ItemEntry], Kind] = {
    PolicyEntry: Kind.POLICY,
    CertificateEntry: Kind.CERTIFICATE,
    WifiEntry: Kind.WIFI,
    AppEntry: Kind.APP,
}

_APP_FIELDS = {
    "installContext": "context",
    "productCode": "file",
    "productVersion": "file",
    "content": "file",
    "fileName": "file",
}
"""The catalogue's words for what a document says of an app."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the document wants once its files are read: bodies by the entry's path, branding by locale."""

    bodies: Mapping[str, Body]
    branding: Mapping[str, Branding]


def needed(document: Document, present: Present) -> list[str]:
    """The digests of contents that the tenant does not hold in the same place already, sorted."""
    missing = {
        file.sha256
        for entry in document.branding
        for slot, file in entry.images.items()
        if _images(present, entry).get(slot) != file.sha256
    }
    for entry in document.items:
        if not isinstance(entry, PolicyEntry):
            stored = _stored(present, entry)
            if stored is None or content_digest(stored) != entry.file.sha256:
                missing.add(entry.file.sha256)
    return sorted(missing)


def resolve(document: Document, present: Present, contents: Contents) -> tuple[Resolved, list[Detail]]:
    """What the document wants, and the problems of its files: missing bytes, and bytes that are not right."""
    bodies: dict[str, Body] = {}
    branding: dict[str, Branding] = {}
    problems: list[Detail] = []
    for entry in document.items:
        try:
            bodies[entry.path] = _body(entry, _stored(present, entry), contents)
        except Invalid as error:
            problems += details_of(
                error, entry.path if error.details else f"{entry.path}.file", **_APP_FIELDS
            )
        except WireError as error:
            problems += details_of(error, f"{entry.path}.file")
    for localization in document.branding:
        branding[localization.locale] = _branding(localization, present, contents, problems)
    return Resolved(bodies, branding), problems


def _stored(present: Present, entry: ItemEntry) -> Body | None:
    item = present.items[KINDS[type(entry)]].get(fold(entry.name))
    return None if item is None else item.body


def _body(entry: ItemEntry, stored: Body | None, contents: Contents) -> Body:
    """What an entry delivers; raises if its file is missing or unfit."""
    match entry:
        case PolicyEntry():
            return entry.body
        case CertificateEntry():
            return read_certificate(_bytes(entry.file, stored, contents), entry.store)
        case WifiEntry():
            return read_wlan_profile(_text(_bytes(entry.file, stored, contents)))
        case AppEntry():
            return _app(entry, stored, contents)
    assert_never(entry)


def _bytes(file: Content, stored: Body | None, contents: Contents) -> bytes:
    if isinstance(stored, CertificateBody | WifiBody) and content_digest(stored) == file.sha256:
        return held_bytes(stored)
    if file.sha256 not in contents:
        raise Invalid(
            code="ContentMissing",
            message=f"The server does not have {file.file_name or 'this file'} ({file.sha256[:12]}...).",
            remedy="Upload it first; the command line does so by itself.",
        )
    return contents[file.sha256]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(
            code="NotUtf8", message=f"The file is not UTF-8 (byte {error.start}).", remedy="Save it as UTF-8."
        ) from error


def _app(entry: AppEntry, stored: Body | None, contents: Contents) -> AppBody:
    file = entry.file
    if isinstance(stored, AppBody) and stored.sha256 == file.sha256:
        app = replace(
            stored,
            file_name=file.file_name,
            install_context=entry.context or default_context(stored.package_type),
            command_line=entry.command_line,
        )
        check_app(app)
        return app
    data = _bytes(file, None, contents)
    return app_of(
        read_msi(data),
        file_name=file.file_name,
        sha256=file.sha256,
        size=len(data),
        install_context=entry.context,
        command_line=entry.command_line,
    )


def _images(present: Present, entry: BrandingEntry) -> dict[str, str]:
    """The digests of the images that the tenant has for this language, by slot."""
    images = present.tenant.branding.get(entry.locale, Branding()).images
    return {slot: images[slot].sha256 for slot in sorted(images)}


def _branding(entry: BrandingEntry, present: Present, contents: Contents, problems: list[Detail]) -> Branding:
    images = {}
    held = present.tenant.branding.get(entry.locale, Branding()).images
    for slot, file in entry.images.items():
        if slot in held and held[slot].sha256 == file.sha256:
            images[slot] = held[slot]
            continue
        try:
            images[slot] = inspect_image(slot, _bytes(file, None, contents))
        except Invalid as error:
            problems += [replace(detail, where=file.path) for detail in details_of(error, file.path)]
    return replace(entry.texts, images=images)
