"""Lists of deployments with what each waits for, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.deployment.model import Blocker, Deployment, State
from reseal.deployment.tables import SELECT, deployment, deployment_blocker, to_blocker, to_deployment
from reseal.kernel.db import Tx, among, chunks
from reseal.kernel.errors import Invalid, NotFound
from reseal.kernel.ids import TenantKey

PAGE_LIMIT = 1000
_PRIME: Final = 2_147_483_629
"""Keeps a sum of times small, and different ones apart."""


@dataclass(frozen=True, slots=True)
class After:
    """Where a page ended: a page begins behind it, whatever came meanwhile."""

    begun_at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Some deployments; `next` is what to ask the following page with, None at the end."""

    items: tuple[Deployment, ...]
    next: After | None


def list_deployments(
    tx: Tx,
    tenant: TenantKey,
    *,
    states: Collection[State] = (),
    under_way: bool | None = None,
    registration: int | None = None,
    since: datetime | None = None,
    oldest_first: bool = False,
    after: After | None = None,
    limit: int = 100,
) -> Listed:
    """Deployments by when they began, the newest first unless asked otherwise; one statement.

    Narrowed to some states, to those that are (not) under way, to one registered device, to those that began
    at `since` or later. Raises `Invalid` for a limit outside 1 to 1,000.
    """
    if not 1 <= limit <= PAGE_LIMIT:
        raise Invalid(
            code="InvalidPageSize",
            message=f"A page of {limit} rows was asked for; 1 to {PAGE_LIMIT} are possible.",
            remedy=f"Ask for at most {PAGE_LIMIT} rows and follow the next page.",
        )
    query = SELECT.where(deployment.c.tenant_id == tenant)
    if states:
        query = query.where(deployment.c.state.in_(sorted(state.value for state in states)))
    if under_way is not None:
        over = deployment.c.ended_at
        query = query.where(over.is_(None) if under_way else over.is_not(None))
    if registration is not None:
        query = query.where(deployment.c.registration_id == registration)
    if since is not None:
        query = query.where(deployment.c.begun_at >= since)
    rows = tx.rows(_ordered(query, oldest_first, after).limit(limit + 1))
    found = tuple(to_deployment(row) for row in rows[:limit])
    more = len(rows) > limit
    return Listed(found, After(found[-1].begun_at, found[-1].id) if more else None)


def _ordered(
    query: sa.Select[tuple[object, ...]], oldest_first: bool, after: After | None
) -> sa.Select[tuple[object, ...]]:
    place = (deployment.c.begun_at, deployment.c.id)
    if after is not None:
        began = sa.bindparam("after_begun", after.begun_at, type_=deployment.c.begun_at.type)
        ended = sa.tuple_(began, sa.literal(after.id))
        query = query.where(sa.tuple_(*place) > ended if oldest_first else sa.tuple_(*place) < ended)
    return query.order_by(*(column if oldest_first else column.desc() for column in place))


def deployment_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> Deployment:
    """One deployment; one statement. Raises `NotFound`."""
    row = tx.row(SELECT.where(deployment.c.tenant_id == tenant, deployment.c.uuid == uuid))
    if row is None:
        raise NotFound(
            code="DeploymentNotFound",
            message=f"There is no deployment {uuid} in this organisation.",
            remedy="Take one from the list of deployments.",
        )
    return to_deployment(row)


def mark_of_open(tx: Tx, tenant: TenantKey) -> tuple[int, int]:
    """Differs as soon as anything changed about a deployment that is under way, whichever server changed it
    and by whatever clock; one statement.
    """
    moved = sa.type_coerce(deployment.c.moved_at, sa.BigInteger) % _PRIME
    row = tx.row(
        sa.select(sa.func.count().label("many"), sa.func.sum(moved).label("moved")).where(
            deployment.c.tenant_id == tenant, deployment.c.ended_at.is_(None)
        )
    )
    return (0, 0) if row is None else (row.many, int(row.moved or 0))


def count_by_state(tx: Tx, tenant: TenantKey) -> dict[State, int]:
    """How many deployments that are under way stand in each state, in the order of the story."""
    rows = tx.rows(
        sa.select(deployment.c.state, sa.func.count().label("how_many"))
        .where(deployment.c.tenant_id == tenant, deployment.c.ended_at.is_(None))
        .group_by(deployment.c.state)
        .order_by(deployment.c.state)
    )
    counted = {State(row.state): row.how_many for row in rows}
    return {state: counted[state] for state in State if state in counted}


def blockers_of_many(tx: Tx, tenant: TenantKey, deployments: Iterable[int]) -> dict[int, tuple[Blocker, ...]]:
    """Everything that each of these deployments waited for, oldest first; few statements for many."""
    found: dict[int, list[Blocker]] = {}
    for some in chunks(sorted(set(deployments))):
        rows = tx.rows(
            sa.select(deployment_blocker)
            .where(deployment_blocker.c.tenant_id == tenant, among(deployment_blocker.c.deployment_id, some))
            .order_by(deployment_blocker.c.deployment_id, deployment_blocker.c.number)
        )
        for row in rows:
            found.setdefault(row.deployment_id, []).append(to_blocker(row))
    return {key: tuple(blockers) for key, blockers in found.items()}
