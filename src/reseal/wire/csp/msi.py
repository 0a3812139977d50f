"""EnterpriseDesktopAppManagement: Windows Installer packages (spec/mdm-wire.md 5.4).

A package is installed by an Add of its DownloadInstall and an Exec of the same node with a job, a small XML
document. Windows takes the job as elements, as published; some clients look for it in the text of Data.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final

from reseal.wire.csp.expected import Expected
from reseal.wire.csp.locuri import CspError, LocURI, Scope
from reseal.wire.csp.nodes import BOTH, Leaf, vendor
from reseal.wire.syncml import Add, Delete, Exec, Format, Meta, XmlContent, add, delete, execute
from reseal.wire.xml import Element, Markup, XmlError, element, escape, local_name, parse, text_of

_PRODUCT_CODE: Final = re.compile(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_MINUTE: Final = timedelta(minutes=1)
_MOST_DIGITS: Final = 6


def msi(product_code: str, scope: Scope = Scope.DEVICE) -> LocURI:
    """The node of a package; User scope for those that install for one user. Raises CspError.

    `product_code` is a GUID in braces; the address has them as %7B and %7D.
    """
    if not _PRODUCT_CODE.fullmatch(product_code):
        message = f"{product_code!a:.80} is not a product code"
        raise CspError(code="Value", message=message, remedy="Give a GUID in braces")
    return vendor("EnterpriseDesktopAppManagement", scope).under(("MSI", product_code))


class Msi:
    """Leaves below `msi`."""

    VERSION: Final = Leaf("Version", Format.CHR, BOTH)
    NAME: Final = Leaf("Name", Format.CHR, BOTH)
    PUBLISHER: Final = Leaf("Publisher", Format.CHR, BOTH)
    INSTALL_PATH: Final = Leaf("InstallPath", Format.CHR, BOTH)
    INSTALL_DATE: Final = Leaf("InstallDate", Format.CHR, BOTH)
    DOWNLOAD_INSTALL: Final = Leaf("DownloadInstall", Format.XML, BOTH)
    STATUS: Final = Leaf("Status", Format.INT, BOTH, lowest=0)
    """`MsiStatus`."""
    LAST_ERROR: Final = Leaf("LastError", Format.INT, BOTH)
    """HRESULT."""
    LAST_ERROR_DESC: Final = Leaf("LastErrorDesc", Format.CHR, BOTH)


class MsiStatus(IntEnum):
    """Values of `Msi.STATUS`."""

    INITIALISED = 10
    DOWNLOADING = 20
    DOWNLOAD_RETRY_PENDING = 25
    DOWNLOAD_FAILED = 30
    DOWNLOADED = 40
    WAITING_FOR_USER = 48
    INSTALLING = 50
    INSTALL_RETRY_PENDING = 55
    INSTALL_FAILED = 60
    DONE = 70

    @property
    def is_failure(self) -> bool:
        """Whether the job ended without the package being installed."""
        return self in {MsiStatus.DOWNLOAD_FAILED, MsiStatus.INSTALL_FAILED}

    @property
    def is_final(self) -> bool:
        """Whether the device does no more by itself."""
        return self is MsiStatus.DONE or self.is_failure


def expected_msi(product_code: str, scope: Scope = Scope.DEVICE, count: int = 1) -> Expected:
    """The entry of a package in ExpectedMSIAppPackages."""
    return Expected(Msi.STATUS.at(msi(product_code, scope)), count)


# --- the job


@dataclass(frozen=True, slots=True, kw_only=True)
class MsiInstallJob:
    """What the device has to download and how to install it."""

    product_code: str
    version: str
    urls: tuple[str, ...]
    """Alternatives."""
    sha256: str
    """Of the file, 64 hexadecimal digits."""
    command_line: str = "/quiet"
    timeout: timedelta | None = None
    """Of the installation, whole minutes; None for none."""
    retry_count: int = 3
    retry_interval: timedelta = timedelta(minutes=5)
    """Whole minutes."""
    sends_user_token: bool = False
    """The request for the file carries the token of the directory user."""


def install_commands(
    job: MsiInstallJob, scope: Scope = Scope.DEVICE, *, as_text: bool = False
) -> tuple[Add, Exec]:
    """The two commands that install a package, in the order that they must have.

    `as_text` writes the job as text of the Exec instead of elements. Raises CspError.
    """
    target = str(Msi.DOWNLOAD_INSTALL.at(msi(job.product_code, scope)))
    content = write_job(job)
    meta = Meta(format=Format.XML, type="text/plain")
    return add(target), execute(target, content.text if as_text else content, meta)


def uninstall_command(product_code: str, scope: Scope = Scope.DEVICE) -> Delete:
    """The command that removes a package."""
    return delete(str(msi(product_code, scope)))


def write_job(job: MsiInstallJob) -> XmlContent:
    """The document of a job. Raises CspError if it has no URL, digest or whole minutes."""
    _require_usable(job)
    timeout = 0 if job.timeout is None else _minutes(job.timeout, at_least=1)
    token = [_field("DownloadFromAad", "1")] if job.sends_user_token else []
    enforcement = element(
        "Enforcement",
        _field("CommandLine", job.command_line),
        _field("TimeOut", str(timeout)),
        _field("RetryCount", str(job.retry_count)),
        _field("RetryInterval", str(_minutes(job.retry_interval))),
        *token,
    )
    product = element(
        "Product",
        element("Download", element("ContentURLList", *(_field("ContentURL", url) for url in job.urls))),
        element("Validation", _field("FileHash", job.sha256.upper())),
        enforcement,
        Version=job.version,
    )
    return XmlContent(element("MsiInstallJob", product, id=job.product_code))


def read_job(data: str | XmlContent) -> MsiInstallJob:
    """The job in the data of an Exec, written as elements or as text. Raises CspError.

    Left out, TimeOut is none, RetryCount 0, RetryInterval 0 and CommandLine empty.
    """
    text = data.text if isinstance(data, XmlContent) else data
    try:
        root = parse(text.strip().encode(errors="replace"))
    except XmlError as error:
        raise _wrong(f"is not a document: {error.message}") from error
    product = _child(root, "Product")
    if local_name(root) != "MsiInstallJob" or product is None:
        raise _wrong("is no MsiInstallJob with a Product")
    enforcement = _texts(_child(product, "Enforcement"))
    urls = _children(_child(_child(product, "Download"), "ContentURLList"), "ContentURL")
    timeout = _number(enforcement, "TimeOut")
    job = MsiInstallJob(
        product_code=root.get("id") or "",
        version=product.get("Version") or "",
        urls=tuple(url for url in map(text_of, urls) if url),
        sha256=_texts(_child(product, "Validation")).get("FileHash", ""),
        command_line=enforcement.get("CommandLine", ""),
        timeout=timeout * _MINUTE if timeout else None,
        retry_count=_number(enforcement, "RetryCount"),
        retry_interval=_number(enforcement, "RetryInterval") * _MINUTE,
        sends_user_token=enforcement.get("DownloadFromAad") == "1",
    )
    _require_usable(job)
    return job


def _require_usable(job: MsiInstallJob) -> None:
    if not job.urls or not _SHA256.fullmatch(job.sha256) or job.retry_count < 0:
        raise _wrong("has no ContentURL, no FileHash of 64 hexadecimal digits, or a negative RetryCount")


def _field(name: str, text: str) -> Markup:
    return element(name, escape(text))


def _minutes(duration: timedelta, at_least: int = 0) -> int:
    minutes = duration // _MINUTE
    if duration % _MINUTE or not at_least <= minutes < 10**_MOST_DIGITS:
        raise _wrong(f"cannot say {duration}: it has whole minutes from {at_least}")
    return minutes


def _children(parent: Element | None, name: str) -> list[Element]:
    return [] if parent is None else [child for child in parent if local_name(child) == name]


def _child(parent: Element | None, name: str) -> Element | None:
    return next(iter(_children(parent, name)), None)


def _texts(parent: Element | None) -> dict[str, str]:
    return {} if parent is None else {local_name(child): text_of(child) for child in parent}


def _number(fields: dict[str, str], name: str) -> int:
    text = fields.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise _wrong(f"has {text!a:.40} for {name}, which is not a number")
    return int(text)


def _wrong(how: str) -> CspError:
    remedy = "See EnterpriseDesktopAppManagement for the form of a MsiInstallJob"
    return CspError(code="Job", message=f"The job of the Windows Installer package {how}", remedy=remedy)
