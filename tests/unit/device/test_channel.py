"""The device's end of the runtime channel: refusals, and reports that outlast what happens to them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from reseal.device.channel import Channel, Refused, ReportBook
from reseal.device.disk import MemoryDisk
from reseal.device.errors import NetworkFailed, SetupFailed
from reseal.device.http import Http
from reseal.device.transport import Failure, Request, TransportError
from reseal.kernel.clock import VirtualClock
from reseal.wire.runtime.blockers import BlockerKind
from reseal.wire.runtime.messages import (
    Blocker,
    ProfileAnswer,
    ProfileRequest,
    Refusal,
    RefusalAnswer,
    ReportKind,
    Reports,
    ReportsTaken,
    Standing,
    decode,
    encode,
)
from tests.unit.device.laptops import simulated
from tests.unit.device.organisation import HOST, Answer

BASE = f"{HOST}/runtime/v1"
REFUSED = encode(RefusalAnswer(error=Refusal(code="0x801C03EA", name="Tpm", message="No.", remedy="Yes.")))


@dataclass
class Server:
    """Takes reports, or does what is scripted for the requests to come."""

    script: deque[Answer | Failure | None] = field(default_factory=deque)
    asked: list[Request] = field(default_factory=list)
    taken: list[tuple[str, int]] = field(default_factory=list)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[Answer]:
        self.asked.append(request)
        if self.script:
            answer = self.script.popleft()
            if answer is None:
                await asyncio.get_running_loop().create_future()
            if isinstance(answer, Failure):
                raise TransportError(answer, "by script")
            assert answer is not None
            yield answer
            return
        run = dict(request.headers)["Authorization"].removeprefix("Bearer ")
        sent = decode(request.body, Reports).reports
        self.taken += [(run, report.number) for report in sent]
        yield Answer(200, encode(ReportsTaken(up_to=sent[-1].number)))


def test_a_refusal_says_why() -> None:
    async def main(clock: VirtualClock) -> None:
        channel = Channel(Http(Server(deque([Answer(403, REFUSED)])), clock), BASE)
        with pytest.raises(Refused) as raised:
            await channel.profile(ProfileRequest(hardware_hash="T0E="), identity=None)
        error = raised.value
        assert (error.code, error.name, error.message, error.remedy) == ("0x801C03EA", "Tpm", "No.", "Yes.")
        assert error.http_status == 403

    simulated(main)


@pytest.mark.parametrize(
    "answer", [Answer(200, b"no JSON"), Answer(500, b"oops"), Answer(200, b'{"standing":1}')]
)
def test_an_answer_nobody_can_read_is_an_error_and_no_crash(answer: Answer) -> None:
    async def main(clock: VirtualClock) -> None:
        channel = Channel(Http(Server(deque([answer])), clock), BASE)
        with pytest.raises(SetupFailed) as raised:
            await channel.profile(ProfileRequest(hardware_hash="T0E="), identity=None)
        assert raised.value.code == "0x80004005"

    simulated(main)


def test_a_profile_and_a_blocker_are_read() -> None:
    async def main(clock: VirtualClock) -> None:
        blocker = Blocker(kind=BlockerKind.ITEM, text="waiting", state="technicianSetup")
        answers = [
            Answer(200, encode(ProfileAnswer(standing=Standing.UNREGISTERED))),
            Answer(200, encode(blocker)),
        ]
        server = Server(deque(answers))
        channel = Channel(Http(server, clock), BASE)
        answer = await channel.profile(ProfileRequest(hardware_hash="T0E="), identity=None)
        assert answer.standing is Standing.UNREGISTERED
        assert await channel.blocker("run-1") == blocker
        assert ("Authorization", "Bearer run-1") in server.asked[-1].headers

    simulated(main)


def test_no_network_is_told_apart() -> None:
    async def main(clock: VirtualClock) -> None:
        server = Server(deque([Failure.REFUSED] * 6))
        channel = Channel(Http(server, clock), BASE)
        with pytest.raises(NetworkFailed) as raised:
            await channel.profile(ProfileRequest(hardware_hash="T0E="), identity=None)
        assert raised.value.code == "0x80072EFD"

    simulated(main)


# --- reports ------------------------------------------------------------------------------------------------


def book(server: Server, clock: VirtualClock, disk: MemoryDisk, *, enabled: bool = True) -> ReportBook:
    return ReportBook(Channel(Http(server, clock), BASE), clock, disk, enabled=enabled)


def test_reports_are_sent_once_and_numbered_by_run() -> None:
    async def main(clock: VirtualClock) -> None:
        server, disk = Server(), MemoryDisk()
        reports = book(server, clock, disk)
        reports.write(ReportKind.DESKTOP)  # before there is a run
        await reports.open_run("one")
        reports.write(ReportKind.PAGE_SHOWN, screen="region")
        reports.write(ReportKind.PAGE_SHOWN, screen="network")
        assert await reports.send()
        assert await reports.send()
        await reports.open_run("one")
        reports.write(ReportKind.RESEALED)
        await reports.open_run("two")
        reports.write(ReportKind.DESKTOP)
        await reports.send()
        assert server.taken == [("one", 1), ("one", 2), ("one", 3), ("two", 1)]

    simulated(main)


def test_what_was_not_taken_outlasts_a_power_cut() -> None:
    async def main(clock: VirtualClock) -> None:
        server, disk = Server(deque([Failure.CUT])), MemoryDisk()
        reports = book(server, clock, disk)
        await reports.open_run("one")
        reports.write(ReportKind.RESEALED)
        assert not await reports.send()
        disk.power_cut()
        again = book(server, clock, disk)
        again.write(ReportKind.PAGE_SHOWN)
        assert await again.send()
        assert server.taken == [("one", 1), ("one", 2)]

    simulated(main)


def test_reports_hold_nobody_up() -> None:
    async def main(clock: VirtualClock) -> None:
        server = Server(deque([None, Answer(401, REFUSED)]))
        reports = book(server, clock, MemoryDisk())
        await reports.open_run("one")
        reports.write(ReportKind.PAGE_SHOWN)
        assert not await reports.send()
        assert clock.monotonic() == timedelta(seconds=5)
        assert await reports.send(), "a run that is over wants no more"
        assert len(server.asked) == 2

    simulated(main)


@pytest.mark.parametrize("status", [429, 500, 503, 507])
def test_a_server_that_cannot_take_reports_now_gets_them_later(status: int) -> None:
    async def main(clock: VirtualClock) -> None:
        server = Server(deque([Answer(status, REFUSED)]))
        reports = book(server, clock, MemoryDisk())
        await reports.open_run("one")
        reports.write(ReportKind.RESEALED)
        assert not await reports.send()
        assert await reports.send()
        assert server.taken == [("one", 1)]

    simulated(main)


@pytest.mark.parametrize("status", [400, 401, 409, 413])
def test_reports_that_the_server_declines_are_not_sent_again(status: int) -> None:
    async def main(clock: VirtualClock) -> None:
        server = Server(deque([Answer(status, REFUSED)]))
        reports = book(server, clock, MemoryDisk())
        await reports.open_run("one")
        reports.write(ReportKind.RESEALED)
        assert await reports.send()
        assert await reports.send()
        assert (len(server.asked), server.taken) == (1, [])

    simulated(main)


def test_reports_can_be_switched_off() -> None:
    async def main(clock: VirtualClock) -> None:
        server, disk = Server(), MemoryDisk()
        reports = book(server, clock, disk, enabled=False)
        await reports.open_run("one")
        reports.write(ReportKind.DESKTOP)
        assert await reports.send()
        assert (server.asked, disk.writes) == ([], 0)

    simulated(main)


def test_a_device_that_is_never_heard_keeps_a_bounded_number() -> None:
    async def main(clock: VirtualClock) -> None:
        server, disk = Server(), MemoryDisk()
        reports = book(server, clock, disk)
        await reports.open_run("one")
        for _ in range(300):
            reports.write(ReportKind.PAGE_SHOWN)
        await reports.send()
        assert [number for _, number in server.taken] == list(range(101, 301))

    simulated(main)
