"""Jobs for Windows Installer packages (mdm-wire.md 5.4).

A job goes on between sessions, a step at a time: fetched and checked, then installing, then done. Every
second one tells by its alert that it is done; the others wait until the server asks for their `Status`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.etree import ElementTree

from tests.clients.blackbox.errors import demand
from tests.clients.blackbox.syncml import Command
from tests.clients.blackbox.tree import Tree

_JOB = re.compile(
    r"(\./(?:Device|User)/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/(%7B[0-9A-F-]{36}%7D))/DownloadInstall",
    re.IGNORECASE,
)
INSTALLED = 70
_INSTALLING = 50
_DOWNLOADED = 40
_DOWNLOAD_FAILED = 30
_INITIALISED = 10
_INVALID_DATA = -2147024883
"""HRESULT 0x8007000D."""


@dataclass(slots=True)
class Job:
    """One package under way; `node` is its product's node."""

    node: str
    product: str
    urls: tuple[str, ...]
    digest: str
    version: str
    arguments: str
    status: int = _INITIALISED
    told: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self.status in {INSTALLED, _DOWNLOAD_FAILED}


@dataclass(slots=True)
class Installer:
    """Jobs of one device. `fetch` gets the bytes behind a URL, `log` all that was ever begun."""

    tree: Tree
    fetch: Callable[[str], bytes]
    jobs: dict[str, Job] = field(default_factory=dict)
    log: list[Job] = field(default_factory=list)

    def begin(self, uri: str, command: Command) -> int:
        """`Exec …/DownloadInstall`: the status of the command."""
        found = _JOB.fullmatch(uri)
        if found is None or not self.tree.has(uri):
            return 404
        under_way = self.jobs.get(found[1])
        if under_way is not None and not under_way.ended:
            return 202
        job = _read(found[1], unquote(found[2]), command)
        self.jobs[job.node] = job
        self.log.append(job)
        self._show(job)
        return 202

    def forget(self, uri: str) -> None:
        """A product's node was deleted: it is uninstalled."""
        self.jobs.pop(uri, None)

    def work(self) -> None:
        """Bring each job one step further."""
        for job in self.jobs.values():
            match job.status:
                case 10:
                    job.status = self._download(job)
                case 40:
                    job.status = _INSTALLING
                case 50:
                    job.status = INSTALLED
                    self.tree.put(f"{job.node}/Version", job.version)
            self._show(job)

    def news(self) -> list[Job]:
        """Jobs that ended and are to be told by alert."""
        ended = [
            job
            for number, job in enumerate(self.jobs.values())
            if job.ended and not job.told and number % 2 == 0
        ]
        for job in ended:
            job.told = True
        return ended

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return any(not job.ended for job in self.jobs.values())

    def installed(self) -> Mapping[str, str]:
        """SHA-256 of each package that is installed, by product code in upper case."""
        return {job.product.upper(): job.digest for job in self.jobs.values() if job.status == INSTALLED}

    def _download(self, job: Job) -> int:
        content = self.fetch(job.urls[0])
        return _DOWNLOADED if hashlib.sha256(content).hexdigest() == job.digest else _DOWNLOAD_FAILED

    def _show(self, job: Job) -> None:
        self.tree.put(f"{job.node}/Status", str(job.status), "int")
        error = _INVALID_DATA if job.status == _DOWNLOAD_FAILED else 0
        self.tree.put(f"{job.node}/LastError", str(error), "int")


def _read(node: str, product: str, command: Command) -> Job:
    """The job, as an element or as text."""
    job = command.xml if command.xml is not None else ElementTree.fromstring(command.data or "")
    demand(_name(job) == "MsiInstallJob", f"the job is a {job.tag}")
    demand(job.get("id", "").upper() == product.upper(), f"a job for {job.get('id')} stands at {product}")
    (version,) = (part.get("Version", "") for part in job.iter() if _name(part) == "Product")
    (digest,) = _texts(job, "FileHash")
    urls = _texts(job, "ContentURL")
    demand(urls and all(url.startswith("https://") for url in urls), f"the content is at {urls}")
    demand(len(digest) == 64, f"FileHash is no SHA-256: {digest}")
    return Job(node, product, urls, digest.lower(), version, " ".join(_texts(job, "CommandLine")))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _texts(job: ElementTree.Element, name: str) -> tuple[str, ...]:
    return tuple((part.text or "").strip() for part in job.iter() if _name(part) == name)
