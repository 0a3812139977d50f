"""Units of work on SQLite and PostgreSQL.

`Database.write` and `Database.read` run plain functions of a `Tx`; `reseal.kernel.storage.open_database`
gives the adapter for a URL. `schema` holds what all tables share, `database` the theory of operation, `among`
how a condition holds a list of keys.
"""

from __future__ import annotations

from reseal.kernel.db.among import among, one_of
from reseal.kernel.db.database import CommitProbe, Context, Database, Stats
from reseal.kernel.db.schema import Json, Utc, from_microseconds, metadata, tenant_columns, to_microseconds
from reseal.kernel.db.tx import Tx, chunks

__all__ = [
    "CommitProbe",
    "Context",
    "Database",
    "Json",
    "Stats",
    "Tx",
    "Utc",
    "among",
    "chunks",
    "from_microseconds",
    "metadata",
    "one_of",
    "tenant_columns",
    "to_microseconds",
]
