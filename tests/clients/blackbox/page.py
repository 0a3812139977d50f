"""The Enrollment Status Page, as the server feeds it over the tree (mdm-wire.md 4, checks 77 to 92).

It holds the server to the order: first the hold, then work; a phase is released only when everything that it
waits for is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.clients.blackbox.errors import Broken, demand
from tests.clients.blackbox.packages import INSTALLED
from tests.clients.blackbox.tree import Entry, Tree, canonical

_DELIMITER = "\uf000"
_HOLD = (
    "SkipDeviceStatusPage",
    "SkipUserStatusPage",
    "BlockInStatusPage",
    "AllowCollectLogsButton",
    "CustomErrorText",
    "TimeOutUntilSyncFailure",
)
_PROVIDERS = "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders"
_FINISHED = "ServerHasFinishedProvisioning"
_PROVIDER_READY = frozenset({"2", "3"})


class Scope(StrEnum):
    """Whose set-up a phase is."""

    DEVICE = "Device"
    USER = "User"


@dataclass(slots=True)
class Page:
    """What the page knows, and whether it can end."""

    tree: Tree
    released: Callable[[Scope], None] = lambda scope: None

    def __post_init__(self) -> None:
        self.tree.written = self._written

    # --- what it waits for --------------------------------------------------------------------------------

    def value(self, scope: Scope, name: str) -> str:
        """A node of FirstSyncStatus, empty if it is not there."""
        return self.tree.value(f"{self.tree.first_sync[scope]}/{name}") or ""

    def expected(self, scope: Scope) -> dict[str, tuple[str, ...]]:
        """What the lists name, by the kind of the list."""
        lists = self.tree.below(self.tree.first_sync[scope])
        found: dict[str, tuple[str, ...]] = {}
        for uri, value in lists.items():
            kind = uri.rpartition("/")[2]
            if kind.startswith("Expected"):
                found[kind.removeprefix("Expected")] = tuple(filter(None, value.split(_DELIMITER)))
        return found

    def open_items(self, scope: Scope) -> list[str]:
        """What is expected and not there yet, or did not work."""
        expected = self.expected(scope)
        packages = expected.pop("MSIAppPackages", ())
        missing = [uri for uris in expected.values() for uri in uris if not self.tree.has(uri)]
        for entry in packages:
            uri, _, count = entry.partition(";")
            demand(uri.endswith("/Status") and count.isdecimal(), f"an expected package is {entry}")
            if self.tree.value(uri) != str(INSTALLED):
                missing.append(uri)
        return missing

    def providers_ready(self) -> bool:
        """Whether device preparation can end."""
        states = [
            value for uri, value in self.tree.below(_PROVIDERS).items() if uri.endswith("/InstallationState")
        ]
        return bool(states) and all(value in _PROVIDER_READY for value in states)

    def green(self, scope: Scope) -> bool:
        """Whether the phase is done as the page sees it."""
        ready = scope is Scope.USER or self.providers_ready()
        return ready and self.value(scope, _FINISHED) == "true" and not self.open_items(scope)

    def finish(self, scope: Scope) -> None:
        """The phase is over: the page goes."""
        demand(self.green(scope), f"the phase {scope} does not end: {self.open_items(scope)}")
        base = self.tree.first_sync[scope]
        self.tree.put(f"{base}/IsSyncDone", "true", "bool")
        self.tree.put(f"{base}/WasDeviceSuccessfullyProvisioned", "1", "int")

    def _written(self, uri: str, value: str) -> None:
        for scope in Scope:
            if uri == f"{self.tree.first_sync[scope]}/{_FINISHED}" and value == "true":
                if missing := self.open_items(scope):
                    raise Broken(f"{scope} is released while these are open: {missing}")
                self.released(scope)


# --- what the journal tells ---------------------------------------------------------------------------------


def check_hold(tree: Tree, entries: Iterable[Entry]) -> None:
    """Entries of the first session: the hold comes in its first reply, before anything else is written."""
    written = [entry for entry in entries if entry.name != "Get"]
    demand(written, "the first session writes nothing")
    first = [entry for entry in written if entry.message == written[0].message]
    base = tree.first_sync[Scope.DEVICE]
    at = {entry.uri: number for number, entry in enumerate(first)}
    for name in _HOLD:
        demand(f"{base}/{name}" in at, f"{name} is not in the first reply")
    added = [entry for entry in first if entry.name == "Add" and entry.uri.rpartition("/")[0] == _PROVIDERS]
    demand(len(added) == 1, f"{len(added)} policy providers are added in the first reply")
    provider = added[0].uri
    demand(
        at.get(f"{provider}/InstallationState", -1) > at[provider],
        "InstallationState comes before its provider",
    )
    held = [number for uri, number in at.items() if _holds(base, uri)]
    work = [entry.uri for entry in first[: max(held)] if not _holds(base, entry.uri) and not entry.user]
    demand(not work, f"work comes before the hold: {work}")
    demand(0 <= int(tree.value(f"{base}/BlockInStatusPage") or -1) <= 7, "BlockInStatusPage is out of range")
    demand(
        1 <= int(tree.value(f"{base}/TimeOutUntilSyncFailure") or 0) <= 1440, "the time-out is out of range"
    )


def _holds(base: str, uri: str) -> bool:
    poll = f"{base.rpartition('/')[0]}/Poll/"
    return uri.startswith((f"{base}/", f"{_PROVIDERS}/", poll))


def unexpected(entries: Iterable[Entry]) -> list[Entry]:
    """Commands that failed although nothing on the device speaks against them."""
    return [
        entry
        for entry in entries
        if entry.status >= 400
        and not (entry.name == "Get" and entry.status == 404)
        and not (entry.name == "Add" and entry.status == 418)
        and not (entry.user and entry.status == 405)
    ]


def writes_to(entries: Iterable[Entry], uri: str) -> list[str]:
    """Values that a node was given, in order."""
    wanted = canonical(uri)
    return [e.value for e in entries if e.uri == wanted and e.name in {"Add", "Replace"} and e.status == 200]
