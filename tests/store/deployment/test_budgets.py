"""What ends a deployment without its device: a phase's time, its enrolment, its registration.

And the report, which outlasts all of them.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.autopilot.registrations import deregister
from reseal.deployment import invariant
from reseal.deployment.budgets import HANDLERS
from reseal.deployment.facts import Contacted, Enrolled, Joined, Phase, PhaseBegun, Released
from reseal.deployment.listing import list_deployments
from reseal.deployment.model import Deployment, State
from reseal.deployment.reacting import DEREGISTERED
from reseal.deployment.report import report_rows
from reseal.deployment.report_model import ReportRow, Status
from reseal.deployment.service import blockers_of, latest, observe
from reseal.esp.flows import Flow
from reseal.esp.judging import frozen
from reseal.esp.model import EspSettings
from reseal.esp.phases import (
    TIMED_OUT,
    PhaseState,
    PhaseStatus,
    begin_phase,
    phases_of,
    release_requested,
    released,
    save_phase,
)
from reseal.esp.profiles import list_esps, update_esp
from reseal.kernel.db import Database, Tx
from reseal.kernel.deadlines import Ticker
from reseal.managed.desired import refresh
from reseal.managed.enrolments import end_enrolment
from tests.store.managed.world import CAMERA, World, app, policy
from tests.support.clock import ManualClock

HOUR = timedelta(hours=1)


class Run:
    """A device in the technician flow whose page shows."""

    def __init__(self, database: Database, clock: ManualClock, world: World) -> None:
        self.database = database
        self.clock = clock
        self.world = world
        self.ticker = Ticker(database, clock, HANDLERS)

    async def open(self) -> PhaseState:
        def unit(tx: Tx) -> PhaseState:
            world = self.world.open(tx)
            (default,) = list_esps(tx, world.tenant)
            update_esp(tx, world.tenant, default.id, settings=EspSettings(show_installation_progress=True))
            world.item(tx, "Camera off", policy(CAMERA), "devices")
            world.item(tx, "Agent", app(1), "devices")
            refresh(tx, world.tenant, world.enrolment, ())
            for fact in (Contacted(), Joined(None), Enrolled(world.enrolment.id, None, True)):
                observe(tx, world.tenant, world.registration.id, fact)
            return self.begin(tx)

        return await self.database.write(unit)

    def begin(self, tx: Tx, user: int = 0, flow: Flow = Flow.TECHNICIAN) -> PhaseState:
        """A run of a phase, as a session begins it."""
        world = self.world
        state = begin_phase(tx, world.tenant, world.enrolment, user=user, flow=flow)
        begun = PhaseBegun(flow, state.phase, int(state.budget.total_seconds()))
        observe(tx, world.tenant, world.registration.id, begun)
        return state

    async def it(self) -> Deployment:
        world = self.world
        found = await self.database.read(latest, world.tenant, world.registration.id)
        assert found is not None
        invariant.require(found, await self.database.read(blockers_of, world.tenant, found.id))
        return found

    async def row(self) -> ReportRow:
        def unit(tx: Tx) -> ReportRow:
            (row,) = report_rows(tx, self.world.tenant, list_deployments(tx, self.world.tenant).items)
            return row

        return await self.database.read(unit)


@pytest.fixture
async def going(database: Database, clock: ManualClock) -> Run:
    """The device's phase has begun."""
    going = Run(database, clock, World())
    await going.open()
    return going


async def test_autopilot_085_at_the_end_of_its_time_a_phase_fails(going: Run) -> None:
    deployment = await going.it()
    assert deployment.blocker is not None
    assert deployment.blocker.until == going.clock.now() + HOUR
    going.clock.pass_silently(HOUR - timedelta(seconds=1))
    assert await going.ticker.drain() == 0
    going.clock.pass_silently(timedelta(seconds=1))
    assert await going.ticker.drain() == 1
    red = await going.it()
    assert (red.state, red.error_code, red.timed_out) == (State.RED, TIMED_OUT, True)
    assert red.error_message == "Set-up was not finished within 60 minutes."
    phases = await going.database.read(phases_of, going.world.tenant, going.world.enrolment.id)
    assert (phases[0].status, phases[0].error_code) == (PhaseStatus.FAILED, TIMED_OUT)
    assert phases[0].tracked is not None
    assert [each.name for each in phases[0].tracked] == ["Camera off", "Agent"]


async def test_a_release_that_was_never_acknowledged_is_over_in_time_too(going: Run) -> None:
    def request(tx: Tx) -> None:
        state = phases_of(tx, going.world.tenant, going.world.enrolment.id)[0]
        save_phase(tx, going.world.tenant, release_requested(state, (), tx.now))

    await going.database.write(request)
    going.clock.pass_silently(HOUR)
    assert await going.ticker.drain() == 1
    assert (await going.it()).state is State.RED


async def test_a_run_that_ended_in_time_has_no_deadline(going: Run) -> None:
    def release(tx: Tx) -> None:
        state = phases_of(tx, going.world.tenant, going.world.enrolment.id)[0]
        save_phase(tx, going.world.tenant, released(state, tx.now))
        observe(tx, going.world.tenant, going.world.registration.id, Released(Phase.DEVICE))

    await going.database.write(release)
    going.clock.pass_silently(2 * HOUR)
    assert await going.ticker.drain() == 0
    assert (await going.it()).state is State.GREEN


async def test_autopilot_144_a_new_run_has_a_new_budget(going: Run) -> None:
    going.clock.pass_silently(HOUR / 2)
    again = await going.database.write(going.begin)
    assert (again.run, again.deadline) == (2, going.clock.now() + HOUR)
    going.clock.pass_silently(HOUR / 2)
    assert await going.ticker.drain() == 0
    assert (await going.it()).state is State.TECHNICIAN_SETUP
    going.clock.pass_silently(HOUR / 2)
    assert await going.ticker.drain() == 1
    assert (await going.it()).state is State.RED


async def test_the_end_of_an_enrolment_ends_its_deployment(going: Run) -> None:
    await going.database.write(end_enrolment, going.world.tenant, going.world.enrolment.id, "unenrolled")
    over = await going.it()
    assert (over.state, over.ended_because) == (State.ENDED, "unenrolled")
    going.clock.pass_silently(HOUR)
    await going.ticker.drain()
    assert (await going.it()) == over
    assert (await going.row()).state is Status.UNKNOWN


async def test_an_enrolment_that_takes_the_place_of_another_goes_on_with_its_own_deployment(
    going: Run,
) -> None:
    old = await going.it()

    def again(tx: Tx) -> None:
        world = going.world
        observe(tx, world.tenant, world.registration.id, Joined(None))
        world.enrolment = world.enrol(tx)
        observe(tx, world.tenant, world.registration.id, Enrolled(world.enrolment.id, None, True))

    await going.database.write(again)
    new = await going.it()
    assert (new.id == old.id, new.state) == (False, State.TECHNICIAN_PREPARING)
    assert new.enrolment_id == going.world.enrolment.id


async def test_deregistering_ends_the_deployment_and_its_row_stays(going: Run) -> None:
    world = going.world
    serial = world.registration.serial
    await going.database.write(deregister, world.tenant, [world.registration.id], causes=world.tenant)
    over = await going.it()
    assert over.state is State.ENDED
    assert (
        over.ended_because in {DEREGISTERED, "deviceRemoved", "directoryDeviceRemoved"} or over.ended_because
    )
    row = await going.row()
    assert (row.serial, row.registered_at, row.device_id) == (serial, None, None)


async def test_the_row_of_a_device_says_whose_it_is_and_what_it_was_to_have(going: Run) -> None:
    def finish(tx: Tx) -> None:
        world = going.world
        state = phases_of(tx, world.tenant, world.enrolment.id)[0]
        items = refresh(tx, world.tenant, world.enrolment, ())
        save_phase(tx, world.tenant, released(release_requested(state, frozen(state, items), tx.now), tx.now))
        observe(tx, world.tenant, world.registration.id, Released(Phase.DEVICE))

    await going.database.write(finish)
    row = await going.row()
    assert (row.state, row.device_setup, row.account_setup) == (
        Status.IN_PROGRESS,
        Status.SUCCESS,
        Status.NOT_ATTEMPTED,
    )
    assert (row.targeted_apps, row.targeted_policies) == (1, 1)
    assert row.esp_name == "All users and all devices"
    assert row.enrolment_state == "active"
    assert row.registered_at == going.world.registration.created_at
    assert row.device_id is not None


async def test_a_page_of_rows_costs_a_fixed_number_of_statements(going: Run) -> None:
    def unit(tx: Tx) -> int:
        before = tx.statements
        report_rows(tx, going.world.tenant, list_deployments(tx, going.world.tenant).items * 20)
        return tx.statements - before

    assert await going.database.read(unit) <= 8
