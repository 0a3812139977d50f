"""A registered device whose facts are taken in, one each minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Self

from reseal.deployment import invariant
from reseal.deployment.facts import Fact
from reseal.deployment.model import Deployment
from reseal.deployment.service import blockers_of, latest, observe
from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.events import SealedEvent, seal
from reseal.kernel.ids import TenantKey
from tests.store.autopilot.support import make_tenant, register
from tests.support.clock import ManualClock


class Device:
    """One registered device."""

    def __init__(self, database: Database, clock: ManualClock, tenant: TenantKey, registration: int) -> None:
        self.database = database
        self.clock = clock
        self.tenant = tenant
        self.registration = registration

    @classmethod
    async def register(cls, database: Database, clock: ManualClock) -> Self:
        """The first device of an organisation."""

        def unit(tx: Tx) -> tuple[TenantKey, int]:
            tenant = make_tenant(tx)
            return tenant, register(tx, tenant, 1).id

        return cls(database, clock, *await database.write(unit))

    async def another(self, number: int) -> Self:
        """Another device of the same organisation."""

        def unit(tx: Tx) -> int:
            return register(tx, self.tenant, number).id

        return type(self)(self.database, self.clock, self.tenant, await self.database.write(unit))

    async def tell(self, facts: Iterable[Fact], every: timedelta = timedelta(minutes=1)) -> Deployment:
        """Take facts, each in a unit of its own; the deployment afterwards."""
        for fact in facts:
            self.clock.pass_silently(every)
            await self.database.write(observe, self.tenant, self.registration, fact)
        return await self.it()

    async def it(self) -> Deployment:
        """The deployment as it is now; nothing about it is silent."""
        found = await self.database.read(latest, self.tenant, self.registration)
        assert found is not None
        blockers = await self.database.read(blockers_of, self.tenant, found.id)
        invariant.require(found, blockers)
        return found

    async def events(self) -> list[SealedEvent]:
        """What was told of deployments."""
        await self.database.write(seal)
        told = await self.database.read(events.read, self.tenant, 0, 1000)
        return [each for each in told if each.kind.startswith("deployment.")]
