"""Verifying a tenant's log: the chain is recomputed from the first row to the last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.events.chain import GENESIS, event, event_head, link, payload_hash
from reseal.kernel.events.checkpoint import Checkpoint
from reseal.kernel.events.log import ERASED
from reseal.kernel.ids import TenantKey

_PAGE = 1000


class Breakage(StrEnum):
    """Why a log does not verify; the value is the sentence's end for people."""

    ROW_MISSING = "a row is missing"
    PAYLOAD_CHANGED = "the payload is not the one that was recorded"
    DIGEST_WRONG = "the row is not the one that was sealed here"
    HEAD_DIFFERS = "the log does not end where its head says"
    ERASED_UNRECORDED = "the payload was taken out and no event says so"
    CHECKPOINT_DIFFERS = "the digest is not the one of the checkpoint"


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: `count` good rows up to the digest `head`, then the first bad position, if any."""

    count: int
    head: bytes
    erased: int = 0
    broken_at: int | None = None
    reason: Breakage | None = None

    @property
    def intact(self) -> bool:
        """Whether every row is in its place and unchanged."""
        return self.broken_at is None


def verify(tx: Tx, tenant: TenantKey, checkpoints: Sequence[Checkpoint] = ()) -> Verification:
    """Recompute every hash and digest of a tenant's log and compare; memory does not grow with the log.

    What is found: a changed column of a sealed row, a row taken out, put in or moved, a payload taken out
    without `erase`, an end cut off. Whoever can rewrite the whole log with its head is found out by a
    checkpoint that was kept elsewhere: give those of this tenant as `checkpoints`.
    """
    walk = _Walk({each.position: each.digest for each in checkpoints})
    for row in _pages(tx, tenant):
        if reason := walk.step(row):
            return walk.result(walk.count + 1, reason)
    return walk.end(tx, tenant)


def _pages(tx: Tx, tenant: TenantKey) -> Iterator[sa.Row[Any]]:
    after = 0
    while page := tx.rows(
        sa.select(event)
        .where(event.c.tenant_id == tenant, event.c.position > after)
        .order_by(event.c.position)
        .limit(_PAGE)
    ):
        yield from page
        after = page[-1].position


class _Walk:
    """One pass over a log: what was seen so far."""

    def __init__(self, expected: dict[int, bytes]) -> None:
        self.count = 0
        self._head = GENESIS
        self._expected = expected
        self._without_payload: set[int] = set()
        self._recorded_erasures: set[int] = set()

    def result(self, broken_at: int | None = None, reason: Breakage | None = None) -> Verification:
        return Verification(self.count, self._head, len(self._without_payload), broken_at, reason)

    def step(self, row: sa.Row[Any]) -> Breakage | None:
        """Take the next row in; what is wrong with it, if anything."""
        position = self.count + 1
        if row.position != position:
            return Breakage.ROW_MISSING
        if reason := self._check_payload(row):
            return reason
        digest = link(self._head, position, row)
        if digest != row.digest:
            return Breakage.DIGEST_WRONG
        if self._expected.get(position, digest) != digest:
            return Breakage.CHECKPOINT_DIFFERS
        self.count, self._head = position, digest
        if row.kind == ERASED:
            self._recorded_erasures.add(_erased_position(row.payload))
        return None

    def _check_payload(self, row: sa.Row[Any]) -> Breakage | None:
        if row.payload is None and row.salt is None and row.kind != ERASED:
            self._without_payload.add(row.position)
            return None
        if row.payload is None or row.salt is None:
            return Breakage.PAYLOAD_CHANGED
        intact = payload_hash(row.salt, row.payload) == row.payload_hash
        return None if intact else Breakage.PAYLOAD_CHANGED

    def end(self, tx: Tx, tenant: TenantKey) -> Verification:
        """Compare the end with the head, with later checkpoints, and gaps in payloads with their records."""
        head = tx.row(sa.select(event_head).where(event_head.c.tenant_id == tenant))
        position, digest = (head.position, head.digest) if head else (0, GENESIS)
        if self.count < max(position, *self._expected, 0):
            return self.result(self.count + 1, Breakage.ROW_MISSING)
        if (self.count, self._head) != (position, digest):
            return self.result(min(self.count, position + 1), Breakage.HEAD_DIFFERS)
        unsealed = (
            sa.select(event.c.payload)
            .where(event.c.tenant_id == tenant, event.c.kind == ERASED, event.c.position.is_(None))
            .order_by(event.c.id)
        )
        self._recorded_erasures.update(_erased_position(row.payload) for row in tx.rows(unsealed))
        if unrecorded := self._without_payload - self._recorded_erasures:
            return self.result(min(unrecorded), Breakage.ERASED_UNRECORDED)
        return self.result()


def _erased_position(payload: bytes) -> int:
    position: int = json.loads(payload)["position"]
    return position
