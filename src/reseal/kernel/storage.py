"""Opening the database: the adapter for a URL, joined with the log that gives events their positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reseal.kernel import events
from reseal.kernel.changes import Reactor
from reseal.kernel.clock import Clock
from reseal.kernel.db.database import CommitProbe, Context, Database
from reseal.kernel.db.inline import InlineDatabase
from reseal.kernel.db.postgresql import CONNECTIONS, PostgresDatabase
from reseal.kernel.db.sqlite import SqliteDatabase
from reseal.kernel.entropy import Entropy


def open_database(
    url: str,
    *,
    clock: Clock,
    entropy: Entropy,
    reactors: Sequence[Reactor] = (),
    probe: CommitProbe | None = None,
    mode: Literal["threads", "inline"] = "threads",
    connections: int = CONNECTIONS,
) -> Database:
    """The database at `url` (`sqlite:///file`, `postgresql://...`), whose tables exist already.

    `mode="inline"` runs SQLite on the event loop without threads, for virtual time; only there may the URL be
    `sqlite://`, a database in memory. At most `connections` to PostgreSQL are held, and so many units run at
    once. Raises `ValueError` for another kind of URL.
    """
    context = Context(clock, entropy, events.seal, reactors, probe)
    if url.startswith("postgresql"):
        return PostgresDatabase(url, context, connections)
    if not url.startswith("sqlite:"):
        raise ValueError(f"{url!r}: databases are sqlite:///FILE or postgresql://...")
    return InlineDatabase(url, context) if mode == "inline" else SqliteDatabase(url, context)
