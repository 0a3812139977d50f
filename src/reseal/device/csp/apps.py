"""EnterpriseDesktopAppManagement: Windows Installer packages (spec/mdm-wire.md 5.4).

Add of DownloadInstall makes the node of a product, Exec of it hands the job to the installer, which tells
how far it is in the leaves beside; Delete of the product removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reseal.device.csp.effects import Install, Uninstall
from reseal.device.csp.rules import BOTH, Place, Rule, access, below, of_leaf
from reseal.device.csp.tree import Tree
from reseal.wire.csp import CspError, LocURI, Msi, Scope, msi, read_job, vendor
from reseal.wire.syncml import Format, StatusCode

_PRODUCT: Final = "Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/*"
_CODE: Final = 4
"""Which name of an address is the product code."""


def _download(tree: Tree, place: Place, text: str) -> StatusCode | None:
    try:
        msi(place[1][_CODE])
    except CspError:
        return StatusCode.COMMAND_FAILED
    return None


def _install(tree: Tree, place: Place, target: str, data: str) -> StatusCode:
    if not tree.exists(place):
        return StatusCode.NOT_FOUND
    try:
        job = read_job(data)
    except CspError:
        return StatusCode.COMMAND_FAILED
    if job.product_code.casefold() != place[1][_CODE]:
        return StatusCode.COMMAND_FAILED
    tree.effects.append(Install(place[0], target, job))
    return StatusCode.ACCEPTED_FOR_PROCESSING


def _uninstall(tree: Tree, place: Place) -> None:
    tree.effects.append(Uninstall(place[0], place[1][_CODE]))


_DOWNLOAD_INSTALL: Final = Rule(
    access=access("ADGRX"), format=Format.XML, scopes=BOTH, guard=_download, starter=_install
)

APPS: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        _PRODUCT: Rule(access=access("DG"), format=Format.NODE, scopes=BOTH, remover=_uninstall),
        f"{_PRODUCT}/DownloadInstall": _DOWNLOAD_INSTALL,
        **below(
            _PRODUCT,
            *(
                of_leaf(leaf, "G")
                for leaf in (
                    Msi.VERSION,
                    Msi.NAME,
                    Msi.PUBLISHER,
                    Msi.INSTALL_PATH,
                    Msi.INSTALL_DATE,
                    Msi.STATUS,
                    Msi.LAST_ERROR,
                    Msi.LAST_ERROR_DESC,
                )
            ),
        ),
    }
)


def product_nodes(owner: str) -> LocURI:
    """Where the products of the machine, or of a user, stand."""
    return vendor("EnterpriseDesktopAppManagement", Scope.USER if owner else Scope.DEVICE) / "MSI"


def product_node(owner: str, product_code: str) -> LocURI:
    """The node of a product of the machine, or of a user."""
    return msi(product_code, Scope.USER if owner else Scope.DEVICE)
