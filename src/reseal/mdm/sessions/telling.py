"""What a session tells others: facts to the story of the device, events to the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from reseal.deployment.facts import Fact
from reseal.deployment.service import observe
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey
from reseal.managed.model import MACHINE, Enrolment, Item, ItemState

Key = tuple[int, str, int]

_ENDS: Final = {ItemState.DONE: "item.arrived", ItemState.FAILED: "item.failed"}


class Telling:
    """Tells of one enrolment within one unit of work."""

    def __init__(self, tx: Tx, tenant: TenantKey, enrolment: Enrolment) -> None:
        self._tx = tx
        self._tenant = tenant
        self._enrolment = enrolment

    def observe(self, fact: Fact) -> None:
        """A fact for the story; a device that is not registered has none."""
        observe(self._tx, self._tenant, self._enrolment.registration_id, fact)

    def refused_token(self, why: str) -> None:
        """A user token came that counts for nothing."""
        self._record("enrolment.user_token_refused", [{"reason": why}])

    def items(self, changed: Iterable[Item], before: Mapping[Key, Item], gone: Iterable[Item]) -> None:
        """Deliveries that came to an end."""
        ended: dict[str, list[Mapping[str, JsonValue]]] = {}
        for item in changed:
            was = before.get(item.key)
            kind = _ENDS.get(item.state)
            if kind is not None and (was is None or was.state is not item.state):
                ended.setdefault(kind, []).append(_told(item))
        for item in gone:
            ended.setdefault("item.removed", []).append(_told(item))
        for kind, payloads in sorted(ended.items()):
            self._record(kind, payloads)

    def _record(self, kind: str, payloads: Iterable[Mapping[str, JsonValue]]) -> None:
        subject = Subject("enrolment", self._enrolment.uuid)
        events.record_all(
            self._tx,
            self._tenant,
            kind,
            [(subject, payload) for payload in payloads],
            f"device:{self._enrolment.uuid}",
        )


def _told(item: Item) -> Mapping[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "id": str(item.item_uuid),
        "kind": item.kind.value,
        "name": item.name,
        "version": item.version,
        "attempt": item.attempt,
        "forUser": item.user != MACHINE,
    }
    return told if item.error is None else {**told, "error": f"0x{item.error:08X}"}
