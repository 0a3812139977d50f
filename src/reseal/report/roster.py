"""The list of registered devices, with where each stands: filtered, sorted, a page at a time.

A page begins behind the last row that was seen, by (sort value, key), whatever came or went before it. Which
tables are asked depends on what the filter names, so that the plain list reads little more than its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.model import RemediationState
from reseal.autopilot.tables import autopilot_profile, registration
from reseal.deployment.model import State
from reseal.deployment.tables import deployment
from reseal.directory.model_names import fold
from reseal.directory.paging import Page, PageKey
from reseal.directory.tables import device
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey


class Standing(StrEnum):
    """Where a registered device stands, by its latest deployment."""

    NO_PROFILE = "no-profile"
    """Not begun, and no profile reaches it."""
    NOT_STARTED = "not-started"
    UNDER_WAY = "under-way"
    GREEN = "green"
    FAILED = "failed"
    RESEALED = "resealed"
    IN_USE = "in-use"


class Sort(StrEnum):
    """By what the list is sorted."""

    SERIAL = "serial"
    NAME = "name"
    USER = "user"
    TAG = "tag"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class Sought:
    """What a list is narrowed to; empty fields narrow nothing.

    `text` is looked for in serial number, name, user and model; `tag` is the whole group tag in any letter
    case, `user` the beginning of a user principal name, `profile` the id of a profile. `attention` keeps
    devices whose hardware changed.
    """

    text: str = ""
    tag: str = ""
    user: str = ""
    profile: UUID | None = None
    standing: Standing | None = None
    attention: bool = False


@dataclass(frozen=True, slots=True)
class Rostered:
    """One registered device in a list. `id` is the key of its registration, `uuid` its ZTDID."""

    id: int
    uuid: UUID
    device_id: int
    serial: str
    manufacturer: str
    model: str
    name: str
    """Of the directory device; its serial number until it has another."""
    group_tag: str
    user: str
    profile: str
    standing: Standing
    state: State | None
    """Of the latest deployment, if there was one."""
    deployment: UUID | None
    attention: bool
    registered_at: datetime


LATEST: Final = deployment.alias("latest_deployment")
_BEFORE = deployment.alias("earlier_deployment")
_LATEST_ID: Final = (
    sa.select(_BEFORE.c.id)
    .where(_BEFORE.c.tenant_id == registration.c.tenant_id, _BEFORE.c.registration_id == registration.c.id)
    .order_by(_BEFORE.c.begun_at.desc(), _BEFORE.c.id.desc())
    .limit(1)
    .correlate(registration)
    .scalar_subquery()
)
JOIN_DEVICE: Final = sa.and_(
    device.c.tenant_id == registration.c.tenant_id, device.c.id == registration.c.device_id
)
JOIN_PROFILE: Final = sa.and_(
    autopilot_profile.c.tenant_id == registration.c.tenant_id,
    autopilot_profile.c.id == registration.c.profile_id,
)
JOIN_LATEST: Final = sa.and_(LATEST.c.tenant_id == registration.c.tenant_id, LATEST.c.id == _LATEST_ID)
"""How the directory device, the profile and the latest deployment stand beside a registration."""

_FROM: Final = (
    registration.join(device, JOIN_DEVICE)
    .outerjoin(autopilot_profile, JOIN_PROFILE)
    .outerjoin(LATEST, JOIN_LATEST)
)
_SELECT: Final = sa.select(
    registration.c.id,
    registration.c.uuid,
    registration.c.device_id,
    registration.c.serial,
    registration.c.manufacturer,
    registration.c.model,
    registration.c.group_tag,
    registration.c.assigned_user_upn,
    registration.c.profile_id,
    registration.c.remediation_state,
    registration.c.created_at,
    registration.c.serial_folded,
    registration.c.assigned_user_folded,
    device.c.display_name,
    device.c.display_name_folded,
    autopilot_profile.c.name.label("profile_name"),
    LATEST.c.uuid.label("deployment_uuid"),
    LATEST.c.state.label("deployment_state"),
).select_from(_FROM)

_TAG_FOLDED: Final = sa.func.lower(registration.c.group_tag)
_COLUMNS: Final[Mapping[Sort, sa.ColumnElement[Any]]] = {
    Sort.SERIAL: registration.c.serial_folded,
    Sort.NAME: device.c.display_name_folded,
    Sort.USER: registration.c.assigned_user_folded,
    Sort.TAG: _TAG_FOLDED,
}
_VALUES: Final[Mapping[Sort, Callable[[sa.Row[Any]], str]]] = {
    Sort.SERIAL: lambda row: row.serial_folded,
    Sort.NAME: lambda row: row.display_name_folded,
    Sort.USER: lambda row: row.assigned_user_folded,
    Sort.TAG: lambda row: row.group_tag.lower(),
    Sort.REGISTERED: lambda row: "",
}
"""The value by which a row stands where it stands; keys of registrations rise with time."""

_STATES: Final[Mapping[Standing, tuple[State, ...]]] = {
    Standing.GREEN: (State.GREEN,),
    Standing.RESEALED: (State.RESEALED,),
    Standing.FAILED: (State.RED, State.ERROR),
    Standing.IN_USE: (State.DESKTOP,),
    Standing.UNDER_WAY: tuple(
        state
        for state in State
        if state not in {State.GREEN, State.RESEALED, State.RED, State.ERROR, State.DESKTOP, State.ENDED}
    ),
}
_BY_STATE: Final = {state: standing for standing, states in _STATES.items() for state in states}


def standing_of(state: State | None, *, has_profile: bool) -> Standing:
    """Where a device stands whose latest deployment is in this state; None if there was none."""
    begun = None if state is None else _BY_STATE.get(state)
    return begun or (Standing.NOT_STARTED if has_profile else Standing.NO_PROFILE)


def list_roster(
    tx: Tx,
    tenant: TenantKey,
    sought: Sought = Sought(),
    *,
    sort: Sort = Sort.SERIAL,
    descending: bool = False,
    after: PageKey | None = None,
    limit: int = 50,
) -> Page[Rostered]:
    """A page of registered devices; one statement."""
    query = _SELECT.where(registration.c.tenant_id == tenant, *_conditions(tenant, sought))
    column = _COLUMNS.get(sort)
    place = (registration.c.id,) if column is None else (column, registration.c.id)
    if after is not None:
        last: tuple[Any, ...] = (after.id,) if column is None else (after.folded, after.id)
        ended = sa.tuple_(*(sa.literal(value) for value in last))
        query = query.where(sa.tuple_(*place) < ended if descending else sa.tuple_(*place) > ended)
    ordered = query.order_by(*(each.desc() if descending else each for each in place))
    rows = tx.rows(ordered.limit(limit + 1))
    shown = rows[:limit]
    more = len(rows) > limit
    following = PageKey(_VALUES[sort](shown[-1]), shown[-1].id) if more else None
    return Page(tuple(map(_rostered, shown)), following)


def count_roster(tx: Tx, tenant: TenantKey, sought: Sought = Sought()) -> int:
    """How many devices fit; one statement, over no more tables than the filter needs."""
    counted: int = tx.value(_narrow(sa.func.count(), tenant, sought))
    return counted


def roster_keys(tx: Tx, tenant: TenantKey, sought: Sought, limit: int) -> list[UUID]:
    """The ZTDIDs of the devices that fit, at most `limit`, by serial number; one statement."""
    query = _narrow(registration.c.uuid, tenant, sought)
    ordered = query.order_by(registration.c.serial_folded, registration.c.id).limit(limit)
    return [row.uuid for row in tx.rows(ordered)]


def roster_of(tx: Tx, tenant: TenantKey, ztdids: Sequence[UUID]) -> tuple[Rostered, ...]:
    """Those of these devices that exist, by serial number; one statement."""
    rows = tx.rows(
        _SELECT.where(
            registration.c.tenant_id == tenant, registration.c.uuid.in_(sorted(set(ztdids)))
        ).order_by(registration.c.serial_folded, registration.c.id)
    )
    return tuple(map(_rostered, rows))


def _narrow(what: sa.ColumnElement[Any], tenant: TenantKey, sought: Sought) -> sa.Select[Any]:
    tables: sa.FromClause = registration
    if sought.text:
        tables = tables.join(device, JOIN_DEVICE)
    if sought.standing is not None:
        tables = tables.outerjoin(LATEST, JOIN_LATEST)
    return (
        sa.select(what)
        .select_from(tables)
        .where(registration.c.tenant_id == tenant, *_conditions(tenant, sought))
    )


def _conditions(tenant: TenantKey, sought: Sought) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if sought.text:
        text = fold(sought.text)
        conditions.append(
            sa.or_(
                registration.c.serial_folded.contains(text, autoescape=True),
                device.c.display_name_folded.contains(text, autoescape=True),
                registration.c.assigned_user_folded.contains(text, autoescape=True),
                sa.func.lower(registration.c.model).contains(text, autoescape=True),
            )
        )
    if sought.tag:
        conditions.append(_TAG_FOLDED.in_([sought.tag.lower()]))
    if sought.user:
        conditions.append(registration.c.assigned_user_folded.startswith(fold(sought.user), autoescape=True))
    if sought.profile is not None:
        conditions.append(
            registration.c.profile_id
            == sa.select(autopilot_profile.c.id)
            .where(autopilot_profile.c.tenant_id == tenant, autopilot_profile.c.uuid == sought.profile)
            .scalar_subquery()
        )
    if sought.attention:
        conditions.append(registration.c.remediation_state != RemediationState.NONE.value)
    if sought.standing is not None:
        conditions.append(_stands(sought.standing))
    return conditions


def _stands(standing: Standing) -> sa.ColumnElement[bool]:
    states = _STATES.get(standing)
    if states is not None:
        return LATEST.c.state.in_([state.value for state in states])
    over = sa.or_(LATEST.c.id.is_(None), LATEST.c.state == State.ENDED.value)
    has_profile = registration.c.profile_id.is_not(None)
    return sa.and_(over, has_profile if standing is Standing.NOT_STARTED else sa.not_(has_profile))


def _rostered(row: sa.Row[Any]) -> Rostered:
    state = None if row.deployment_state is None else State(row.deployment_state)
    return Rostered(
        id=row.id,
        uuid=row.uuid,
        device_id=row.device_id,
        serial=row.serial,
        manufacturer=row.manufacturer,
        model=row.model,
        name=row.display_name,
        group_tag=row.group_tag,
        user=row.assigned_user_upn,
        profile=row.profile_name or "",
        standing=standing_of(state, has_profile=row.profile_id is not None),
        state=state,
        deployment=row.deployment_uuid,
        attention=row.remediation_state != RemediationState.NONE.value,
        registered_at=row.created_at,
    )
