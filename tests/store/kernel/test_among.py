"""Conditions that hold a list of keys: what they find, and what is sent for them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from reseal.kernel.db import Database, Tx, among, one_of
from reseal.kernel.db.schema import key_epoch

KEYS = (3, 5, 8_000_000_000, 9)
_TABLE = sa.Table(
    "numbered",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)


def _found(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[list[int]]:
    _TABLE.create(tx.conn)
    tx.execute(_TABLE.insert(), [{"id": key} for key in KEYS])
    ordered = sa.select(_TABLE.c.id).order_by(_TABLE.c.id)
    found = [[row.id for row in tx.rows(ordered.where(condition))] for condition in conditions]
    tx.execute(sa.schema.DropTable(_TABLE))
    return found


async def test_the_rows_with_these_keys_are_found_and_no_others(database: Database) -> None:
    column = _TABLE.c.id
    conditions = {
        among(column, [3, 8_000_000_000, 77]): [3, 8_000_000_000],
        among(column, {9}): [9],
        among(column, []): [],
        ~among(column, [3, 5]): [9, 8_000_000_000],
        sa.or_(among(column, [3]), column == 5): [3, 5],
        one_of(column, [5, 9]): [5, 9],
        one_of(column, []): [],
    }
    assert await database.write(_found, *conditions) == list(conditions.values())


async def test_the_keys_may_be_given_with_the_statement(database: Database) -> None:
    statement = sa.select(sa.func.count()).select_from(key_epoch).where(among(key_epoch.c.id, "some"))

    def count(tx: Tx, some: list[int]) -> int:
        found: int = tx.value(statement, {"some": some})
        return found

    def known(tx: Tx) -> list[int]:
        return [row.id for row in tx.rows(sa.select(key_epoch.c.id))]

    keys = await database.read(known)
    assert await database.read(count, [*keys, -1]) == len(keys)
    assert await database.read(count, [-1]) == 0


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=lambda each: each.name)
def test_many_keys_are_one_parameter_and_the_text_is_the_same(dialect: sa.Dialect) -> None:
    few, many = (
        among(_TABLE.c.id, range(count)).compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        for count in (1, 500)
    )
    assert str(few) == str(many)
    assert len(many.params) == 1
