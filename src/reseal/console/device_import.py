"""Step 3: registering devices from a file of hardware hashes, with a verdict for each row.

A file is read as a whole first, and refused as a whole if it has problems of form, as `reseal import` does.
Its rows are then worked off in the background, 500 to a unit; the page of the import shows how far that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.responses import Response

from reseal.autopilot.import_records import (
    Batch,
    ImportRecord,
    batch_by_uuid,
    batches,
    count_records,
    records,
)
from reseal.autopilot.importing import submit_file
from reseal.autopilot.model import ImportStatus, Registration
from reseal.autopilot.model_import import ImportRow, Refusal, Verdict, read_rows, rows_of_csv
from reseal.autopilot.model_profile import BUILTIN_NAME
from reseal.autopilot.profiles import profiles_by_id
from reseal.autopilot.registrations import registrations_by_uuid
from reseal.console.desk import Desk, Visit, address
from reseal.console.forms import Form
from reseal.esp.effective import EffectiveEsp, effective_esps
from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid
from reseal.kernel.ids import TenantKey
from reseal.web.posted import File
from reseal.web.routes import MIB, Route
from reseal.wire.devicecsv import read_device_csv
from reseal.wire.devicecsv.model import CsvProblem

READ = "DeviceManagementServiceConfig.Read.All"
WRITE = "DeviceManagementServiceConfig.ReadWrite.All"
PATH = "/set-up/devices"
FILE_LIMIT: Final = 64 * MIB

_PAGE: Final = 50
_SHOWN: Final = 10
"""Problems of a file that are listed."""
_MOST_KEY: Final = 2**62
_REMEDIES: Final = {refusal.code: refusal.remedy for refusal in Refusal}


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an import is."""

    rows: int
    imported: int
    refused: int

    @property
    def done(self) -> int:
        """Rows that have a verdict."""
        return self.imported + self.refused

    @property
    def is_over(self) -> bool:
        """Whether every row has one."""
        return self.done >= self.rows


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a row, and what its device will meet."""

    record: ImportRecord
    remedy: str
    profile: str
    status_page: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Import:
    batch: Batch
    standing: Standing
    rows: tuple[Row, ...]
    next: int


def routes(desk: Desk) -> tuple[Route, ...]:
    """The page with its form, and the page of each import."""
    return (
        desk.page(PATH, _page, READ),
        desk.form(PATH, _take, WRITE, limit=FILE_LIMIT),
        desk.page(PATH + "/{id}", _import, READ),
    )


async def _page(visit: Visit) -> Response:
    return await _shown(visit, Form())


async def _shown(visit: Visit, form: Form) -> Response:
    earlier = await visit.read(_earlier)
    return await visit.page(
        "device_import.html",
        status=422 if form.is_wrong else 200,
        form=form,
        earlier=earlier,
        kept=visit.parts.settings.import_records_kept,
        may_save=visit.may(WRITE),
    )


async def _take(visit: Visit) -> Response:
    file, run = visit.posted.files.get("file"), visit.parts.workers.run
    if file is None:
        return await _shown(visit, visit.form.wrong("file", "No file was chosen."))
    try:
        rows, warnings = await run(_read, file, visit.posted.has("strict"))
    except Invalid as error:
        return await _shown(visit, _refused(visit.form, file, error))
    kept = visit.parts.settings.import_records_kept
    batch = await visit.write(submit_file, rows, file_name=file.name, kept=kept, actor=visit.caller.name)
    return visit.go(address("set-up", "devices", batch.uuid), _notice(len(rows), warnings))


def _read(file: File, strict: bool) -> tuple[list[ImportRow | Verdict], Sequence[CsvProblem]]:
    """The rows of a file, judged as far as that goes without the organisation. Takes its time."""
    read = read_device_csv(file.content, strict)
    judged = read_rows(rows_of_csv(read))
    return [row if isinstance(row, Verdict) else row.row for row in judged], read.warnings


def _refused(form: Form, file: File, error: Invalid) -> Form:
    form = form.wrong("", f"{file.name} was not imported; no device was registered.")
    for detail in error.details[:_SHOWN]:
        form = form.wrong(
            "", f"{detail.where.capitalize()}: {_quoted(detail.message)} {_quoted(detail.remedy)}"
        )
    more = len(error.details) - _SHOWN
    return form.wrong("", f"And {more:,} more problems.") if more > 0 else form


def _notice(rows: int, warnings: Sequence[CsvProblem]) -> str:
    said = [f"{rows:,} rows are being imported."]
    said += [f"Line {one.line}: {_quoted(one.message)}." for one in warnings[:_SHOWN]]
    if len(warnings) > _SHOWN:
        said.append(f"And {len(warnings) - _SHOWN:,} more remarks.")
    return " ".join(said)


def _quoted(text: str) -> str:
    """What commands write between backticks, in the quotation marks of a page."""
    return re.sub(r"`([^`]*)`", r"“\1”", text)


async def _import(visit: Visit) -> Response:
    after = visit.call.number("after", 0, _MOST_KEY)
    only = ImportStatus.ERROR if visit.call.query("show") == "refused" else None
    found = await visit.read(_told, visit.call.uuid("id"), only, after)
    if visit.wants_part:
        if found.standing.is_over:
            return Response(headers={"HX-Refresh": "true"})
        return visit.part("import_progress", standing=found.standing, batch=found.batch)
    return await visit.page(
        "device_import_rows.html",
        found=found,
        batch=found.batch,
        standing=found.standing,
        only=only,
        after=after,
    )


# --- units --------------------------------------------------------------------------------------------------


def _earlier(tx: Tx, tenant: TenantKey) -> list[tuple[Batch, Standing]]:
    latest = batches(tx, tenant, limit=20)
    counted = count_records(tx, tenant, [batch.id for batch in latest])
    return [(batch, _standing(batch, counted.get(batch.id, {}))) for batch in latest]


def _standing(batch: Batch, counted: Mapping[ImportStatus, int]) -> Standing:
    return Standing(batch.rows, counted.get(ImportStatus.COMPLETE, 0), counted.get(ImportStatus.ERROR, 0))


def _told(tx: Tx, tenant: TenantKey, uuid: UUID, only: ImportStatus | None, after: int) -> _Import:
    batch = batch_by_uuid(tx, tenant, uuid)
    standing = _standing(batch, count_records(tx, tenant, [batch.id]).get(batch.id, {}))
    found = records(tx, tenant, batch=batch.uuid, status=only, after=after, limit=_PAGE + 1)
    shown = found[:_PAGE]
    known = registrations_by_uuid(tx, tenant, [one.registration for one in shown if one.registration])
    names = profiles_by_id(tx, tenant, [one.profile_id for one in known.values() if one.profile_id])
    profiles = {key: profile.name for key, profile in names.items()}
    devices = [one.device_id for one in known.values()]
    pages = effective_esps(tx, tenant, devices, technician=True) if devices else {}
    rows = (
        _row(one, known.get(one.registration) if one.registration else None, profiles, pages) for one in shown
    )
    return _Import(batch, standing, tuple(rows), shown[-1].id if len(found) > _PAGE else 0)


def _row(
    record: ImportRecord,
    registration: Registration | None,
    profiles: Mapping[int, str],
    pages: Mapping[int, EffectiveEsp],
) -> Row:
    remedy = _REMEDIES.get(record.code, "")
    if registration is None:
        return Row(record, remedy, "", "", "")
    page = pages[registration.device_id]
    profile = profiles.get(registration.profile_id or 0, BUILTIN_NAME)
    return Row(record, remedy, profile, page.profile.name, page.reason)
