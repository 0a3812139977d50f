"""The deliveries of one enrolment while a message is taken: loaded once, changed, and kept at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import unquote

from reseal.catalog.model import Body, Kind
from reseal.esp import judging
from reseal.esp.phases import PhaseState
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.content import ContentUrls
from reseal.managed.desired import items_of, refresh, save_items
from reseal.managed.model import MACHINE, TERMINAL, Enrolment, Item, ItemState
from reseal.mdm.sessions import deliveries
from reseal.mdm.sessions.bodies import Bodies
from reseal.mdm.sessions.deliveries import Sender
from reseal.mdm.sessions.handling import Handling
from reseal.mdm.sessions.model import Session
from reseal.mdm.sessions.purposes import OF_ITEMS, Answer, Purpose, What
from reseal.mdm.sessions.telling import Telling

_T = TypeVar("_T")

Key = tuple[int, str, int]

_ON_PAGES: Final = frozenset({Kind.WIFI, Kind.APP})
"""Kinds whose bodies a page's lists are made from."""


class Shelf:
    """Items by their key, and what the catalogue has for them."""

    def __init__(
        self, tx: Tx, tenant: TenantKey, enrolment: Enrolment, urls: ContentUrls, handling: Handling
    ) -> None:
        self._tx = tx
        self._tenant = tenant
        self._enrolment = enrolment
        self._handling = handling
        self._bodies = Bodies(tx, tenant, enrolment, urls)
        self._items: dict[Key, Item] = {}
        self._stored: Mapping[Key, Item] = {}

    def load(self) -> None:
        """As they are kept."""
        self._take(items_of(self._tx, self._tenant, self._enrolment.id))

    def refresh(self, users: Sequence[int], telling: Telling) -> None:
        """Work out anew what the device shall have, with these users on it."""
        self.keep(telling)
        self._take(refresh(self._tx, self._tenant, self._enrolment, users))

    def _take(self, items: Iterable[Item]) -> None:
        self._items = {item.key: item for item in items}
        self._stored = dict(self._items)

    def in_order(self) -> tuple[Item, ...]:
        """All of them, in the order in which they are worked on."""
        return tuple(self._items.values())

    # --- what becomes of them

    def take_answers(self, answers: Iterable[Answer]) -> None:
        """What the device said to their commands."""
        by_item = _by_item((answer.purpose, answer) for answer in answers)
        answered = [self._items[key] for key in by_item if key in self._items]
        self._bodies.want(item for item in answered if item.kind is not Kind.APP)
        for key, some in by_item.items():
            if item := self._items.get(key):
                nodes, others = self._bodies.nodes(item), self._items.values()
                self._items[key] = deliveries.answered(
                    item, some, self._tx.now, nodes, self._handling, others
                )

    def ended_jobs(self, addresses: Iterable[str]) -> frozenset[Purpose]:
        """The questions for the status of jobs that ended by the device's word; addresses in any spelling."""
        ended = {_folded(address) for address in addresses}
        if not ended:
            return frozenset()
        return frozenset(
            _of(item, what)
            for item in self._items.values()
            if any(_folded(node) in ended for node in item.progress)
            for what in (What.STATUS, What.LAST_ERROR)
        )

    def hold_back(self, present: int | None, *, newly: bool) -> None:
        """Items of users who are not there wait; those of the one who just came are due."""
        if not self._handling.holds_user_nodes:
            return
        for key, item in self._items.items():
            if item.user not in {MACHINE, present}:
                self._items[key] = deliveries.held(item, self._tx.now)
            elif newly:
                self._items[key] = deliveries.due_again(item, self._tx.now)

    def retry(self, state: PhaseState) -> None:
        """A run begins: what failed is tried again."""
        for item in judging.to_retry(state, self.in_order()):
            self._items[item.key] = item

    def sent(self, sent: Iterable[tuple[str, Purpose]]) -> None:
        """These commands went out."""
        by_item = _by_item((purpose, purpose) for _, purpose in sent)
        for key, purposes in by_item.items():
            self._items[key] = deliveries.sent(self._items[key], purposes, self._tx.now)

    # --- what is needed to send

    def counted(self) -> Mapping[int, Body]:
        """The bodies of what a page may count, by item key."""
        self._bodies.want(item for item in self._items.values() if item.kind in _ON_PAGES)
        return self._bodies.known()

    def sender(self, session: Session) -> Sender:
        """What the items' commands are made with."""
        needing = [item for item in self.in_order() if deliveries.needs_body(item, self._handling)]
        self._bodies.want(needing)
        nodes = {item.key: self._bodies.nodes(item) or () for item in needing}
        jobs = self._bodies.jobs(item for item in needing if item.kind is Kind.APP)
        return Sender(nodes, jobs, session.in_flight.purposes(), session.asked, self._handling)

    # --- the end

    def keep(self, telling: Telling) -> None:
        """Store what changed."""
        gone = [item for item in self.in_order() if deliveries.finished_removal(item)]
        for item in gone:
            del self._items[item.key]
        changed = [item for item in self.in_order() if item != self._stored.get(item.key)]
        keys = [item.key for item in gone]
        recount = bool(gone) or any(_is_open(item) != _is_open(self._stored[item.key]) for item in changed)
        save_items(self._tx, self._tenant, self._enrolment.id, changed, keys, recount=recount)
        telling.items(changed, self._stored, gone)
        self._stored = dict(self._items)

    def is_at_rest(self, present: int | None) -> bool:
        """Whether nothing can be done about any of them, as long as nobody else comes."""
        return all(_at_rest(item) for item in self._items.values() if item.user in {MACHINE, present})


def _is_open(item: Item) -> bool:
    return item.state not in TERMINAL


def _at_rest(item: Item) -> bool:
    return item.state in {ItemState.DONE, ItemState.FAILED} and not item.leftovers


def _of(item: Item, what: What) -> Purpose:
    user, kind, key = item.key
    return Purpose(what, user, kind, key)


def _by_item(pairs: Iterable[tuple[Purpose, _T]]) -> dict[Key, list[_T]]:
    found: dict[Key, list[_T]] = {}
    for purpose, what in pairs:
        if purpose.what in OF_ITEMS:
            found.setdefault(purpose.key, []).append(what)
    return found


def _folded(address: str) -> str:
    """An address as Windows compares them: case does not matter, nor does ./Device (3.4); and some write the
    braces of a product code as they are.
    """
    return unquote(address).casefold().replace("./device/", "./", 1)
