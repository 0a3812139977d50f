"""Runs of phases as they are kept, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.catalog.service import create_item
from reseal.esp.flows import Flow
from reseal.esp.model import EspSettings
from reseal.esp.phases import (
    PhaseStatus,
    acknowledged,
    begin_phase,
    failed,
    phase_by_id,
    phases_of,
    released,
    runs_of,
    runs_of_many,
    save_phase,
    time_out,
    tracking,
)
from reseal.esp.profiles import assign_esp, create_esp, list_esps, update_esp
from reseal.kernel.changes import Reactor
from reseal.kernel.db import Database, Tx
from reseal.kernel.deadlines import due
from reseal.managed.enrolments import note_user
from tests.store.catalog.test_items import APP
from tests.store.esp.test_profiles import _to_group
from tests.store.managed.world import REACTORS, World

SHOWN = EspSettings(show_installation_progress=True, install_progress_timeout_in_minutes=90)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def reactors() -> tuple[Reactor, ...]:
    """The chain from membership to managed devices."""
    return REACTORS


async def test_a_run_keeps_the_page_that_was_effective_when_it_began(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx)
        agent = create_item(tx, world.tenant, "Agent", APP).id
        page = create_esp(tx, world.tenant, "Ours", SHOWN, selected_apps=[agent])
        assign_esp(tx, world.tenant, page.id, _to_group(page, world.group(tx, "Laptops", device=True)))
        tx.settle()
        begun = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        assert (begun.run, begun.status, begun.shown) == (1, PhaseStatus.HOLDING, True)
        assert (begun.profile_name, begun.selected_apps) == ("Ours", (agent,))
        assert begun.deadline == tx.now + 90 * MINUTE
        update_esp(tx, world.tenant, page.id, settings=replace(SHOWN, custom_error_message="New"))
        before = tx.statements
        assert phases_of(tx, world.tenant, world.enrolment.id) == {0: begun}
        assert tx.statements - before == 1
        assert phase_by_id(tx, world.tenant, begun.id) == begun

    await database.write(unit)


async def test_autopilot_077_only_the_user_flow_looks_at_the_page_of_the_user(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx, user="adele")
        page = create_esp(tx, world.tenant, "Adele's", SHOWN)
        assign_esp(tx, world.tenant, page.id, _to_group(page, world.group(tx, "People", "adele")))
        tx.settle()
        technician = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        user = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.USER)
        assert (technician.profile_name, user.profile_name) == ("All users and all devices", "Adele's")
        assert user.run == 2

    await database.write(unit)


async def test_in_the_user_flow_the_page_is_that_of_whoever_it_is_for(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx, user="adele")
        bob = world.user(tx, "bob")
        for name in ("adele", "bob"):
            page = create_esp(tx, world.tenant, name, SHOWN)
            assign_esp(tx, world.tenant, page.id, _to_group(page, world.group(tx, f"Of {name}", name)))
        tx.settle()

        def page_for(user: int) -> str:
            return begin_phase(tx, world.tenant, world.enrolment, user=user, flow=Flow.USER).profile_name

        assert page_for(0) == "adele"
        note_user(tx, world.tenant, world.enrolment.id, bob, primary=True)
        assert page_for(0) == page_for(bob) == "bob"
        assert page_for(world.user(tx, "adele")) == "adele"

    await database.write(unit)


async def test_the_latest_run_of_each_phase_counts(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx)
        adele = world.user(tx, "adele")
        first = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        over = failed(first, "0x80070643", "It failed.", tx.now)
        save_phase(tx, world.tenant, over)
        second = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        third = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.USER)
        account = begin_phase(tx, world.tenant, world.enrolment, user=adele, flow=Flow.USER)
        assert phases_of(tx, world.tenant, world.enrolment.id) == {0: third, adele: account}
        runs = runs_of(tx, world.tenant, world.enrolment.id)
        assert runs == (over, second, third, account)
        assert [one.run for one in runs] == [1, 2, 3, 1]
        assert runs_of_many(tx, world.tenant, [world.enrolment.id, 999]) == {world.enrolment.id: runs}

    await database.write(unit)


async def test_what_is_saved_comes_back(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx)
        begun = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        held = tracking(acknowledged(begun, ["block", "expectedMsi@12345678"]))
        save_phase(tx, world.tenant, held)
        assert phase_by_id(tx, world.tenant, begun.id) == held
        over = released(held, tx.now)
        save_phase(tx, world.tenant, over)
        assert phase_by_id(tx, world.tenant, begun.id) == over

    await database.write(unit)


async def test_a_session_that_comes_late_does_not_take_an_end_back(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx)
        begun = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        over = time_out(tx, world.tenant, begun.id)
        save_phase(tx, world.tenant, tracking(begun))
        assert phase_by_id(tx, world.tenant, begun.id) == over
        assert over is not None
        save_phase(tx, world.tenant, released(over, tx.now))
        found = phase_by_id(tx, world.tenant, begun.id)
        assert found is not None
        assert (found.status, found.timed_out) == (PhaseStatus.RELEASED, True)

    await database.write(unit)


async def test_a_run_has_a_deadline_until_it_ends_or_another_begins(database: Database) -> None:
    def unit(tx: Tx) -> None:
        world = World().open(tx)
        (default,) = list_esps(tx, world.tenant)
        begun = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        moment = tx.now + default.settings.install_progress_timeout_in_minutes * MINUTE
        assert [(one.kind, one.subject_id) for one in due(tx, moment)] == [("esp.budget", begun.id)]
        again = begin_phase(tx, world.tenant, world.enrolment, user=0, flow=Flow.TECHNICIAN)
        assert [one.subject_id for one in due(tx, moment)] == [again.id]
        assert time_out(tx, world.tenant, begun.id) is None
        save_phase(tx, world.tenant, released(again, tx.now))
        assert due(tx, moment) == []
        assert time_out(tx, world.tenant, again.id) is None
        assert time_out(tx, world.tenant, 12345) is None

    await database.write(unit)
