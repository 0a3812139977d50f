"""The world of a rehearsal: a server that can be killed at any commit, and comes again on what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal

import pytest

from reseal.device.transport import Failure, TransportError
from reseal.directory.groups import create_group, find_group
from reseal.directory.model import Membership
from reseal.kernel.entropy import SeededEntropy
from reseal.kernel.keys import is_rehearsal_key
from reseal.kernel.simulation.guard import guarded
from reseal.kernel.simulation.loop import run
from reseal.rehearsal.exchange import ServerKilled
from reseal.rehearsal.world import World

Scene = Callable[[World], Awaitable[Any]]


def _play(scene: Scene, seed: int = 1) -> Any:
    async def main() -> Any:
        async with World.open(SeededEntropy(seed)) as world:
            return await scene(world)

    with guarded():
        return run(main())


async def _groups(world: World, *names: str) -> list[bool]:
    found = [await world.db.read(find_group, world.tenant, name) for name in names]
    return [group is not None for group in found]


async def _make(world: World, name: str) -> None:
    await world.db.write(
        create_group, world.tenant, name, membership=Membership.ASSIGNED, causes=world.tenant
    )


def test_the_administrator_reaches_the_api_and_no_time_passes() -> None:
    async def scene(world: World) -> None:
        assert await world.admin.json("GET", "/groups") == {"value": []}
        assert world.clock.monotonic() == timedelta(0)

    _play(scene)


@pytest.mark.parametrize(
    "moment, there",
    [
        pytest.param("before", False, id="before the commit: it never was"),
        pytest.param("after", True, id="between commit and answer: it is there"),
    ],
)
def test_a_server_killed_at_a_commit(moment: Literal["before", "after"], there: bool) -> None:
    async def scene(world: World) -> None:
        await _make(world, "First")
        world.kill_at(moment, world.commits + 1)
        with pytest.raises(ServerKilled):
            await _make(world, "Second")
        await world.up()
        assert await _groups(world, "First", "Second") == [True, there]
        assert world.kills == 1
        assert world.clock.monotonic() >= timedelta(seconds=5)

    _play(scene)


def test_a_killed_process_commits_nothing_more() -> None:
    async def scene(world: World) -> None:
        old = world.db
        world.kill()
        with pytest.raises(ServerKilled):
            await old.write(create_group, world.tenant, "Late", membership=Membership.ASSIGNED)
        await world.up()
        assert await _groups(world, "Late") == [False]

    _play(scene)


def test_a_killed_server_cuts_the_answer_and_is_not_there_until_it_comes_again() -> None:
    async def scene(world: World) -> None:
        await world.admin.json("GET", "/groups")
        world.kill()
        with pytest.raises(TransportError) as caught:
            await world.admin.json("GET", "/groups")
        assert caught.value.failure is Failure.REFUSED
        await world.up()
        assert await world.admin.json("GET", "/groups") == {"value": []}

    _play(scene)


def test_tokens_of_the_process_before_still_count() -> None:
    """Keys lie encrypted in the database, not in the process."""

    async def scene(world: World) -> int:
        await world.admin.json("GET", "/groups")
        before = world.network.wire.requests
        world.kill()
        await world.up()
        await world.admin.json("GET", "/groups")
        return world.network.wire.requests - before

    assert _play(scene) == 1


def test_the_seed_decides_everything() -> None:
    async def scene(world: World) -> str:
        await world.admin.json("GET", "/groups")
        await world.network.quiet()
        return world.network.wire.hex

    assert _play(scene, 1) == _play(scene, 1)
    assert _play(scene, 1) != _play(scene, 2)


def test_what_devices_trust_says_that_it_is_of_a_rehearsal() -> None:
    async def scene(world: World) -> None:
        (root,) = world.anchors
        key = root.public_key()
        assert is_rehearsal_key(key)

    _play(scene)
