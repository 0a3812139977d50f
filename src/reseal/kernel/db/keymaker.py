"""Internal keys: unique over all processes and restarts without asking the database for each.

Every process that opens the database for writing raises `key_epoch` once, in a transaction of its own, and
numbers its keys from there. A rolled-back unit wastes numbers and nothing else; a replayed run gets the same
keys.
"""

from __future__ import annotations

import itertools

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from reseal.kernel.db.schema import key_epoch

_COUNTER_BITS = 40


class KeyMaker:
    """Hands out keys of one epoch, in rising order; safe to share between threads."""

    def __init__(self, epoch: int) -> None:
        self._counter = itertools.count((epoch << _COUNTER_BITS) + 1)

    def next(self) -> int:
        """The next key."""
        return next(self._counter)


def open_epoch(connection: sa.Connection) -> KeyMaker:
    """Raise the epoch; the caller commits before the first key is used."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    statement = (
        insert(key_epoch)
        .values(id=1, epoch=1)
        .on_conflict_do_update(index_elements=["id"], set_={"epoch": key_epoch.c.epoch + 1})
        .returning(key_epoch.c.epoch)
    )
    return KeyMaker(connection.execute(statement).scalar_one())
