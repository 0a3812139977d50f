"""Lists page by (folded name, id): a page begins after the last row seen, whatever came or went before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from reseal.kernel.db import Tx
from reseal.kernel.errors import Invalid

T = TypeVar("T")

PAGE_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class PageKey:
    """Where a page ended."""

    folded: str
    id: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list; `next` is what to ask the following page with, None at the end."""

    items: tuple[T, ...]
    next: PageKey | None


def page(
    tx: Tx,
    query: sa.Select[Any],
    folded: sa.Column[str],
    key: sa.Column[int],
    make: Callable[[sa.Row[Any]], T],
    *,
    after: PageKey | None,
    limit: int,
) -> Page[T]:
    """The next `limit` rows of `query`, sorted by (`folded`, `key`), both of which it must select.

    Raises `Invalid` for a limit outside 1 to 1,000.
    """
    if not 1 <= limit <= PAGE_LIMIT:
        raise Invalid(
            code="InvalidPageSize",
            message=f"A page of {limit} rows was asked for; 1 to {PAGE_LIMIT} are possible.",
            remedy=f"Ask for at most {PAGE_LIMIT} rows and follow the next page.",
        )
    if after is not None:
        query = query.where(
            sa.tuple_(folded, key) > sa.tuple_(sa.literal(after.folded), sa.literal(after.id))
        )
    rows = tx.rows(query.order_by(folded, key).limit(limit + 1))
    shown = rows[:limit]
    more = len(rows) > limit
    last = PageKey(shown[-1]._mapping[folded], shown[-1]._mapping[key]) if more else None
    return Page(tuple(make(row) for row in shown), last)
