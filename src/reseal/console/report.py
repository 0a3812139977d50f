"""The report on deployments: every column, filtered; as a file for spreadsheets; and what can be drawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from reseal.console.charts import HEIGHT, WIDTH, per_day, shares
from reseal.console.desk import Desk, Visit
from reseal.console.forms import Form, Option
from reseal.console.paging import older, older_link
from reseal.console.parts import HOME, PERMISSION
from reseal.deployment.listing import After
from reseal.deployment.report import report_rows
from reseal.deployment.report_model import ReportRow, Status
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.report.deployments import COLUMNS, STATUSES, TYPES, Sought, csv_lines, list_report
from reseal.report.figures import Result, figures
from reseal.web.routes import Route

PATH: Final = f"{HOME}/report"
_PAGE: Final = 50
_EXPORTED: Final = 500
"""Rows that are read at once for a file."""
_TONES: Final[Mapping[Status, str]] = {
    Status.SUCCESS: "good",
    Status.SUCCESS_WITH_TIMEOUT: "person",
    Status.FAILURE: "bad",
    Status.IN_PROGRESS: "step",
}
_OFFERED: Final = (
    Status.IN_PROGRESS,
    Status.SUCCESS,
    Status.SUCCESS_WITH_TIMEOUT,
    Status.FAILURE,
    Status.NOT_ATTEMPTED,
)


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: tuple[ReportRow, ...]
    next: After | None


def routes(desk: Desk) -> tuple[Route, ...]:
    """They stand before the pages of single deployments, whose path would fit too."""
    return (
        desk.page(PATH, _report, PERMISSION),
        desk.page(f"{PATH}.csv", _exported, PERMISSION),
        desk.page(f"{HOME}/figures", _figures, PERMISSION),
    )


# --- the table ----------------------------------------------------------------------------------------------


async def _report(visit: Visit) -> Response:
    form, sought = _asked(visit)
    found = await visit.read(_rows, sought, older(visit.call), _PAGE)
    kept = {name: values[-1] for name, values in form.values.items() if values[-1]}
    return await visit.page(
        "report.html",
        form=form,
        rows=found.rows,
        statuses=(Option("", "Any"), *(Option(one, STATUSES[one].capitalize()) for one in _OFFERED)),
        words=STATUSES,
        types=TYPES,
        tones=_TONES,
        narrowed=kept,
        csv=f"{PATH}.csv" + (f"?{urlencode(kept)}" if kept else ""),
        next="" if found.next is None else f"?{urlencode({**kept, 'older': older_link(found.next)})}",
        first=f"?{urlencode(kept)}" if visit.call.query("older") else "",
    )


def _rows(tx: Tx, tenant: TenantKey, sought: Sought, after: After | None, limit: int) -> _Rows:
    found = list_report(tx, tenant, sought, after=after, limit=limit)
    return _Rows(report_rows(tx, tenant, found.items), found.next)


def _asked(visit: Visit) -> tuple[Form, Sought]:
    query = visit.call.query
    names = ("q", "status", "profile", "since", "until")
    form = Form.of(**{name: query(name).strip() for name in names})
    status, until = form.value("status"), _day(form.value("until"))
    return form, Sought(
        text=form.value("q"),
        status=Status(status) if status in set(Status) else None,
        profile=form.value("profile"),
        since=_day(form.value("since")),
        until=None if until is None else until + timedelta(days=1),
    )


def _day(text: str) -> datetime | None:
    """The beginning of a day in UTC. Raises `Invalid` for what is no day."""
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid(code="BadDay", message="This is not a day.", remedy="Write it as 2026-11-28.") from None


# --- the file -----------------------------------------------------------------------------------------------


async def _exported(visit: Visit) -> Response:
    """Rows go out as they are read, however many there are; each page is read by itself."""
    _, sought = _asked(visit)
    return StreamingResponse(
        _lines(visit, sought),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="AutopilotV1DeploymentStatus.csv"'},
    )


async def _lines(visit: Visit, sought: Sought) -> AsyncIterator[bytes]:
    yield "\ufeff".encode() + csv_lines([[name for name, _ in COLUMNS]])
    after: After | None = None
    while True:
        found: _Rows = await visit.read(_rows, sought, after, _EXPORTED)
        yield csv_lines([[value(row) for _, value in COLUMNS] for row in found.rows])
        after = found.next
        if after is None:
            return


# --- figures ------------------------------------------------------------------------------------------------


async def _figures(visit: Visit) -> Response:
    found = await visit.read(figures)
    return await visit.page(
        "figures.html",
        found=found,
        results=tuple(Result),
        chart=per_day(found.days),
        takes=shares(found.parts),
        width=WIDTH,
        height=HEIGHT,
    )
