"""The report *Autopilot deployments*: its rows, and what stands in its columns (spec/autopilot.md 8.4).

The rows are those of `deployment.report`; here they are found, and written for people and for spreadsheets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from reseal.deployment.listing import After, Listed
from reseal.deployment.model import State
from reseal.deployment.report_model import EnrolmentType, ReportRow, Status
from reseal.deployment.tables import SELECT, deployment, to_deployment
from reseal.kernel.db import Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.tables import enrolment

TYPES: Final = {
    EnrolmentType.UNKNOWN: "not enrolled yet",
    EnrolmentType.USER: "by its user",
    EnrolmentType.TECHNICIAN: "pre-provisioned",
}
STATUSES: Final = {
    Status.UNKNOWN: "unknown",
    Status.SUCCESS: "success",
    Status.IN_PROGRESS: "under way",
    Status.FAILURE: "failed",
    Status.SUCCESS_WITH_TIMEOUT: "success, late",
    Status.NOT_ATTEMPTED: "not begun",
    Status.DISABLED: "not shown",
}
"""In words."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What the report is narrowed to; `until` is the first moment that does not count any more."""

    text: str = ""
    status: Status | None = None
    profile: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_report(
    tx: Tx, tenant: TenantKey, sought: Sought, *, after: After | None = None, limit: int = 50
) -> Listed:
    """A page of deployments, the last begun first; one statement."""
    own = deployment.c
    query = SELECT.where(own.tenant_id == tenant, *_conditions(tenant, sought))
    if after is not None:
        began = sa.bindparam("after_begun", after.begun_at, type_=own.begun_at.type)
        query = query.where(sa.tuple_(own.begun_at, own.id) < sa.tuple_(began, sa.literal(after.id)))
    rows = tx.rows(query.order_by(own.begun_at.desc(), own.id.desc()).limit(limit + 1))
    found = tuple(to_deployment(row) for row in rows[:limit])
    return Listed(found, After(found[-1].begun_at, found[-1].id) if len(rows) > limit else None)


def _conditions(tenant: TenantKey, sought: Sought) -> list[sa.ColumnElement[bool]]:
    own = deployment.c
    conditions: list[sa.ColumnElement[bool]] = []
    if sought.text:
        text = sought.text.lower()
        named = sa.select(enrolment.c.id).where(
            enrolment.c.tenant_id == tenant,
            sa.func.lower(enrolment.c.device_name).contains(text, autoescape=True),
        )
        conditions.append(
            sa.or_(
                sa.func.lower(own.serial).contains(text, autoescape=True),
                sa.func.lower(own.upn).contains(text, autoescape=True),
                own.enrolment_id.in_(named),
            )
        )
    if sought.profile:
        conditions.append(sa.func.lower(own.profile_name).in_([sought.profile.lower()]))
    if sought.since is not None:
        conditions.append(own.begun_at >= sought.since)
    if sought.until is not None:
        conditions.append(own.begun_at < sought.until)
    if sought.status is not None:
        conditions.append(_has_status(sought.status))
    return conditions


def _has_status(status: Status) -> sa.ColumnElement[bool]:
    """What `report_model.state_of` says, for the database."""
    own = deployment.c
    is_open, at_desktop = own.ended_at.is_(None), own.state.in_([State.DESKTOP.value])
    is_red, has_error = own.state.in_([State.RED.value, State.ERROR.value]), own.error_code != ""
    late = sa.and_(at_desktop, own.timed_out)
    match status:
        case Status.FAILURE:
            return sa.or_(is_red, sa.and_(sa.not_(is_open), has_error, sa.not_(late)))
        case Status.IN_PROGRESS:
            return sa.and_(is_open, sa.not_(is_red))
        case Status.SUCCESS_WITH_TIMEOUT:
            return late
        case Status.SUCCESS:
            return sa.and_(at_desktop, sa.not_(own.timed_out), sa.not_(has_error))
        case _:
            return sa.and_(sa.not_(is_open), sa.not_(at_desktop), sa.not_(is_red), sa.not_(has_error))


# --- for spreadsheets ---------------------------------------------------------------------------------------


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(took: timedelta) -> str:
    return str(int(took.total_seconds()))


def _items(row: ReportRow) -> str:
    return "; ".join(f"{item.kind.value} {item.name}: {item.state.value}" for item in row.items)


COLUMNS: Final[Sequence[tuple[str, Callable[[ReportRow], str]]]] = (
    ("Device ID", lambda row: "" if row.device_id is None else str(row.device_id)),
    ("Serial number", lambda row: row.serial),
    ("Device name", lambda row: row.device_name),
    ("Event time", lambda row: _moment(row.event_at)),
    ("Registered time", lambda row: _moment(row.registered_at)),
    ("Enrollment start", lambda row: _moment(row.enrolment_start)),
    ("Enrollment type", lambda row: row.enrolment_type.value),
    ("User principal name", lambda row: row.upn),
    ("Profile name", lambda row: row.profile_name),
    ("Enrollment status page", lambda row: row.esp_name),
    ("Enrollment state", lambda row: row.enrolment_state),
    ("Deployment state", lambda row: row.state.value),
    ("Device setup status", lambda row: row.device_setup.value),
    ("Account setup status", lambda row: row.account_setup.value),
    ("OS version", lambda row: row.os_version),
    ("Device preparation (s)", lambda row: _seconds(row.durations.device_preparation)),
    ("Device setup (s)", lambda row: _seconds(row.durations.device_setup)),
    ("Account setup (s)", lambda row: _seconds(row.durations.account_setup)),
    ("Deployment (s)", lambda row: _seconds(row.durations.deployment)),
    ("Technician flow (s)", lambda row: _seconds(row.durations.technician)),
    ("User flow (s)", lambda row: _seconds(row.durations.user)),
    ("Total (s)", lambda row: _seconds(row.durations.total)),
    ("Start", lambda row: _moment(row.started_at)),
    ("End", lambda row: _moment(row.ended_at)),
    ("Targeted apps", lambda row: str(row.targeted_apps)),
    ("Targeted policies", lambda row: str(row.targeted_policies)),
    ("Failure", lambda row: row.failure),
    ("Went past its page", lambda row: ", ".join(row.deviations)),
    ("Items", _items),
)
"""Names and values; times are UTC, durations whole seconds."""

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(cell: str) -> str:
    """A text that no spreadsheet takes for a formula: what begins like one is made a text by a quote."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULAS) else cell


def csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows as RFC 4180 wants them, in UTF-8."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    for row in rows:
        writer.writerow([harmless(str(cell)) for cell in row])
    return written.getvalue().encode()
