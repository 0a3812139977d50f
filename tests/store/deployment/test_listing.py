"""Finding deployments, and noticing that something about them changed."""

from __future__ import annotations

from uuid import uuid4

import pytest

from reseal.deployment.facts import Contacted, Ended
from reseal.deployment.listing import deployment_by_uuid, last_move
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


async def test_every_change_of_an_open_deployment_is_the_last_move(
    database: Database, device: Device
) -> None:
    assert await database.read(last_move, device.tenant) is None
    moves = []
    for fact in TO_SETUP:
        await device.tell([fact])
        moves.append(await database.read(last_move, device.tenant))
    assert moves == sorted(set(moves))
    await device.tell([Ended("gone")])
    assert await database.read(last_move, device.tenant) is None
