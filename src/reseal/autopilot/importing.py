"""Imports: rows of a file or of the API become registrations.

A file is read and checked as a whole before anything is written (`model_import.read_rows`); then
`import_file` writes it in units of 500 rows. A process killed in between leaves whole units behind, and
importing the file again answers 806 for their rows. Rows of the API are `submit`ted: their records say
`unknown` until a deadline, due at once, works them off; so a restarted server goes on where it was. Either
way a registration, its directory device and its record come into being in one unit, and are effective when it
commits (spec/autopilot.md 2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from reseal.autopilot.import_records import (
    EXPIRY,
    OUTCOME_COLUMNS,
    RECORDS_KEPT,
    SUBJECT,
    Batch,
    ImportRecord,
    batch_by_id,
    on_expiry,
    open_batch,
    outcome_values,
    submitted_values,
)
from reseal.autopilot.model import ImportStatus
from reseal.autopilot.model_import import ImportRow, Prepared, Refusal, Verdict, read_rows, refuse
from reseal.autopilot.registering import decide_and_register
from reseal.autopilot.tables import import_record
from reseal.kernel.db import Database, Tx, chunks
from reseal.kernel.deadlines import Deadline, set_deadline
from reseal.kernel.errors import StorageFull, Unavailable
from reseal.kernel.ids import TenantKey

CHUNK: Final = 500
"""Rows of one unit."""
WORK: Final = "autopilot.import_work"
"""Kind of the deadline at which submitted rows are worked off; `on_work` handles it."""

Progress = Callable[[int, int], None]
"""Told after each unit: rows done, rows in all."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The verdicts of a whole import, in the order of the rows."""

    batch: UUID
    verdicts: tuple[Verdict, ...]

    @property
    def imported(self) -> int:
        """How many rows became registrations."""
        return sum(verdict.imported for verdict in self.verdicts)


async def import_file(
    db: Database,
    tenant: TenantKey,
    rows: Sequence[Prepared | Verdict],
    *,
    file_name: str,
    actor: str,
    progress: Progress = lambda done, total: None,
) -> ImportReport:
    """Import rows that `read_rows` prepared, 500 to a unit.

    If the storage fails on the way, what is committed stays, the remaining rows get `StorageError`, and no
    more is tried.
    """
    batch = await db.write(open_batch, tenant, file_name=file_name, rows=len(rows), actor=actor)
    verdicts: list[Verdict] = []
    for some in chunks(rows, CHUNK):
        try:
            verdicts += await db.write(import_rows, tenant, batch, some, actor=actor, causes=tenant)
        except (StorageFull, Unavailable) as error:
            verdicts += [_not_stored(row, error.message) for row in rows[len(verdicts) :]]
            break
        progress(len(verdicts), len(rows))
    return ImportReport(batch.uuid, tuple(verdicts))


def _not_stored(row: Prepared | Verdict, reason: str) -> Verdict:
    if isinstance(row, Verdict):
        return row
    return refuse(row.row, Refusal.STORAGE_ERROR, f"The row could not be stored: {reason}", row.serial)


def import_rows(
    tx: Tx, tenant: TenantKey, batch: Batch, rows: Sequence[Prepared | Verdict], *, actor: str = "system"
) -> list[Verdict]:
    """Register what can be registered of these rows (at most 500 are meant) and record a verdict for each."""
    verdicts = decide_and_register(tx, tenant, batch, rows, actor)
    tx.execute(
        sa.insert(import_record),
        [_judged(tx, tenant, batch, tx.new_key(), verdict) for verdict in verdicts],
    )
    return verdicts


def submit(
    tx: Tx, tenant: TenantKey, rows: Sequence[ImportRow], *, import_id: str = "", actor: str = "system"
) -> list[ImportRecord]:
    """Take rows in; their records say `unknown` until `on_work` has registered them, which begins at once."""
    batch = open_batch(tx, tenant, rows=len(rows), import_id=import_id, actor=actor)
    records = [_waiting(tx, batch, tx.new_key(), row) for row in rows]
    for some in chunks(records, CHUNK):
        tx.execute(sa.insert(import_record), [submitted_values(tenant, record) for record in some])
    set_deadline(tx, tenant, SUBJECT, batch.id, WORK, tx.now)
    return records


def submit_file(
    tx: Tx,
    tenant: TenantKey,
    rows: Sequence[ImportRow | Verdict],
    *,
    file_name: str,
    kept: timedelta = RECORDS_KEPT,
    actor: str = "system",
) -> Batch:
    """Take the rows of a file in, as `submit` does; the verdict on a row that is refused already is recorded
    at once.
    """
    batch = open_batch(tx, tenant, file_name=file_name, rows=len(rows), kept=kept, actor=actor)
    keyed = [(tx.new_key(), row) for row in rows]
    waiting = [_waiting(tx, batch, key, row) for key, row in keyed if isinstance(row, ImportRow)]
    refused = [(key, row) for key, row in keyed if isinstance(row, Verdict)]
    for some in chunks(waiting, CHUNK):
        tx.execute(sa.insert(import_record), [submitted_values(tenant, record) for record in some])
    for part in chunks(refused, CHUNK):
        tx.execute(sa.insert(import_record), [_judged(tx, tenant, batch, *each) for each in part])
    if waiting:
        set_deadline(tx, tenant, SUBJECT, batch.id, WORK, tx.now)
    return batch


def _waiting(tx: Tx, batch: Batch, key: int, row: ImportRow) -> ImportRecord:
    return ImportRecord(
        id=key,
        uuid=tx.new_uuid(),
        batch_id=batch.id,
        import_id=batch.import_id,
        line=row.line,
        serial=row.serial,
        status=ImportStatus.UNKNOWN,
        code=0,
        name="",
        message="",
        warnings=(),
        registration=None,
        row=row,
    )


def _judged(tx: Tx, tenant: TenantKey, batch: Batch, key: int, verdict: Verdict) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "id": key,
        "uuid": tx.new_uuid(),
        "batch_id": batch.id,
        "line": verdict.line,
        "row": None,
        **outcome_values(verdict),
    }


def on_work(tx: Tx, deadline: Deadline) -> None:
    """Register up to 500 submitted rows of an import, and come again if more are left."""
    batch = batch_by_id(tx, deadline.tenant, deadline.subject_id)
    waiting = tx.rows(
        sa.select(import_record.c.id, import_record.c.row)
        .where(
            import_record.c.tenant_id == deadline.tenant,
            import_record.c.batch_id == deadline.subject_id,
            import_record.c.status == ImportStatus.UNKNOWN.value,
        )
        .order_by(import_record.c.line, import_record.c.id)
        .limit(CHUNK + 1)
    )
    some = waiting[:CHUNK]
    if batch is None or not some:
        return
    rows = read_rows(ImportRow(**record.row) for record in some)
    verdicts = decide_and_register(tx, deadline.tenant, batch, rows, batch.actor)
    tx.execute(
        sa.update(import_record)
        .where(import_record.c.tenant_id == deadline.tenant, import_record.c.id == sa.bindparam("record"))
        .values({name: sa.bindparam(f"new_{name}") for name in OUTCOME_COLUMNS}),
        [
            {"record": record.id, **{f"new_{name}": value for name, value in outcome_values(verdict).items()}}
            for record, verdict in zip(some, verdicts, strict=True)
        ],
    )
    if len(waiting) > CHUNK:
        set_deadline(tx, deadline.tenant, SUBJECT, deadline.subject_id, WORK, tx.now)


HANDLERS: Final[Mapping[str, Callable[[Tx, Deadline], None]]] = {EXPIRY: on_expiry, WORK: on_work}
"""What the ticker calls when a deadline of an import is due."""
