"""Enrolling on both databases: what directory, story and log say afterwards, and several at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from reseal.deployment.model import Deployment, State
from reseal.deployment.service import latest
from reseal.directory.devices import device_by_id
from reseal.directory.model import Device
from reseal.directory.users import find_user
from reseal.kernel import events
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.managed.enrolments import active_enrolment_of_device, note_contact, users_of
from reseal.managed.model import Enrolment, EnrolmentState
from reseal.managed.tables import enrolment as enrolment_table
from reseal.wire.enrolment.faults import FaultReceived
from reseal.wire.enrolment.request import ContextName
from tests.support.clock import ManualClock
from tests.support.enrolling import Laptop, Office


@pytest.fixture
async def office(database: Database, clock: ManualClock, entropy: SeededEntropy) -> AsyncIterator[Office]:
    """Contoso, whose devices may enrol."""
    office = Office(database, clock, entropy)
    await office.open()
    async with office.http:
        yield office


async def _enrolment(office: Office, laptop: Laptop) -> Enrolment:
    found = await office.do(lambda tx: active_enrolment_of_device(tx, office.tenant, laptop.device))
    assert found is not None
    return found


async def _story(office: Office, laptop: Laptop) -> Deployment:
    assert laptop.registration is not None
    key = laptop.registration.id
    found = await office.do(lambda tx: latest(tx, office.tenant, key))
    assert found is not None
    return found


async def _device(office: Office, laptop: Laptop) -> Device:
    return await office.do(lambda tx: device_by_id(tx, office.tenant, laptop.device))


async def test_the_technician_flow_leaves_a_managed_device_and_a_story(office: Office) -> None:
    laptop = await office.laptop()
    laptop.changes |= {ContextName.MANUFACTURER: "Contoso", ContextName.DEVICE_MODEL: "Laptop 7"}
    await laptop.enrol()
    found, story, device = (
        await _enrolment(office, laptop),
        await _story(office, laptop),
        await _device(office, laptop),
    )
    assert (story.state, story.enrolment_id) == (State.TECHNICIAN_PREPARING, found.id)
    assert device.is_managed
    assert device.owner_user_id is None
    assert {name: device.attributes[name] for name in sorted(device.attributes)} == {
        "deviceManufacturer": "Contoso",
        "deviceModel": "Laptop 7",
        "deviceOSType": "Windows",
        "deviceOSVersion": "10.0.22631.3447",
        "deviceOwnership": "Company",
        "enrollmentProfileName": "Laptops",
        "managementType": "MDM",
    }
    assert found.stale
    assert found.hardware_id == f"{1:064x}"
    assert found.wire_device_id == str(laptop.device_id)
    assert found.device_name == "LAPTOP-1"


async def test_a_user_who_enrols_is_the_owner_and_on_the_device(office: Office) -> None:
    laptop = await office.laptop()
    await laptop.enrol_for("adele")
    found, story = await _enrolment(office, laptop), await _story(office, laptop)
    adele = await office.do(lambda tx: find_user(tx, office.tenant, "adele@contoso.test"))
    assert adele is not None
    assert (story.state, story.user_id) == (State.USER_DEVICE_SETUP, adele.id)
    assert found.owner_user_id == adele.id
    assert (await _device(office, laptop)).owner_user_id == adele.id
    (on_device,) = await office.do(lambda tx: users_of(tx, office.tenant, found.id))
    assert (on_device.user_id, on_device.is_primary, on_device.session_seen) == (adele.id, True, False)


async def test_a_refusal_is_kept_with_its_reason_in_the_story_and_the_log(office: Office) -> None:
    await office.allow_preprovisioning(False)
    laptop = await office.laptop()
    with pytest.raises(FaultReceived):
        await laptop.enrol()
    story = await _story(office, laptop)
    assert (story.state, story.error_code) == (State.RED, "0x80180005")
    assert "does not allow pre-provisioning" in story.error_message

    def told(tx: Tx) -> list[events.SealedEvent]:
        events.seal(tx)
        log = events.read(tx, office.tenant, 0, 10_000)
        return [event for event in log if event.kind == "enrolment.refused"]

    (event,) = await office.do(told)
    assert event.actor == f"device:{laptop.device_id}"
    assert event.payload is not None
    assert event.payload["code"] == "0x80180005"
    await office.allow_preprovisioning(True)
    await laptop.enrol()
    cured = await _story(office, laptop)
    assert (cured.id, cured.state, cured.error_code) == (story.id, State.TECHNICIAN_PREPARING, "")


async def test_a_refusal_of_a_user_is_told_as_one_of_the_user_flow(office: Office) -> None:
    laptop = await office.laptop()
    security = await laptop.user_token("adele")
    laptop.changes[ContextName.DEVICE_TYPE] = "WindowsPhone"
    with pytest.raises(FaultReceived):
        await laptop.enrol(security, technician=False)
    assert (await _story(office, laptop)).state is State.ERROR


async def test_the_story_goes_on_when_the_answer_was_lost_and_begins_anew_when_the_device_was_reset(
    office: Office,
) -> None:
    laptop = await office.laptop()
    await laptop.enrol()
    first = await _story(office, laptop)
    laptop.attempt += 1
    await laptop.enrol()
    assert (await _story(office, laptop)).id == first.id
    found = await _enrolment(office, laptop)
    await office.do(lambda tx: note_contact(tx, office.tenant, found.id))
    laptop.attempt += 1
    await laptop.enrol()
    second = await _story(office, laptop)
    assert second.id != first.id
    assert second.enrolment_id == (await _enrolment(office, laptop)).id


async def test_of_several_requests_at_once_one_enrolment_comes(office: Office) -> None:
    laptop = await office.laptop()
    others = [replace(laptop, attempt=number) for number in range(3)]
    documents = await asyncio.gather(*(each.enrol() for each in (laptop, *others)))
    assert len(documents) == 4

    def active(tx: Tx) -> int:
        rows = tx.rows(enrolment_table.select().order_by(enrolment_table.c.id))
        return sum(row.state == EnrolmentState.ACTIVE.value for row in rows)

    assert await office.do(active) == 1
    names = {document.provider.device_id for document in documents if document.provider}
    assert names == {str((await _enrolment(office, laptop)).uuid)}


async def test_enrolling_takes_few_statements(office: Office) -> None:
    laptop, warm = await office.laptop(1), await office.laptop(2)
    await warm.enrol()
    before = office.database.stats.statements
    await laptop.enrol()
    taken = office.database.stats.statements - before
    assert taken <= 45, taken
