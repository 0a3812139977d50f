"""The verdict reads back: whatever is taken from a device after a run that arrived, or told otherwise by the
server, is named. One run of Diego's laptop stands for all; each test spoils one thing in a copy of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reseal.catalog.model import AppBody
from reseal.device import memory
from reseal.device.csp.tree import Stored
from reseal.device.disk import MemoryDisk
from reseal.device.journal import NAME as JOURNAL
from reseal.device.journal import Entry, read_journal
from reseal.esp.model_phase import PhaseStatus
from reseal.kernel.clock import Clock
from reseal.managed.model import ItemState
from reseal.rehearsal.evidence import Evidence
from reseal.rehearsal.player import Player
from reseal.rehearsal.record import all_events
from reseal.rehearsal.standing import Standing, standing_of
from reseal.rehearsal.verdict import Case, causes
from reseal.rehearsal.world import World
from tests.simulation.rehearsing import Bench, told

DIEGO = "diego@contoso.example"
LOCK = "MaxInactivityTimeDeviceLock"

Spoil = Callable[[MemoryDisk], None]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Clock]:
    """The run, arrived, as the verdict sees it."""
    made: list[tuple[Case, Clock]] = []

    async def keep(world: World, players: list[Player]) -> None:
        (player,) = players
        server = await world.db.read(standing_of, world.tenant, player.candidate.name)
        assert server is not None
        device = Evidence.of(player.disk, world.clock)
        case = Case(
            expected=player.candidate.plan.expect,
            ended=player.ended,
            message=player.message,
            upn=player.upn,
            device=device,
            server=server,
            log=tuple(await world.db.read(all_events, world.tenant)),
        )
        made.append((case, world.clock))

    found = Bench(tmp_path_factory.mktemp("verdict")).play({"devices": 9}, then=keep)
    assert found.arrived, told(found)
    assert not list(causes(made[0][0]))
    return made[0]


def _copy(disk: Any) -> MemoryDisk:
    copy = MemoryDisk()
    for name in disk.names():
        copy.replace(name, disk.read(name))
    return copy


def _change_nodes(change: Callable[[Stored], Stored | None]) -> Spoil:
    def spoil(disk: MemoryDisk) -> None:
        kept = memory.load(disk)
        assert kept is not None
        kept.nodes = [changed for node in kept.nodes if (changed := change(node)) is not None]
        disk.replace(memory.STATE, memory.encode(kept))

    return spoil


def _set(name: str, text: str) -> Spoil:
    return _change_nodes(lambda node: (*node[:3], text) if node[1][-1] == name else node)


def _without(name: str) -> Spoil:
    return _change_nodes(lambda node: None if node[1][-1] == name else node)


def _without_user(disk: MemoryDisk) -> None:
    _change_nodes(lambda node: None if node[0] == DIEGO else node)(disk)


def _flip_program(disk: MemoryDisk) -> None:
    name = disk.names("programs/")[0]
    content = bytearray(disk.read(name) or b"")
    content[-1] ^= 1
    disk.replace(name, bytes(content))


def _lose_program(disk: MemoryDisk) -> None:
    disk.delete(disk.names("programs/")[0])


def _repeat_journal(disk: MemoryDisk) -> None:
    journal = disk.read(JOURNAL) or b""
    disk.replace(JOURNAL, journal + journal)


def _forget_journal(disk: MemoryDisk) -> None:
    disk.delete(JOURNAL)


def _remove_all(disk: MemoryDisk) -> None:
    """As after Deletes; the files are left out of it."""
    journal = disk.read(JOURNAL) or b""
    gone = [Entry("remove", entry.product) for entry in read_journal(disk) if entry.step == "end"]
    disk.replace(JOURNAL, journal + b"".join(msgspec.json.encode(entry) + b"\n" for entry in gone))


def _install_all_anew(disk: MemoryDisk) -> None:
    journal = disk.read(JOURNAL) or b""
    _remove_all(disk)
    disk.replace(JOURNAL, (disk.read(JOURNAL) or b"") + journal)


def _unenrol(disk: MemoryDisk) -> None:
    memory.forget_enrolment(disk)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (_set(LOCK, "11"), f"Device lock: ./Device/Vendor/MSFT/Policy/Config/DeviceLock/{LOCK} is '11'"),
        (_without(LOCK), f"{LOCK} is not on the device"),
        (_without("HomePages"), f"Start page of {DIEGO}"),
        (_without("EncodedCertificate"), "Contoso root: "),
        (_without("WlanXml"), "Office network: "),
        (_without_user, f"The device has no nodes of {DIEGO}"),
        (_flip_program, "its files have SHA-256"),
        (_lose_program, "its files are not on the device"),
        (_repeat_journal, "was installed 2 times"),
        (_forget_journal, "was never installed to its end"),
        (_remove_all, "was never installed to its end"),
        (_unenrol, "The device is not under management"),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else None,
)
def test_what_is_missing_on_the_device_is_named(
    finished: tuple[Case, Clock], spoil: Spoil, words: str
) -> None:
    case, clock = finished
    disk = _copy(case.device.disk)
    spoil(disk)
    found = list(causes(replace(case, device=Evidence.of(disk, clock))))
    assert [cause for cause in found if words in cause], found


def test_what_was_removed_and_installed_anew_is_there_once(finished: tuple[Case, Clock]) -> None:
    case, clock = finished
    disk = _copy(case.device.disk)
    _install_all_anew(disk)
    assert list(causes(replace(case, device=Evidence.of(disk, clock)))) == []


def _other_package(server: Standing) -> Standing:
    """The package was exchanged after it was installed."""

    def exchanged(body: Any) -> Any:
        return replace(body, sha256="0" * 64) if isinstance(body, AppBody) else body

    shall = [replace(each, item=replace(each.item, body=exchanged(each.item.body))) for each in server.shall]
    return replace(server, shall=tuple(shall))


def _open_item(server: Standing) -> Standing:
    first, *others = server.items
    return replace(server, items=(replace(first, state=ItemState.SENT), *others))


def _unreleased(server: Standing) -> Standing:
    phases = {key: replace(phase, status=PhaseStatus.RELEASING) for key, phase in server.phases.items()}
    return replace(server, phases=phases)


def _gap(server: Standing) -> Standing:
    ((story, blockers),) = server.stories
    late = replace(blockers[3], since=blockers[3].since + timedelta(microseconds=1))
    return replace(server, stories=((story, (*blockers[:3], late, *blockers[4:])),))


@pytest.mark.parametrize(
    "spoil, words",
    [
        (_other_package, "the package 0000"),
        (_open_item, "for the server it is sent"),
        (_unreleased, "The status page of the device is releasing, not released"),
        (_unreleased, f"The status page of {DIEGO} is releasing, not released"),
        (_gap, "Something was not awaited by anybody"),
        (lambda server: replace(server, rows=()), "does not have a row"),
        (lambda server: replace(server, primary="adele@contoso.example"), "Its primary user is adele"),
        (lambda server: replace(server, upns={}, phases={}), f"The server never saw a token of {DIEGO}"),
        (lambda server: replace(server, enrolment=None), "The server does not manage it"),
        (lambda server: replace(server, shall=()), "Nothing at all is assigned"),
        (lambda server: replace(server, stories=(), rows=()), "The server never saw it"),
    ],
)
def test_what_the_server_has_otherwise_is_named(
    finished: tuple[Case, Clock], spoil: Callable[[Standing], Standing], words: str
) -> None:
    case, _ = finished
    found = list(causes(replace(case, server=spoil(case.server))))
    assert [cause for cause in found if words in cause], found


def test_what_the_log_does_not_say_is_named(finished: tuple[Case, Clock]) -> None:
    case, _ = finished
    found = list(causes(replace(case, log=())))
    assert "The log does not say that its enrolment began." in found
    assert "Device lock: the log does not say that it arrived." in found
    assert "The log does not say that it reached the desktop." in found


def test_another_end_than_expected_is_named_with_both(finished: tuple[Case, Clock], tmp_path: Path) -> None:
    case, _ = finished
    other = replace(case, expected=replace(case.expected, code="0x80180005"))
    assert [cause.strip() for cause in causes(other)] == [
        "It ended desktop, expected was desktop 0x80180005."
    ]
