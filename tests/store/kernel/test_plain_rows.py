"""Many rows of numbers and texts in one statement, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from reseal.directory.groups import create_group
from reseal.directory.tables import group_member
from reseal.directory.tenants import create_tenant
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey

COLUMNS = ("tenant_id", "group_id", "member_kind", "member_id")
LARGE = 2**40 + 7


@pytest.fixture
def reactors() -> tuple[()]:
    """Rows need none."""
    return ()


def _make(tx: Tx) -> tuple[TenantKey, int]:
    tenant = create_tenant(tx, "Contoso", "contoso.test").id
    return tenant, create_group(tx, tenant, "Laptops").id


def _insert(tx: Tx, tenant: TenantKey, group: int, *members: int) -> int:
    before = tx.statements
    tx.insert_plain(group_member, COLUMNS, [(tenant, group, "device", member) for member in members])
    return tx.statements - before


def _members(tx: Tx, group: int) -> list[tuple[str, int]]:
    member = group_member.c
    query = sa.select(member.member_kind, member.member_id).where(member.group_id == group)
    return [(row.member_kind, row.member_id) for row in tx.rows(query.order_by(member.member_id))]


async def test_many_rows_are_written_by_one_statement(database: Database) -> None:
    tenant, group = await database.write(_make)

    assert await database.write(_insert, tenant, group, LARGE, 1, 2) == 1
    assert await database.read(_members, group) == [("device", 1), ("device", 2), ("device", LARGE)]


async def test_no_row_is_no_statement(database: Database) -> None:
    tenant, group = await database.write(_make)

    assert await database.write(_insert, tenant, group) == 0


async def test_a_row_that_cannot_be_takes_the_others_with_it(database: Database) -> None:
    tenant, group = await database.write(_make)
    await database.write(_insert, tenant, group, 1)

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(_insert, tenant, group, 2, 1)

    assert await database.read(_members, group) == [("device", 1)]
