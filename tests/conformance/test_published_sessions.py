"""Sessions by messages that we did not write: published and of other clients (spec/mdm-wire.md 3.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseal.catalog.model import Body
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.managed.enrolments import users_of
from reseal.managed.model import EnrolledBy, EnrolmentState, ItemState
from reseal.wire.csp import MsiStatus
from reseal.wire.syncml import Alert, Message
from tests.conformance.serving import reactors
from tests.store.managed.world import APP, CAMERA, WALLPAPER, policy
from tests.store.mdm.sessions_bench import (
    Bench,
    addresses_of,
    bench_fixture,
    codes_of,
    commands_of,
    download_of,
    reply_of,
)
from tests.support.published import SPELLINGS, besides, framed, published, typed_anew

__all__ = ["reactors"]

bench = bench_fixture()

OTHER_TAGS = b"... other XML tags ..."
"""In published bodies it stands for the rest of the message."""


def completed(body: bytes, *commands: bytes) -> bytes:
    """A published body with a rest of ours."""
    assert body.count(OTHER_TAGS) == 1
    return body.replace(OTHER_TAGS, b"\n".join(commands) + b"<Final/>")


async def deliver(bench: Bench, name: str, body: Body, whom: str = "devices") -> None:
    """Have the organisation deliver something."""
    await bench.do(bench.world.item, name, body, whom)


async def kinds_of_events(bench: Bench) -> list[str]:
    """What happened to the enrolment."""

    def unit(tx: Tx) -> list[str]:
        events.seal(tx)
        log = events.read(tx, bench.world.tenant, 0, 10_000)
        return [event.kind for event in log if event.subject.id == bench.world.enrolment.uuid]

    return [str(kind) for kind in await bench.do(unit)]


def of_the_user(reply: Message) -> list[str]:
    """Addresses in the user's part of the tree."""
    return [address for address in addresses_of(reply) if address.startswith("./User")]


# --- who is signed in

LOGIN = {
    "alone": published("syncml_login_status.fragment.xml"),
    "in a body": completed(published("syncml_login_status_of_a_join.fragment.xml")),
}


@pytest.mark.parametrize("alert", sorted(LOGIN))
async def test_mdm_wire_067_the_published_alert_opens_the_users_part(bench: Bench, alert: str) -> None:
    await deliver(bench, "Wallpaper", policy(WALLPAPER), "users")
    device = await bench.device(by=EnrolledBy.USER, owner="adele", in_oobe=False)
    device.token = await bench.token("adele")
    silent = await device.post(framed(session="1"))
    assert of_the_user(reply_of(silent)) == []
    for number, (spelling, spell) in enumerate(SPELLINGS.items(), start=2):
        message = spell(framed(LOGIN[alert], session=str(number)))
        reply = reply_of(await device.post(message))
        assert codes_of(reply) == [("SyncHdr", 200), ("Alert", 200)], spelling
        assert of_the_user(reply) == [WALLPAPER.uri], spelling


async def test_mdm_wire_069_the_published_alert_of_a_token_names_the_user(bench: Bench) -> None:
    """The sample names nobody: that costs the user's part of the session, and no more."""
    await deliver(bench, "Both", policy(CAMERA, WALLPAPER))
    device = await bench.device(in_oobe=False)
    sample = published("syncml_user_token.fragment.xml")
    body = completed(sample, LOGIN["alone"])
    nobody = reply_of(await device.post(framed(body, session="1")))
    assert codes_of(nobody) == [("SyncHdr", 200), ("Alert", 200), ("Alert", 200)]
    assert (CAMERA.uri in addresses_of(nobody), of_the_user(nobody)) == (True, [])
    assert "enrolment.user_token_refused" in await kinds_of_events(bench)
    ours = body.replace(b"UserToken inserted here", (await bench.token("adele")).encode())
    for number, (spelling, spell) in enumerate(SPELLINGS.items(), start=2):
        reply = reply_of(await device.post(spell(framed(ours, session=str(number)))))
        assert of_the_user(reply) == [WALLPAPER.uri], spelling
    (adele,) = await bench.database.read(users_of, bench.world.tenant, device.enrolment.id)
    assert adele.session_seen


async def test_the_published_body_as_it_stands_is_a_package_without_end(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await bench.device(in_oobe=False)
    reply = reply_of(await device.post(framed(published("syncml_user_token.fragment.xml"))))
    assert [command.code for command in reply.commands if isinstance(command, Alert)] == [1222]
    assert commands_of(reply) == []


async def test_mdm_wire_068_a_session_type_beside_its_meta_counts(bench: Bench) -> None:
    await deliver(bench, "Both", policy(CAMERA, WALLPAPER))
    device = await bench.device(by=EnrolledBy.USER, owner="adele", in_oobe=False)
    device.token = await bench.token("adele")
    alerts = (LOGIN["alone"], typed_anew("sync_type.fragment.xml"))
    for number, (spelling, spell) in enumerate(SPELLINGS.items(), start=1):
        reply = reply_of(await device.post(spell(framed(*alerts, session=str(number)))))
        assert (CAMERA.uri in addresses_of(reply), of_the_user(reply)) == (True, []), spelling
    both = reply_of(await device.post(framed(LOGIN["alone"], session="both")))
    assert of_the_user(both) == [WALLPAPER.uri]


# --- leaving


async def test_mdm_wire_074_the_published_message_of_a_user_who_leaves_ends_the_enrolment(
    bench: Bench,
) -> None:
    """As published it is no XML; with its quotes put right it is, whatever it calls its namespace."""
    await deliver(bench, "Camera", policy(CAMERA))
    message = published("syncml_unenrolment_by_user.xml")
    device = await bench.device()
    assert (await device.post(message)).status_code == 400
    assert (await bench.enrolment()).state is EnrolmentState.ACTIVE
    mended = message.replace(b"&#39;", b"'")
    for spelling, spell in SPELLINGS.items():
        device = await bench.device()
        bye = reply_of(await device.post(spell(mended)))
        assert codes_of(bye) == [("SyncHdr", 200), ("Alert", 200), ("Replace", 200)], spelling
        assert commands_of(bye) == []
        assert bye.header.target == "https://www.thephone-company.com/mgmt-server", "as it named itself"
        assert (await bench.enrolment()).state is EnrolmentState.ENDED, spelling
        again = reply_of(await device.post(spell(mended)))
        assert (codes_of(again), commands_of(again)) == ([("SyncHdr", 401)], []), "it is nobody any more"


async def test_mdm_wire_073_the_published_alert_of_a_device_that_was_told_to_leave(bench: Bench) -> None:
    device = await bench.device()
    first = framed(published("syncml_unenrolment_by_server.fragment.xml"))
    assert codes_of(reply_of(await device.post(first))) == [("SyncHdr", 200), ("Alert", 200)]
    assert (await bench.enrolment()).state is EnrolmentState.ENDED


async def test_nobody_leaves_by_a_message_that_proves_nothing(bench: Bench) -> None:
    device = await bench.device()
    message = published("syncml_unenrolment_by_user.xml").replace(b"&#39;", b"'")
    assert codes_of(reply_of(await device.post(message, http=bench.http))) == [("SyncHdr", 407)]
    assert (await bench.enrolment()).state is EnrolmentState.ACTIVE


# --- installations


async def test_mdm_wire_063_the_published_alert_asks_what_became_of_the_installation(bench: Bench) -> None:
    """Generic by the text, 1224 by the sample: both are taken. The braces in its address are bare."""
    code = "{AF9257BA-6BBD-4624-AA9B-0182D50292C3}"
    await deliver(bench, "App", replace(APP, product_code=code))
    device = await bench.device(in_oobe=False)
    device.install_as = MsiStatus.INSTALLING
    job = download_of(code)
    status = job.replace("/DownloadInstall", "/Status")
    await device.session()
    assert job in device.addresses()
    for number, (spelling, spell) in enumerate(SPELLINGS.items(), start=1):
        session = f"alert {number}"
        reply = await device.say(*device.opening(), session=session)
        assert status in addresses_of(reply), spelling
        answer = device.message(device.carry_out(reply), session=session, msg=2)
        silent = reply_of(await device.post(answer))
        assert status not in addresses_of(silent), "once a session"
        head = device.message(device.carry_out(silent), session=session, msg=3)
        alert = published("msi_alert.fragment.xml").replace(b"1224", b"1226" if number % 2 else b"1224")
        asked = reply_of(await device.post(spell(besides(head, alert))))
        assert ("Alert", 200) in codes_of(asked)
        assert status in addresses_of(asked), spelling
        assert (await bench.items())["", "App"].state is ItemState.RUNNING
        await bench.wait()
    device.install_as = MsiStatus.DONE
    await device.session()
    assert (await bench.items())["", "App"].state is ItemState.DONE


# --- frames


async def test_a_published_message_of_a_server_is_no_message_of_a_device_but_answered(bench: Bench) -> None:
    device = await bench.device(in_oobe=False)
    reply = reply_of(await device.post(published("syncml_get.xml")))
    assert codes_of(reply) == [("SyncHdr", 200), ("Get", 406)]
    assert reply.header.target == "https://www.contoso.com/mgmt-server"
    parts = published("syncml_replace.fragment.xml")
    whole = b'<SyncML xmlns="SYNCML:SYNCML1.2">' + parts + b"</SyncML>"
    replied = reply_of(await device.post(whole.replace(b"<SessionID>1<", b"<SessionID>2<")))
    assert codes_of(replied) == [("SyncHdr", 200), ("Replace", 200)]


@pytest.mark.parametrize(
    "name", ["msi_get.xml", "msi_delete.xml", "msi_install_for_user.xml", "msi_response.xml"]
)
async def test_published_messages_without_a_header_are_refused(bench: Bench, name: str) -> None:
    device = await bench.device(in_oobe=False)
    refused = await device.post(published(name))
    assert refused.status_code == 400
    assert "SyncHdr" in refused.text


# --- a message of another client


async def test_the_first_message_as_fleets_test_client_sends_it(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await bench.device(by=EnrolledBy.USER, owner="adele", in_oobe=False)
    message = typed_anew("fleet_first_message.xml")
    answer = await device.post(message)
    reply = reply_of(answer)
    assert codes_of(reply) == [("SyncHdr", 200), ("Alert", 200), ("Alert", 200), ("Replace", 200)]
    assert CAMERA.uri in addresses_of(reply)
    assert reply.header.target == "e2c1a7d4-5b0f-4c39-8d11-90ab37cc5f02"
    assert (await device.post(message)).content == answer.content, "the same again"
    next_one = reply_of(await device.post(typed_anew("fleet_next_message.xml")))
    assert [command.code for command in next_one.commands if isinstance(command, Alert)] == [1222]
    assert commands_of(next_one) == [], "its package has no end"
    for number, (spelling, spell) in enumerate(SPELLINGS.items(), start=2):
        numbered = message.replace(b"<SessionID>1<", b"<SessionID>%d<" % number)
        again = reply_of(await device.post(spell(numbered)))
        assert (codes_of(again), addresses_of(again)) == (codes_of(reply), addresses_of(reply)), spelling


async def test_the_first_message_as_pytune_sends_it_for_a_known_hash(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await bench.device()
    reply = reply_of(await device.post(typed_anew("pytune_first_message_with_hash.xml")))
    assert codes_of(reply) == [("SyncHdr", 200), *[("Alert", 200)] * 4, ("Replace", 200)]
    assert CAMERA.uri in addresses_of(reply)
    assert of_the_user(reply) == [], "others are signed in"
    assert not (await bench.story()).user_present
