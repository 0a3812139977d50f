"""What SQLite's planner is told about the tables: the same for every organisation and at every time.

Knowing nothing, SQLite takes `tenant_id = ?`, with which nearly every index begins, to leave some ten rows,
and rather walks through all rows of a tenant in the order of their key than to sort what another index finds.
What ANALYZE counts would depend on the moment it was run. So every table is said to have 100,000 rows of one
tenant, and each further column of an index to leave a hundredth of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

ROWS = 100_000
ALIKE = 100
"""Of the rows that are alike in some columns of an index, one in so many is alike in the next one too."""

_INSERT = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)"


def write_estimates(connection: sa.Connection) -> None:
    """Tell the planner of an SQLite database about its tables; connections opened afterwards know."""
    run = connection.exec_driver_sql
    run("ANALYZE sqlite_schema")  # makes the table of statistics if there is none, and counts nothing
    run("DELETE FROM sqlite_stat1")
    found = sa.inspect(connection)
    rows = [row for table in found.get_table_names() for row in _estimates(connection, table)]
    run(_INSERT, rows)
    run("ANALYZE sqlite_schema")


def _estimates(connection: sa.Connection, table: str) -> Iterator[tuple[str, str, str]]:
    """A row of `sqlite_stat1` for each index of the table, those of its keys included."""
    for index in connection.execute(
        sa.text("SELECT * FROM pragma_index_list(:name) ORDER BY seq"), {"name": table}
    ):
        columns = connection.scalars(
            sa.text("SELECT name FROM pragma_index_info(:name) ORDER BY seqno"), {"name": index.name}
        ).all()
        yield table, index.name, _estimate(columns, unique=bool(index.unique))


def _estimate(columns: Sequence[str], *, unique: bool) -> str:
    """All rows, then how many are alike in the first column, in the first two, and so on."""
    alike, estimate = ROWS, [ROWS]
    for column in columns:
        if column != "tenant_id":
            alike = max(2, alike // ALIKE)
        estimate.append(alike)
    if unique:
        estimate[-1] = 1
    return " ".join(map(str, estimate))
