"""The power fails at every write of a managed life: what the server was told stays true."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from reseal.device.disk import MemoryDisk
from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import ALL, Quirk
from reseal.device.status_page import Outcome
from reseal.kernel.clock import VirtualClock
from reseal.kernel.simulation.loop import run
from reseal.wire.csp import FirstSync, LocURI, Scope, policy, provider, unenroll
from reseal.wire.syncml import (
    Add,
    Alert,
    AlertType,
    Command,
    Format,
    Message,
    Meta,
    Replace,
    add_node,
    replace,
)
from tests.support.scripted_server import PROVIDER, ScriptedServer, enrolled, parts

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ADELE = "adele@contoso.test"
USER_PAGE = provider(PROVIDER, Scope.USER)
Moment = Literal["before", "after"]
SESSIONS = 4
LAST_WRITES = 3
"""The files of the enrolment go, after it was noted that the server is told."""


class PowerCut(Exception):
    """The power failed."""


@dataclass
class Told:
    """What the server knows to be done: it heard a 200, or that it was there already."""

    server: ScriptedServer
    values: dict[str, str] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    left: bool = False

    def hear(self, message: Message) -> None:
        for command, code in self.server.statuses():
            if isinstance(command, Replace) and code == 200:
                self.values[command.target] = command.item.text
            if isinstance(command, Add) and code in {200, 418}:
                self.nodes.add(command.target)
        alerts = [command for command in message.commands if isinstance(command, Alert)]
        self.left = self.left or any(alert.type is AlertType.UNENROLLMENT for alert in alerts)

    def require(self, device: Management) -> None:
        for uri, value in self.values.items():
            held = device.tree.read(LocURI.parse(uri), ADELE) or ""
            assert held >= value, f"{uri} was acknowledged as {value} and is {held!r}"
        for uri in self.nodes:
            assert device.tree.has(LocURI.parse(uri), ADELE), f"{uri} was acknowledged and is gone"


def _package(number: int) -> list[Command]:
    """What session `number` sets; values only grow."""
    targets = (policy("Start", "Device"), policy("Start", "User", Scope.USER))
    meta = Meta(format=Format.INT)
    made = [add_node(str(USER_PAGE)), add_node(str(USER_PAGE / "FirstSyncStatus"))]
    return [*made, *(replace(str(uri), str(number), meta) for uri in targets)]


async def _live(device: Management, told: Told) -> None:
    """From wherever the device is to the end of its enrolment."""
    server = told.server
    device.user = ADELE
    done = int(device.tree.read(policy("Start", "Device")) or 0)
    for number in range(done + 1, SESSIONS + 1):
        server.packages.clear()
        server.packages.append(_package(number))
        await device.sync()
        server.packages.clear()
        told.require(device)
    skip = FirstSync.SKIP_DEVICE_STATUS_PAGE.put(provider(PROVIDER), False)
    device.tree.put(skip.uri, skip.text, skip.format)
    assert device.page("device", timedelta(hours=3)).outcome is Outcome.TIMED_OUT
    device.begin_pages()
    assert device.page("device", timedelta(0)).outcome is Outcome.WORKING
    server.packages.append([unenroll(PROVIDER)])
    await device.sync()


def _play(disk: MemoryDisk, cut: tuple[Moment, int] | None, quirks: frozenset[Quirk]) -> Told:
    pending = cut

    def probe(moment: Moment, number: int) -> None:
        nonlocal pending
        if pending == (moment, number):
            pending = None
            raise PowerCut

    disk.probe = probe

    async def main() -> Told:
        server = ScriptedServer()
        given = parts(server, VirtualClock(asyncio.get_running_loop(), START), disk=disk, quirks=quirks)
        told = Told(server)
        server.on_message = told.hear
        ended = False
        while not ended:
            try:
                ended = await _one_start(given, told)
            except PowerCut:
                disk.power_cut()
        return told

    return run(main())


async def _one_start(given: Parts, told: Told) -> bool:
    """One start of the machine; whether its enrolment is over."""
    device = Management.restored(given)
    if device is None and told.server.messages:
        return True
    if device is None:
        device = enrolled(given)
    else:
        told.require(device)
    await _live(device, told)
    return True


@pytest.mark.parametrize("quirks", [frozenset[Quirk](), ALL], ids=["plain", "all quirks"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_the_server_was_told_outlives_a_power_cut_at_any_write(
    moment: Moment, quirks: frozenset[Quirk]
) -> None:
    undisturbed = MemoryDisk()
    _play(undisturbed, None, quirks)
    assert undisturbed.writes > 10
    for number in range(1, undisturbed.writes + 1):
        disk = MemoryDisk()
        told = _play(disk, (moment, number), quirks)
        assert disk.names() == [], f"write {number}: an enrolment that ended leaves nothing behind"
        assert told.left or number >= undisturbed.writes - LAST_WRITES, "it is told once, and best effort"
