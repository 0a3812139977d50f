"""What a command starts beyond the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reseal.wire.csp import MsiInstallJob


@dataclass(frozen=True, slots=True)
class Install:
    """A Windows Installer package is to be fetched and installed."""

    owner: str
    """The user for whom; empty for the machine."""
    target: str
    """The address of DownloadInstall as the server wrote it."""
    job: MsiInstallJob


@dataclass(frozen=True, slots=True)
class Uninstall:
    """A product is to be removed; its node is gone already."""

    owner: str
    product_code: str


@dataclass(frozen=True, slots=True)
class Reboot:
    """The machine is to restart when the session is over."""


@dataclass(frozen=True, slots=True)
class StartSession:
    """Another session is wanted after this one."""


@dataclass(frozen=True, slots=True)
class Unenrol:
    """The enrolment ends: the session is cut here."""


Effect: TypeAlias = Install | Uninstall | Reboot | StartSession | Unenrol
