"""What a device tells of itself reaches its directory device, whatever happens after the reply was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from reseal.directory.devices import devices_by_id
from reseal.kernel.errors import StorageFull
from reseal.mdm.sessions import door
from reseal.wire.csp import DevDetail
from tests.store.mdm.sessions_bench import Bench, Device, reply_of
from tests.store.mdm.test_sessions_costs import counted

NAME, VERSION = "LAP-4711", "10.0.26100.1"


async def _telling(bench: Bench, name: str = NAME) -> tuple[Device, bytes]:
    """A device, and the message in which it tells what it is."""
    device = await bench.device(in_oobe=False)
    device.tree |= {DevDetail.DEVICE_NAME: name, DevDetail.SOFTWARE_VERSION: VERSION}
    asked = await device.say(*device.opening(), session="1")
    return device, device.message(device.carry_out(asked), session="1", msg=2)


async def _known(bench: Bench, device: Device) -> tuple[str, Any]:
    """What the directory says of it."""
    key = device.enrolment.device_id
    found = (await bench.database.read(devices_by_id, bench.world.tenant, [key]))[key]
    return found.display_name, found.attributes.get("deviceOSVersion")


@contextmanager
def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Iterator[None]:
    """What was told cannot be made known for now."""

    def publish(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(door, "publish", publish)
        yield


FULL = StorageFull(code="StorageFull", message="The disk is full.")
"""The device gets an error, and repeats its message."""
KILLED = asyncio.CancelledError()
"""The server ends between the two units; the device repeats its message."""


@pytest.mark.parametrize("error", [FULL, KILLED], ids=["full", "killed"])
async def test_it_is_made_known_when_the_message_is_repeated(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    device, message = await _telling(bench)
    before = await _known(bench, device)
    with _failing(monkeypatch, error):
        await _without_answer(device, message)
    assert await _known(bench, device) == before

    reply_of(await device.post(message))

    assert await _known(bench, device) == (NAME, VERSION)


async def _without_answer(device: Device, message: bytes) -> None:
    with suppress(asyncio.CancelledError):
        assert (await device.post(message)).status_code == FULL.status


async def test_it_is_made_known_at_the_next_check_in_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, message = await _telling(bench)
    with _failing(monkeypatch, KILLED):
        await _without_answer(device, message)
        for msg in range(3, 6):  # the session goes on to its end without it
            await _without_answer(device, device.message([], session="1", msg=msg))

    await device.say(*device.opening(), session="2")

    assert await _known(bench, device) == (NAME, VERSION)
    with counted(bench.database) as cost:
        await device.say(*device.opening(), session="3")
    assert (cost.reads, cost.writes, cost.statements) == (1, 0, 1)


async def test_what_cannot_be_used_is_passed_over_once(bench: Bench) -> None:
    device, message = await _telling(bench, name="x" * 300)
    before = await _known(bench, device)

    reply_of(await device.post(message))

    assert await _known(bench, device) == before
    await device.say(*device.opening(), session="2")
    with counted(bench.database) as cost:
        await device.say(*device.opening(), session="3")
    assert cost.writes == 0
