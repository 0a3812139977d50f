"""Each behaviour that the server has because of some device: with it a run arrives, without it it does not.

The second half is what makes the first one worth something: a test that would pass anyway shows nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from reseal.catalog.model import Format, OmaSetting
from reseal.deployment.model import State
from reseal.kernel.db import Database, Tx
from reseal.kernel.entropy import SeededEntropy
from reseal.managed.model import EnrolledBy, ItemState
from reseal.mdm.sessions.handling import HANDLING, Handling
from reseal.mdm.sessions.store import inventory_of
from reseal.signin.tokens import TokenSigner
from reseal.wire.csp import MsiStatus
from reseal.wire.syncml import Exec, Item, LoginStatus, NodeCommand, Replace, Results, Status
from tests.store.managed.world import CAMERA, WALLPAPER, app, policy
from tests.store.mdm.sessions_bench import (
    FINISHED,
    USER_FINISHED,
    Bench,
    Device,
    commands_of,
    download_of,
    node,
    opened,
)
from tests.support.clock import ManualClock

Scenario = Callable[[Bench], Awaitable[bool]]
AGENT = app(1)
JOB = download_of(AGENT.product_code)
HASH = "./DevDetail/Ext/DeviceHardwareData"


async def _give(bench: Bench, *names: str) -> None:
    bodies = {"Camera": policy(CAMERA), "Agent": AGENT, "Wallpaper": policy(WALLPAPER)}

    def unit(tx: Tx) -> None:
        for name in names:
            whom = "users" if name == "Wallpaper" else "devices"
            bench.world.item(tx, name, bodies[name], whom)

    await bench.do(unit)


async def _state(bench: Bench, name: str, user: str = "") -> ItemState:
    return (await bench.items())[user, name].state


async def _is_green(bench: Bench) -> bool:
    return (await bench.story()).state is State.GREEN


async def _users(bench: Bench) -> Device:
    """A device of adele's at the beginning of the user flow, with its page."""
    await bench.show_page()
    device = await bench.device(by=EnrolledBy.USER, owner="adele")
    device.token = await bench.token("adele")
    return device


async def a_reply_is_lost(bench: Bench) -> bool:
    await _give(bench, "Agent")
    device = await bench.device(in_oobe=False)
    body = device.message(device.opening(), session="1")
    lost = await device.post(body)
    bench.clock.pass_silently(timedelta(seconds=20))
    return (await device.post(body)).content == lost.content


async def a_session_id_returns(bench: Bench) -> bool:
    device = await bench.device(in_oobe=False)
    await device.session()
    await _give(bench, "Camera")
    device.sessions -= 1
    await device.session()
    return CAMERA.uri in device.tree


async def a_package_comes_in_two_messages(bench: Bench) -> bool:
    await _give(bench, "Camera")
    device = await bench.device(in_oobe=False)
    opening = device.opening()
    first = await device.say(*opening[:1], session="1", final=False)
    second = await device.say(*opening[1:], session="1", msg=2)
    return commands_of(first) == [] and commands_of(second) != []


async def a_value_comes_after_its_status(bench: Bench) -> bool:
    device = await bench.device(in_oobe=False)
    reply = await device.say(*device.opening(), session="1")
    asked = next(command for command in commands_of(reply) if node(command) == HASH)
    done = Status(msg_ref=1, cmd_ref=asked.cmd_id, cmd="Get", code=200)
    value = Results(msg_ref=1, cmd_ref=asked.cmd_id, items=(Item(source=HASH, data="T0FCAA"),))
    await device.say(done, session="1", msg=2, final=False)
    await device.say(value, session="1", msg=3)
    known = await bench.database.read(inventory_of, bench.world.tenant, device.enrolment.id)
    return known.get(HASH) == "T0FCAA"


async def a_node_exists(bench: Bench) -> bool:
    await _give(bench, "Camera")
    device = await bench.device(in_oobe=False)
    device.tree[CAMERA.uri] = "1"
    await device.session()
    return device.tree[CAMERA.uri] == "0" and await _state(bench, "Camera") is ItemState.DONE


async def the_user_comes_late(bench: Bench) -> bool:
    await _give(bench, "Wallpaper")
    device = await _users(bench)
    device.login = LoginStatus.USER
    await device.session()
    await device.session()
    device.user_live = True
    await device.session()
    return await _state(bench, "Wallpaper", "adele") is ItemState.DONE


async def the_answer_to_an_exec_is_lost(bench: Bench) -> bool:
    await _give(bench, "Agent")
    device = await bench.device(in_oobe=False)
    device.carry_out(await device.say(*device.opening(), session="lost"))
    await bench.wait()
    await device.session()
    return sum(isinstance(command, Exec) for command in device.heard) == 1


async def an_installation_is_parked(bench: Bench) -> bool:
    await _give(bench, "Agent")
    device = await bench.device(in_oobe=False)
    device.install_as = MsiStatus.INITIALISED
    device.tree[JOB.replace("DownloadInstall", "LastError")] = str(0x86000002)

    def woken(one: Device, command: NodeCommand) -> None:
        if isinstance(command, Exec) and sum(isinstance(each, Exec) for each in one.heard) > 1:
            one.install_as = MsiStatus.DONE

    device.answers.append(woken)
    for _ in range(5):
        await device.session()
    return await _state(bench, "Agent") is ItemState.DONE


async def a_release_is_refused_for_a_while(bench: Bench) -> bool:
    device = await _users(bench)
    refusals = 2

    def not_yet(_device: Device, command: NodeCommand) -> int | None:
        nonlocal refusals
        if node(command) == USER_FINISHED and isinstance(command, Replace) and refusals:
            refusals -= 1
            return 405
        return None

    device.answers.append(not_yet)
    await device.session()
    device.login, device.user_live = LoginStatus.USER, True
    for _ in range(4):
        await device.session()
    return device.tree.get(USER_FINISHED) == "true"


async def a_page_keeps_that_it_was_finished(bench: Bench) -> bool:
    await bench.show_page()
    device = await bench.device()
    device.tree[FINISHED] = "true"
    for _ in range(3):
        await device.session()
    return await _is_green(bench)


async def a_page_begins_anew(bench: Bench) -> bool:
    await bench.show_page()
    device = await bench.device()
    await device.session()
    await device.session()
    assert await _is_green(bench)
    device.new_page()
    late = OmaSetting("./Device/Vendor/MSFT/Policy/Config/Camera/Late", Format.INT, "1")
    await bench.do(lambda tx: bench.world.item(tx, "Late", policy(late), "devices"))
    await device.session()
    await device.session()
    return device.tree[FINISHED] == "true"


SCENARIOS: dict[str, Scenario] = {
    "stored_replies": a_reply_is_lost,
    "returning_sessions": a_session_id_returns,
    "whole_packages": a_package_comes_in_two_messages,
    "late_results": a_value_comes_after_its_status,
    "replaces_existing": a_node_exists,
    "holds_user_nodes": the_user_comes_late,
    "reads_before_exec": the_answer_to_an_exec_is_lost,
    "watches_installs": an_installation_is_parked,
    "releases_until_taken": a_release_is_refused_for_a_while,
    "reads_refused_release": a_page_keeps_that_it_was_finished,
    "notices_new_page": a_page_begins_anew,
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a server does about devices does not depend on its database."""
    return sqlite_url


def test_every_handling_has_its_scenario() -> None:
    assert sorted(SCENARIOS) == sorted(one.name for one in fields(Handling))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
@pytest.mark.parametrize("handled", [True, False])
async def test_a_run_arrives_because_of_it(
    database: Database,
    clock: ManualClock,
    entropy: SeededEntropy,
    signer: TokenSigner,
    name: str,
    handled: bool,
) -> None:
    handling = HANDLING if handled else replace(HANDLING, **{name: False})
    async with opened(database, clock, entropy, signer, handling) as bench:
        assert await SCENARIOS[name](bench) is handled
