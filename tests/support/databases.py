"""Empty databases that have every table."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.server.schema import metadata


def create_tables(url: str) -> None:
    """Make the tables of every package in the empty database at `url`."""
    address = sa.make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    metadata.create_all(engine)
    engine.dispose()
