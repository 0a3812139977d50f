"""What a document says of a tenant, as typed values. Every entry knows its path, for problems found later.

An entry describes its thing fully: what it does not write has its default. Three things are left as they are
if they are not written: settings of the organisation, members of an assigned group, and everything that no
entry names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reseal.assignment.model import FilterMode, Intent, Mode, TargetKind
from reseal.autopilot.model_profile import ProfileSettings
from reseal.catalog.model import CertificateStore, InstallContext, PolicyBody
from reseal.directory.model import Attributes, Branding, Membership, Role
from reseal.directory.model_branding import ImageSlot
from reseal.directory.model_settings import MdmScope
from reseal.esp.model import EspSettings

FORMAT = 1
"""The version of the document format that this Reseal reads and writes: `reseal: 1`."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file that the document refers to; its bytes are the blob `sha256`, `size` bytes long."""

    path: str
    sha256: str
    size: int
    file_name: str


@dataclass(frozen=True, slots=True)
class Assign:
    """One line of an item's assignment; group and filter by name."""

    path: str
    mode: Mode
    kind: TargetKind
    group: str | None = None
    filter: str | None = None
    filter_mode: FilterMode = FilterMode.NONE
    intent: Intent = Intent.REQUIRED


@dataclass(frozen=True, slots=True)
class TenantEntry:
    """The organisation itself. `domains` are those beside its default domain; a name of None stays."""

    path: str
    name: str | None
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingsEntry:
    """Settings of the organisation: `values` are fields of `TenantSettings`, `mdm_urls` fields of `MdmUrls`.

    Only what is written is in there; a scope or selection that is None is left alone.
    """

    path: str
    values: Mapping[str, Any]
    mdm_urls: Mapping[str, str | None]
    mdm_scope: MdmScope | None
    mdm_scope_groups: tuple[str, ...] | None
    join_users: tuple[str, ...] | None
    join_groups: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class BrandingEntry:
    """The branding of one locale (`0` is the default); `texts` has no images yet."""

    path: str
    locale: str
    texts: Branding
    images: Mapping[ImageSlot, Content]


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A person; a `upn` without @ belongs to the tenant's default domain."""

    path: str
    upn: str
    display_name: str
    enabled: bool
    licensed: bool
    manager: str | None
    roles: tuple[Role, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A group. The rule may hold `${group:Name}` and `${user:upn}`; `members` are users, None leaves them."""

    path: str
    name: str
    description: str
    membership: Membership
    rule: str | None
    members: tuple[str, ...] | None
    paused: bool


@dataclass(frozen=True, slots=True)
class FilterEntry:
    """An assignment filter."""

    path: str
    name: str
    description: str
    rule: str


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """A deployment profile. Of several new ones the earlier in the list is the older, which wins."""

    path: str
    name: str
    description: str
    settings: ProfileSettings
    assign: tuple[Assign, ...]


@dataclass(frozen=True, slots=True)
class EspEntry:
    """An Enrollment Status Page profile; its place in the list is its priority.

    The default one has no name of its own and is never assigned.
    """

    path: str
    name: str | None
    description: str
    settings: EspSettings
    selected_apps: tuple[str, ...]
    assign: tuple[Assign, ...]


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy."""

    path: str
    name: str
    description: str
    body: PolicyBody
    assign: tuple[Assign, ...]


@dataclass(frozen=True, slots=True)
class CertificateEntry:
    """A trusted certificate, PEM or DER."""

    path: str
    name: str
    description: str
    store: CertificateStore
    file: Content
    assign: tuple[Assign, ...]


@dataclass(frozen=True, slots=True)
class WifiEntry:
    """A wireless network, a WLAN_profile document."""

    path: str
    name: str
    description: str
    file: Content
    assign: tuple[Assign, ...]


@dataclass(frozen=True, slots=True)
class AppEntry:
    """A Windows Installer package; `context` None is what the package is made for."""

    path: str
    name: str
    description: str
    file: Content
    command_line: str
    context: InstallContext | None
    assign: tuple[Assign, ...]


ItemEntry = PolicyEntry | CertificateEntry | WifiEntry | AppEntry
Assigned = ItemEntry | ProfileEntry | EspEntry


@dataclass(frozen=True, slots=True)
class Document:
    """The whole document; lists in the order in which they are written. What is None is left alone."""

    tenant: TenantEntry | None
    settings: SettingsEntry | None
    branding: tuple[BrandingEntry, ...]
    users: tuple[UserEntry, ...]
    groups: tuple[GroupEntry, ...]
    filters: tuple[FilterEntry, ...]
    profiles: tuple[ProfileEntry, ...]
    esps: tuple[EspEntry, ...]
    default_esp: EspEntry | None
    items: tuple[ItemEntry, ...]

    @property
    def assigned(self) -> tuple[Assigned, ...]:
        """Everything that has assignments."""
        return (*self.items, *self.esps, *self.profiles)

    @property
    def apps(self) -> tuple[AppEntry, ...]:
        """The apps among the items."""
        return tuple(entry for entry in self.items if isinstance(entry, AppEntry))
