"""What the catalogue has for the items that are worked on, loaded as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reseal.catalog.model import AppBody, Body
from reseal.catalog.service import items_by_id
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.content import ContentUrls
from reseal.managed.delivery import nodes_of, scope_of
from reseal.managed.model import Enrolment, Item


class Bodies:
    """Bodies by item key, and where the contents of apps are for this enrolment."""

    def __init__(self, tx: Tx, tenant: TenantKey, enrolment: Enrolment, urls: ContentUrls) -> None:
        self._tx = tx
        self._tenant = tenant
        self._enrolment = enrolment
        self._urls = urls
        self._known: dict[int, Body | None] = {}

    def want(self, items: Iterable[Item]) -> None:
        """Load those that are not known yet; one statement, or none."""
        missing = sorted({item.item_id for item in items} - self._known.keys())
        if missing:
            found = items_by_id(self._tx, self._tenant, missing)
            self._known |= {key: found[key].body if key in found else None for key in missing}

    def known(self) -> Mapping[int, Body]:
        """Everything that was loaded and exists."""
        return {key: body for key, body in self._known.items() if body is not None}

    def nodes(self, item: Item) -> tuple[str, ...] | None:
        """The addresses that an item consists of; None for an app, or if the catalogue lost it."""
        body = self._known.get(item.item_id)
        if body is None or isinstance(body, AppBody):
            return None
        return tuple(str(node.uri) for node in nodes_of(body, scope_of(item.user)))

    def urls(self) -> Mapping[int, str]:
        """Where the content of each app that was loaded is."""
        return {
            key: self._urls.url_for(self._enrolment.uuid, body.sha256, body.file_name, now=self._tx.now)
            for key, body in self.known().items()
            if isinstance(body, AppBody)
        }
