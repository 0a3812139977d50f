"""Sessions as a protocol: who speaks, what is answered, what a package is (spec/mdm-wire.md 6)."""

from __future__ import annotations

import base64
import re

import pytest

from reseal.kernel.db import Tx
from reseal.mdm.sessions.door import PATH
from reseal.mdm.sessions.store import inventory_of
from reseal.wire.syncml import (
    Add,
    Alert,
    Chal,
    Cred,
    Get,
    Item,
    LoginStatus,
    Message,
    Meta,
    Replace,
    Results,
    Status,
    chunks,
    digest_cred,
    get,
    secret_key,
)
from tests.store.managed.world import CAMERA, WIFI, app, policy
from tests.store.mdm.sessions_bench import (
    ADDRESS,
    SECRETS,
    Bench,
    Device,
    addresses_of,
    bench_fixture,
    codes_of,
    commands_of,
    node,
    reactors_fixture,
    reply_of,
)
from tests.support.http import client_of

reactors = reactors_fixture()
bench = bench_fixture()

HASH = "./DevDetail/Ext/DeviceHardwareData"


async def assign(bench: Bench) -> None:
    """Something of each kind for every device."""

    def unit(tx: Tx) -> None:
        bench.world.item(tx, "Camera", policy(CAMERA), "devices")
        bench.world.item(tx, "Wi-Fi", WIFI, "devices")
        bench.world.item(tx, "Agent", app(1), "devices")

    await bench.do(unit)


def chal_of(reply: Message) -> Chal:
    """The question for credentials in the Status of the header."""
    head = reply.commands[0]
    assert isinstance(head, Status)
    assert head.chal is not None
    return head.chal


def cred(device: Device, nonce: bytes, secret: str = SECRETS.device_secret) -> Cred:
    """Digest credentials of the device."""
    return digest_cred(secret_key(str(device.enrolment.uuid), secret), nonce)


# --- who speaks


async def test_mdm_wire_046_the_certificate_says_who_it_is_whatever_stands_in_source(bench: Bench) -> None:
    one = await bench.device()

    def only_one(tx: Tx) -> None:
        ours = bench.world.group(tx, "Ours", device=True)
        bench.world.item(tx, "Camera", policy(CAMERA), ours)

    await bench.do(only_one)
    two = await bench.device(other=True)
    got = await one.say(*one.opening(), session="1", source=str(two.enrolment.uuid))
    assert CAMERA.uri in addresses_of(got)
    assert got.header.target == str(two.enrolment.uuid)
    other = await two.say(*two.opening(), session="1", source=str(one.enrolment.uuid))
    assert CAMERA.uri not in addresses_of(other)


async def test_mdm_wire_047nobody_gets_a_challenge_and_nothing_else(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    body = device.message(device.opening(), session="1", source_name=str(device.enrolment.uuid))
    reply = reply_of(await device.post(body, http=bench.http))
    assert codes_of(reply) == [("SyncHdr", 407)]
    assert commands_of(reply) == []
    assert chal_of(reply).next_nonce == SECRETS.nonce
    stranger = reply_of(await device.post(device.message(device.opening(), session="1"), http=bench.http))
    assert codes_of(stranger) == [("SyncHdr", 407)]
    assert not (await bench.enrolment()).open_items, "nothing was worked out for a stranger"


async def test_mdm_wire_048_a_digest_over_the_raw_nonce_proves_the_device(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    name = str(device.enrolment.uuid)

    async def say(msg: int, proof: Cred | None, secret: str = "") -> Message:
        body = device.message(device.opening(), session="9", msg=msg, cred=proof, source_name=name)
        return reply_of(await device.post(body, http=bench.http))

    asked = await say(1, None)
    wrong = await say(1, digest_cred(secret_key(name, SECRETS.device_secret), b64 := b"MDEy"))
    assert codes_of(wrong) == [("SyncHdr", 401)], b64
    proven = await say(1, cred(device, chal_of(asked).next_nonce))
    assert codes_of(proven)[0] == ("SyncHdr", 200)
    assert CAMERA.uri in addresses_of(proven)
    again = await say(2, cred(device, chal_of(asked).next_nonce))
    assert codes_of(again)[0] == ("SyncHdr", 200), "one nonce proves one session"
    fresh = await say(3, cred(device, chal_of(proven).next_nonce))
    assert codes_of(fresh)[0] == ("SyncHdr", 200), "and the next one serves as well"


async def test_mdm_wire_049_a_nonce_proves_no_second_session(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    name = str(device.enrolment.uuid)

    async def open_session(session: str, nonce: bytes) -> Message:
        body = device.message(device.opening(), session=session, cred=cred(device, nonce), source_name=name)
        return reply_of(await device.post(body, http=bench.http))

    first = await open_session("1", SECRETS.nonce)
    following = chal_of(first).next_nonce
    replayed = await open_session("2", SECRETS.nonce)
    assert codes_of(replayed) == [("SyncHdr", 401)]
    assert commands_of(replayed) == []
    assert chal_of(replayed).next_nonce == following != SECRETS.nonce
    assert codes_of(await open_session("2", following))[0] == ("SyncHdr", 200)


async def test_mdm_wire_050_guessing_is_slowed_down_for_that_device_alone(bench: Bench) -> None:
    device = await bench.device()
    name = str(device.enrolment.uuid)
    guess = device.message(
        device.opening(), session="1", cred=cred(device, SECRETS.nonce, "guess"), source_name=name
    )
    for _ in range(10):
        assert codes_of(reply_of(await device.post(guess, http=bench.http))) == [("SyncHdr", 401)]
    refused = await device.post(guess, http=bench.http)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert codes_of(await device.say(*device.opening(), session="1"))[0] == ("SyncHdr", 200)
    other = await bench.device(other=True)
    body = other.message(
        other.opening(),
        session="1",
        cred=cred(other, SECRETS.nonce),
        source_name=str(other.enrolment.uuid),
    )
    assert codes_of(reply_of(await other.post(body, http=bench.http)))[0] == ("SyncHdr", 200)


# --- the frame


async def test_mdm_wire_052_numbers_are_copied_and_addresses_swapped(bench: Bench) -> None:
    device = await bench.device()
    reply = await device.say(*device.opening(), session="4711", msg=1, source="imei:1")
    assert (reply.header.session_id, reply.header.msg_id) == ("4711", 1)
    assert (reply.header.source, reply.header.target) == (ADDRESS, "imei:1")


async def test_mdm_wire_053_the_status_of_the_header_comes_first(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    for reply in await device.session():
        head = reply.commands[0]
        assert isinstance(head, Status)
        assert (head.cmd, head.cmd_ref, head.msg_ref) == ("SyncHdr", "0", reply.header.msg_id)


async def test_mdm_wire_054_commands_get_a_status_and_a_status_gets_none(bench: Bench) -> None:
    device = await bench.device()
    said = (
        *device.opening(),
        get("./DevInfo/DevId"),
        Results(msg_ref=1, cmd_ref="7", items=(Item(data="x"),)),
        Status(msg_ref=1, cmd_ref="0", cmd="SyncHdr", code=200),
    )
    reply = await device.say(*said, session="1")
    assert codes_of(reply) == [
        ("SyncHdr", 200),
        ("Alert", 200),
        ("Alert", 200),
        ("Replace", 200),
        ("Get", 406),
    ]


async def test_mdm_wire_054_what_is_no_command_gets_400_and_the_session_goes_on(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    body = device.message(device.opening(), session="1")
    odd = (
        b"<Frobnicate><CmdID>77</CmdID></Frobnicate>"
        b"<Replace><Item/></Replace>"
        b"<Status><CmdID>78</CmdID></Status>"
    )
    reply = reply_of(await device.post(body.replace(b"<Final/>", odd + b"<Final/>")))
    by_ref = {command.cmd_ref: command.code for command in reply.commands if isinstance(command, Status)}
    assert by_ref["77"] == 400
    assert by_ref[""] == 400, "a command without CmdID"
    assert "78" not in by_ref
    assert CAMERA.uri in addresses_of(reply)


async def test_mdm_wire_055_a_first_message_needs_no_alert(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    reply = await device.say(Replace(items=(Item(source="./DevInfo/Mod", data="Book"),)), session="1")
    assert CAMERA.uri in addresses_of(reply)
    bare = await device.say(session="2")
    assert codes_of(bare) == [("SyncHdr", 200)]


async def test_mdm_wire_056_answers_belong_by_message_and_command_number(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    first = await device.say(*device.opening(), session="1")
    camera = next(command for command in commands_of(first) if node(command) == CAMERA.uri)
    statuses = [command for command in first.commands if isinstance(command, Status)]
    odd: list[Status | Results] = [
        Status(msg_ref=1, cmd_ref=one.cmd_id, cmd="Status", code=200) for one in statuses
    ]
    odd += [
        Status(msg_ref=9, cmd_ref=camera.cmd_id, cmd="Add", code=500),
        Status(msg_ref=1, cmd_ref="no-such", cmd="Add", code=500),
        Results(msg_ref=1, cmd_ref="no-such", items=(Item(data="x"),)),
    ]
    await device.say(*odd, session="1", msg=2)
    assert not (await bench.items())["", "Camera"].error
    await device.say(Status(msg_ref=1, cmd_ref=camera.cmd_id, cmd="Add", code=200), session="1", msg=3)
    assert (await bench.items())["", "Camera"].state == "done"


async def test_mdm_wire_057_a_reply_of_status_and_final_ends_the_session(bench: Bench) -> None:
    device = await bench.device(in_oobe=False)
    replies = await device.session()
    last = replies[-1]
    assert last.final
    assert {type(command) for command in last.commands} == {Status}
    head = Status(msg_ref=last.header.msg_id, cmd_ref="0", cmd="SyncHdr", code=200)
    silent = await device.say(head, msg=len(replies) + 1)
    assert silent.commands == (), "to a client that goes on as long as it gets any element"


async def test_mdm_wire_060_each_command_has_one_item(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    sent = commands_of(*await device.session())
    assert len(sent) > 20
    assert {len(command.items) for command in sent if isinstance(command, Add | Replace | Get)} == {1}


# --- packages and large objects


async def test_mdm_wire_070_chunks_are_put_together_and_asked_on(bench: Bench) -> None:
    device = await bench.device(in_oobe=False)
    hash_ = base64.b64encode(bytes(range(256)) * 40).decode()
    reply = await device.say(*device.opening(), session="1")
    asked = next(command for command in commands_of(reply) if node(command) == HASH)
    others = [
        Status(msg_ref=1, cmd_ref=one.cmd_id, cmd="Get", code=404)
        for one in commands_of(reply)
        if one is not asked
    ]
    results = Results(
        msg_ref=1,
        cmd_ref=asked.cmd_id,
        items=(Item(source=HASH, meta=Meta(format="chr"), data=hash_),),
    )
    parts = chunks(results, 5000)
    assert len(parts) > 2
    done = Status(msg_ref=1, cmd_ref=asked.cmd_id, cmd="Get", code=200)
    for number, part in enumerate(parts[:-1], start=2):
        first = (*others, done) if number == 2 else ()
        got = await device.say(*first, part, session="1", msg=number, final=False)
        assert ("Results", 213) in codes_of(got)
        assert [command.code for command in got.commands if isinstance(command, Alert)] == [1222]
        assert commands_of(got) == []
    await device.say(parts[-1], session="1", msg=len(parts) + 1)
    known = await bench.database.read(inventory_of, bench.world.tenant, device.enrolment.id)
    assert known[HASH] == hash_


async def test_mdm_wire_070_a_wrong_size_gets_424_and_a_lost_end_1225(bench: Bench) -> None:
    device = await bench.device(in_oobe=False)

    def part(text: str, *, more: bool, size: int | None = None) -> Replace:
        meta = Meta(size=size)
        item = Item(source="./DevInfo/Mod", meta=meta, data=text, more_data=more)
        return Replace(items=(item,))

    first = await device.say(part("abc", more=True, size=100), session="1", final=False)
    assert ("Replace", 213) in codes_of(first)
    short = await device.say(part("def", more=False), session="1", msg=2)
    assert ("Replace", 424) in codes_of(short)
    await device.say(part("abc", more=True, size=6), session="2", final=False)
    lost = await device.say(get("./DevInfo/Man"), session="2", msg=2)
    assert 1225 in [command.code for command in lost.commands if isinstance(command, Alert)]
    large = await device.say(part("abc", more=True, size=5_000_000), session="3", final=False)
    assert ("Replace", 413) in codes_of(large)


async def test_mdm_wire_071_documents_with_a_dtd_and_bodies_above_the_limit_are_refused(bench: Bench) -> None:
    device = await bench.device()
    laughs = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    body = laughs + device.message(device.opening(), session="1")
    for bad in (body, b"<SyncML", b"{}", b"", b"<SyncML xmlns='SYNCML:SYNCML1.2'><SyncBody/></SyncML>"):
        assert (await device.post(bad)).status_code == 400
    assert (await device.post(b"<!--" + b"x" * 1_100_000 + b"-->")).status_code == 413


async def test_mdm_wire_072_what_stands_in_the_query_makes_no_difference(bench: Bench) -> None:
    device = await bench.device()
    body = device.message(device.opening(), session="1")
    reply = reply_of(await device.post(body, query="?mode=Maintenance&Platform=WoA"))
    assert codes_of(reply)[0] == ("SyncHdr", 200)
    async with client_of(bench.app) as http:
        assert (await http.post(PATH.lower(), content=body)).status_code == 200, (
            "nor does the case of the path"
        )
        assert (await http.get(PATH)).status_code == 405


async def test_mdm_wire_066_unknown_alerts_are_acknowledged(bench: Bench) -> None:
    await assign(bench)
    device = await bench.device()
    odd = (
        Alert(code=1224, items=(Item(meta=Meta(type="com.example/New"), data="x"),)),
        Alert(code=1299),
        Alert(code=1224, items=(Item(meta=Meta(type="com.microsoft/MDM/LoginStatus"), data="martian"),)),
    )
    reply = await device.say(*device.opening(), *odd, session="1")
    assert [code for cmd, code in codes_of(reply) if cmd == "Alert"] == [200] * 5
    assert CAMERA.uri in addresses_of(reply)


@pytest.mark.parametrize(
    "spelling",
    [
        b"<Type xmlns='syncml:metinf'>\n com.microsoft/MDM/LoginStatus </Type>",
        b"<m:Type xmlns:m='syncml:metinf'>com.microsoft/MDM/LoginStatus</m:Type>",
    ],
)
async def test_mdm_wire_067_login_status_is_read_however_it_is_written(bench: Bench, spelling: bytes) -> None:
    device = await bench.device()
    device.login = LoginStatus.USER
    body = device.message(device.opening(), session="1")
    plain = re.compile(rb"<Type[^>]*>com.microsoft/MDM/LoginStatus</Type>")
    assert plain.search(body)
    written = plain.sub(spelling, body).replace(b"<Data>user</Data>", b"<Data>\n  User\n</Data>")
    await device.post(b"\xef\xbb\xbf" + written)
    assert (await bench.story()).user_present
