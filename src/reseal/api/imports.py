"""Importing a CSV: the answer is a stream of lines, one per row, each sent once its row is committed.

A file with problems of form is refused before anything is written. Then 500 rows make a unit; its lines name
the profile and the ESP that each new registration will meet, computed in the same unit. If the caller goes
away, the unit under way ends and no more are begun; importing the file again is harmless.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response, StreamingResponse

from reseal.api.parts import Declare, Parts
from reseal.api.registrations import WRITE
from reseal.autopilot.import_records import Batch, open_batch
from reseal.autopilot.importing import CHUNK, import_rows
from reseal.autopilot.model_import import Prepared, Verdict, read_rows, rows_of_csv
from reseal.autopilot.registrations import registrations_by_uuid
from reseal.kernel.db import Database, Tx, chunks
from reseal.kernel.errors import ResealError
from reseal.kernel.ids import TenantKey
from reseal.kernel.logs import get_logger
from reseal.preflight.model import Readiness
from reseal.preflight.service import readiness_of
from reseal.web.calls import Call
from reseal.web.routes import MIB, Route
from reseal.wire.devicecsv import DeviceCsv, read_device_csv

FILE_LIMIT = 64 * MIB

_encode = msgspec.json.Encoder().encode
_log = get_logger(__name__)


def import_routes(declare: Declare) -> tuple[Route, ...]:
    """The route of imports."""
    return (declare("POST", "/imports", _import, WRITE, FILE_LIMIT),)


async def _import(parts: Parts, call: Call) -> Response:
    file = await parts.workers.run(read_device_csv, await call.body(), call.flag("strict"))
    rows = await parts.workers.run(read_rows, rows_of_csv(file))
    tenant, actor = call.caller.tenant, call.caller.name
    name = call.query("fileName", "devices.csv")
    kept = parts.settings.import_records_kept
    batch = await parts.db.write(open_batch, tenant, file_name=name, rows=len(rows), kept=kept, actor=actor)
    lines = import_lines(parts.db, tenant, batch, rows, file, actor)
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _warnings(file: DeviceCsv) -> list[dict[str, Any]]:
    return [{"line": each.line, "code": each.code, "message": each.message} for each in file.warnings]


async def import_lines(
    db: Database,
    tenant: TenantKey,
    batch: Batch,
    rows: Sequence[Prepared | Verdict],
    file: DeviceCsv,
    actor: str,
) -> AsyncIterator[bytes]:
    """Import the rows of a file; the answer's lines as they come, several at once."""
    yield _line({"batch": batch.uuid, "rows": len(rows), "warnings": _warnings(file)})
    imported = 0
    for some in chunks(rows, CHUNK):
        try:
            answers = await db.write(_chunk, tenant, batch, some, actor, causes=tenant)
        except ResealError as error:
            _log.error("import broken off", code=error.code, message=error.message, batch=str(batch.uuid))
            yield _line(error.to_json())
            return
        imported += sum(answer["code"] == 0 for answer in answers)
        yield b"".join(_line(answer) for answer in answers)
    yield _line({"done": {"imported": imported, "refused": len(rows) - imported}})


def _line(document: dict[str, Any]) -> bytes:
    return _encode(document) + b"\n"


def _chunk(
    tx: Tx, tenant: TenantKey, batch: Batch, rows: Sequence[Prepared | Verdict], actor: str
) -> list[dict[str, Any]]:
    """Import some rows, let their groups and assignments settle, and read what each will meet."""
    verdicts = import_rows(tx, tenant, batch, rows, actor=actor)
    tx.settle()
    ready = _readiness(tx, tenant, [verdict.registration for verdict in verdicts if verdict.registration])
    return [_answer(verdict, ready.get(verdict.registration)) for verdict in verdicts]


def _readiness(tx: Tx, tenant: TenantKey, ztdids: Sequence[UUID]) -> dict[UUID | None, Readiness]:
    registrations = registrations_by_uuid(tx, tenant, ztdids)
    return {each.registration.uuid: each for each in readiness_of(tx, tenant, list(registrations.values()))}


def _answer(verdict: Verdict, ready: Readiness | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "line": verdict.line,
        "serial": verdict.serial,
        "code": verdict.code,
        "name": verdict.name,
        "message": verdict.message,
        "remedy": verdict.remedy,
        "registrationId": verdict.registration,
        "warnings": list(verdict.warnings),
    }
    if ready is not None:
        answer |= {
            "profile": ready.profile.name,
            "profileReason": ready.profile.reason,
            "esp": ready.esp.profile.name,
            "espReason": ready.esp.reason,
            "ready": ready.ready,
        }
        answer["warnings"] += [f"{each.message} {each.remedy}" for each in ready.objections]
    return answer
