"""Devices in the middle of their stories: what their doors would have told, told without them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from reseal.assignment.model import Mode, Target, TargetKind
from reseal.assignment.service import set_targets
from reseal.autopilot.model import Registration
from reseal.autopilot.model_profile import ProfileSettings
from reseal.autopilot.profiles import assign_profile, create_profile
from reseal.catalog.model import Body, PolicyBody
from reseal.catalog.service import create_item, item_ref
from reseal.deployment import facts
from reseal.deployment.facts import Fact, Flow, Phase
from reseal.deployment.listing import list_deployments
from reseal.deployment.model import Deployment
from reseal.deployment.service import observe
from reseal.directory.devices import update_device
from reseal.directory.groups import create_group
from reseal.directory.members import add_member
from reseal.directory.model import MemberKind
from reseal.kernel.db import Database, Tx
from reseal.kernel.ids import TenantKey
from reseal.managed.desired import items_of, refresh, save_items
from reseal.managed.enrolments import NewEnrolment, create_enrolment
from reseal.managed.model import EnrolledBy, ItemState
from tests.store.autopilot.support import register, to_all_devices
from tests.store.managed.world import APP, CAMERA, CORTANA, WIFI
from tests.support.clock import ManualClock

_SECOND = timedelta(seconds=1)


@dataclass
class Told:
    """One device, and what was told of it."""

    office: Storyteller
    registration: Registration
    enrolment: int = 0

    async def tell(self, *told: Fact, every: timedelta = 4 * _SECOND) -> Told:
        """Facts, one after the other."""
        for fact in told:
            self.office.clock.pass_silently(every)
            await self.office.do(observe, self.office.tenant, self.registration.id, fact)
        return self

    async def joined(self, proof: str = "virtual") -> Told:
        """From power-on to the directory."""
        await self.tell(facts.Contacted())
        await self.tell(facts.AttestationBegun(), facts.Attested(proof), every=2 * _SECOND)
        return await self.tell(facts.Joined(None))

    async def enrolled(self, name: str, user: int | None = None) -> Told:
        """Under management, with what it shall have worked out."""
        self.office.clock.pass_silently(3 * _SECOND)
        registration = self.registration

        def unit(tx: Tx) -> int:
            made = create_enrolment(
                tx,
                self.office.tenant,
                NewEnrolment(
                    uuid=tx.new_uuid(),
                    device=registration.device_id,
                    registration=registration.id,
                    enrolled_by=EnrolledBy.DEVICE if user is None else EnrolledBy.USER,
                    owner=user,
                    in_oobe=True,
                    device_name=name,
                    os_version="10.0.26100.4061",
                ),
            )
            update_device(tx, self.office.tenant, registration.device_id, display_name=name)
            observe(tx, self.office.tenant, registration.id, facts.Enrolled(made.id, user, True))
            refresh(tx, self.office.tenant, made, [] if user is None else [user])
            return made.id

        self.enrolment = await self.office.do(unit)
        return self

    async def device_phase(self, flow: Flow = Flow.TECHNICIAN) -> Told:
        """The page holds."""
        return await self.tell(facts.PhaseBegun(flow, Phase.DEVICE, 3600))

    async def delivered(self, count: int, waiting: bool = True) -> Told:
        """So many deliveries arrive; then the next is awaited."""
        for done in range(1, count + 1):
            self.office.clock.pass_silently(11 * _SECOND)
            await self.office.do(self._deliver, done, waiting)
        return self

    def _deliver(self, tx: Tx, done: int, waiting: bool) -> None:
        tenant = self.office.tenant
        items = sorted(items_of(tx, tenant, self.enrolment), key=lambda item: item.order)
        arrived = [replace(one, state=ItemState.DONE) for one in items[:done]]
        under_way = [replace(one, state=ItemState.RUNNING) for one in items[done : done + 1]]
        save_items(tx, tenant, self.enrolment, [*arrived, *under_way])
        if under_way and waiting:
            fact = facts.Waiting(Phase.DEVICE, under_way[0].name, under_way[0].kind.value, len(items) - done)
            observe(tx, tenant, self.registration.id, fact)

    async def failed(self, error: int, message: str) -> Told:
        """The item that is under way fails, and the phase with it."""
        self.office.clock.pass_silently(41 * _SECOND)

        def unit(tx: Tx) -> None:
            for item in items_of(tx, self.office.tenant, self.enrolment):
                if item.state is ItemState.RUNNING:
                    failed = replace(item, state=ItemState.FAILED, error=error)
                    save_items(tx, self.office.tenant, self.enrolment, [failed])

        await self.office.do(unit)
        return await self.tell(facts.Failed(Phase.DEVICE, f"0x{error:08X}", message))

    async def story(self) -> Deployment:
        """Its last deployment."""
        found = await self.office.database.read(
            list_deployments, self.office.tenant, registration=self.registration.id
        )
        return found.items[0]


@dataclass
class Storyteller:
    """Tells of an organisation's devices. The clock is the database's, and begins some time ago."""

    database: Database
    clock: ManualClock
    tenant: TenantKey
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(100))
    group: int = 0
    """The devices that get something."""

    async def do(self, unit: Any, *args: Any) -> Any:
        """A unit of work with its causes."""
        return await self.database.write(unit, *args, causes=self.tenant)

    async def furnish(self) -> None:
        """What there is to deliver, and a profile."""

        def unit(tx: Tx) -> None:
            tenant = self.tenant
            group = create_group(tx, tenant, "Laptops of the story")
            self.group = group.id
            profile = create_profile(tx, tenant, "Standard laptops", ProfileSettings())
            assign_profile(tx, tenant, profile.id, to_all_devices(profile.id))
            bodies: list[tuple[str, Body]] = [
                ("Camera off", PolicyBody((CAMERA,))),
                ("No assistant", PolicyBody((CORTANA,))),
                ("Office", WIFI),
                ("Agent 1.2", replace(APP, product_code="{11111111-2222-3333-4444-000000000001}")),
                ("VPN client", replace(APP, product_code="{11111111-2222-3333-4444-000000000002}")),
                ("Reader", replace(APP, product_code="{11111111-2222-3333-4444-000000000003}")),
            ]
            for name, body in bodies:
                item = create_item(tx, tenant, name, body)
                to_group = Target(item_ref(item), Mode.INCLUDE, TargetKind.GROUP, group=group.id)
                set_targets(tx, tenant, item_ref(item), [to_group])

        await self.do(unit)

    async def device(self, **changes: Any) -> Told:
        """A registered device that nobody has switched on."""
        number = next(self.numbers)

        def unit(tx: Tx) -> Registration:
            made = register(tx, self.tenant, number, **changes)
            add_member(tx, self.tenant, self.group, MemberKind.DEVICE, made.device_id)
            return made

        return Told(self, await self.do(unit))
