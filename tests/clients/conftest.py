"""Servers for clients that share no code with the product."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.clients.office import Office, opened

_DATABASE = f"clients_{os.getpid()}"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A real server with Northwind on it, on each kind of database in turn."""
    folder = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        with opened(folder) as office:
            yield office
        return
    postgresql = request.getfixturevalue("postgresql_server")
    url = postgresql.create(_DATABASE, template="template1")
    try:
        with opened(folder, RESEAL_DATABASE_URL=url) as office:
            yield office
    finally:
        postgresql.drop(_DATABASE)
