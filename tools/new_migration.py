"""Writes the migration from the newest revision to the present tables, for a person to read and correct.

`python tools/new_migration.py 0002 "what it does"`; then raise `REVISION` in `server/schema.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from reseal.server import schema


def main() -> None:
    """Compare a freshly migrated database in memory with the metadata, and write the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", help="its number, such as 0002")
    parser.add_argument("message", help="what it does, in a few words")
    asked = parser.parse_args()
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        folder = Path(schema.__file__).parent / "migrations"
        if any((folder / "versions").glob("0*.py")):
            schema.upgrade(connection)
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.revision(config, asked.message, autogenerate=True, rev_id=asked.revision)


main()
