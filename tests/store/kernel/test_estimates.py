"""SQLite looks things up by the index that finds them, whatever order the answer is asked in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from reseal.kernel.db.sqlite import sqlite_engine
from reseal.server.schema import ensure_schema, metadata


def _lookups() -> Iterator[tuple[str, str]]:
    """Table and column of every index that finds rows of a tenant by one more column."""
    for table in metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            columns = [column.name for column in index.columns]
            if len(columns) == 2 and columns[0] == "tenant_id" and len(table.primary_key.columns) == 2:
                yield table.name, columns[1]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """A database as the first start makes it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'reseal.db'}"
    ensure_schema(url)
    engine = sqlite_engine(url)
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


@pytest.mark.parametrize("table, column", list(_lookups()))
def test_a_lookup_ordered_by_the_key_uses_its_index(
    connection: sa.Connection, table: str, column: str
) -> None:
    key = list(metadata.tables[table].primary_key.columns)[1].name
    query = f'SELECT "{key}" FROM "{table}" WHERE tenant_id = 1 AND "{column}" IN (5, 6) ORDER BY "{key}"'
    plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    found = f"(tenant_id=? AND {column}=?)"
    assert any(f"tenant_id_{column}" in step and found in step for step in plan), plan


def test_a_page_is_read_in_the_order_of_its_index(connection: sa.Connection) -> None:
    query = "SELECT id FROM registration WHERE tenant_id = 1 ORDER BY serial_folded, id LIMIT 100"
    plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == [
        "SEARCH registration USING COVERING INDEX ix_registration_tenant_id_serial_folded_id (tenant_id=?)"
    ]
