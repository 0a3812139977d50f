"""Facts taken in on both databases: what is kept, what is written, what is told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from reseal.deployment import invariant
from reseal.deployment.facts import (
    Fact,
)
from reseal.deployment.model import Deployment, State
from reseal.deployment.service import blockers_of, latest, observe
from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey
from tests.store.autopilot.support import make_tenant, register
from tests.support.clock import ManualClock
from tests.unit.deployment.stories import TO_GREEN, USER_FLOW


class Device:
    """A registered device whose facts come one each minute."""

    def __init__(self, database: Database, clock: ManualClock, tenant: TenantKey, registration: int) -> None:
        self.database = database
        self.clock = clock
        self.tenant = tenant
        self.registration = registration

    async def tell(self, facts: Iterable[Fact], every: timedelta = timedelta(minutes=1)) -> Deployment:
        for fact in facts:
            self.clock.pass_silently(every)
            await self.database.write(observe, self.tenant, self.registration, fact)
        return await self.it()

    async def it(self) -> Deployment:
        found = await self.database.read(latest, self.tenant, self.registration)
        assert found is not None
        blockers = await self.database.read(blockers_of, self.tenant, found.id)
        invariant.require(found, blockers)
        return found

    async def events(self) -> list[str]:
        told = await self.database.read(events.read, self.tenant, 0, 1000)
        return [each.kind for each in told if each.kind.startswith("deployment.")]


@pytest.fixture
async def device(database: Database, clock: ManualClock) -> Device:
    def unit(tx: Tx) -> tuple[TenantKey, int]:
        tenant = make_tenant(tx)
        return tenant, register(tx, tenant, 1).id

    tenant, registration = await database.write(unit)
    return Device(database, clock, tenant, registration)


async def test_both_flows_lead_to_the_desktop(device: Device) -> None:
    green = await device.tell(TO_GREEN)
    assert (green.state, green.technician, green.proof) == (State.GREEN, True, "virtual")
    done = await device.tell(USER_FLOW)
    assert (done.id, done.state, done.upn) == (green.id, State.DESKTOP, "ada@contoso.test")
    assert done.blocker is None
    assert done.deviations == ()
    states = [each.state for each in await device.database.read(blockers_of, device.tenant, done.id)]
    assert states[-1] is State.USER_ACCOUNT_RELEASING
