"""Tables of `deployment`: deployments and the blockers that cover them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from reseal.deployment.facts import Flow, Phase
from reseal.deployment.model import Blocker, Deployment, State
from reseal.kernel.db import Json, Utc, metadata, tenant_columns
from reseal.wire.runtime.blockers import BlockerKind

deployment = sa.Table(
    "deployment",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("registration_id", sa.BigInteger, nullable=False),
    sa.Column("registration_uuid", sa.Uuid, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("profile_name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("flow", sa.Text),
    sa.Column("phase", sa.Text),
    sa.Column("technician", sa.Boolean, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("enrolment_id", sa.BigInteger),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("upn", sa.Text, nullable=False),
    sa.Column("device_released", sa.Boolean, nullable=False),
    sa.Column("user_present", sa.Boolean, nullable=False),
    sa.Column("error_code", sa.Text, nullable=False),
    sa.Column("error_message", sa.Text, nullable=False),
    sa.Column("timed_out", sa.Boolean, nullable=False),
    sa.Column("deviations", Json, nullable=False),
    sa.Column("due_at", Utc),
    sa.Column("begun_at", Utc, nullable=False),
    sa.Column("moved_at", Utc, nullable=False),
    sa.Column("ended_at", Utc),
    sa.Column("ended_because", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.Index(None, "tenant_id", "registration_id", "begun_at"),
    sa.Index(None, "tenant_id", "begun_at"),
    sa.Index(None, "tenant_id", "enrolment_id"),
    sa.Index(
        "uq_deployment_open",
        "tenant_id",
        "registration_id",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)
"""Registration, enrolment and user are told by their keys without foreign keys: the story of a device is read
after these are gone.
"""

deployment_blocker = sa.Table(
    "deployment_blocker",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("deployment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("since", Utc, nullable=False),
    sa.Column("until", Utc),
    sa.Column("ended_at", Utc),
    sa.ForeignKeyConstraint(
        ["tenant_id", "deployment_id"], ["deployment.tenant_id", "deployment.id"], ondelete="CASCADE"
    ),
    sa.Index(
        "uq_deployment_blocker_open",
        "tenant_id",
        "deployment_id",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)
"""Intervals, numbered from 1 in each deployment."""

_COLUMNS = (
    "state",
    "technician",
    "profile_name",
    "proof",
    "enrolment_id",
    "user_id",
    "upn",
    "device_released",
    "user_present",
    "error_code",
    "error_message",
    "timed_out",
    "due_at",
    "moved_at",
    "ended_at",
    "ended_because",
)
"""What changes while a deployment goes on, apart from flow, phase and deviations."""

MOVING = (*_COLUMNS, "flow", "phase", "deviations")
"""The names of `moving`."""

OF_BLOCKERS = ("state", "kind", "name", "what", "items", "since", "until")
"""The names of `blocker_values`."""

OPEN_BLOCKER = deployment_blocker.alias("open_blocker")
"""The blocker that stands now, joined to its deployment."""

SELECT = sa.select(
    deployment,
    *(OPEN_BLOCKER.c[name].label(f"blocker_{name}") for name in ("number", *OF_BLOCKERS)),
).select_from(
    deployment.outerjoin(
        OPEN_BLOCKER,
        sa.and_(
            OPEN_BLOCKER.c.tenant_id == deployment.c.tenant_id,
            OPEN_BLOCKER.c.deployment_id == deployment.c.id,
            OPEN_BLOCKER.c.ended_at.is_(None),
        ),
    )
)
"""Deployments with the blocker that stands now."""


def to_deployment(row: sa.Row[Any]) -> Deployment:
    """A row of `SELECT` as a value."""
    return Deployment(
        id=row.id,
        uuid=row.uuid,
        registration_id=row.registration_id,
        registration_uuid=row.registration_uuid,
        serial=row.serial,
        begun_at=row.begun_at,
        flow=None if row.flow is None else Flow(row.flow),
        phase=None if row.phase is None else Phase(row.phase),
        deviations=tuple(row.deviations),
        blocker=_open_blocker(row),
        **{name: getattr(row, name) for name in _COLUMNS if name != "state"},
        state=State(row.state),
    )


def _open_blocker(row: sa.Row[Any]) -> Blocker | None:
    if row.blocker_kind is None:
        return None
    return Blocker(
        number=row.blocker_number,
        state=State(row.blocker_state),
        kind=BlockerKind(row.blocker_kind),
        since=row.blocker_since,
        until=row.blocker_until,
        name=row.blocker_name,
        what=row.blocker_what,
        items=row.blocker_items,
    )


def to_blocker(row: sa.Row[Any]) -> Blocker:
    """A row of `deployment_blocker` as a value."""
    return Blocker(
        number=row.number,
        state=State(row.state),
        kind=BlockerKind(row.kind),
        since=row.since,
        until=row.until,
        name=row.name,
        what=row.what,
        items=row.items,
        ended_at=row.ended_at,
    )


def moving(one: Deployment) -> dict[str, Any]:
    """The columns that change while a deployment goes on."""
    return {
        **{name: getattr(one, name) for name in _COLUMNS},
        "state": one.state.value,
        "flow": None if one.flow is None else one.flow.value,
        "phase": None if one.phase is None else one.phase.value,
        "deviations": list(one.deviations),
    }


def blocker_values(one: Blocker) -> dict[str, Any]:
    """The columns of an interval, apart from its keys and its end."""
    return {
        "state": one.state.value,
        "kind": one.kind.value,
        "name": one.name,
        "what": one.what,
        "items": one.items,
        "since": one.since,
        "until": one.until,
    }
