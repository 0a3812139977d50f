"""The tables of every package, and empty databases that have them."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import sqlalchemy as sa

import reseal
from reseal.kernel.changes import Reactor
from reseal.kernel.db import metadata


def all_tables() -> sa.MetaData:
    """The one metadata, with the tables of every package that exists."""
    source = Path(reseal.__file__).parent
    for path in sorted([*source.glob("kernel/**/*.py"), *source.glob("*/tables.py")]):
        names = path.relative_to(source.parent).with_suffix("").parts
        importlib.import_module(".".join(name for name in names if name != "__init__"))
    return metadata


def create_tables(url: str) -> None:
    """Make every table in the empty database at `url`."""
    address = sa.make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    all_tables().create_all(engine)
    engine.dispose()


def wired_reactors() -> tuple[Reactor, ...]:
    """The server's reactors in their order; none as long as there is no server package to wire them."""
    if importlib.util.find_spec("reseal.server") is None:
        return ()
    if importlib.util.find_spec("reseal.server.wiring") is None:
        return ()
    wiring = importlib.import_module("reseal.server.wiring")
    reactors: tuple[Reactor, ...] = tuple(wiring.REACTORS)
    return reactors
