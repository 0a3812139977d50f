"""Apps: Windows Installer packages, how they may be installed and what is known of their file.

The properties come from the file itself (`reseal.wire.msi`). Whether a package is for the machine or for a
user is its property ALLUSERS: 1 machine, empty user, 2 either (spec/mdm-wire.md 5.4). Installing a package in
the wrong context ends as an error on the device after the download, so it is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reseal.catalog.model import AppBody, InstallContext
from reseal.kernel.errors import Detail, Invalid
from reseal.wire.msi import MsiProperties, PackageType

COMMAND_LINE_LIMIT: Final = 1_024
FILE_NAME_LIMIT: Final = 255
DEFAULT_COMMAND_LINE: Final = "/quiet"

_PRODUCT_CODE: Final = re.compile(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}\Z")
_VERSION: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}\Z")
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_FORCED_MACHINE: Final = re.compile(r"(?:^|\s)ALLUSERS=\"?1\"?(?:\s|$)", re.IGNORECASE)


def default_context(kind: PackageType) -> InstallContext:
    """The context in which a package is installed unless the administrator says otherwise."""
    return InstallContext.USER if kind is PackageType.PER_USER else InstallContext.DEVICE


def app_of(
    package: MsiProperties,
    *,
    file_name: str,
    sha256: str,
    size: int,
    install_context: InstallContext | None = None,
    command_line: str = DEFAULT_COMMAND_LINE,
) -> AppBody:
    """The app of an uploaded package whose content lies in the blob store as `sha256`, `size` bytes long.

    Without an `install_context` the package decides. Raises `Invalid` as `check_app` does.
    """
    body = AppBody(
        product_code=package.product_code.upper(),
        product_version=package.product_version,
        product_name=package.product_name,
        manufacturer=package.manufacturer,
        upgrade_code=package.upgrade_code.upper(),
        package_code=package.package_code.upper(),
        package_type=package.package_type,
        install_context=install_context or default_context(package.package_type),
        command_line=command_line,
        sha256=sha256,
        size=size,
        file_name=file_name,
    )
    check_app(body)
    return body


def check_app(body: AppBody) -> None:
    """Raise `Invalid` with code `App` and a detail for each problem, unless the app can be delivered."""
    problems = [*_file_problems(body), *_install_problems(body)]
    if problems:
        raise Invalid(
            code="App",
            message=f"The app cannot be saved: {problems[0].message}",
            remedy=problems[0].remedy,
            details=problems,
        )


def _file_problems(body: AppBody) -> Iterator[Detail]:
    if not _PRODUCT_CODE.match(body.product_code):
        yield Detail(
            "productCode",
            f"'{body.product_code[:60]}' is not a product code.",
            "Upload the Windows Installer file again; its product code is a GUID in braces and capitals.",
        )
    if not _VERSION.match(body.product_version):
        yield Detail(
            "productVersion",
            f"'{body.product_version[:60]}' is not a version of a Windows Installer product.",
            "It has one to four numbers with dots between.",
        )
    if not _SHA256.match(body.sha256) or body.size <= 0:
        yield Detail("content", "The app has no content.", "Upload the Windows Installer file.")
    if (
        not body.file_name
        or len(body.file_name) > FILE_NAME_LIMIT
        or re.search(r"[\x00-\x1f/\\]", body.file_name)
    ):
        yield Detail(
            "fileName",
            "The file name is empty, too long, or holds a path.",
            f"Give the bare name of the file, at most {FILE_NAME_LIMIT} characters.",
        )


def _install_problems(body: AppBody) -> Iterator[Detail]:
    if len(body.command_line) > COMMAND_LINE_LIMIT or not body.command_line.isprintable():
        yield Detail(
            "commandLine",
            "The command line is too long or holds control characters.",
            f"Use at most {COMMAND_LINE_LIMIT} printable characters, for example {DEFAULT_COMMAND_LINE}.",
        )
    if body.install_context is InstallContext.USER and body.package_type is PackageType.PER_MACHINE:
        yield Detail(
            "installContext",
            f"{body.product_name} is a package for the machine (ALLUSERS=1), not for a user.",
            "Choose the device context.",
        )
    forced = _FORCED_MACHINE.search(body.command_line) is not None
    if (
        body.install_context is InstallContext.DEVICE
        and body.package_type is PackageType.PER_USER
        and not forced
    ):
        yield Detail(
            "installContext",
            f"{body.product_name} is a package for a user (ALLUSERS is empty).",
            "Choose the user context, or add ALLUSERS=1 to the command line.",
        )
