"""Two organisations on one server, under the reactors of the floors up to documents."""

from __future__ import annotations

import pytest

from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database
from tests.store.autopilot.support import REACTORS
from tests.store.blueprint.organisation import Organisation, make_organisation


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to profiles and pages."""
    return REACTORS


@pytest.fixture
async def contoso(database: Database) -> Organisation:
    """A new organisation with the domain of the sample's devices."""
    return Organisation(database, await database.write(make_organisation, "Contoso", "contoso.example"))


@pytest.fixture
async def fabrikam(database: Database, contoso: Organisation) -> Organisation:
    """Another organisation on the same server."""
    return Organisation(database, await database.write(make_organisation, "Fabrikam", "fabrikam.test"))
