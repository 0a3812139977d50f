"""What the catalogue has for the items that are worked on, loaded as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reseal.catalog.model import AppBody, Body
from reseal.catalog.service import bodies_by_id
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.content import ContentUrls
from reseal.managed.delivery import job_of, nodes_of, scope_of
from reseal.managed.model import Enrolment, Item
from reseal.mdm.sessions.deliveries import Node
from reseal.wire.csp import MsiInstallJob, Scope


class Bodies:
    """Bodies by item key, and where the contents of apps are for this enrolment."""

    def __init__(self, tx: Tx, tenant: TenantKey, enrolment: Enrolment, urls: ContentUrls) -> None:
        self._tx = tx
        self._tenant = tenant
        self._enrolment = enrolment
        self._urls = urls
        self._known: dict[int, Body | None] = {}
        self._nodes: dict[tuple[int, Scope], tuple[Node, ...]] = {}

    def want(self, items: Iterable[Item]) -> None:
        """Load those that are not known yet; one statement, or none."""
        missing = sorted({item.item_id for item in items} - self._known.keys())
        if missing:
            found = bodies_by_id(self._tx, self._tenant, missing)
            self._known |= {key: found.get(key) for key in missing}

    def known(self) -> Mapping[int, Body]:
        """Everything that was loaded and exists."""
        return {key: body for key, body in self._known.items() if body is not None}

    def nodes(self, item: Item) -> tuple[Node, ...] | None:
        """What an item consists of; None for an app, or if the catalogue lost it or it was not loaded."""
        body = self._known.get(item.item_id)
        if body is None or isinstance(body, AppBody):
            return None
        key = item.item_id, scope_of(item.user)
        if key not in self._nodes:
            self._nodes[key] = tuple((str(node.uri), node) for node in nodes_of(body, key[1]))
        return self._nodes[key]

    def jobs(self, items: Iterable[Item]) -> dict[int, MsiInstallJob]:
        """The jobs of those apps that were loaded, with the addresses of their contents."""
        bodies = {item.item_id: self._known.get(item.item_id) for item in items}
        return {
            key: job_of(body, self._url(body)) for key, body in bodies.items() if isinstance(body, AppBody)
        }

    def _url(self, body: AppBody) -> str:
        return self._urls.url_for(self._enrolment.uuid, body.sha256, body.file_name, now=self._tx.now)
