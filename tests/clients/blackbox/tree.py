"""The nodes of the device, and a journal of what the server did to them (mdm-wire.md 3 to 5).

A small Windows: what it lacks it answers with 404, what may not be written with 405, a value of another
format with 415. Whatever the server writes is kept as it came, so that it can be read back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.clients.blackbox.syncml import Command

_FORMATS: dict[str, Callable[[str], object]] = {
    "int": int,
    "bool": lambda text: {"true": 1, "false": 0}[text],
}
_READ_ONLY = ("./DevInfo", "./DevDetail", "./Device/Vendor/MSFT/DeviceStatus")
_FIRST_SYNC: dict[str, tuple[str, str]] = {
    "TimeOutUntilSyncFailure": ("int", "60"),
    "ServerHasFinishedProvisioning": ("bool", "false"),
    "IsSyncDone": ("bool", "false"),
    "WasDeviceSuccessfullyProvisioned": ("int", "2"),
    "BlockInStatusPage": ("int", "0"),
    "AllowCollectLogsButton": ("bool", "false"),
    "CustomErrorText": ("chr", ""),
    "SkipDeviceStatusPage": ("bool", "true"),
    "SkipUserStatusPage": ("bool", "true"),
}
_IN_BOTH_SCOPES = frozenset(
    {
        "ServerHasFinishedProvisioning",
        "IsSyncDone",
        "WasDeviceSuccessfullyProvisioned",
        "AllowCollectLogsButton",
        "CustomErrorText",
    }
)
_LISTS = frozenset(
    f"Expected{kind}"
    for kind in (
        "Policies", "NetworkProfiles", "MSIAppPackages", "ModernAppPackages", "PFXCerts", "SCEPCerts",
    )
)  # fmt: skip
_ONE_WAY = frozenset({"ServerHasFinishedProvisioning", "IsSyncDone"})
_PROVIDER = re.compile(r"(.*/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/[^/]+)/.+")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value in the tree."""

    value: str
    form: str = "chr"


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of the server and how it ended."""

    session: int
    message: int
    name: str
    uri: str
    value: str
    status: int

    @property
    def user(self) -> bool:
        """Whether it was for the part of a user."""
        return self.uri.startswith("./User/")


def canonical(uri: str) -> str:
    """One spelling for a node: what has no prefix belongs to the machine."""
    return f"./Device{uri[1:]}" if uri.startswith("./Vendor/") else uri


class Tree:
    """Nodes by LocURI; None for an interior one."""

    def __init__(self, provider: str) -> None:
        self.nodes: dict[str, Leaf | None] = {}
        self.journal: list[Entry] = []
        self.user_context = False
        self.exec: Callable[[str, Command], int] = lambda uri, command: 404
        self.deleted: Callable[[str], None] = lambda uri: None
        self.written: Callable[[str, str], None] = lambda uri, value: None
        self.keeps_finished = False
        self.provider = provider
        self.first_sync = {
            scope: f"./{scope}/Vendor/MSFT/DMClient/Provider/{provider}/FirstSyncStatus"
            for scope in ("Device", "User")
        }
        self._interior(self.first_sync["User"].rpartition("/")[0])
        self.begin_pages()

    def begin_pages(self) -> None:
        """The Enrollment Status Page is at its beginning (mdm-wire.md 4.7, O-1)."""
        for name, (form, value) in _FIRST_SYNC.items():
            uri = f"{self.first_sync['Device']}/{name}"
            if not (self.keeps_finished and uri in self.nodes):
                self.put(uri, value, form)
        for name in _LISTS:
            self.nodes.pop(f"{self.first_sync['Device']}/{name}", None)
        self._drop(self.first_sync["User"])

    # --- what the device does -----------------------------------------------------------------------------

    def put(self, uri: str, value: str, form: str = "chr") -> None:
        """Set a value of the device's own."""
        uri = canonical(uri)
        self._interior(uri.rpartition("/")[0])
        self.nodes[uri] = Leaf(value, form)

    def value(self, uri: str) -> str | None:
        """A value, None if there is none."""
        leaf = self.nodes.get(canonical(uri))
        return None if leaf is None else leaf.value

    def has(self, uri: str) -> bool:
        """Whether a node is there."""
        return canonical(uri) in self.nodes

    def below(self, uri: str) -> dict[str, str]:
        """Values below a node."""
        start = canonical(uri) + "/"
        return {name: leaf.value for name, leaf in self.nodes.items() if leaf and name.startswith(start)}

    # --- what the server does -----------------------------------------------------------------------------

    def run(self, command: Command, session: int, message: int) -> tuple[int, list[tuple[Command, int]]]:
        """Do what a command says: its status, and those of the commands inside it."""
        if command.name not in {"Atomic", "Sequence"}:
            return self._one(command, session, message), []
        before = dict(self.nodes)
        ended: list[tuple[Command, int]] = []
        for part in command.parts:
            failed = command.name == "Atomic" and any(status >= 300 for _, status in ended)
            ended.append((part, 215 if failed else self._one(part, session, message)))
        if command.name == "Sequence" or all(status < 300 for _, status in ended):
            return 200, ended
        self.nodes = before
        return 507, [(part, 216 if status < 300 and status != 215 else status) for part, status in ended]

    def _one(self, command: Command, session: int, message: int) -> int:
        uri = canonical(command.uri)
        status = self._done(uri, command)
        self.journal.append(Entry(session, message, command.name, uri, command.data or "", status))
        if status == 200 and command.name in {"Add", "Replace"}:
            self.written(uri, command.data or "")
        return status

    def _done(self, uri: str, command: Command) -> int:
        if uri.startswith("./User/") and not self.user_context:
            return 405
        match command.name:
            case "Get":
                return 200 if uri in self.nodes else 404
            case "Exec":
                return self.exec(uri, command)
            case "Delete":
                return self._delete(uri)
            case _:
                return self._write(uri, command)

    def _write(self, uri: str, command: Command) -> int:
        parent, _, name = uri.rpartition("/")
        known = self.nodes.get(uri)
        if uri.startswith(_READ_ONLY):
            return 405
        if command.name == "Add" and uri in self.nodes:
            return 418
        if not self._has_parent(uri):
            return 404
        if self._is_one_way(parent, name) and known is not None and known.value == "true":
            return 405
        value, form = command.data or "", command.form or (known.form if known else "chr")
        wanted = self._format(parent, name)
        if wanted and command.form not in {wanted, ""}:
            return 415
        try:
            _FORMATS.get(form, str)(value)
        except (ValueError, KeyError):
            return 415
        self._interior(parent)
        self.nodes[uri] = None if form == "node" else Leaf(value, form)
        if uri == self.first_sync["User"]:
            self._begin_user_page()
        return 200

    def _begin_user_page(self) -> None:
        for name in _IN_BOTH_SCOPES:
            form, value = _FIRST_SYNC[name]
            self.put(f"{self.first_sync['User']}/{name}", value, form)

    def _has_parent(self, uri: str) -> bool:
        """Some nodes do not make their parents: they have to be added first."""
        if found := _PROVIDER.fullmatch(uri):
            return found[1] in self.nodes
        user = self.first_sync["User"]
        return not uri.startswith(f"{user}/") or user in self.nodes

    def _is_one_way(self, parent: str, name: str) -> bool:
        return name in _ONE_WAY and parent in self.first_sync.values()

    def _format(self, parent: str, name: str) -> str:
        if parent == self.first_sync["User"] and name not in _IN_BOTH_SCOPES | _LISTS:
            return "no such node"
        if parent in self.first_sync.values():
            return _FIRST_SYNC.get(name, ("chr", ""))[0]
        return ""

    def _delete(self, uri: str) -> int:
        if uri.startswith(_READ_ONLY):
            return 405
        if not self._drop(uri):
            return 404
        self.deleted(uri)
        return 200

    def _drop(self, uri: str) -> bool:
        gone = [name for name in self.nodes if name == uri or name.startswith(f"{uri}/")]
        for name in gone:
            del self.nodes[name]
        return bool(gone)

    def _interior(self, uri: str) -> None:
        while uri not in {".", ""} and uri not in self.nodes:
            self.nodes[uri] = None
            uri = uri.rpartition("/")[0]

    def result(self, uri: str) -> tuple[str, str]:
        """What a Get tells: format and value; the names of its children for an interior node."""
        uri = canonical(uri)
        leaf = self.nodes[uri]
        if leaf is not None:
            return leaf.form, leaf.value
        return "node", "/".join(self._children(uri))

    def _children(self, uri: str) -> Iterator[str]:
        seen: set[str] = set()
        for name in self.nodes:
            head, _, _ = name.removeprefix(f"{uri}/").partition("/")
            if name.startswith(f"{uri}/") and head not in seen:
                seen.add(head)
                yield head
