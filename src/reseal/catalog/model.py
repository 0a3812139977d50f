"""The four kinds of items and their bodies, as values; what makes each valid. No storage, no parsing of
files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from reseal.wire.msi import PackageType


class Kind(StrEnum):
    """What an item is; the values are those of `assignment.model.ItemKind`."""

    POLICY = "policy"
    CERTIFICATE = "certificate"
    WIFI = "wifi"
    APP = "app"


class Scope(StrEnum):
    """Whose part of the device's tree a node stands in."""

    DEVICE = "device"
    USER = "user"


class Format(StrEnum):
    """Formats of node values (spec/mdm-wire.md 3.5)."""

    CHR = "chr"
    INT = "int"
    BOOL = "bool"
    B64 = "b64"
    BIN = "bin"
    XML = "xml"
    DATE = "date"
    TIME = "time"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class OmaSetting:
    """One node of the device's tree and the value it shall have. `value` is text in the form that `format`
    asks for.
    """

    uri: str
    format: Format
    value: str = field(repr=False)
    name: str = ""
    description: str = ""

    @property
    def scope(self) -> Scope:
        """User for `./User/...`, else device: a path without prefix means the machine (spec/mdm-wire.md
        3.4).
        """
        return Scope.USER if self.uri.startswith("./User/") else Scope.DEVICE


@dataclass(frozen=True, slots=True)
class PolicyBody:
    """A custom configuration: settings in the order in which they are sent."""

    settings: tuple[OmaSetting, ...]


class CertificateStore(StrEnum):
    """Stores of the CSP RootCATrustedCertificates (spec/mdm-wire.md 5.3)."""

    ROOT = "Root"
    CA = "CA"


@dataclass(frozen=True, slots=True)
class CertificateBody:
    """A trusted certificate. `thumbprint` is the SHA-1 of the DER form in upper-case hex, the node's name."""

    store: CertificateStore
    pem: str
    thumbprint: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class WifiBody:
    """A wireless network: its SSID and the WLAN_profile document."""

    ssid: str
    wlan_xml: str = field(repr=False)
    authentication: str = ""
    holds_key: bool = False
    """The document carries key material in clear text."""


class InstallContext(StrEnum):
    """For whom an app is installed."""

    DEVICE = "device"
    USER = "user"


@dataclass(frozen=True, slots=True)
class AppBody:
    """A Windows Installer package: the properties of the file, and how it shall be installed."""

    product_code: str
    product_version: str
    product_name: str
    manufacturer: str
    upgrade_code: str
    package_code: str
    package_type: PackageType
    install_context: InstallContext
    command_line: str
    sha256: str
    size: int
    """Bytes."""
    file_name: str


Body = PolicyBody | CertificateBody | WifiBody | AppBody


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """An item as stored."""

    id: int
    uuid: UUID
    kind: Kind
    name: str
    description: str
    body: Body
    version: int
    created_at: datetime
    modified_at: datetime


def kind_of(body: Body) -> Kind:
    """The kind that a body belongs to."""
    match body:
        case PolicyBody():
            return Kind.POLICY
        case CertificateBody():
            return Kind.CERTIFICATE
        case WifiBody():
            return Kind.WIFI
        case AppBody():
            return Kind.APP
    assert_never(body)


def content_of(body: Body) -> str | None:
    """The SHA-256 of the content that a body names in the blob store."""
    return body.sha256 if isinstance(body, AppBody) else None
