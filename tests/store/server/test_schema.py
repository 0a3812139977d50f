"""The migrations lead to the tables that the code declares, on both databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from reseal.kernel.errors import Conflict
from reseal.server import schema
from reseal.server.schema import REVISION, ensure_schema

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a database without any table."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    schema.metadata.drop_all(engine)
    yield engine
    engine.dispose()


def test_an_empty_database_gets_exactly_the_declared_tables(engine: sa.Engine, database_url: str) -> None:
    assert ensure_schema(database_url) is True
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_a_database_that_is_up_to_date_is_left_alone(engine: sa.Engine, database_url: str) -> None:
    assert ensure_schema(database_url) is True
    assert ensure_schema(database_url) is False


def test_a_database_of_a_newer_reseal_is_refused(engine: sa.Engine, database_url: str) -> None:
    ensure_schema(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="9999"):
        ensure_schema(database_url)


def test_the_constant_names_the_newest_migration() -> None:
    assert max(file.name[:4] for file in VERSIONS.glob("0*.py")) == REVISION


def test_a_start_on_a_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'reseal.db'}"
    ensure_schema(url)
    program = (
        f"import sys; from reseal.server.schema import ensure_schema; assert not ensure_schema({url!r});"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
