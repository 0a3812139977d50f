"""Installing packages: statuses, retries, the journal, and power cuts at every write."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from reseal.device.disk import Disk, MemoryDisk
from reseal.device.download import HASH_MISMATCH
from reseal.device.hints import Hints, PlainHints
from reseal.device.installer import PARKED, TIMED_OUT, signed
from reseal.device.journal import Journal, read_journal
from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.transport import Failure
from reseal.kernel.clock import VirtualClock
from reseal.kernel.simulation.loop import run
from reseal.wire.csp import LocURI, Msi, MsiInstallJob, Scope, install_commands, msi, uninstall_command
from reseal.wire.syncml import Alert, AlertType, Command, Delete, LoginStatus, Message, add, execute
from tests.support.scripted_server import ScriptedServer, enrolled, parts

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CODE = "{11111111-2222-3333-4444-555555555555}"
OTHER = "{99999999-2222-3333-4444-555555555555}"
URL = "https://mdm.contoso.test/content/agent.msi"
SECOND_URL = "https://mirror.contoso.test/agent.msi"
CONTENT = bytes(range(256)) * 64
ADELE = "adele@contoso.test"

Story = Callable[[Parts, ScriptedServer], Awaitable[None]]


def play(story: Story, *quirks: Quirk, hints: Hints | None = None) -> None:
    """Run a story with a device and a server that has the file."""

    async def main() -> None:
        server = ScriptedServer(files={URL: CONTENT})
        clock = VirtualClock(asyncio.get_running_loop(), START)
        await story(parts(server, clock, quirks=quirks, hints=hints), server)

    run(main())


def job(version: str = "1.0.0", *, code: str = CODE, **more: object) -> MsiInstallJob:
    plain = {"urls": (URL,), "sha256": hashlib.sha256(CONTENT).hexdigest(), "retry_interval": MINUTE}
    return MsiInstallJob(product_code=code, version=version, **(plain | more))  # type: ignore[arg-type]


def status(device: Management, code: str = CODE, scope: Scope = Scope.DEVICE) -> int | None:
    found = device.tree.value(Msi.STATUS, msi(code, scope))
    return found if isinstance(found, int) else None


def last_error(device: Management) -> object:
    return device.tree.value(Msi.LAST_ERROR, msi(CODE))


async def run_for(device: Management, span: timedelta) -> None:
    """Let a device live for a while; what it raises is raised."""
    running = asyncio.create_task(device.run())
    await device.tree.clock.sleep(span)
    if running.done():
        await running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def steps(disk: Disk) -> list[tuple[str, str]]:
    return [(entry.step, entry.product.version) for entry in read_journal(disk)]


# --- the way of a job ---------------------------------------------------------------------------------------


def test_a_package_is_fetched_checked_installed_and_told() -> None:
    seen: list[object] = []

    async def story(given: Parts, server: ScriptedServer) -> None:
        def tell(what: str, about: dict[str, object]) -> None:
            if what == "install.status":
                seen.append(about["status"])

        device = enrolled(replace(given, tell=tell))
        server.packages.append(install_commands(job()))
        await run_for(device, timedelta(seconds=90))
        assert server.codes() == [200, 202]
        assert seen == [20, 40, 50, 70]
        assert (status(device), last_error(device)) == (70, 0)
        assert given.disk.read(f"programs/{CODE}") == CONTENT
        assert [name for name in given.disk.names() if name.startswith(("downloads/", "rollback/"))] == []
        (download,) = [request for request in server.requests if request.method == "GET"]
        assert download.identity is None, "Windows shows no certificate there"
        (told,) = [alert for message in server.messages for alert in _news(message)]
        assert (told.item.source, told.item.text) == (str(Msi.DOWNLOAD_INSTALL.at(msi(CODE))), "0")

    play(story)


def _news(message: Message) -> list[Alert]:
    found = [command for command in message.commands if isinstance(command, Alert)]
    return [alert for alert in found if alert.type is AlertType.MSI_INSTALLED]


def test_exec_before_add_gets_404_and_a_job_for_another_product_500() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        made, run_it = install_commands(job())
        _, another = install_commands(job(code=OTHER))
        node = str(Msi.DOWNLOAD_INSTALL.at(msi(CODE)))
        server.packages.append([run_it, add(node), execute(node, another.item.data), run_it])
        await device.sync()
        assert server.codes() == [404, 200, 500, 202]
        assert made.target == node

    play(story)


def test_a_file_with_another_digest_is_not_installed() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.files[URL] = b"\1" + CONTENT[1:]
        server.packages.append(install_commands(job()))
        await run_for(device, MINUTE * 2)
        assert (status(device), last_error(device)) == (30, signed(HASH_MISMATCH))
        assert steps(given.disk) == []
        (told,) = [alert for message in server.messages for alert in _news(message)]
        assert int(told.item.text) & 0xFFFFFFFF == HASH_MISMATCH

    play(story)


def test_a_mirror_helps_where_the_first_address_fails() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.files = {URL: b"something else", SECOND_URL: CONTENT}
        server.packages.append(install_commands(job(urls=(URL, SECOND_URL))))
        await run_for(device, MINUTE)
        assert status(device) == 70

    play(story)


def test_a_cut_download_goes_on_where_it_was() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.cut_files_after += [5000, 3000]
        server.packages.append(install_commands(job()))
        await run_for(device, MINUTE)
        assert status(device) == 70
        ranges = [
            dict(request.headers).get("Range") for request in server.requests if request.method == "GET"
        ]
        assert ranges == [None, "bytes=5000-", "bytes=8000-"]

    play(story)


def test_a_file_that_changed_between_two_pieces_is_fetched_anew() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        given.disk.append(f"downloads/{CODE}", b"a piece of an older file")
        given.disk.sync(f"downloads/{CODE}")
        server.packages.append(install_commands(job()))
        await run_for(device, MINUTE)
        assert status(device) == 70

    play(story)


@pytest.mark.parametrize("retries", [0, 2])
def test_downloads_are_tried_again_as_the_job_says(retries: int) -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.files.clear()
        server.packages.append(install_commands(job(retry_count=retries)))
        await run_for(device, timedelta(seconds=10))
        assert status(device) == (25 if retries else 30)
        await run_for(device, MINUTE * (retries + 1))
        assert (status(device), last_error(device)) == (30, signed(0x80190194))
        assert len([request for request in server.requests if request.method == "GET"]) == 1 + retries

    play(story)


def test_a_failing_installation_is_tried_again_and_rolled_back_each_time() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append(install_commands(job(retry_count=1)))
        await run_for(device, MINUTE * 4)
        assert (status(device), last_error(device)) == (60, signed(0x80070643))
        assert steps(given.disk) == [("begin", "1.0.0"), ("rollback", "1.0.0")] * 2
        assert given.disk.read(f"programs/{CODE}") is None

    play(story, hints=PlainHints(failures={CODE: 0x80070643}))


def test_an_installation_that_takes_longer_than_the_job_allows_fails() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append(install_commands(job(timeout=MINUTE * 5, retry_count=0)))
        await run_for(device, MINUTE * 4)
        assert status(device) == 50
        await run_for(device, MINUTE * 6)
        assert (status(device), last_error(device)) == (60, signed(TIMED_OUT))

    play(story, hints=PlainHints(time=MINUTE * 30))


def test_one_package_at_a_time() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append([*install_commands(job()), *install_commands(job(code=OTHER))])
        seen: list[tuple[int | None, int | None]] = []
        server.on_message = lambda _message: seen.append((status(device), status(device, OTHER)))
        await run_for(device, MINUTE * 3.5)
        assert seen[-3:] == [(50, 10), (70, 50), (70, 70)]

    play(story, hints=PlainHints(time=MINUTE * 1.2))


def test_what_a_user_shall_have_waits_for_the_user() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        device.user = ADELE
        server.packages.append(install_commands(job(), Scope.USER))
        await device.sync()
        device.user = None
        await run_for(device, MINUTE)
        device.user, device.login = ADELE, LoginStatus.USER
        assert status(device, scope=Scope.USER) == 48
        await run_for(device, MINUTE)
        assert status(device, scope=Scope.USER) == 70
        assert given.disk.read(f"programs/{CODE}@{ADELE}") == CONTENT

    play(story)


# --- again, newer, gone -------------------------------------------------------------------------------------


def test_the_same_package_again_is_done_at_once_also_after_a_new_enrolment() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append(install_commands(job()))
        await run_for(device, MINUTE)
        device.forget()
        device = enrolled(given)
        server.packages.append(install_commands(job()))
        await device.sync()
        assert status(device) == 70
        assert steps(given.disk) == [("begin", "1.0.0"), ("end", "1.0.0")]

    play(story)


def test_a_newer_version_replaces_the_older_and_a_failing_one_brings_it_back() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        newer, broken = b"version 2", b"version 3"
        device = enrolled(given)
        for version, content in (("1.0.0", CONTENT), ("2.0.0", newer)):
            server.files[URL] = content
            digest = hashlib.sha256(content).hexdigest()
            server.packages.append(install_commands(job(version, sha256=digest)))
            await run_for(device, MINUTE)
        assert given.disk.read(f"programs/{CODE}") == newer
        server.files[URL] = broken
        digest = hashlib.sha256(broken).hexdigest()
        limit = {"timeout": MINUTE, "retry_count": 0}
        server.packages.append(install_commands(job("3.0.0", sha256=digest, **limit)))
        device = _restored(replace(given, hints=PlainHints(time=MINUTE * 2)))
        await run_for(device, MINUTE * 3)
        assert status(device) == 60
        assert given.disk.read(f"programs/{CODE}") == newer
        assert [step for step in steps(given.disk) if step[0] == "end"] == [
            ("end", "1.0.0"),
            ("end", "2.0.0"),
        ]

    play(story)


def _restored(given: Parts) -> Management:
    device = Management.restored(given)
    assert device is not None
    return device


def test_delete_removes_the_product_its_files_and_its_node() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append(install_commands(job()))
        await run_for(device, MINUTE)
        server.packages.append([uninstall_command(CODE)])
        await device.sync()
        assert server.codes()[-1] == 200
        assert given.disk.read(f"programs/{CODE}") is None
        assert not device.tree.has(msi(CODE))

    play(story)


def test_delete_stops_an_installation_that_is_under_way() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages += [install_commands(job()), [], [uninstall_command(CODE)]]
        await run_for(device, MINUTE * 10)
        assert steps(given.disk) == [("begin", "1.0.0"), ("rollback", "1.0.0")]
        assert not device.tree.has(msi(CODE))

    play(story, hints=PlainHints(time=MINUTE * 5))


def test_delete_of_a_product_that_is_being_upgraded_leaves_nothing_of_it() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append(install_commands(job()))
        await run_for(device, MINUTE * 6)
        server.packages += [install_commands(job("2.0.0")), [], [uninstall_command(CODE)]]
        await run_for(device, MINUTE * 10)
        assert server.codes()[-1] == 200
        assert steps(given.disk)[2:] == [("begin", "2.0.0"), ("remove", "1.0.0"), ("rollback", "2.0.0")]
        assert given.disk.names("programs/") == given.disk.names("rollback/") == []
        server.packages.append(install_commands(job()))
        await run_for(_restored(given), MINUTE * 6)
        assert given.disk.read(f"programs/{CODE}") == CONTENT, "what is gone can be installed anew"

    play(story, hints=PlainHints(time=MINUTE * 5))


def test_with_its_quirk_the_first_installation_parks_until_it_is_executed_again() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append([*install_commands(job()), *install_commands(job(code=OTHER))])
        await run_for(device, MINUTE * 3)
        assert (status(device), last_error(device)) == (10, signed(PARKED))
        assert status(device, OTHER) == 70, "others are not held up"
        _, again = install_commands(job(urls=(URL + "?sig=new",)))
        server.files[URL + "?sig=new"] = CONTENT
        server.packages.append([again])
        await run_for(device, MINUTE * 2)
        assert (status(device), last_error(device)) == (70, 0)

    play(story, Quirk.PARKED_INSTALL)


# --- power cuts ---------------------------------------------------------------------------------------------


class PowerCut(Exception):
    """The power failed."""


POLICY = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"


class Insistent:
    """A server that sends what was not acknowledged and asks for the status of what was."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.installed = False
        self.acknowledged: set[str] = set()
        server.on_message = self.hear

    def hear(self, message: Message) -> None:
        for command, code in self.server.statuses():
            if code in {200, 202, 418}:
                self.acknowledged.add(type(command).__name__)
        if message.header.msg_id == 1:
            wanted = [command for command in install_commands(job()) if not self._has(command)]
            self.server.packages.clear()
            self.server.packages.append(wanted)

    def _has(self, command: object) -> bool:
        return type(command).__name__ in self.acknowledged


def writes_of_an_undisturbed_run() -> int:
    disk = MemoryDisk()
    _live(disk, None)
    return disk.writes


def _live(disk: MemoryDisk, cut: tuple[Literal["before", "after"], int] | None) -> tuple[int, Insistent]:
    """A device from enrolment to the installed app, with one power cut; how often it was started."""
    pending = cut

    def probe(moment: Literal["before", "after"], number: int) -> None:
        nonlocal pending
        if pending == (moment, number):
            pending = None
            raise PowerCut

    disk.probe = probe
    starts = 0

    async def main() -> Insistent:
        nonlocal starts
        server = ScriptedServer(files={URL: CONTENT})
        server.cut_files_after.append(5000)
        insistent = Insistent(server)
        clock = VirtualClock(asyncio.get_running_loop(), START)
        given = parts(server, clock, disk=disk)
        while True:
            starts += 1
            try:
                device = Management.restored(given) or enrolled(given)
                await run_for(device, MINUTE * 5)
                assert status(device) == 70
            except PowerCut:
                disk.power_cut()
            else:
                return insistent

    insistent = run(main())
    return starts, insistent


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_power_cut_at_any_write_costs_nothing_but_time(moment: Literal["before", "after"]) -> None:
    for number in range(1, writes_of_an_undisturbed_run() + 1):
        disk = MemoryDisk()
        starts, server = _live(disk, (moment, number))
        assert starts == 2, number
        done = [step for step in steps(disk) if step[0] == "end"]
        assert done == [("end", "1.0.0")], (number, steps(disk))
        assert disk.read(f"programs/{CODE}") == CONTENT
        assert server.acknowledged >= {"Add", "Exec"}


class Undecided:
    """A server that wants one version, then a newer one, and from a line of the journal on neither."""

    def __init__(self, server: ScriptedServer, disk: Disk, until: tuple[str, str]) -> None:
        self.server = server
        self.disk = disk
        self.until = until
        self.deleted = False
        """The device said that the product is gone."""
        server.on_message = self.hear

    def hear(self, message: Message) -> None:
        for command, code in self.server.statuses():
            self.deleted = self.deleted or (isinstance(command, Delete) and code in {200, 404})
        if message.header.msg_id == 1:
            self.server.packages.clear()
            self.server.packages.append([] if self.deleted else self._wanted())

    def _wanted(self) -> list[Command]:
        done = steps(self.disk)
        if self.until in done:
            return [uninstall_command(CODE)]
        return [*install_commands(job("2.0.0" if ("end", "1.0.0") in done else "1.0.0"))]


def _delete(
    disk: MemoryDisk, until: tuple[str, str], cut: tuple[Literal["before", "after"], int] | None
) -> int:
    """A device from enrolment to the deleted app, with one power cut; how often it was started."""
    pending = cut

    def probe(moment: Literal["before", "after"], number: int) -> None:
        nonlocal pending
        if pending == (moment, number):
            pending = None
            raise PowerCut

    disk.probe = probe
    starts = 0

    async def main() -> None:
        nonlocal starts
        server = ScriptedServer(files={URL: CONTENT})
        undecided = Undecided(server, disk, until)
        clock = VirtualClock(asyncio.get_running_loop(), START)
        given = parts(server, clock, disk=disk, hints=PlainHints(time=MINUTE * 3.7))
        while True:
            starts += 1
            try:
                device = Management.restored(given) or enrolled(given)
                await run_for(device, MINUTE * 11)
                assert undecided.deleted
                assert not device.tree.has(msi(CODE))
            except PowerCut:
                disk.power_cut()
            else:
                return

    run(main())
    return starts


@pytest.mark.parametrize("until", [("end", "1.0.0"), ("begin", "2.0.0")], ids=["installed", "upgrading"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_was_deleted_is_gone_after_a_power_cut_at_any_write(
    moment: Literal["before", "after"], until: tuple[str, str]
) -> None:
    undisturbed = MemoryDisk()
    assert _delete(undisturbed, until, None) == 1
    assert ("remove", "1.0.0") in steps(undisturbed)
    for number in range(1, undisturbed.writes + 1):
        disk = MemoryDisk()
        assert _delete(disk, until, (moment, number)) == 2, number
        assert disk.names("programs/") == disk.names("rollback/") == [], (number, steps(disk))
        assert Journal(disk).installed("", CODE) is None, (number, steps(disk))


def test_what_was_acknowledged_before_a_power_cut_is_there_after_it() -> None:
    async def main() -> None:
        server = ScriptedServer(files={URL: CONTENT})
        disk = MemoryDisk()
        given = parts(server, VirtualClock(asyncio.get_running_loop(), START), disk=disk)
        device = enrolled(given)
        server.packages.append([add(POLICY, "0"), *install_commands(job())])
        await device.sync()
        disk.power_cut()
        device = _restored(given)
        assert device.tree.read(LocURI.parse(POLICY)) == "0"
        await run_for(device, MINUTE)
        assert status(device) == 70
        ids = {session[0].header.session_id for session in server.sessions()}
        assert len(ids) == len(server.sessions()), "a session after the cut has an id of its own"

    run(main())


def test_a_download_that_fails_for_want_of_a_network_tells_so() -> None:
    async def story(given: Parts, server: ScriptedServer) -> None:
        device = enrolled(given)
        server.packages.append(install_commands(job(retry_count=0)))
        await device.sync()
        server.trouble.append(Failure.NO_NETWORK)
        await run_for(device, timedelta(seconds=30))
        assert status(device) == 30
        assert last_error(device) == signed(0x80072EE7)

    play(story)
