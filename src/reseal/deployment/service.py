"""The story of each registered device as it is kept: doors tell facts, pages ask how it stands.

`observe` costs one read when the fact changes nothing. What it writes is one unit with whatever the door
does: the deployment, the blocker that ended and the one that stands now, and an event for the arrow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from reseal.autopilot.model import Registration
from reseal.autopilot.profiles import profiles_by_id
from reseal.autopilot.registrations import registrations_by_id
from reseal.deployment.facts import Enrolled, Fact
from reseal.deployment.model import Blocker, Deployment, State
from reseal.deployment.stepping import begin, beginning, starts_over, step, supersede
from reseal.deployment.tables import (
    MOVING,
    OF_BLOCKERS,
    SELECT,
    blocker_values,
    deployment,
    deployment_blocker,
    moving,
    to_blocker,
    to_deployment,
)
from reseal.deployment.telling import tell
from reseal.deployment.words import for_device
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.kernel.logs import get_logger
from reseal.wire.runtime import messages

log = get_logger(__name__)

CHANGED: Final = "deployments changed"
"""Bell: what a device waits for, or its state, changed and was committed."""


def observe(
    tx: Tx, tenant: TenantKey, registration: int | None, fact: Fact, *, actor: str = "system"
) -> None:
    """Take a fact about a registered device into its story; None (not registered): there is no story.

    Idempotent: a fact that changes nothing writes nothing, and one that does not fit is ignored (and told in
    the debug log).
    """
    if registration is None:
        return
    present = open_deployment(tx, tenant, registration)
    if not _matters(present, fact, tx):
        return
    if tx.on_postgresql:  # two sessions of one device, or a session and a deadline, may come at once
        tx.lock(f"deployment {tenant} {registration}")
        present = open_deployment(tx, tenant, registration)
    if present is None or starts_over(present, fact):
        _begin(tx, tenant, registration, present, fact, actor)
        return
    moved = step(present, fact, tx.now)
    if moved is not present:
        if isinstance(fact, Enrolled):
            moved = _with_profile(tx, tenant, moved)
        _save(tx, tenant, present, moved, fact, actor)


def _matters(present: Deployment | None, fact: Fact, tx: Tx) -> bool:
    """Whether the fact changes anything."""
    if present is None:
        fits = beginning(fact) is not None
    else:
        fits = starts_over(present, fact) or step(present, fact, tx.now) is not present
    if not fits:
        state = None if present is None else present.state.value
        log.debug("a fact changes nothing", fact=type(fact).__name__, state=state)
    return fits


# --- reading ------------------------------------------------------------------------------------------------

_OF_REGISTRATION: Final = SELECT.where(
    deployment.c.tenant_id == sa.bindparam("at_tenant"),
    deployment.c.registration_id == sa.bindparam("at_registration"),
)
_OPEN: Final = _OF_REGISTRATION.where(deployment.c.ended_at.is_(None))
_LATEST: Final = _OF_REGISTRATION.order_by(deployment.c.begun_at.desc(), deployment.c.id.desc()).limit(1)
"""Statements that every fact takes are made once: making one takes longer than running it."""


def open_deployment(tx: Tx, tenant: TenantKey, registration: int) -> Deployment | None:
    """The deployment of a registered device that is under way; one statement."""
    row = tx.row(_OPEN, {"at_tenant": tenant, "at_registration": registration})
    return None if row is None else to_deployment(row)


def latest(tx: Tx, tenant: TenantKey, registration: int) -> Deployment | None:
    """The deployment of a registered device that is under way, or the last one that was; one statement."""
    rows = tx.rows(_LATEST, {"at_tenant": tenant, "at_registration": registration})
    return to_deployment(rows[0]) if rows else None


def blocker_now(tx: Tx, tenant: TenantKey, registration: int) -> messages.Blocker | None:
    """What a registered device waits for, as pages and the runtime channel show it; without a kind once it is
    at its end, None if it never began.
    """
    found = latest(tx, tenant, registration)
    return None if found is None else for_device(found)


def blockers_of(tx: Tx, tenant: TenantKey, deployment_id: int) -> tuple[Blocker, ...]:
    """Everything that a deployment waited for, oldest first."""
    rows = tx.rows(
        sa.select(deployment_blocker)
        .where(
            deployment_blocker.c.tenant_id == tenant,
            deployment_blocker.c.deployment_id == deployment_id,
        )
        .order_by(deployment_blocker.c.number)
    )
    return tuple(to_blocker(row) for row in rows)


# --- writing ------------------------------------------------------------------------------------------------


def _begin(
    tx: Tx, tenant: TenantKey, registration: int, present: Deployment | None, fact: Fact, actor: str
) -> None:
    found = registrations_by_id(tx, tenant, [registration]).get(registration)
    if found is None:
        return
    now = tx.now
    if present is not None:
        over = supersede(present, now)
        _save(tx, tenant, present, over, fact, actor)
        now = over.moved_at
    begun = begin(_blank(tx, tenant, found, now), fact, now)
    values = {
        "tenant_id": tenant,
        "id": begun.id,
        "uuid": begun.uuid,
        "registration_id": begun.registration_id,
        "registration_uuid": begun.registration_uuid,
        "serial": begun.serial,
        "begun_at": begun.begun_at,
        **moving(begun),
    }
    tx.execute(_INSERT, values)
    if begun.blocker is not None:
        _insert_blocker(tx, tenant, begun.id, begun.blocker)
    tell(tx, tenant, None, begun, fact, actor)
    tx.ring(CHANGED)


def _blank(tx: Tx, tenant: TenantKey, registration: Registration, now: datetime) -> Deployment:
    """A deployment that no fact has touched."""
    return Deployment(
        id=tx.new_key(),
        uuid=tx.new_uuid(),
        registration_id=registration.id,
        registration_uuid=registration.uuid,
        serial=registration.serial,
        profile_name=_profile_name(tx, tenant, registration),
        state=State.CONTACTED,
        begun_at=now,
        moved_at=now,
        blocker=None,
    )


def _with_profile(tx: Tx, tenant: TenantKey, moved: Deployment) -> Deployment:
    """The profile in force at enrolment is the one that counts (spec/autopilot.md 12, check 104)."""
    found = registrations_by_id(tx, tenant, [moved.registration_id])
    names = [_profile_name(tx, tenant, one) for one in found.values()]
    return replace(moved, profile_name=names[0]) if names else moved


def _profile_name(tx: Tx, tenant: TenantKey, registration: Registration) -> str:
    if registration.profile_id is None:
        return ""
    found = profiles_by_id(tx, tenant, [registration.profile_id]).get(registration.profile_id)
    return "" if found is None else found.name


_INSERT: Final = deployment.insert()
_UPDATE: Final = (
    deployment.update()
    .where(deployment.c.tenant_id == sa.bindparam("at_tenant"), deployment.c.id == sa.bindparam("at_id"))
    .values({name: sa.bindparam(name) for name in MOVING})
)


def _save(tx: Tx, tenant: TenantKey, before: Deployment, after: Deployment, fact: Fact, actor: str) -> None:
    """Keep what became of a deployment; only the statements that are needed."""
    tx.execute(_UPDATE, {"at_tenant": tenant, "at_id": after.id, **moving(after)})
    old, new = before.blocker, after.blocker
    if old is not None and (new is None or new.number != old.number):
        tx.execute(_END_BLOCKER, {**_at(tenant, after.id, old), "ended_at": after.moved_at})
        if new is not None:
            _insert_blocker(tx, tenant, after.id, new)
    elif old is not None and new is not None and new != old:
        tx.execute(_CHANGE_BLOCKER, {**_at(tenant, after.id, old), **blocker_values(new)})
    tell(tx, tenant, before, after, fact, actor)
    tx.ring(CHANGED)


_INSERT_BLOCKER: Final = deployment_blocker.insert()
_OF_BLOCKER: Final = deployment_blocker.update().where(
    deployment_blocker.c.tenant_id == sa.bindparam("at_tenant"),
    deployment_blocker.c.deployment_id == sa.bindparam("at_deployment"),
    deployment_blocker.c.number == sa.bindparam("at_number"),
)
_END_BLOCKER: Final = _OF_BLOCKER.values(ended_at=sa.bindparam("ended_at"))
_CHANGE_BLOCKER: Final = _OF_BLOCKER.values({name: sa.bindparam(name) for name in OF_BLOCKERS})


def _at(tenant: TenantKey, deployment_id: int, one: Blocker) -> dict[str, Any]:
    return {"at_tenant": tenant, "at_deployment": deployment_id, "at_number": one.number}


def _insert_blocker(tx: Tx, tenant: TenantKey, deployment_id: int, one: Blocker) -> None:
    keys = {"tenant_id": tenant, "deployment_id": deployment_id, "number": one.number}
    tx.execute(_INSERT_BLOCKER, {**keys, **blocker_values(one)})
