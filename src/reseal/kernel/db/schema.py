"""What all tables share: one metadata, column types that mean the same on both databases, composite keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """Integer microseconds since 1970 of an aware moment; exact, without a float on the way."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; Reseal keeps aware UTC times only")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    """The aware UTC moment that many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=microseconds)


class Utc(TypeDecorator[datetime]):
    """A moment in UTC, kept as integer microseconds: sorts, compares and hashes alike on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON document: text on SQLite, JSONB on PostgreSQL; a missing document is SQL NULL."""


def to_json(document: Any) -> str:
    """A document as a column of type `Json` keeps it."""
    return msgspec.json.encode(document, enc_hook=_plain).decode()


def _plain(value: Any) -> str | int:
    """A text or number of a type of its own, as settings are."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"{type(value).__name__} is no part of a document")


def tenant_columns() -> tuple[sa.Column[int], sa.Column[int]]:
    """The composite primary key (tenant_id, id) that every row of a tenant has."""
    return (
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    )


key_epoch = sa.Table(
    "key_epoch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
)
"""One row: how many times a process has opened this database for writing (see `keys.KeyMaker`)."""
