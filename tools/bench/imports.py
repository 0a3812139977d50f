"""Importing a file, from its bytes to the line that answers each row: registered, and what it will meet."""

from __future__ import annotations

from collections.abc import AsyncIterator

from reseal.api.imports import import_lines
from reseal.autopilot.import_records import open_batch
from reseal.autopilot.importing import CHUNK
from reseal.autopilot.model_import import read_rows, rows_of_csv
from reseal.kernel.db import Database, chunks
from reseal.wire.devicecsv import DeviceRow, read_device_csv, write_device_csv
from tools.bench import organisation
from tools.bench.figures import Figure
from tools.bench.measuring import metered
from tools.bench.organisation import Organisation
from tools.bench.sizes import Sizes
from tools.bench.stores import Store, opened

BUDGET = 10 / 10_000
"""Seconds of CPU for a row: 10,000 rows in 10 s."""


async def figures(store: Store, sizes: Sizes) -> AsyncIterator[Figure]:
    """The import of one file into an organisation that has no device yet."""
    url = store.empty()
    async with opened(url) as db:
        made = await db.write(organisation.make, sizes.groups, sizes.users)
        file = _csv(made, sizes.rows)
        with metered(db) as cost:
            await _import(db, made, file)
    store.drop(url)
    yield Figure(
        f"import of {sizes.rows:,} rows",
        store.name,
        measured=cost.cpu,
        budget=BUDGET * sizes.rows,
        elapsed=cost.elapsed,
        statements=cost.statements,
        note=f"{cost.cpu / sizes.rows * 1e6:.0f} µs and {cost.statements / sizes.rows:.2f} statements a row",
    )


def _csv(made: Organisation, count: int) -> bytes:
    """The file; written in parts, because the documented form holds 500 rows only."""
    rows = [
        DeviceRow(
            line=row.line,
            serial=row.serial,
            hardware_hash=row.hardware_hash,
            group_tag=row.group_tag,
            assigned_user=row.assigned_user,
        )
        for row in organisation.rows(made, 0, count)
    ]
    header, parts = b"", []
    for some in chunks(rows, CHUNK):
        header, _, lines = write_device_csv(some).partition(b"\r\n")
        parts.append(lines)
    return b"\r\n".join([header, b"".join(parts)])


async def _import(db: Database, made: Organisation, data: bytes) -> None:
    """What the route of imports does with a file."""
    file = read_device_csv(data)
    rows = read_rows(rows_of_csv(file))
    batch = await db.write(open_batch, made.tenant, file_name="devices.csv", rows=len(rows))
    last = b""
    async for lines in import_lines(db, made.tenant, batch, rows, file, "bench"):
        last = lines
    if last != b'{"done":{"imported":%d,"refused":0}}\n' % len(rows):
        raise RuntimeError(f"not every row was imported: {last.decode()}")
