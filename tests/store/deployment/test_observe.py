"""Facts taken in on both databases: what is kept, what is written, what is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog

from reseal.deployment import invariant
from reseal.deployment.facts import (
    AttestationBegun,
    Attested,
    Contacted,
    Ended,
    Enrolled,
    Fact,
    Failed,
    Flow,
    Joined,
    LeftPage,
    PageReset,
    Phase,
    PhaseBegun,
    Refused,
    Released,
    ReleaseRequested,
    Resealed,
    UserPresent,
    UserSignedIn,
    Waiting,
)
from reseal.deployment.listing import After, count_by_state, list_deployments
from reseal.deployment.model import State
from reseal.deployment.service import blocker_now, blockers_of, latest, observe
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.errors import Invalid
from reseal.wire.runtime.blockers import BlockerKind
from tests.store.deployment.device import Device
from tests.unit.deployment.stories import ADA, PLAIN, TO_ENROLLED, TO_GREEN, TO_SETUP, USER_FLOW

BROKEN = Failed(Phase.DEVICE, "0x80070643", "The app 'Agent' could not be set up: 0x80070643.")


async def test_both_flows_lead_to_the_desktop(device: Device) -> None:
    green = await device.tell(TO_GREEN)
    assert (green.state, green.technician, green.proof) == (State.GREEN, True, "virtual")
    done = await device.tell(USER_FLOW)
    assert (done.id, done.state, done.upn) == (green.id, State.DESKTOP, "ada@contoso.test")
    assert (done.blocker, done.deviations, done.ended_at) == (None, (), device.clock.now())


async def test_every_arrow_has_its_event(device: Device) -> None:
    await device.tell((*TO_SETUP, BROKEN))
    await device.tell([LeftPage("closed")])
    told = await device.events()
    assert [(each.kind, each.payload["fact"] if "fact" in (each.payload or {}) else "") for each in told] == [
        ("deployment.began", "Contacted"),
        ("deployment.moved", "AttestationBegun"),
        ("deployment.moved", "Attested"),
        ("deployment.moved", "Joined"),
        ("deployment.moved", "Enrolled"),
        ("deployment.moved", "PhaseBegun"),
        ("deployment.moved", "Failed"),
        ("deployment.deviated", ""),
    ]
    failed = told[-2].payload
    assert failed is not None
    assert (failed["from"], failed["to"], failed["code"], failed["timedOut"]) == (
        "technicianSetup",
        "red",
        "0x80070643",
        False,
    )
    assert {each.subject.id for each in told} == {(await device.it()).uuid}


async def test_a_fact_that_changes_nothing_writes_nothing_and_costs_one_read(device: Device) -> None:
    await device.tell((*TO_SETUP, Waiting(Phase.DEVICE, "Agent", "app", 2)))

    def unit(tx: Tx) -> None:
        for fact in (Waiting(Phase.DEVICE, "Agent", "app", 2), Contacted()):
            before = tx.statements
            observe(tx, device.tenant, device.registration, fact)
            assert tx.statements - before == 1
        observe(tx, device.tenant, None, Contacted())
        assert (tx.statements, tx.recorded) == (2, 0)

    await device.database.write(unit)


async def test_a_fact_that_does_not_fit_is_told_in_the_log(device: Device) -> None:
    await device.tell(TO_GREEN)
    with structlog.testing.capture_logs() as logs:
        await device.tell([Released(Phase.ACCOUNT)])
    assert [(each["log_level"], each["fact"], each["state"]) for each in logs] == [
        ("debug", "Released", "green")
    ]


async def test_page_api_and_log_say_the_same_blocker(device: Device) -> None:
    assert await device.database.read(blocker_now, device.tenant, device.registration) is None
    with structlog.testing.capture_logs() as logs:
        await device.tell((*TO_SETUP, Waiting(Phase.DEVICE, "Agent", "app", 2)))
    shown = await device.database.read(blocker_now, device.tenant, device.registration)
    assert shown is not None
    assert (shown.kind, shown.state) == (BlockerKind.ITEM, "technicianSetup")
    assert shown.text == "The device has to report the app 'Agent' and 1 more."
    assert logs[-1]["blocker"].startswith(shown.text)
    await device.tell((*TO_GREEN[-2:], *USER_FLOW))
    shown = await device.database.read(blocker_now, device.tenant, device.registration)
    assert shown is not None
    assert (shown.kind, shown.state) == (None, "desktop")


async def test_a_reset_device_begins_another_deployment(device: Device) -> None:
    red = await device.tell((*TO_SETUP, BROKEN))
    again = await device.tell((AttestationBegun(), *TO_ENROLLED[2:4], Enrolled(2, None, True)))
    assert (again.state, again.enrolment_id, again.error_code) == (State.TECHNICIAN_PREPARING, 2, "")
    listed = await device.database.read(list_deployments, device.tenant)
    assert [(one.id, one.state) for one in listed.items] == [
        (again.id, State.TECHNICIAN_PREPARING),
        (red.id, State.ENDED),
    ]
    old = await device.database.read(blockers_of, device.tenant, red.id)
    invariant.require(listed.items[1], old)
    assert listed.items[1].ended_at == again.begun_at


async def test_facts_of_one_unit_share_a_moment(device: Device) -> None:
    def unit(tx: Tx) -> None:
        for fact in (*TO_GREEN, *USER_FLOW):
            observe(tx, device.tenant, device.registration, fact)

    await device.database.write(unit)
    assert (await device.it()).state is State.DESKTOP


async def test_devices_are_told_apart(device: Device) -> None:
    other = await device.another(2)
    await device.tell(TO_GREEN)
    await other.tell(TO_SETUP)
    assert (await device.it()).state is State.GREEN
    assert (await other.it()).state is State.TECHNICIAN_SETUP
    assert await device.database.read(count_by_state, device.tenant) == {
        State.TECHNICIAN_SETUP: 1,
        State.GREEN: 1,
    }


async def test_a_device_that_is_not_registered_has_no_story(device: Device) -> None:
    def unit(tx: Tx) -> None:
        observe(tx, device.tenant, 12345, Contacted())
        assert latest(tx, device.tenant, 12345) is None

    await device.database.write(unit)


async def test_lists_are_paged_filtered_and_turned(device: Device) -> None:
    devices = [device, *[await device.another(number) for number in range(2, 6)]]
    for number, each in enumerate(devices):
        await each.tell(PLAIN if number % 2 else TO_GREEN)
    serials: list[str] = []
    after: After | None = None
    while True:
        page = await device.database.read(list_deployments, device.tenant, after=after, limit=2)
        serials += [one.serial for one in page.items]
        after = page.next
        if after is None:
            break
    oldest = await device.database.read(list_deployments, device.tenant, oldest_first=True)
    assert serials == [one.serial for one in reversed(oldest.items)]
    assert len(set(serials)) == 5
    rest = After(oldest.items[0].begun_at, oldest.items[0].id)
    later = await device.database.read(list_deployments, device.tenant, oldest_first=True, after=rest)
    assert later.items == oldest.items[1:]

    for wanted, how_many in (
        ({"under_way": True}, 3),
        ({"under_way": False}, 2),
        ({"states": [State.DESKTOP]}, 2),
        ({"states": [State.RED]}, 0),
        ({"registration": device.registration}, 1),
        ({"since": oldest.items[-1].begun_at}, 1),
        ({"since": device.clock.now() + timedelta(seconds=1)}, 0),
    ):
        found = await device.database.read(list_deployments, device.tenant, **wanted)
        assert len(found.items) == how_many, wanted
    with pytest.raises(Invalid):
        await device.database.read(list_deployments, device.tenant, limit=0)


async def test_random_facts_keep_the_record_whole(device: Device) -> None:
    chance = SeededEntropy("facts")
    facts: tuple[Fact, ...] = (
        *TO_GREEN,
        *PLAIN,
        Resealed(),
        PageReset(),
        BROKEN,
        Failed(Phase.ACCOUNT, "0x800705B4", "Late.", timed_out=True),
        Refused("join", "801c0003", "No."),
        LeftPage("continueAnyway"),
        Enrolled(2, None, True),
        Enrolled(3, ADA, True),
        Joined(ADA),
        Attested("hardware"),
        PhaseBegun(Flow.USER, Phase.DEVICE, 60),
        ReleaseRequested(Phase.ACCOUNT),
        UserSignedIn(ADA, "ada@contoso.test"),
        UserPresent(),
        Ended("unenrolled", 2),
    )

    def unit(tx: Tx) -> None:
        for _ in range(20):
            observe(tx, device.tenant, device.registration, facts[chance.below(len(facts))])

    for _ in range(15):
        device.clock.pass_silently(timedelta(seconds=90))
        await device.database.write(unit)
    listed = await device.database.read(list_deployments, device.tenant)
    assert len(listed.items) > 5
    for one in listed.items:
        invariant.require(one, await device.database.read(blockers_of, device.tenant, one.id))
    assert sum(one.open for one in listed.items) <= 1


async def test_facts_that_come_at_once_open_one_deployment(device: Device, database: Database) -> None:
    facts = (Contacted(), AttestationBegun(), Attested("virtual"), Contacted())
    await asyncio.gather(
        *(database.write(observe, device.tenant, device.registration, fact) for fact in facts)
    )
    listed = await database.read(list_deployments, device.tenant)
    assert len(listed.items) == 1
    await device.it()
