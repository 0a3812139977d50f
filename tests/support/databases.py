"""Empty databases that have every table."""

from __future__ import annotations

import sqlalchemy as sa

from reseal.kernel.db.estimates import write_estimates
from reseal.server.schema import metadata


def create_tables(url: str) -> None:
    """Make the tables of every package in the empty database at `url`."""
    address = sa.make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
        if address.get_backend_name() == "sqlite":
            write_estimates(connection)  # so that tests run by the plans that a server runs by
    engine.dispose()
