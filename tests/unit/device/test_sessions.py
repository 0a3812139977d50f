"""Sessions: large objects both ways, packages of several messages, credentials, ends of all kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from reseal.device.csp.dmclient import account_node
from reseal.device.dm.session import LARGE
from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.transport import Failure
from reseal.kernel.clock import VirtualClock
from reseal.kernel.simulation.loop import run
from reseal.wire.csp import Enrollment, LocURI, provider
from reseal.wire.syncml import (
    Alert,
    AuthType,
    Format,
    Item,
    Message,
    Meta,
    NodeCommand,
    Replace,
    Results,
    Sequence,
    Status,
    SyncHdr,
    add,
    chunks,
    delete,
    execute,
    get,
    header_status,
    numbered,
    replace,
    write_message,
)
from tests.support.scripted_server import ADDRESS, MACHINE, PROVIDER, ScriptedServer, enrolled, parts

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CAMERA = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
BIG = "./Device/Vendor/MSFT/Policy/Config/Start/StartLayout"
CHR = Meta(format=Format.CHR)

Story = Callable[[Management, ScriptedServer, Parts], Awaitable[None]]


def play(story: Story, *quirks: Quirk) -> None:
    async def main() -> None:
        server = ScriptedServer()
        given = parts(server, VirtualClock(asyncio.get_running_loop(), START), quirks=quirks)
        await story(enrolled(given), server, given)

    run(main())


def canned(msg_id: int, *commands: NodeCommand | Alert, final: bool = True, status: int = 200) -> bytes:
    """A reply to message `msg_id` of the first session, written by hand."""
    header = SyncHdr(session_id="1", msg_id=msg_id, target=MACHINE.device_id, source=ADDRESS)
    said = numbered([header_status(header, status), *commands])
    return write_message(Message(header=header, commands=said, final=final))


def codes(message: Message) -> list[int]:
    return [command.code for command in message.commands if isinstance(command, Status)]


def alert_codes(message: Message) -> list[int]:
    return [command.code for command in message.commands if isinstance(command, Alert)]


# --- large objects ------------------------------------------------------------------------------------------


def test_a_value_in_chunks_is_put_together_chunk_by_chunk() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        text = "<layout>" * 3000
        pieces = chunks(replace(BIG, text, CHR), 9000)
        assert len(pieces) == 3
        for number, piece in enumerate(pieces, 1):
            server.canned.append(canned(number, piece, final=number == len(pieces)))
        assert await device.sync()
        assert [codes(message) for message in server.messages[1:]] == [[200, 213], [200, 213], [200, 200]]
        assert [alert_codes(message) for message in server.messages[1:]] == [[1222], [1222], []]
        assert device.tree.read(LocURI.parse(BIG)) == text

    play(story)


def test_chunks_that_are_not_as_long_as_announced_get_424() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        first, last = chunks(replace(BIG, "x" * 100, CHR), 60)
        server.canned += [canned(1, first, final=False), canned(2, replace(BIG, last.item.text[:-1], CHR))]
        assert await device.sync()
        assert codes(server.messages[2])[1:] == [424]
        assert not device.tree.has(LocURI.parse(BIG))

    play(story)


def test_an_object_without_end_is_asked_for_with_1225() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        first, _ = chunks(replace(BIG, "x" * 100, CHR), 60)
        server.canned += [canned(1, first, final=False), canned(2, get("./DevInfo/Man"))]
        await device.sync()
        assert 1225 in alert_codes(server.messages[2])

    play(story)


def test_a_value_too_large_for_one_message_goes_out_in_several() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        text = "ö" * LARGE
        server.packages += [[replace(BIG, text, CHR)], [get("./DevInfo/Man"), get(BIG), get("./DevInfo/Mod")]]
        assert await device.sync()
        results = [
            (message.header.msg_id, command)
            for message in server.messages
            for command in message.commands
            if isinstance(command, Results)
        ]
        parts_of_it = [command.item.text for _, command in results if command.item.source == BIG]
        assert "".join(parts_of_it) == text
        assert len(parts_of_it) == 2
        sources = [command.item.source for _, command in results]
        assert (sources[0], sources[-1]) == ("./DevInfo/Man", "./DevInfo/Mod")
        assert [message.final for message in server.messages[-2:]] == [False, True]
        assert all(command.msg_ref == 2 for _, command in results)

    play(story)


# --- packages -----------------------------------------------------------------------------------------------


def test_several_items_in_one_command_are_answered_one_by_one_where_they_differ() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        items = (Item(target=CAMERA, meta=Meta(format=Format.INT), data="1"), Item(target="./DevInfo/Man"))
        server.packages.append([Replace(items=items)])
        await device.sync()
        found = [command for command in server.messages[1].commands if isinstance(command, Status)]
        assert [(status.target_ref, status.code) for status in found[1:]] == [
            (CAMERA, 200),
            ("./DevInfo/Man", 405),
        ]

    play(story)


def test_a_sequence_is_carried_out_in_its_order() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.packages.append([Sequence(commands=(add(CAMERA, "1"), delete(CAMERA), get(CAMERA)))])
        await device.sync()
        assert server.codes() == [200, 200, 200, 404]

    play(story)


def test_a_reply_that_asks_for_more_of_nothing_is_answered() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.canned.append(canned(1, Alert(code=1222)))
        assert await device.sync()
        assert [len(message.commands) for message in server.messages] == [3, 1]

    play(story)


# --- ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        canned(1, Alert(code=1223), add(CAMERA, "1")),
        canned(1, add(CAMERA, "1"), status=403),
        b"<html>no</html>",
        b"not XML",
    ],
    ids=["aborted", "refused", "not SyncML", "not XML"],
)
def test_a_session_that_the_server_breaks_off_changes_nothing(reply: bytes) -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.canned.append(reply)
        assert not await device.sync()
        assert len(server.messages) == 1
        assert not device.tree.has(LocURI.parse(CAMERA))
        assert await device.sync(), "the next one is another session"
        assert [message.header.session_id for message in server.messages] == ["1", "2"]

    play(story)


def test_a_lost_answer_is_asked_for_with_the_same_bytes_and_nothing_is_done_twice() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.packages.append([add(CAMERA, "1")])
        server.trouble += [None, Failure.CUT]
        assert await device.sync()
        assert server.codes() == [200]
        bodies = [request.body for request in server.requests]
        assert bodies[1] == bodies[2]

    play(story)


# --- credentials --------------------------------------------------------------------------------------------


def test_a_challenge_is_answered_with_a_digest_and_remembered_for_the_next_session() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.nonce = b"\0\1 raw nonce"
        server.packages.append([add(CAMERA, "1")])
        assert await device.sync()
        assert server.codes() == [200]
        assert [bool(message.header.cred) for message in server.messages] == [False, True, True]
        assert [message.header.source_name for message in server.messages] == ["", "dev-0001", "dev-0001"]
        restored = Management.restored(given)
        assert restored is not None
        assert await restored.sync()
        assert server.messages[-1].header.msg_id == 1, "no challenge was needed"
        server.nonce = b"another"
        assert await restored.sync()
        assert server.codes() == [200]

    play(story)


def test_wrong_credentials_are_not_tried_for_ever() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.nonce = b"nonce"
        place = account_node(PROVIDER).under(("AppAuth", "CLCRED"))
        device.tree.put(place / "AAuthSecret", "wrong", Format.CHR)
        assert not await device.sync()
        assert len(server.messages) == 3

    play(story)


def test_new_credentials_from_the_server_count_from_the_next_session_on() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        place = account_node(PROVIDER).under(("AppAuth", "CLCRED"))
        server.packages.append([replace(str(place / "AAuthName"), "dev-0002", CHR)])
        assert await device.sync()
        server.nonce = b"nonce"
        assert await device.sync()
        last = server.messages[-1].header
        assert last.source_name == "dev-0002"
        assert last.cred is not None
        assert last.cred.type == AuthType.MD5

    play(story)


# --- where to -----------------------------------------------------------------------------------------------


def test_the_server_may_move_the_device_to_another_address() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        base = provider(PROVIDER)
        moved = "<https://new.contoso.test/mdm><https://old.contoso.test/mdm>"
        server.packages.append([Enrollment.MANAGEMENT_SERVICE_ADDRESS.put(base, moved).replace()])
        await device.sync()
        await device.sync()
        assert server.requests[-1].url == "https://new.contoso.test/mdm"

    play(story)


def test_a_restart_that_the_server_wants_and_a_name_for_it() -> None:
    async def story(device: Management, server: ScriptedServer, given: Parts) -> None:
        server.packages.append(
            [
                replace("./DevDetail/Ext/Microsoft/DNSComputerName", "LAPTOP-7", CHR),
                execute("./Device/Vendor/MSFT/Reboot/RebootNow"),
            ]
        )
        await device.sync()
        assert server.codes() == [200, 200]
        assert (device.reboot_requested, device.pending_name) == (True, "LAPTOP-7")
        restarted = Management.restored(given)
        assert restarted is not None
        assert (restarted.reboot_requested, restarted.pending_name) == (False, None)
        name = restarted.tree.read(LocURI.parse("./DevDetail/Ext/Microsoft/DeviceName"))
        assert name == "LAPTOP-7"

    play(story)
