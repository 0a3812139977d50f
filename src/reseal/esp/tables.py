"""Where Enrollment Status Page profiles lie, and the phases of the page on each device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from reseal.directory.tables import Folded
from reseal.esp.flows import Flow
from reseal.esp.model import EspProfile, from_json
from reseal.esp.model_phase import PhaseState, PhaseStatus, Tracked
from reseal.kernel.db import Json, Utc, metadata, tenant_columns

esp_profile = sa.Table(
    "esp_profile",
    metadata,
    *tenant_columns(),
    sa.Column("uuid", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_folded", Folded, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("modified_at", Utc, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "uuid"),
    sa.UniqueConstraint("tenant_id", "name_folded"),
    sa.Index(None, "tenant_id", "priority"),
)
"""`priority` is not unique in the table: it is rewritten row by row inside a unit."""

esp_selected_app = sa.Table(
    "esp_selected_app",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("esp_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("app_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "esp_id"], ["esp_profile.tenant_id", "esp_profile.id"], ondelete="CASCADE"
    ),
    sa.Index(None, "tenant_id", "app_id"),
    sqlite_with_rowid=False,
)
"""`app_id` has no foreign key: the reactor removes an app from all selections when it leaves the
catalogue.
"""

esp_phase = sa.Table(
    "esp_phase",
    metadata,
    *tenant_columns(),
    sa.Column("enrolment_id", sa.BigInteger, nullable=False),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("profile_name", sa.Text, nullable=False),
    sa.Column("selected_apps", Json, nullable=False),
    sa.Column("held", Json, nullable=False),
    sa.Column("tracked", Json),
    sa.Column("begun_at", Utc, nullable=False),
    sa.Column("deadline", Utc, nullable=False),
    sa.Column("requested_at", Utc),
    sa.Column("released_at", Utc),
    sa.Column("error_code", sa.Text, nullable=False),
    sa.Column("error_message", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    sa.UniqueConstraint("tenant_id", "enrolment_id", "user_id", "run"),
)
"""One row for each run of a phase; `user_id` 0 is the machine. Profiles may change or go, so their name and
settings are kept here. Runs outlast their enrolment: reports tell of them.
"""


def to_esp(row: sa.Row[Any], selected_apps: Iterable[int]) -> EspProfile:
    """A row of `esp_profile` with the apps selected in it, as a value."""
    return EspProfile(
        id=row.id,
        uuid=row.uuid,
        name=row.name,
        description=row.description,
        priority=row.priority,
        is_default=row.is_default,
        settings=from_json(row.settings),
        selected_apps=tuple(sorted(selected_apps)),
        created_at=row.created_at,
        modified_at=row.modified_at,
    )


def to_phase(row: sa.Row[Any]) -> PhaseState:
    """A row of `esp_phase` as a value."""
    return PhaseState(
        id=row.id,
        enrolment_id=row.enrolment_id,
        user=row.user_id,
        flow=Flow(row.flow),
        run=row.run,
        status=PhaseStatus(row.status),
        settings=from_json(row.settings),
        profile_name=row.profile_name,
        selected_apps=tuple(row.selected_apps),
        held=tuple(row.held),
        tracked=None if row.tracked is None else tuple(Tracked.from_json(each) for each in row.tracked),
        begun_at=row.begun_at,
        deadline=row.deadline,
        requested_at=row.requested_at,
        released_at=row.released_at,
        error_code=row.error_code,
        error_message=row.error_message,
    )
