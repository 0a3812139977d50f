"""Finding deployments, and noticing that something about them changed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from reseal.deployment.facts import Contacted, Ended, Phase, Waiting
from reseal.deployment.listing import deployment_by_uuid, mark_of_open
from reseal.kernel.db import Database
from reseal.kernel.errors import NotFound
from reseal.kernel.ids import TenantKey
from tests.store.deployment.device import Device
from tests.unit.deployment.stories import TO_SETUP


async def test_a_deployment_is_found_by_its_public_id_within_its_organisation(
    database: Database, device: Device
) -> None:
    told = await device.tell([Contacted()])

    assert await database.read(deployment_by_uuid, device.tenant, told.uuid) == told
    for tenant, uuid in ((device.tenant, uuid4()), (TenantKey(device.tenant + 1), told.uuid)):
        with pytest.raises(NotFound):
            await database.read(deployment_by_uuid, tenant, uuid)


async def test_every_change_of_an_open_deployment_changes_the_mark(
    database: Database, device: Device
) -> None:
    """Also one by a clock that is behind."""
    nothing = await database.read(mark_of_open, device.tenant)
    marks = [nothing]
    for fact in (
        *TO_SETUP,
        Waiting(Phase.DEVICE, "Agent", "app", 2),
        Waiting(Phase.DEVICE, "Agent", "app", 1),
    ):
        await device.tell([fact])
        marks.append(await database.read(mark_of_open, device.tenant))
    other = await device.another(2)
    await other.tell([Contacted()], every=-timedelta(hours=1))
    marks.append(await database.read(mark_of_open, device.tenant))
    assert len(set(marks)) == len(marks)
    await device.tell([Ended("gone")])
    await other.tell([Ended("gone")])
    assert await database.read(mark_of_open, device.tenant) == nothing
