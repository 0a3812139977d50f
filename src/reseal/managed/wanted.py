"""What an enrolment shall have: from effective assignment to deliveries (spec/autopilot.md 6.4).

    assigned to   what                                    delivered
    devices       the machine's part                      at once
    devices       a user's part                           for each user on the device
    users         an app that installs for the machine    at once if the user is the assigned one (so in the
                                                          technician flow too), else once on the device
    users         everything else                         for each of these users who is on the device

What a user was given and lies in the machine's part (a device node of a policy, a root certificate) becomes a
delivery to the machine once the user is there. Only *required* counts: what is *available* waits for somebody
to choose it, what is to be uninstalled is not wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reseal.assignment.lookup import assigned_user, entries_for, entries_for_user
from reseal.assignment.model import Entry, Intent, ItemKind
from reseal.assignment.model import Scope as AssignedFor
from reseal.catalog.model import AppBody, CatalogItem, InstallContext, Kind
from reseal.catalog.service import items_by_id
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.delivery import addresses_of, digest_of, scope_of, scopes_of
from reseal.managed.model import MACHINE
from reseal.wire.csp import Scope

KINDS = {ItemKind(kind.value): kind for kind in Kind}
"""What can be delivered, of what can be assigned."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A catalogue item that `user` (0: the machine) shall have."""

    user: int
    item: CatalogItem

    @property
    def key(self) -> tuple[int, str, int]:
        """As `Item.key`."""
        return self.user, self.item.kind.value, self.item.id

    @property
    def digest(self) -> str:
        """Over what the device would be sent."""
        return digest_of(self.item.body, scope_of(self.user))

    @property
    def addresses(self) -> tuple[str, ...]:
        """What would have to be deleted to take it back."""
        return addresses_of(self.item.body, scope_of(self.user))


def wanted(
    tx: Tx, tenant: TenantKey, device: int, users: Sequence[int]
) -> dict[tuple[int, str, int], Delivery]:
    """Every delivery to a directory device with these users on it, by key."""
    entries = required(entries_for(tx, tenant, device))
    theirs = {user: entries for user in (assigned_user(tx, tenant, device),) if user is not None}
    for user in sorted(set(users) - theirs.keys()):
        theirs[user] = required(entries_for_user(tx, tenant, device, user))
    ids = {entry.item.id for entry in entries} | {each.item.id for some in theirs.values() for each in some}
    items = items_by_id(tx, tenant, ids)
    return {each.key: each for each in deliveries(items, entries, theirs, users)}


def required(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that call for a delivery."""
    return [entry for entry in entries if entry.intent is Intent.REQUIRED and entry.item.kind in KINDS]


def deliveries(
    items: Mapping[int, CatalogItem],
    entries: Iterable[Entry],
    theirs: Mapping[int, Sequence[Entry]],
    users: Iterable[int],
) -> Iterator[Delivery]:
    """The deliveries by the table above, some more than once. `entries` are the device's, `theirs` those of
    the assigned user and of the users on the device, `users` who is on it. Pure.
    """
    present = sorted(set(users))
    for item in _assigned(items, entries, AssignedFor.DEVICE):
        for scope in scopes_of(item.body, AssignedFor.DEVICE):
            yield from (Delivery(user, item) for user in ((MACHINE,) if scope is Scope.DEVICE else present))
    for user, of_user in sorted(theirs.items()):
        for item in _assigned(items, of_user, AssignedFor.USER):
            if user in present or _installs_for_the_machine(item):
                scopes = scopes_of(item.body, AssignedFor.USER)
                yield from (Delivery(MACHINE if scope is Scope.DEVICE else user, item) for scope in scopes)


def _assigned(
    items: Mapping[int, CatalogItem], entries: Iterable[Entry], for_: AssignedFor
) -> Iterator[CatalogItem]:
    for entry in entries:
        if entry.scope is for_ and entry.item.id in items:
            yield items[entry.item.id]


def _installs_for_the_machine(item: CatalogItem) -> bool:
    return isinstance(item.body, AppBody) and item.body.install_context is InstallContext.DEVICE
