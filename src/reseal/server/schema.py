"""All tables, and bringing a database to the revision that this code needs.

A start compares the stored revision with `REVISION` and imports Alembic only if they differ.
"""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from reseal.assignment import tables as assignment_tables
from reseal.autopilot import tables as autopilot_tables
from reseal.catalog import tables as catalog_tables
from reseal.deployment import tables as deployment_tables
from reseal.directory import tables as directory_tables
from reseal.esp import tables as esp_tables
from reseal.join import tables as join_tables
from reseal.kernel import authorities, deadlines, events
from reseal.kernel.db import metadata
from reseal.kernel.db.estimates import write_estimates
from reseal.kernel.db.postgresql import postgresql_engine
from reseal.kernel.db.sqlite import sqlite_engine
from reseal.kernel.errors import Conflict
from reseal.managed import tables as managed_tables
from reseal.mdm import tables as mdm_tables
from reseal.runtime import tables as runtime_tables
from reseal.signin import tables as signin_tables
from reseal.trust import tables as trust_tables

TABLE_MODULES = (
    authorities,
    deadlines,
    events,
    directory_tables,
    signin_tables,
    assignment_tables,
    autopilot_tables,
    catalog_tables,
    managed_tables,
    esp_tables,
    deployment_tables,
    join_tables,
    trust_tables,
    mdm_tables,
    runtime_tables,
)
"""Where tables are declared; `metadata` knows them once these are imported."""

REVISION = "0005"
"""The newest migration in `migrations/versions`; a test compares."""

__all__ = ["REVISION", "TABLE_MODULES", "ensure_schema", "metadata", "upgrade"]


def ensure_schema(url: str) -> bool:
    """Migrate the database at `url` to `REVISION` if it stands elsewhere; True if that took work.

    Raises `Conflict` if the database was written by a newer Reseal.
    """
    engine = postgresql_engine(url, 1) if url.startswith("postgresql") else sqlite_engine(url)
    try:
        with engine.begin() as connection:
            found = _stored_revision(connection)
            if found == REVISION:
                return False
            if found is not None and found > REVISION:
                raise Conflict(
                    code="DatabaseIsNewer",
                    message=f"The database is at revision {found}; this Reseal knows {REVISION}.",
                    remedy="Start the newer Reseal that wrote it, or restore a backup from before.",
                )
            upgrade(connection)
            if connection.dialect.name == "sqlite":
                write_estimates(connection)
            return True
    finally:
        engine.dispose()


def _stored_revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Run the migrations up to `revision` on an open transaction."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        # Two replicas may start at once; the second waits and finds nothing left to do.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    command.upgrade(config, revision)


_MIGRATION_LOCK = 0x5265_7365_616C
