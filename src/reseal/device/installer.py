"""Installing Windows Installer packages, one at a time (spec/mdm-wire.md 5.4).

A job comes from an Exec of DownloadInstall and goes through its statuses in the tree:

    10 ─► 20 download ─► 40 ─► 50 install ─► 70
            │  ▲                 │  ▲
            ▼  │ after the       ▼  │ after the
            25 │ interval        55 │ interval
            └─► 30               └─► 60          when no retries are left

48 waits for the user whose package it is. Whoever owns the installer keeps `jobs` and `news` with the tree;
what is on the disk is in the journal's hands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reseal.device.csp.apps import product_node, product_nodes
from reseal.device.csp.effects import Install, Uninstall
from reseal.device.csp.rules import MACHINE, place_of
from reseal.device.csp.tree import Tree
from reseal.device.dm.client import TokenSource
from reseal.device.download import Download, DownloadFailed
from reseal.device.journal import Journal, Product
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.kernel.bells import Bell
from reseal.wire.csp import Leaf, LocURI, Msi, MsiInstallJob, MsiStatus, Value

PARKED: Final = 0x86000002
"""LastError of an installation that waits to be executed again (Fleet #47663)."""
TIMED_OUT: Final = 0x800705B4
"""ERROR_TIMEOUT: the installation took longer than the job allows."""
_ZERO: Final = timedelta(0)


@dataclass(slots=True)
class Job:
    """One package that is to be installed."""

    owner: str
    target: str
    """The address of its DownloadInstall as the server wrote it."""
    job: MsiInstallJob
    attempt: int = 0
    parked: bool = False
    due: timedelta = _ZERO
    """Not before this monotonic time; of no meaning after a restart."""

    @property
    def product(self) -> Product:
        """What will be there."""
        return Product(self.job.product_code, self.job.version, self.owner)

    @property
    def node(self) -> LocURI:
        """Its node in the tree."""
        return product_node(self.owner, self.job.product_code)


@dataclass(frozen=True, slots=True)
class News:
    """The end of a job, to be told by an alert."""

    target: str
    result: int
    """0, or the HRESULT of the failure as a signed number."""


class Installer:
    """The queue of one device."""

    def __init__(self, parts: Parts, tree: Tree, keep: Callable[[], None]) -> None:
        self.jobs: list[Job] = []
        self.news: list[News] = []
        self.has_parked = False
        self.user_token: TokenSource | None = None
        self._parts = parts
        self._tree = tree
        self._keep = keep
        """Makes the tree, `jobs` and `news` durable."""
        self._journal = Journal(parts.disk)
        self._bell = Bell()
        self._closed = False

    # --- what commands ask for

    def take(self, wanted: Install) -> None:
        """An Exec came.

        For a package that is in the queue it means: now, from these addresses. What was parked wakes up, what
        is under way goes on. A package that is installed already is done at once.
        """
        known = self._job(wanted.owner, wanted.job.product_code)
        if known is not None and _is_same_package(known.job, wanted.job):
            known.target, known.job = wanted.target, wanted.job
            known.parked, known.attempt, known.due = False, 0, _ZERO
            self._put(known, Msi.LAST_ERROR, 0)
        else:
            self._drop(known)
            self._begin(Job(wanted.owner, wanted.target, wanted.job))
        self._bell.ring()

    def remove(self, unwanted: Uninstall) -> None:
        """A product was deleted: an installation under way stops, an installed one goes."""
        self._drop(self._job(unwanted.owner, unwanted.product_code))
        self._journal.remove(unwanted.owner, unwanted.product_code)

    def _begin(self, job: Job) -> None:
        self._put(job, Msi.VERSION, job.job.version)
        self._put(job, Msi.STATUS, MsiStatus.INITIALISED)
        self._put(job, Msi.LAST_ERROR, 0)
        self.jobs.append(job)
        if self._is_installed(job):
            self._finish(job, MsiStatus.DONE)
        elif Quirk.PARKED_INSTALL in self._parts.quirks and not self.has_parked:
            self.has_parked = job.parked = True
            self._put(job, Msi.LAST_ERROR, signed(PARKED))

    # --- after a start

    def recover(self) -> None:
        """Undo what was interrupted, and bring tree and journal together."""
        self._journal.recover()
        for job in list(self.jobs):
            job.due = _ZERO
            if self._is_installed(job):
                self._finish(job, MsiStatus.DONE)
        for owner in self._tree.owners():
            self._forget_removed(owner)

    def _forget_removed(self, owner: str) -> None:
        """A product whose removal was cut short after it was on record is gone from the tree as well."""
        for code in self._tree.children(product_nodes(owner), owner or None):
            node = product_node(owner, code)
            is_done = self._tree.value(Msi.STATUS, node, owner or None) == MsiStatus.DONE
            if is_done and self._journal.installed(owner, code) is None:
                self._tree.remove(place_of(owner, node))

    # --- the queue

    async def run(self) -> None:
        """Work on jobs until closed or cancelled; what an earlier run left half done is undone first."""
        self._journal.recover()
        while not self._closed:
            job = self._next()
            if job is None:
                await self._bell.wait(self._parts.clock, self._until_due())
            else:
                await self._work(job)

    def close(self) -> None:
        """Begin no more jobs."""
        self._closed = True
        self.jobs.clear()
        self._bell.ring()

    def wake(self) -> None:
        """Something changed that jobs may have waited for, such as who is signed in."""
        self._bell.ring()

    def _next(self) -> Job | None:
        now = self._parts.clock.monotonic()
        for job in self.jobs:
            if job.parked or job.due > now:
                continue
            if job.owner in {MACHINE, self._tree.user}:
                return job
            self._put(job, Msi.STATUS, MsiStatus.WAITING_FOR_USER)
        return None

    def _until_due(self) -> timedelta | None:
        now = self._parts.clock.monotonic()
        return min((job.due - now for job in self.jobs if not job.parked and job.due > now), default=None)

    # --- one job

    async def _work(self, job: Job) -> None:
        job.attempt += 1
        self._tell(job, MsiStatus.DOWNLOADING)
        token = await self.user_token() if self.user_token and job.job.sends_user_token else None
        download = Download(self._parts, job.product.file, job.job, token)
        try:
            content = await download.fetch()
        except DownloadFailed as failure:
            if self._is_wanted(job):
                self._fail(job, MsiStatus.DOWNLOAD_RETRY_PENDING, failure.error, hopeless=failure.hopeless)
            return
        if not self._is_wanted(job):
            return
        self._tell(job, MsiStatus.DOWNLOADED)
        error = await self._install(job, content)
        if not self._is_wanted(job):
            return
        if error is not None:
            self._fail(job, MsiStatus.INSTALL_RETRY_PENDING, error)
            return
        self._finish(job, MsiStatus.DONE)
        self._keep()
        download.discard()

    async def _install(self, job: Job, content: bytes) -> int | None:
        """Run the package; the HRESULT if it fails or is no longer wanted."""
        self._tell(job, MsiStatus.INSTALLING)
        self._journal.begin(job.product)
        hints, limit = self._parts.hints, job.job.timeout
        duration = hints.install_time(job.job.product_code)
        too_long = limit is not None and duration > limit
        await self._parts.clock.sleep(limit if limit is not None and too_long else duration)
        error = TIMED_OUT if too_long else hints.install_failure(job.job.product_code)
        if error is not None or not self._is_wanted(job):
            self._journal.roll_back()
            return error
        self._journal.end(content)
        return None

    def _fail(self, job: Job, pending: MsiStatus, error: int, *, hopeless: bool = False) -> None:
        if hopeless or job.attempt > job.job.retry_count:
            is_download = pending is MsiStatus.DOWNLOAD_RETRY_PENDING
            self._finish(job, MsiStatus.DOWNLOAD_FAILED if is_download else MsiStatus.INSTALL_FAILED, error)
        else:
            job.due = self._parts.clock.monotonic() + job.job.retry_interval
            self._put(job, Msi.LAST_ERROR, signed(error))
            self._put(job, Msi.STATUS, pending)
            self._say(job, pending, error)
        self._keep()

    def _finish(self, job: Job, status: MsiStatus, error: int = 0) -> None:
        self._put(job, Msi.LAST_ERROR, signed(error))
        self._put(job, Msi.STATUS, status)
        self._drop(job)
        self.news.append(News(job.target, signed(error)))
        self._say(job, status, error)

    def _tell(self, job: Job, status: MsiStatus) -> None:
        self._put(job, Msi.STATUS, status)
        self._say(job, status, 0)
        self._keep()

    def _say(self, job: Job, status: MsiStatus, error: int) -> None:
        about = {"product": job.job.product_code, "version": job.job.version, "status": int(status)}
        self._parts.tell("install.status", {**about, "error": error, "user": job.owner})

    def _put(self, job: Job, leaf: Leaf, value: Value) -> None:
        self._tree.put(leaf.at(job.node), leaf.write(value), leaf.format, job.owner)

    # --- jobs

    def _job(self, owner: str, code: str) -> Job | None:
        key = (owner, code.casefold())
        return next((job for job in self.jobs if job.product.key == key), None)

    def _drop(self, job: Job | None) -> None:
        self.jobs = [known for known in self.jobs if known is not job]

    def _is_wanted(self, job: Job) -> bool:
        return any(known is job for known in self.jobs)

    def _is_installed(self, job: Job) -> bool:
        found = self._journal.installed(job.owner, job.job.product_code)
        return found is not None and found.version == job.job.version


def _is_same_package(one: MsiInstallJob, other: MsiInstallJob) -> bool:
    return one.version == other.version and one.sha256.casefold() == other.sha256.casefold()


def signed(error: int) -> int:
    """An HRESULT as the 32-bit number that a leaf of format int holds."""
    return error - (1 << 32) if error >= 1 << 31 else error
