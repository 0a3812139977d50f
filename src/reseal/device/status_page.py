"""The Enrollment Status Page, worked out from the tree alone (spec/mdm-wire.md 4.1 to 4.3, check 101).

`view` is a pure function of the tree and of how long the phase has been going on. A phase is green only when
three things agree: every provider is prepared, every item that is expected is there, and the server said
that nothing more will come. It is red when a provider or a tracked app is in state 4, when a tracked package
failed, or when the time is over. What the server forces with IsSyncDone ends the page whatever its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from reseal.device.csp.tree import Tree
from reseal.web.phrases import say, say_many
from reseal.wire.csp import (
    TRACKING_CREATED,
    AppState,
    BlockInStatusPage,
    CspError,
    Expected,
    FirstSync,
    Leaf,
    LocURI,
    Msi,
    MsiStatus,
    Preparation,
    PreparationState,
    Provisioned,
    Scope,
    TrackedApp,
    Value,
    app_provider,
    preparing_provider,
    provider,
    read_expected,
    tracked_app,
    tracking,
)

TIME_OUT: Final = 0x800705B4
"""ERROR_TIMEOUT, which the page shows when the time is over."""
UNKNOWN_ERROR: Final = 0x80004005
"""E_FAIL, where a failure has no code of its own."""
_MINUTE: Final = timedelta(minutes=1)
_NO_BUTTONS: Final = BlockInStatusPage(0)
_PREPARED: Final = {PreparationState.NOT_REQUIRED, PreparationState.COMPLETED}


class Phase(StrEnum):
    """The phases whose page management decides."""

    DEVICE = "device"
    ACCOUNT = "account"


class Topic(StrEnum):
    """The lines of a phase."""

    PREPARATION = "preparation"
    """*Preparing your device for mobile management*; in the device phase only."""
    SECURITY_POLICIES = "securityPolicies"
    CERTIFICATES = "certificates"
    NETWORK = "network"
    APPS = "apps"


class State(StrEnum):
    """How far a line is; the words of AutopilotSettings."""

    NOT_STARTED = "notStarted"
    IN_PROGRESS = "inProgress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Outcome(StrEnum):
    """How the phase stands."""

    WORKING = "working"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timedOut"

    @property
    def is_end(self) -> bool:
        """Whether the page goes no further by itself."""
        return self is not Outcome.WORKING


@dataclass(frozen=True, slots=True)
class Subcategory:
    """One line of the page."""

    topic: Topic
    state: State
    text: str
    """Such as *(1 of 2 installed)*."""
    done: int = 0
    total: int = 0
    error: int | None = None
    """HRESULT of what failed."""
    item: str = ""
    """What failed: a provider, or the address of a package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """What the page shows now."""

    phase: Phase
    subcategories: tuple[Subcategory, ...]
    outcome: Outcome
    skipped: bool = False
    """The server switched the page of this phase off: there is nothing to wait for."""
    released: bool = False
    """The server said that nothing more will come."""
    error_code: int | None = None
    error_item: str = ""
    custom_text: str = ""
    buttons: BlockInStatusPage = _NO_BUTTONS
    """What the page offers when it fails."""
    collect_logs: bool = False
    may_leave: bool = False
    """The page does not block: the user may go on at any time."""
    next_change: timedelta | None = None
    """When the page changes by itself, counted like `elapsed`; None if it does not."""


def view(tree: Tree, phase: Phase, elapsed: timedelta, user: str | None = None) -> PageView:
    """The page of a phase that has been going on for `elapsed`; `user` is whose account is set up."""
    return _Reading(tree, phase, elapsed, user).view()


def preparation(tree: Tree, elapsed: timedelta) -> Subcategory:
    """The line *Preparing your device for mobile management* of the device preparation."""
    return _Reading(tree, Phase.DEVICE, elapsed, None).preparation()


@dataclass(frozen=True, slots=True)
class _Tally:
    """How many of some items are done, and the first that failed."""

    done: int = 0
    total: int = 0
    known: bool = True
    error: int | None = None
    item: str = ""

    def __add__(self, other: _Tally) -> _Tally:
        first = self if self.error is not None else other
        return _Tally(
            self.done + other.done,
            self.total + other.total,
            self.known and other.known,
            first.error,
            first.item,
        )


class _Reading:
    """One look at the tree."""

    def __init__(self, tree: Tree, phase: Phase, elapsed: timedelta, user: str | None) -> None:
        self._tree = tree
        self._phase = phase
        self._elapsed = elapsed
        self._user = user
        self._scope = Scope.DEVICE if phase is Phase.DEVICE else Scope.USER
        self._released = self._of_page(FirstSync.SERVER_HAS_FINISHED) is True

    def view(self) -> PageView:
        lines = tuple(self._lines())
        outcome = self._outcome(lines)
        failed = next((line for line in lines if line.state is State.FAILED), None)
        error: int | None = None
        if outcome is Outcome.TIMED_OUT:
            error = TIME_OUT
        elif outcome is Outcome.FAILED:
            error = UNKNOWN_ERROR if failed is None or failed.error is None else failed.error
        flags = self._of_device(FirstSync.BLOCK_IN_STATUS_PAGE)
        buttons = BlockInStatusPage(flags if isinstance(flags, int) else 0)
        return PageView(
            phase=self._phase,
            subcategories=lines,
            outcome=outcome,
            skipped=self._is_skipped(),
            released=self._released,
            error_code=error,
            error_item="" if failed is None or error is None else failed.item,
            custom_text=str(self._of_page(FirstSync.CUSTOM_ERROR_TEXT) or ""),
            buttons=buttons,
            collect_logs=self._of_page(FirstSync.ALLOW_COLLECT_LOGS) is True,
            may_leave=not buttons,
            next_change=None if outcome.is_end else self._next_change(),
        )

    # --- the whole

    def _outcome(self, lines: tuple[Subcategory, ...]) -> Outcome:
        if self._is_skipped():
            return Outcome.SUCCEEDED
        has_failed = any(line.state is State.FAILED for line in lines)
        is_late = self._elapsed >= self._limit()
        if self._of_page(FirstSync.IS_SYNC_DONE) is True:
            result = self._of_page(FirstSync.WAS_SUCCESSFUL)
            if result == Provisioned.SUCCEEDED or (result == Provisioned.IN_PROGRESS and self._released):
                return Outcome.SUCCEEDED
            return Outcome.TIMED_OUT if is_late and not has_failed else Outcome.FAILED
        if has_failed:
            return Outcome.FAILED
        if self._released and all(line.state is State.SUCCEEDED for line in lines):
            return Outcome.SUCCEEDED
        return Outcome.TIMED_OUT if is_late else Outcome.WORKING

    def _is_skipped(self) -> bool:
        is_device = self._phase is Phase.DEVICE
        leaf = FirstSync.SKIP_DEVICE_STATUS_PAGE if is_device else FirstSync.SKIP_USER_STATUS_PAGE
        return self._of_device(leaf) is True

    def _limit(self) -> timedelta:
        """How long the phase may go on; one clock for both is set in the scope of the device."""
        minutes = self._of_device(FirstSync.TIMEOUT)
        return (minutes if isinstance(minutes, int) else 60) * _MINUTE

    def _next_change(self) -> timedelta:
        limits = [self._limit(), *(limit for _, limit in self._waiting_providers())]
        return min(limit for limit in limits if limit > self._elapsed)

    # --- the lines

    def _lines(self) -> Iterator[Subcategory]:
        lists = FirstSync
        policies = self._expected(lists.EXPECTED_POLICIES)
        if policies.known and not policies.total:
            policies = _Tally(1, 1)  # Windows counts one policy of its own
        networks = self._expected(lists.EXPECTED_NETWORK_PROFILES)
        certificates = self._expected(lists.EXPECTED_PFX_CERTS) + self._expected(lists.EXPECTED_SCEP_CERTS)
        packages = self._expected(lists.EXPECTED_MSI_APP_PACKAGES)
        apps = packages + self._expected(lists.EXPECTED_MODERN_APP_PACKAGES) + self._tracked_apps()
        lines = [
            _line(Topic.SECURITY_POLICIES, policies),
            _line(Topic.CERTIFICATES, certificates),
            _line(Topic.NETWORK, networks),
            _line(Topic.APPS, apps),
        ]
        before = State.SUCCEEDED
        if self._phase is Phase.DEVICE:
            prepared = self.preparation()
            before = prepared.state
            yield prepared
        for line in lines:
            yield _after(line, before)
            before = State.FAILED if line.state is State.FAILED else before

    def preparation(self) -> Subcategory:
        topic = Topic.PREPARATION
        late = {name for name, limit in self._waiting_providers() if self._elapsed >= limit}
        states = self._providers()
        for name, state in states:
            if state == PreparationState.ERROR or name in late:
                error = TIME_OUT if name in late else self._error_of(name)
                return Subcategory(topic, State.FAILED, f"({error:#010x})", error=error, item=name)
        done = sum(state in _PREPARED for _, state in states)
        if done == len(states):
            return Subcategory(topic, State.SUCCEEDED, say("Complete"), done, len(states))
        return Subcategory(topic, State.IN_PROGRESS, say("Working"), done, len(states))

    def _providers(self) -> list[tuple[str, int]]:
        """Whom the device preparation waits for, with their states."""
        found = []
        root = tracking() / "DevicePreparation" / "PolicyProviders"
        for name in self._tree.children(root):
            state = self._tree.value(Preparation.STATE, preparing_provider(name))
            found.append((name, state if isinstance(state, int) else int(PreparationState.NOT_INSTALLED)))
        return found

    def _waiting_providers(self) -> list[tuple[str, timedelta]]:
        """Providers that are not prepared, with the time at which each is given up."""
        if self._phase is Phase.ACCOUNT:
            return []
        waiting = [name for name, state in self._providers() if state == PreparationState.NOT_INSTALLED]
        limits = [self._tree.value(Preparation.TIMEOUT, preparing_provider(name)) for name in waiting]
        return [
            (name, (limit if isinstance(limit, int) else 15) * _MINUTE)
            for name, limit in zip(waiting, limits, strict=True)
        ]

    def _error_of(self, name: str) -> int:
        error = self._tree.value(Preparation.LAST_ERROR, preparing_provider(name))
        return _unsigned(error) if isinstance(error, int) and error else UNKNOWN_ERROR

    # --- items

    def _expected(self, leaf: Leaf) -> _Tally:
        text = self._tree.read(leaf.at(self._provider(self._scope)), self._user)
        if text is None:
            return _Tally(known=self._released)
        try:
            entries = read_expected(text)
        except CspError:
            return _Tally(known=False)
        return sum((self._entry(entry) for entry in self._counted(entries)), _Tally())

    def _counted(self, entries: Iterable[Expected]) -> Iterator[Expected]:
        """A user's VPN profiles are not waited for (spec/autopilot.md 5.4)."""
        for entry in entries:
            is_vpn = any(name.casefold() == "vpnv2" for name in entry.uri.names)
            if not (is_vpn and self._phase is Phase.ACCOUNT):
                yield entry

    def _entry(self, entry: Expected) -> _Tally:
        weight = 1 if entry.count is None else entry.count
        if not _is_package(entry.uri):
            there = self._tree.has(entry.uri, self._user)
            return _Tally(weight if there else 0, weight)
        status = self._tree.read(entry.uri, self._user)
        if status == str(int(MsiStatus.DONE)):
            return _Tally(weight, weight)
        if status in {str(int(MsiStatus.DOWNLOAD_FAILED)), str(int(MsiStatus.INSTALL_FAILED))}:
            beside = LocURI((*entry.uri.names[:-1], Msi.LAST_ERROR.path), entry.uri.scope)
            error = int(self._tree.read(beside, self._user) or 0)
            return _Tally(0, weight, error=_unsigned(error) or UNKNOWN_ERROR, item=str(entry.uri))
        return _Tally(0, weight)

    def _tracked_apps(self) -> _Tally:
        """What agents track; the list of one that has not said so is not complete."""
        setup = tracking(self._scope) / "Setup" / "Apps"
        tally = _Tally()
        for name in self._tree.children(setup / "PolicyProviders", self._user):
            complete = self._tree.value(TRACKING_CREATED, app_provider(name, self._scope), self._user)
            tally += _Tally(known=complete is True)
        for name in self._tree.children(setup / "Tracking", self._user):
            for app in self._tree.children(setup / "Tracking" / name, self._user):
                tally += self._tracked(tracked_app(name, app, self._scope))
        return tally

    def _tracked(self, node: LocURI) -> _Tally:
        state = self._tree.value(TrackedApp.STATE, node, self._user)
        if state == AppState.ERROR:
            return _Tally(0, 1, error=UNKNOWN_ERROR, item=node.names[-1])
        return _Tally(int(state == AppState.COMPLETED), 1)

    # --- leaves of the page

    def _provider(self, scope: Scope) -> LocURI:
        return provider(self._tree.provider_id, scope)

    def _of_page(self, leaf: Leaf) -> Value | None:
        return self._tree.value(leaf, self._provider(self._scope), self._user)

    def _of_device(self, leaf: Leaf) -> Value | None:
        return self._tree.value(leaf, self._provider(Scope.DEVICE))


def _line(topic: Topic, tally: _Tally) -> Subcategory:
    if tally.error is not None:
        text = f"({tally.error:#010x})"
        return Subcategory(topic, State.FAILED, text, tally.done, tally.total, tally.error, tally.item)
    if not tally.known:
        return Subcategory(topic, State.IN_PROGRESS, say("Identifying"), tally.done, tally.total)
    state = State.SUCCEEDED if tally.done >= tally.total else State.IN_PROGRESS
    return Subcategory(topic, state, _counted(topic, tally), tally.done, tally.total)


def _counted(topic: Topic, tally: _Tally) -> str:
    if topic is Topic.APPS:
        return say_many(
            "({done} of {count} installed)", "({done} of {count} installed)", tally.total, done=tally.done
        )
    return say_many(
        "({done} of {count} applied)", "({done} of {count} applied)", tally.total, done=tally.done
    )


def _after(line: Subcategory, before: State) -> Subcategory:
    """A line as it shows after those above it: what failed above keeps it from being done."""
    if before is State.FAILED and line.state is State.IN_PROGRESS:
        return replace(line, state=State.NOT_STARTED, text=say("Previous step failed"))
    return line


def _is_package(uri: LocURI) -> bool:
    names = [name.casefold() for name in uri.names]
    return "enterprisedesktopappmanagement" in names and names[-1] == "status"


def _unsigned(error: int) -> int:
    return error & 0xFFFFFFFF
