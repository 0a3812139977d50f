"""What ends a deployment from below: its enrolment ended, or its registration is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from reseal.autopilot.changes import REGISTRATIONS_REMOVED
from reseal.deployment.facts import Ended
from reseal.deployment.service import observe
from reseal.deployment.tables import deployment
from reseal.kernel.changes import Change, Reactor
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.ids import TenantKey
from reseal.managed.changes import ENROLMENTS_ENDED
from reseal.managed.enrolments import enrolment_by_id

DEREGISTERED: Final = "deregistered"
"""Why a deployment ended: its device is not registered any more."""


def react(tx: Tx, tenant: TenantKey, changes: Sequence[Change]) -> None:
    """End the open deployments of enrolments that ended and of registrations that are gone."""
    for change in changes:
        if change.kind == ENROLMENTS_ENDED:
            for row in _open(tx, tenant, deployment.c.enrolment_id, change.ids):
                because = enrolment_by_id(tx, tenant, row.enrolment_id).ended_because
                observe(tx, tenant, row.registration_id, Ended(because, row.enrolment_id))
        else:
            for row in _open(tx, tenant, deployment.c.registration_id, change.ids):
                observe(tx, tenant, row.registration_id, Ended(DEREGISTERED))


def _open(
    tx: Tx, tenant: TenantKey, column: sa.Column[int], keys: frozenset[int]
) -> list[sa.Row[tuple[int, int | None]]]:
    rows: list[sa.Row[tuple[int, int | None]]] = []
    for some in chunks(sorted(keys)):
        rows += tx.rows(
            sa.select(deployment.c.registration_id, deployment.c.enrolment_id)
            .where(deployment.c.tenant_id == tenant, among(column, some), deployment.c.ended_at.is_(None))
            .order_by(deployment.c.id)
        )
    return rows


REACTOR: Final = Reactor("deployments", frozenset({ENROLMENTS_ENDED, REGISTRATIONS_REMOVED}), react)
"""Stands after the reactor of `managed`, which announces enrolments that ended."""
