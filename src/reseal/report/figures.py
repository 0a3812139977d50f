"""Figures of the last weeks for drawing: how deployments ended, day by day, and how long their parts take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from reseal.deployment.model import PARTS, Part, State
from reseal.deployment.tables import deployment, deployment_blocker
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey

DAYS: Final = 30
MOST: Final = 300
"""Of the last deployments are looked at for how long their parts take."""
_DAY: Final = 86_400_000_000


class Result(StrEnum):
    """How a deployment ended, or stands."""

    DONE = "done"
    """At the desktop, or resealed."""
    UNDER_WAY = "under-way"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """In words."""
        return {Result.DONE: "Done", Result.UNDER_WAY: "Under way", Result.FAILED: "Failed"}[self]


@dataclass(frozen=True, slots=True)
class Day:
    """The deployments that began on a day (UTC)."""

    date: date
    counted: Mapping[Result, int]

    @property
    def all(self) -> int:
        """However they ended."""
        return sum(self.counted.values())


@dataclass(frozen=True, slots=True)
class Took:
    """How long a part takes: half of the deployments at most `median`, nine of ten at most `most`."""

    label: str
    counted: int
    median: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is to draw."""

    days: Sequence[Day]
    parts: Sequence[Took]

    @property
    def all(self) -> int:
        """Deployments of these days."""
        return sum(day.all for day in self.days)

    def of(self, result: Result) -> int:
        """How many ended so."""
        return sum(day.counted.get(result, 0) for day in self.days)


_DONE: Final = (State.DESKTOP, State.RESEALED, State.USER_SIGN_IN)
_LABELS: Final = {
    Part.DEVICE_PREPARATION: "Preparation",
    Part.DEVICE_SETUP: "Device setup",
    Part.ACCOUNT_SETUP: "Account setup",
}


def figures(tx: Tx, tenant: TenantKey) -> Figures:
    """Of the last 30 days, today included; two statements."""
    today = tx.now.date()
    first = today - timedelta(days=DAYS - 1)
    since = datetime.combine(first, datetime.min.time(), tx.now.tzinfo)
    own = deployment.c
    number = sa.type_coerce(own.begun_at, sa.BigInteger) / _DAY
    day = sa.cast(sa.func.floor(number), sa.BigInteger)
    result = sa.case(
        (own.state.in_([State.RED.value, State.ERROR.value]), Result.FAILED.value),
        (own.state.in_([state.value for state in _DONE]), Result.DONE.value),
        (sa.and_(own.ended_at.is_not(None), own.error_code != ""), Result.FAILED.value),
        (own.ended_at.is_(None), Result.UNDER_WAY.value),
        else_="",
    )
    rows = tx.rows(
        sa.select(day.label("day"), result.label("result"), sa.func.count().label("counted"))
        .where(own.tenant_id == tenant, own.begun_at >= since)
        .group_by(sa.text("1"), sa.text("2"))
        .order_by(sa.text("1"), sa.text("2"))
    )
    counted: dict[date, dict[Result, int]] = {}
    for row in rows:
        if row.result:
            began = date(1970, 1, 1) + timedelta(days=int(row.day))
            counted.setdefault(began, {})[Result(row.result)] = row.counted
    days = [first + timedelta(days=count) for count in range(DAYS)]
    return Figures([Day(one, counted.get(one, {})) for one in days], _parts(tx, tenant, since))


def _parts(tx: Tx, tenant: TenantKey, since: datetime) -> Sequence[Took]:
    own, kept = deployment.c, deployment_blocker.c
    last = (
        sa.select(own.id)
        .where(own.tenant_id == tenant, own.begun_at >= since, own.enrolment_id.is_not(None))
        .order_by(own.begun_at.desc(), own.id.desc())
        .limit(MOST)
    )
    took = sa.type_coerce(kept.ended_at, sa.BigInteger) - sa.type_coerce(kept.since, sa.BigInteger)
    rows = tx.rows(
        sa.select(kept.deployment_id, kept.state, sa.cast(sa.func.sum(took), sa.BigInteger).label("took"))
        .where(kept.tenant_id == tenant, kept.deployment_id.in_(last), kept.ended_at.is_not(None))
        .group_by(kept.deployment_id, kept.state)
        .order_by(kept.deployment_id, kept.state)
    )
    found: dict[Part, dict[int, int]] = {}
    for row in rows:
        of_part = found.setdefault(PARTS[State(row.state)], {})
        of_part[row.deployment_id] = of_part.get(row.deployment_id, 0) + int(row.took)
    return [_took(label, sorted(found.get(part, {}).values())) for part, label in _LABELS.items()]


def _took(label: str, values: Sequence[int]) -> Took:
    if not values:
        return Took(label, 0, timedelta(0), timedelta(0))
    median, most = (values[min(len(values) - 1, len(values) * share // 10)] for share in (5, 9))
    return Took(label, len(values), timedelta(microseconds=median), timedelta(microseconds=most))
