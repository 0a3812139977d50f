"""What stands on a technician's bench: devices in the technician flow, and those resealed a while ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.model import Registration
from reseal.autopilot.registrations import registrations_by_id
from reseal.deployment.facts import Flow
from reseal.deployment.listing import list_deployments
from reseal.deployment.model import Deployment, State
from reseal.deployment.tables import SELECT, deployment, to_deployment
from reseal.deployment.words import TITLES, thing, words
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.counting import Count, Counts, count_items
from reseal.managed.enrolments import enrolments_by_id
from reseal.wire.runtime.blockers import BlockerKind

MOST: Final = 100
"""Devices on one screen."""
RESEALED_FOR: Final = timedelta(hours=12)
"""So long a resealed device still stands on the bench; in the list for handing over it stays."""
_UNDER_WAY: Final = (
    State.CONTACTED,
    State.ATTESTING,
    State.JOINING,
    State.ENROLLING,
    State.TECHNICIAN_PREPARING,
    State.TECHNICIAN_SETUP,
    State.TECHNICIAN_RELEASING,
    State.GREEN,
    State.RED,
)


class Lamp(StrEnum):
    """How a device looks from three metres away; also the name of its style."""

    WAITING = "waiting"
    RUNNING = "running"
    GREEN = "green"
    RED = "red"
    RESEALED = "resealed"

    @property
    def label(self) -> str:
        """In a word."""
        return self.value.capitalize()


_LAMPS: Final = {
    State.CONTACTED: Lamp.WAITING,
    State.GREEN: Lamp.GREEN,
    State.RED: Lamp.RED,
    State.ERROR: Lamp.RED,
    State.RESEALED: Lamp.RESEALED,
    **dict.fromkeys((State.USER_SIGN_IN, State.DESKTOP, State.ENDED), Lamp.WAITING),
}
_SHORT: Final = {
    State.CONTACTED: "Press the Windows key five times, or sign in.",
    State.GREEN: "Press Reseal at the device.",
    State.RESEALED: "Off, and ready for its user.",
}


@dataclass(frozen=True, slots=True)
class OnBench:
    """One device on the bench."""

    deployment: Deployment
    registration: Registration | None
    name: str
    lamp: Lamp
    title: str
    text: str
    """What is to be done, what it works on, or why it is red."""
    count: Count
    """How much of what the machine gets is there."""

    @property
    def user(self) -> str:
        """For whom it is."""
        assigned = "" if self.registration is None else self.registration.assigned_user_upn
        return assigned or self.deployment.upn


def on_bench(tx: Tx, tenant: TenantKey) -> tuple[OnBench, ...]:
    """In the order in which they came; a handful of statements."""
    own = deployment.c
    rows = tx.rows(
        SELECT.where(
            own.tenant_id == tenant,
            own.ended_at.is_(None),
            sa.or_(own.flow.is_(None), own.flow == Flow.TECHNICIAN.value),
            sa.or_(
                own.state.in_([state.value for state in _UNDER_WAY]),
                sa.and_(own.state == State.RESEALED.value, own.moved_at >= tx.now - RESEALED_FOR),
            ),
        )
        .order_by(own.begun_at, own.id)
        .limit(MOST)
    )
    return bench_of(tx, tenant, [to_deployment(row) for row in rows])


def hand_over(tx: Tx, tenant: TenantKey, limit: int = 200) -> tuple[OnBench, ...]:
    """Resealed devices that nobody has switched on since, those of the last deployments first."""
    found = list_deployments(tx, tenant, states=(State.RESEALED,), under_way=True, limit=limit)
    return bench_of(tx, tenant, found.items)


def bench_of(tx: Tx, tenant: TenantKey, deployments: Sequence[Deployment]) -> tuple[OnBench, ...]:
    """These deployments as they stand on the bench; three statements."""
    if not deployments:
        return ()
    keys = [one.enrolment_id for one in deployments if one.enrolment_id is not None]
    registrations = registrations_by_id(tx, tenant, [one.registration_id for one in deployments])
    enrolments = enrolments_by_id(tx, tenant, keys) if keys else {}
    counts = count_items(tx, tenant, keys) if keys else {}
    found = []
    for one in deployments:
        enrolment = enrolments.get(one.enrolment_id or 0)
        count = counts.get(one.enrolment_id or 0, Counts()).machine
        found.append(
            OnBench(
                deployment=one,
                registration=registrations.get(one.registration_id),
                name=(enrolment.device_name if enrolment else "") or one.serial,
                lamp=_LAMPS.get(one.state, Lamp.RUNNING),
                title=TITLES[one.state].partition(":")[0],
                text=_text(one),
                count=count,
            )
        )
    return tuple(found)


def latest_of(tx: Tx, tenant: TenantKey, registration: int) -> Deployment | None:
    """The last deployment of a device."""
    found = list_deployments(tx, tenant, registration=registration, limit=1).items
    return found[0] if found else None


def ids_of(found: Sequence[OnBench]) -> list[UUID]:
    """The ZTDIDs of these devices."""
    return [one.deployment.registration_uuid for one in found]


def _text(one: Deployment) -> str:
    if one.state is State.RED or one.state is State.ERROR:
        return f"{one.error_message} ({one.error_code})" if one.error_code else "It gave no reason."
    if one.state in _SHORT:
        return _SHORT[one.state]
    blocker = one.blocker
    if blocker is None:
        return ""
    if blocker.kind is BlockerKind.ITEM:
        others = f" and {blocker.items - 1} more" if blocker.items > 1 else ""
        return f"{thing(blocker).capitalize()} “{blocker.name}”{others}"
    return words(blocker).text
