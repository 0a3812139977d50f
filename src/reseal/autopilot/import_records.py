"""Imports and their records: what became of each row, kept for some weeks (spec/autopilot.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.model import ImportStatus
from reseal.autopilot.model_import import ImportRow, Verdict
from reseal.autopilot.tables import import_batch, import_record
from reseal.kernel import events
from reseal.kernel.db import Tx, among
from reseal.kernel.deadlines import Deadline, cancel_all, set_deadline
from reseal.kernel.errors import NotFound
from reseal.kernel.events import JsonValue, Subject
from reseal.kernel.ids import TenantKey

RECORDS_KEPT: Final = timedelta(days=30)
"""How long, unless the server is set to something else."""
SUBJECT: Final = "import_batch"
EXPIRY: Final = "autopilot.import_expiry"
"""Kind of the deadline at which the records of an import go; `on_expiry` handles it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One import: a file, or one request to the API."""

    id: int
    uuid: UUID
    import_id: str
    """What the API's caller calls it; our own uuid unless given."""
    file_name: str
    rows: int
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """What an import did with one row. `row` is known for rows of the API only."""

    id: int
    uuid: UUID
    batch_id: int
    import_id: str
    line: int
    serial: str
    status: ImportStatus
    code: int
    name: str
    message: str
    warnings: tuple[str, ...]
    registration: UUID | None
    row: ImportRow | None


def open_batch(
    tx: Tx,
    tenant: TenantKey,
    *,
    file_name: str = "",
    rows: int,
    import_id: str = "",
    kept: timedelta = RECORDS_KEPT,
    actor: str = "system",
) -> Batch:
    """A new import; it goes with its records after the time for which they are `kept`."""
    uuid = tx.new_uuid()
    batch = Batch(tx.new_key(), uuid, import_id or str(uuid), file_name, rows, actor, tx.now)
    tx.execute(sa.insert(import_batch).values(tenant_id=tenant, **asdict(batch)))
    set_deadline(tx, tenant, SUBJECT, batch.id, EXPIRY, tx.now + kept)
    told: dict[str, JsonValue] = {"file": file_name, "rows": rows}
    events.record(tx, tenant, "import.opened", Subject(SUBJECT, uuid), told, actor)
    return batch


def records(
    tx: Tx,
    tenant: TenantKey,
    *,
    batch: UUID | None = None,
    status: ImportStatus | None = None,
    after: int = 0,
    limit: int = 500,
) -> list[ImportRecord]:
    """At most `limit` records with keys above `after`, oldest first; of one import and status if given."""
    query = _record_query(tenant).where(import_record.c.id > after)
    if status is not None:
        query = query.where(import_record.c.status == status.value)
    if batch is not None:
        query = query.where(import_batch.c.uuid == batch)
    return [_to_record(row) for row in tx.rows(query.order_by(import_record.c.id).limit(limit))]


def record_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> ImportRecord:
    """The import record with this public id; raises `NotFound`."""
    row = tx.row(_record_query(tenant).where(import_record.c.uuid == uuid))
    if row is None:
        raise NotFound(
            code="ImportRecordNotFound",
            message=f"There is no import record {uuid} in this organisation.",
            remedy="Records go some weeks after the import; the registration itself stays.",
        )
    return _to_record(row)


def delete_record(tx: Tx, tenant: TenantKey, uuid: UUID) -> None:
    """Delete the record of a row; the registration that it made stays. Raises `NotFound`."""
    found = record_by_uuid(tx, tenant, uuid)
    tx.execute(
        sa.delete(import_record).where(import_record.c.tenant_id == tenant, import_record.c.id == found.id)
    )


def batches(tx: Tx, tenant: TenantKey, *, limit: int = 100) -> list[Batch]:
    """The latest imports, newest first."""
    return [
        _to_batch(row)
        for row in tx.rows(
            sa.select(import_batch)
            .where(import_batch.c.tenant_id == tenant)
            .order_by(import_batch.c.id.desc())
            .limit(limit)
        )
    ]


def batch_by_uuid(tx: Tx, tenant: TenantKey, uuid: UUID) -> Batch:
    """The import with this public id; raises `NotFound`."""
    row = tx.row(
        sa.select(import_batch).where(import_batch.c.tenant_id == tenant, import_batch.c.uuid == uuid)
    )
    if row is None:
        raise NotFound(
            code="ImportNotFound",
            message=f"There is no import {uuid} in this organisation.",
            remedy="What an import did is kept for some weeks; the registrations stay.",
        )
    return _to_batch(row)


def count_records(tx: Tx, tenant: TenantKey, batch_ids: Iterable[int]) -> dict[int, dict[ImportStatus, int]]:
    """How many rows of each of these imports stand how; one statement."""
    counted: dict[int, dict[ImportStatus, int]] = {}
    for row in tx.rows(
        sa.select(import_record.c.batch_id, import_record.c.status, sa.func.count().label("counted"))
        .where(import_record.c.tenant_id == tenant, among(import_record.c.batch_id, sorted(set(batch_ids))))
        .group_by(import_record.c.batch_id, import_record.c.status)
        .order_by(import_record.c.batch_id, import_record.c.status)
    ):
        counted.setdefault(row.batch_id, {})[ImportStatus(row.status)] = row.counted
    return counted


def batch_by_id(tx: Tx, tenant: TenantKey, batch_id: int) -> Batch | None:
    """The import with this internal key, or None if it is gone."""
    row = tx.row(
        sa.select(import_batch).where(import_batch.c.tenant_id == tenant, import_batch.c.id == batch_id)
    )
    return None if row is None else _to_batch(row)


def on_expiry(tx: Tx, deadline: Deadline) -> None:
    """Let an import and its records go."""
    tx.execute(
        sa.delete(import_batch).where(
            import_batch.c.tenant_id == deadline.tenant, import_batch.c.id == deadline.subject_id
        )
    )
    cancel_all(tx, deadline.tenant, SUBJECT, deadline.subject_id)


# --- rows ---------------------------------------------------------------------------------------------------

OUTCOME_COLUMNS: Final = (
    "serial",
    "status",
    "code",
    "code_name",
    "message",
    "warnings",
    "registration_uuid",
)


def outcome_values(verdict: Verdict) -> dict[str, Any]:
    """The columns of a record that a verdict decides."""
    status = ImportStatus.COMPLETE if verdict.imported else ImportStatus.ERROR
    values = (
        verdict.serial,
        status.value,
        verdict.code,
        verdict.name,
        verdict.message,
        list(verdict.warnings),
        verdict.registration,
    )
    return dict(zip(OUTCOME_COLUMNS, values, strict=True))


def submitted_values(tenant: TenantKey, record: ImportRecord) -> dict[str, Any]:
    """The columns of the record of a row that was submitted and not worked off yet."""
    assert record.row is not None
    return {
        "tenant_id": tenant,
        "id": record.id,
        "uuid": record.uuid,
        "batch_id": record.batch_id,
        "line": record.line,
        "serial": record.serial,
        "status": record.status.value,
        "code": record.code,
        "code_name": record.name,
        "message": record.message,
        "warnings": [],
        "registration_uuid": None,
        "row": asdict(record.row),
    }


def _record_query(tenant: TenantKey) -> sa.Select[Any]:
    return (
        sa.select(import_record, import_batch.c.import_id)
        .join_from(
            import_record,
            import_batch,
            sa.and_(
                import_batch.c.tenant_id == import_record.c.tenant_id,
                import_batch.c.id == import_record.c.batch_id,
            ),
        )
        .where(import_record.c.tenant_id == tenant)
    )


def _to_record(row: sa.Row[Any]) -> ImportRecord:
    return ImportRecord(
        id=row.id,
        uuid=row.uuid,
        batch_id=row.batch_id,
        import_id=row.import_id,
        line=row.line,
        serial=row.serial,
        status=ImportStatus(row.status),
        code=row.code,
        name=row.code_name,
        message=row.message,
        warnings=tuple(row.warnings),
        registration=row.registration_uuid,
        row=None
        if row._mapping[import_record.c.row] is None
        else ImportRow(**row._mapping[import_record.c.row]),
    )


def _to_batch(row: sa.Row[Any]) -> Batch:
    return Batch(row.id, row.uuid, row.import_id, row.file_name, row.rows, row.actor, row.created_at)
