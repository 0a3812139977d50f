"""What a rehearsal leaves for comparing: all events as canonical JSON lines, then the digest of the wire."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.kernel import events
from reseal.kernel.db import Tx, to_microseconds
from reseal.kernel.events import SealedEvent, canonical_json
from reseal.kernel.ids import TenantKey

_PAGE = 500


def all_events(tx: Tx, tenant: TenantKey) -> list[SealedEvent]:
    """Every event of a tenant, in order."""
    return list(_pages(tx, tenant))


def _pages(tx: Tx, tenant: TenantKey) -> Iterator[SealedEvent]:
    after = 0
    while page := events.read(tx, tenant, after, _PAGE):
        yield from page
        after = page[-1].position


def event_line(event: SealedEvent) -> bytes:
    """One event as canonical JSON; `at` is in microseconds since 1970."""
    return canonical_json(
        {
            "position": event.position,
            "at": to_microseconds(event.at),
            "kind": event.kind,
            "subject": {"kind": event.subject.kind, "id": str(event.subject.id)},
            "actor": event.actor,
            "payload": event.payload,
            "digest": event.digest.hex(),
        }
    )


def wire_line(digest: str, requests: int) -> bytes:
    """The last line."""
    return canonical_json({"wire": digest, "requests": requests})
