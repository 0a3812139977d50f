"""A device under management: its tree, its sessions, its installations, its page.

`Management` owns them and keeps them on the disk. Every reply of the server is taken, kept in one write, and
only then answered, so that the server is told nothing that a power cut could undo. `run` holds sessions by
the schedule and installs in the background; `sync` holds one now.

`login`, `user` and `user_token` say who is there: `user` makes that person's ./User nodes live, `login` is
what the server is told, and a change of it to `user` may start a session. Set `user` first.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from cryptography import x509

from reseal.device import memory as remembered
from reseal.device.csp import pages
from reseal.device.csp.dmclient import account_node
from reseal.device.csp.effects import Install, Reboot, StartSession, Unenrol, Uninstall
from reseal.device.csp.machine import Machine, rename, tell_facts
from reseal.device.csp.rules import MACHINE
from reseal.device.csp.tree import Tree
from reseal.device.csp.windows import empty_tree, enrolled_tree
from reseal.device.dm.client import Line, Patience, TokenSource, hold
from reseal.device.dm.opening import Occasion, opening
from reseal.device.dm.polling import schedule_of
from reseal.device.dm.session import Account, Session
from reseal.device.installer import Installer, News
from reseal.device.memory import Memory, PrivateKey
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.status_page import Outcome, PageView, Phase, view
from reseal.device.transport import Identity
from reseal.kernel.bells import Bell
from reseal.wire.csp import DevDetail, Enrollment, LocURI, provider
from reseal.wire.enrolment.errors import missing
from reseal.wire.enrolment.provisioning import Application, ProvisioningDocument
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.syncml import AlertCode, LoginStatus

_ZERO: Final = timedelta(0)
_QUERY: Final = "?mode=Maintenance&Platform=WoA"
_REPEATED: Final = 2
"""Which message Quirk.REPEATED_MESSAGE sends twice."""


class Management:
    """One enrolment of one device. Made by `enrolled` or `restored`."""

    def __init__(
        self, parts: Parts, document: ProvisioningDocument, key: PrivateKey, tree: Tree, memory: Memory
    ) -> None:
        self.document = document
        self.tree = tree
        self.identity = _identity(document, key)
        self.bootstrap = False
        """Whether sessions say that they are part of a first set-up (OOBE)."""
        self.is_enrolled = True
        self._application = _account_of(document)
        self._parts = parts
        self._memory = memory
        self._login = LoginStatus.OTHERS
        self._user: str | None = None
        self._installer = Installer(parts, tree, self.save)
        self._installer.jobs, self._installer.news = memory.jobs, memory.news
        self._installer.has_parked = memory.has_parked
        self._lock = asyncio.Lock()
        self._poll_bell = Bell()
        self._watchers: list[Bell] = []
        self._last_session: timedelta | None = None
        self._wanted = False
        self._another = False
        self._noted_changes = -1
        self._saved = b""

    @classmethod
    def enrolled(
        cls, parts: Parts, document: bytes, key: PrivateKey, machine: Machine | None = None
    ) -> Management:
        """Carry a provisioning document out: it and the key of its certificate are kept on the disk.

        Raises EnrolmentError and XmlError for a document that cannot be followed.
        """
        read = read_provisioning(document)
        _account_of(read)
        facts = machine or Machine(device_id=str(parts.entropy.uuid()))
        tree = enrolled_tree(read, facts, parts.clock, parts.quirks)
        memory = Memory()
        memory.nodes = tree.snapshot()
        remembered.write_enrolment(parts.disk, document, key, memory)
        management = cls(parts, read, key, tree, memory)
        management._installer.recover()
        management.save()
        return management

    @classmethod
    def restored(cls, parts: Parts) -> Management | None:
        """Take up the enrolment that is on the disk, as after a start of Windows; None if there is none."""
        found, memory = remembered.read_enrolment(parts.disk), remembered.load(parts.disk)
        if found is None or memory is None or memory.told:
            if parts.disk.names("management/"):
                remembered.forget_enrolment(parts.disk)
            return None
        document, key = read_provisioning(found[0]), found[1]
        tree = empty_tree(document.provider_id, parts.clock, parts.quirks)
        tree.restore(memory.nodes)
        memory.reboot = False
        management = cls(parts, document, key, tree, memory)
        if (name := management.pending_name) is not None:
            rename(tree, name)
        management._installer.recover()
        management.save()
        return management

    # --- who is there, what the machine is

    @property
    def login(self) -> LoginStatus:
        """Who is signed in, as the server is told."""
        return self._login

    @login.setter
    def login(self, login: LoginStatus) -> None:
        logs_on = login is LoginStatus.USER and self._login is not LoginStatus.USER
        self._login = login
        if not logs_on:
            return
        schedule, name = schedule_of(self.tree), self._user or ""
        is_first = name not in self._memory.logged_on
        if is_first:
            self._memory.logged_on.append(name)
        if schedule.on_login or (is_first and schedule.on_first_login):
            self._wanted = True
            self._poll_bell.ring()

    @property
    def user(self) -> str | None:
        """Whose ./User nodes are live; None: nobody's, and writes to them get 405."""
        return self._user

    @user.setter
    def user(self, user: str | None) -> None:
        self._user = self.tree.user = user
        self._installer.wake()

    @property
    def user_token(self) -> TokenSource | None:
        """Where a token of the signed-in user comes from, if somebody is signed in."""
        return self._installer.user_token

    @user_token.setter
    def user_token(self, source: TokenSource | None) -> None:
        self._installer.user_token = source

    @property
    def pending_name(self) -> str | None:
        """The name that the server gave the computer for its next start, if it gave one."""
        wanted = self.tree.read(LocURI.parse(DevDetail.DNS_COMPUTER_NAME))
        return None if wanted == self.tree.read(LocURI.parse(DevDetail.DEVICE_NAME)) else wanted

    @property
    def reboot_requested(self) -> bool:
        """Whether the server wants the machine to restart; `restored` is the restart."""
        return self._memory.reboot

    @property
    def is_busy(self) -> bool:
        """Whether something is being installed, or waits to be, or its end has not been told yet."""
        return bool(self._installer.jobs or self._installer.news)

    def rename(self, name: str) -> None:
        """The computer has a new name."""
        rename(self.tree, name)
        self.save()

    def describe(self, machine: Machine) -> None:
        """Facts of the machine have changed."""
        tell_facts(self.tree, machine)
        self.save()

    # --- the page

    def begin_pages(self) -> None:
        """Both phases begin anew: after reseal, and when somebody tries again."""
        pages.begin(self.tree)
        self.save()

    def page(self, phase: Phase | str, elapsed: timedelta) -> PageView:
        """What the page of a phase shows after `elapsed`. Its end is written down when it is first seen."""
        shown = view(self.tree, Phase(phase), elapsed, self._user)
        owner = MACHINE if shown.phase is Phase.DEVICE else self._user
        if owner is None or shown.skipped:
            return shown
        if not shown.outcome.is_end:
            pages.is_shown(self.tree, owner)
        elif pages.end(self.tree, owner, succeeded=shown.outcome is Outcome.SUCCEEDED):
            self.save()
            self._parts.tell("page.ended", {"phase": str(shown.phase), "outcome": str(shown.outcome)})
        return shown

    async def changed(self, within: timedelta | None = None) -> None:
        """Wait until tree or installations change, or until `within` has passed."""
        bell = Bell()
        self._watchers.append(bell)
        try:
            await bell.wait(self._parts.clock, within)
        finally:
            self._watchers.remove(bell)

    # --- sessions

    async def run(self) -> None:
        """Hold sessions by the schedule and install, until the enrolment ends or this is cancelled."""
        tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._installer.run())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def sync(self, *, bootstrap: bool = False) -> bool:
        """Hold a session now, and those that follow from it; whether all came to their ends."""
        async with self._lock:
            completed = self.is_enrolled and not self._memory.leaving and await self._hold_all(bootstrap)
            if self.is_enrolled and self._memory.leaving:
                await self._leave()
        return completed

    async def unenrol(self) -> None:
        """The user leaves: the server is told once, then everything of the enrolment is forgotten."""
        self._memory.leaving = True
        self.save()
        async with self._lock:
            if self.is_enrolled:
                await self._leave()

    def forget(self) -> None:
        """End the enrolment on this side alone; installed products stay."""
        self.is_enrolled = False
        self._installer.close()
        remembered.forget_enrolment(self._parts.disk)
        self._poll_bell.ring()
        self._ring()
        self._parts.tell("enrolment.ended", {})

    async def _poll(self) -> None:
        while self.is_enrolled:
            wait = self._until_due()
            if wait is not None and wait <= _ZERO:
                self._memory.polls += 0 if self._wanted else 1
                self._wanted = False
                await self.sync()
            else:
                await self._poll_bell.wait(self._parts.clock, wait)

    def _until_due(self) -> timedelta | None:
        """How long until the next session is due; None: no more by the schedule."""
        if self._wanted or self._last_session is None or self._memory.leaving:
            return _ZERO
        schedule = schedule_of(self.tree)
        if schedule.sets != self._memory.schedule:
            self._memory.schedule, self._memory.polls = schedule.sets, 0
        interval = schedule.interval_after(self._memory.polls)
        if interval is None:
            return None
        return self._last_session + interval - self._parts.clock.monotonic()

    async def _hold_all(self, bootstrap: bool) -> bool:
        """A session, and those that it brings about."""
        changes = self.tree.changes
        completed = await self._hold(bootstrap=bootstrap)
        if completed and Quirk.SECOND_SESSION in self._parts.quirks and self.tree.changes != changes:
            completed = await self._hold(bootstrap=bootstrap)
        while completed and self._another:
            completed = await self._hold(AlertCode.SERVER_INITIATED_MANAGEMENT, bootstrap=bootstrap)
        return completed

    async def _hold(
        self,
        code: AlertCode = AlertCode.CLIENT_INITIATED_MANAGEMENT,
        *,
        bootstrap: bool = False,
        leaving: bool = False,
    ) -> bool:
        """Hold one session; whether it came to its end."""
        self._another = False
        self._last_session = self._parts.clock.monotonic()
        self._memory.sessions += 1
        token = await self.user_token() if self.user_token and not leaving else None
        self.save()
        news = [] if leaving else list(self._installer.news)
        occasion = Occasion(
            number=self._memory.sessions,
            code=code,
            login=self._login,
            token=token,
            bootstrap=bootstrap or self.bootstrap,
            news=news,
            leaving=leaving,
        )
        account = self._account()
        self.tree.user = self._live_user()
        session = Session(opening(self.tree, self._address(), occasion), self.tree, account)
        repeats = _REPEATED if Quirk.REPEATED_MESSAGE in self._parts.quirks else None
        line = self._line(token, once=leaving)
        try:
            completed = await hold(session, line, lambda: self._keep(session, account, news), repeats=repeats)
        finally:
            self.tree.user = self._user
        if completed and self._user is not None and self._login is LoginStatus.USER:
            self._memory.contexts = list(dict.fromkeys((*self._memory.contexts, self._user)))
        about = {"session": session.opening.session_id, "completed": completed, "stage": str(session.stage)}
        self._parts.tell("session.ended", about)
        self._poll_bell.ring()
        return completed

    def _live_user(self) -> str | None:
        """Whose nodes this session can reach."""
        is_late = Quirk.LATE_USER_CONTEXT in self._parts.quirks and self._user not in self._memory.contexts
        return None if is_late else self._user

    def _keep(self, session: Session, account: Account, news: list[News]) -> None:
        """Take up what a reply brought and make it durable, before it is answered."""
        if session.heard:
            self._installer.news = [one for one in self._installer.news if one not in news]
        self._memory.asked, self._memory.nonce = account.asked, account.nonce
        for effect in self.tree.effects:
            match effect:
                case Install():
                    self._installer.take(effect)
                case Uninstall():
                    self._installer.remove(effect)
                case Reboot():
                    self._memory.reboot = True
                case StartSession():
                    self._another = True
                case Unenrol():
                    self._memory.leaving = True
        self.tree.effects.clear()
        self.save()

    async def _leave(self) -> None:
        """Tell the server once that the enrolment ends, whether or not it hears it, and forget."""
        self._memory.told = True
        await self._hold(leaving=True)
        self.forget()

    # --- the way to the server

    def _address(self) -> str:
        moved = self.tree.value(Enrollment.MANAGEMENT_SERVICE_ADDRESS, provider(self.tree.provider_id))
        first = str(moved or "").strip().removeprefix("<").partition(">")[0]
        return first or self._application.address

    def _line(self, token: str | None, *, once: bool) -> Line:
        application, url = self._application, self._address()
        if Quirk.ADDRESS_QUERY in self._parts.quirks and "?" not in url:
            url += _QUERY
        retries = 0 if once else application.retries
        patience = Patience(retries, application.initial_backoff, application.max_backoff)
        return Line(self._parts.transport, self._parts.clock, url, self.identity, patience, token)

    def _account(self) -> Account:
        place = account_node(self.tree.provider_id).under(("AppAuth", "CLCRED"))
        given = self._application.device_credentials
        return Account(
            name=self.tree.read(place / "AAuthName") or given.name,
            secret=self.tree.read(place / "AAuthSecret") or given.secret,
            nonce=self._memory.nonce or given.nonce,
            asked=self._memory.asked,
        )

    # --- memory

    def save(self) -> None:
        """Make durable what has changed, in one write, and wake who waits for changes."""
        if not self.is_enrolled:
            return
        memory = self._memory
        if self.tree.changes != self._noted_changes:
            memory.nodes = self.tree.snapshot()
            self._noted_changes = self.tree.changes
        memory.jobs, memory.news = self._installer.jobs, self._installer.news
        memory.has_parked = self._installer.has_parked
        content = remembered.encode(memory)
        if content != self._saved:
            self._parts.disk.replace(remembered.STATE, content)
            self._saved = content
            self._ring()

    def _ring(self) -> None:
        for bell in self._watchers:
            bell.ring()


def _account_of(document: ProvisioningDocument) -> Application:
    if document.application is None:
        raise missing("account", "the document of an enrolment")
    return document.application


def _identity(document: ProvisioningDocument, key: PrivateKey) -> Identity:
    certificates = document.certificates
    above = certificates.intermediate
    return Identity(
        certificate=x509.load_der_x509_certificate(certificates.client),
        key=key,
        above=() if above is None else (x509.load_der_x509_certificate(above),),
    )
