"""Servers for clients that share no code with the product."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.blackbox.device import Device
from tests.clients.office import FABRIKAM, Office, enrolled, opened
from tests.support.first_start import copied

_DATABASE = f"clients_{os.getpid()}"


@pytest.fixture(scope="session")
def headquarters(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One real server for all tests of what is refused."""
    with opened(copied(first_start, tmp_path_factory.mktemp("headquarters") / "data")) as office:
        yield office


@pytest.fixture(scope="session")
def neighbour(headquarters: Office) -> Iterator[Office]:
    """Another organisation on that server."""
    office = headquarters.neighbour("Fabrikam", "fabrikam.example", FABRIKAM)
    yield office
    office.close()


@pytest.fixture(scope="session")
def managed(headquarters: Office) -> Device:
    """A device of Northwind under management, by certificate; its page is at the beginning."""
    return enrolled(headquarters, "RF-0001", "anna")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def office(
    request: pytest.FixtureRequest, first_start: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """A real server with Northwind on it, on each kind of database in turn."""
    folder = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        with opened(copied(first_start, folder / "data")) as office:
            yield office
        return
    postgresql = request.getfixturevalue("postgresql_server")
    url = postgresql.create(_DATABASE, template="template1")
    try:
        with opened(folder / "data", RESEAL_DATABASE_URL=url) as office:
            yield office
    finally:
        postgresql.drop(_DATABASE)
