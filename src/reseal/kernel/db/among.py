"""A list of keys in a condition, sent as one parameter.

`IN` with a placeholder for each key is written out anew at every execution. PostgreSQL, once it has planned a
statement for good, even puts the list together again for each row that it looks at: half a thousand keys
against ten thousand rows take it a third of a second. As an array, or as the JSON text that SQLite unfolds,
the list has one text whatever its length, and is made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from reseal.kernel.db.schema import to_json


class Keys(TypeDecorator[Any]):
    """A list of integers as one value: an array on PostgreSQL, a JSON text on SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(sa.BigInteger) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Iterable[int] | None, dialect: sa.Dialect) -> Any:
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else to_json(keys)


class _Among(FunctionElement[bool]):
    """A column and a list of keys."""

    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """A condition as it stands: compared with 1, as SQLite's functions are, it would find no index."""
        return self


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(keys, **options)})"


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = element.clauses
    unfolded = f"SELECT value FROM json_each({compiler.process(keys, **options)})"
    return f"{compiler.process(column, **options)} IN ({unfolded})"


def among(column: sa.ColumnElement[int], keys: Iterable[int] | str) -> sa.ColumnElement[bool]:
    """The column holds one of these keys; a text names a parameter that is given with the statement."""
    if isinstance(keys, str):
        return _Among(column, sa.bindparam(keys, type_=Keys()))
    return _Among(column, sa.bindparam(None, list(keys), type_=Keys(), unique=True))


def one_of(column: sa.ColumnElement[int], keys: Sequence[int]) -> sa.ColumnElement[bool]:
    """`among`, for keys that lie close together, as those of a batch do. The range keeps a planner without
    statistics, or with those of a table that was empty a moment ago, to a part of an index.
    """
    if not keys:
        return sa.false()
    return sa.and_(column.between(min(keys), max(keys)), among(column, keys))
