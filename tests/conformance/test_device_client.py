"""What a device's client of OMA-DM does (spec/mdm-wire.md 6, checks 93 to 102).

The device is the real one on virtual time; the server only says what a test lines up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.device.management import Management
from reseal.device.parts import Parts
from reseal.device.quirks import Quirk
from reseal.device.status_page import Outcome
from reseal.device.transport import Failure
from reseal.kernel.clock import Clock, VirtualClock
from reseal.kernel.simulation.loop import run
from reseal.wire.csp import (
    AppState,
    BlockInStatusPage,
    Enrollment,
    Expected,
    FirstSync,
    Leaf,
    LocURI,
    Msi,
    Poll,
    Preparation,
    PreparationState,
    Scope,
    TrackedApp,
    Value,
    expected_msi,
    first_sync_status,
    hold_preparation,
    msi,
    preparing_provider,
    provider,
    tracked_app,
    unenroll,
    write_expected,
)
from reseal.wire.enrolment.provisioning import PollPhase, PollSchedule
from reseal.wire.syncml import (
    Alert,
    AlertType,
    Atomic,
    Command,
    Format,
    LoginStatus,
    Message,
    Meta,
    Replace,
    Status,
    add,
    add_node,
    delete,
    execute,
    get,
    read_message,
    replace,
    write_command,
)
from tests.support.scripted_server import (
    ADDRESS,
    MACHINE,
    PROVIDER,
    ScriptedServer,
    document,
    enrolled,
    issued,
    parts,
)

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CAMERA = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
BLUETOOTH = "./Device/Vendor/MSFT/Policy/Config/Bluetooth/AllowAdvertising"
USERS_START = "./User/Vendor/MSFT/Policy/Config/Start/HideSleep"
DEVICE_PAGE = provider(PROVIDER)
USER_PAGE = provider(PROVIDER, Scope.USER)
PRODUCT = "{11111111-2222-3333-4444-555555555555}"
MINUTE = timedelta(minutes=1)
ADELE = "adele@contoso.test"

Play = Callable[[Parts, ScriptedServer], Awaitable[None]]


def play(story: Play, *quirks: Quirk) -> None:
    """Run a story with a device and a server on virtual time."""

    async def main() -> None:
        server = ScriptedServer()
        clock = VirtualClock(asyncio.get_running_loop(), START)
        await story(parts(server, clock, quirks=quirks), server)

    run(main())


def number(uri: str, value: int) -> Replace:
    return replace(uri, str(value), Meta(format=Format.INT, type="text/plain"))


def alerts(message: Message) -> list[Alert]:
    return [command for command in message.commands if isinstance(command, Alert)]


async def codes_for(device: Management, server: ScriptedServer, *commands: Command) -> list[int]:
    """The status of each command, sent in one package in a session of its own."""
    before = len(server.statuses())
    server.packages.append(commands)
    assert await device.sync()
    return server.codes()[before:]


# --- 93: how the server is reached --------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Failure.UNTRUSTED, Failure.WRONG_NAME])
def test_mdm_wire_093_a_server_that_is_not_the_right_one_is_told_nothing(failure: Failure) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        server.trouble.append(failure)
        assert not await device.sync()
        assert len(server.requests) == 1, "trying again does not make it the right one"
        assert server.messages == []

    play(story)


def test_mdm_wire_093_the_certificate_of_the_enrolment_is_offered_with_its_issuer() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        await enrolled(device_parts).sync()
        identity = server.requests[0].identity
        assert identity is not None
        assert identity.certificate.public_bytes(Encoding.DER) == issued().client
        assert [above.public_bytes(Encoding.DER) for above in identity.above] == [issued().intermediate]
        assert identity.key == issued().key or identity.key.public_key() == issued().key.public_key()

    play(story)


def test_mdm_wire_093_a_redirect_is_not_followed() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        server.trouble.append(302)
        assert not await enrolled(device_parts).sync()
        assert [request.url for request in server.requests] == [ADDRESS]

    play(story)


# --- 94: the provisioning document --------------------------------------------------------------------------


def test_mdm_wire_094_the_key_of_the_request_is_kept_through_a_restart() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        enrolled(device_parts)
        device = Management.restored(device_parts)
        assert device is not None
        assert device.identity.key.public_key() == issued().key.public_key()
        assert await device.sync()

    play(story)


def test_mdm_wire_094_the_parts_of_the_document_may_stand_in_any_order() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        text = document().decode()
        head, body = text.split('<wap-provisioningdoc version="1.1">')
        store, rest = body.split('<characteristic type="APPLICATION">')
        account, settings = rest.split('<characteristic type="DMClient">')
        end = "</wap-provisioningdoc>"
        turned = (
            f'{head}<wap-provisioningdoc version="1.1"><characteristic type="DMClient">'
            f'{settings.removesuffix(end)}<characteristic type="APPLICATION">{account}{store}{end}'
        )
        device = Management.enrolled(device_parts, turned.encode(), issued().key, MACHINE)
        assert await device.sync()
        assert device.tree.value(Enrollment.ENT_DM_ID, DEVICE_PAGE) == "d-000123"

    play(story)


# --- 95: the first message ----------------------------------------------------------------------------------


def test_mdm_wire_095_the_first_message_says_why_who_and_what() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        device.user_token = _token
        await device.sync(bootstrap=True)
        (first,) = server.messages
        assert (first.header.source, first.header.target) == (MACHINE.device_id, ADDRESS)
        assert (first.header.session_id, first.header.msg_id, first.final) == ("1", 1, True)
        said = alerts(first)
        assert [alert.code for alert in said] == [1201, 1224, 1224, 1224]
        kinds = {alert.type: alert.item.text for alert in said if alert.type}
        assert kinds == {
            AlertType.LOGIN_STATUS: "others",
            AlertType.USER_TOKEN: "a.user.token",
            AlertType.BOOTSTRAP_SYNC: "device",
        }
        (facts,) = [command for command in first.commands if isinstance(command, Replace)]
        assert {item.source: item.text for item in facts.items} == {
            "./DevInfo/DevId": MACHINE.device_id,
            "./DevInfo/Man": "Contoso",
            "./DevInfo/Mod": "Book 5",
            "./DevInfo/DmV": "1.3",
            "./DevInfo/Lang": "en-US",
        }
        headers = dict(server.requests[0].headers)
        assert headers["Authorization"] == "Bearer a.user.token"
        assert headers["Content-Type"] == "application/vnd.syncml.dm+xml; charset=utf-8"

    play(story)


def test_mdm_wire_095_a_session_that_the_server_asked_for_says_so() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        account = device.tree.children(LocURI(("SyncML", "DMAcc")))[0]
        server.packages.append([add(f"./SyncML/DMAcc/{account}/Ext/Microsoft/InitiateSession", "1")])
        await device.sync()
        first, second = server.sessions()
        assert (alerts(first[0])[0].code, alerts(second[0])[0].code) == (1201, 1200)
        assert server.codes() == [200]

    play(story)


@pytest.mark.parametrize("login", list(LoginStatus))
def test_mdm_wire_095_the_login_status_is_that_of_the_moment(login: LoginStatus) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        device.login = login
        await device.sync()
        assert [alert.login_status for alert in alerts(server.messages[0]) if alert.login_status] == [login]

    play(story)


async def _token() -> str | None:
    return "a.user.token"


# --- 96: Atomic ---------------------------------------------------------------------------------------------


def test_mdm_wire_096_an_atomic_is_done_as_a_whole_and_each_command_reported() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        inner = (number(CAMERA, 0), number(BLUETOOTH, 1))
        assert await codes_for(device, server, Atomic(commands=inner)) == [200, 200, 200]
        assert device.tree.read(LocURI.parse(CAMERA)) == "0"

    play(story)


def test_mdm_wire_096_an_atomic_that_fails_leaves_nothing_behind() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        inner = (number(CAMERA, 0), delete("./Device/Vendor/MSFT/NoSuchCsp"), number(BLUETOOTH, 1))
        assert await codes_for(device, server, Atomic(commands=inner)) == [507, 216, 404, 215]
        assert not device.tree.has(LocURI.parse(CAMERA))
        assert not device.tree.has(LocURI.parse(BLUETOOTH))

    play(story)


@pytest.mark.parametrize(
    "inner",
    [
        (Atomic(commands=(number(CAMERA, 0),)),),
        (get(CAMERA),),
        (add(CAMERA, "0", Meta(format=Format.INT)), number(CAMERA, 1)),
    ],
    ids=["an Atomic inside", "a Get inside", "Add and then Replace of a node"],
)
def test_mdm_wire_096_what_no_atomic_may_hold_fails_with_500(inner: Sequence[Command]) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        await device.sync()
        answers = await _answers_to(device, server, _raw_reply("2", _raw(Atomic(commands=inner))))
        codes = {status.cmd_ref: status.code for status in answers[1:]}
        assert (codes["a"], codes[f"a{len(inner)}"]) == (507, 500)
        assert not device.tree.has(LocURI.parse(CAMERA))

    play(story)


def _raw(command: Command, cmd_id: str = "a") -> bytes:
    """A command as our own writer would refuse to write it; those inside have the ids a1, a2 and so on."""
    if not isinstance(command, Atomic):
        return write_command(changed(command, cmd_id=cmd_id))
    inner = [_raw(one, f"{cmd_id}{index}") for index, one in enumerate(command.commands, 1)]
    return b"<Atomic><CmdID>%s</CmdID>%s</Atomic>" % (cmd_id.encode(), b"".join(inner))


def _raw_reply(session_id: str, *commands: bytes) -> bytes:
    """A reply to message 1 with commands that our own writer refuses to write."""
    return (
        b'<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>'
        b"<SessionID>%s</SessionID><MsgID>1</MsgID><Target><LocURI>%s</LocURI></Target>"
        b"<Source><LocURI>%s</LocURI></Source></SyncHdr><SyncBody>%s<Final/></SyncBody></SyncML>"
    ) % (session_id.encode(), MACHINE.device_id.encode(), ADDRESS.encode(), b"".join(commands))


async def _answers_to(device: Management, server: ScriptedServer, reply: bytes) -> list[Status]:
    """The statuses with which a session answers the first reply of the server."""
    server.canned.append(reply)
    await device.sync()
    message = read_message(server.requests[-1].body)
    return [command for command in message.commands if isinstance(command, Status)]


# --- 97: statuses of nodes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, code",
    [
        (get("./Device/Vendor/MSFT/NoSuchCsp/Leaf"), 404),
        (number("./Device/Vendor/MSFT/NoSuchCsp/Leaf", 1), 404),
        (get(CAMERA), 404),
        (delete(CAMERA), 404),
        (replace("./DevInfo/Man", "Fabrikam", Meta(format=Format.CHR)), 405),
        (execute(CAMERA), 405),
        (add_node("./Device/Vendor/MSFT/DMClient/Provider/Reseal"), 418),
        (get("./Device/Vendor/MSFT/DMClient?list=StructData"), 406),
        (get("./cimv2/Win32_ComputerSystem"), 406),
        (number("./Device/Vendor/MSFT/DMClient/Provider/Other/Poll/NumberOfFirstRetries", 1), 425),
        (replace(CAMERA, "no", Meta(format=Format.INT)), 415),
        (replace(CAMERA, "1", Meta(format="nonsense")), 415),
        (number(str(FirstSync.TIMEOUT.at(DEVICE_PAGE)), 2000), 500),
        (number("Device/Vendor/MSFT/Policy/Config/A/B", 1), 404),
        (
            number(
                "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/P/Timeout", 5
            ),
            404,
        ),
    ],
)
def test_mdm_wire_097_a_command_that_cannot_be_done_is_answered_as_windows_does(
    command: Command, code: int
) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        assert await codes_for(device, server, command) == [code]

    play(story)


def test_mdm_wire_097_a_node_is_made_read_and_removed() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        made = add(CAMERA, "0", Meta(format=Format.INT))
        commands = (
            made,
            made,
            get(CAMERA),
            get("./Device/Vendor/MSFT/Policy/Config"),
            delete(CAMERA),
            get(CAMERA),
        )
        assert await codes_for(device, server, *commands) == [200, 418, 200, 200, 200, 404]
        assert server.results() == {CAMERA: "0", "./Device/Vendor/MSFT/Policy/Config": "Camera"}

    play(story)


def test_mdm_wire_097_a_command_that_is_none_gets_400() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        answers = await _answers_to(
            device,
            server,
            _raw_reply("1", b"<Frobnicate><CmdID>5</CmdID></Frobnicate>", b"<Get><Item/></Get>"),
        )
        assert [(status.cmd_ref, status.code) for status in answers[1:]] == [("5", 400), ("", 400)]

    play(story)


# --- 98: when sessions happen -------------------------------------------------------------------------------


async def _starts(device: Management, server: ScriptedServer, span: timedelta) -> list[float]:
    """Minutes at which sessions began while a device ran for `span`."""
    clock = device_clock(device)
    begun: list[float] = []
    started = clock.monotonic()

    def note(message: Message) -> None:
        if message.header.msg_id == 1:
            begun.append((clock.monotonic() - started) / MINUTE)

    server.on_message = note
    running = asyncio.create_task(device.run())
    await clock.sleep(span)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return begun


def device_clock(device: Management) -> Clock:
    return device.tree.clock


def _schedule(*phases: tuple[int, int]) -> PollSchedule:
    first, second, remaining = (
        PollPhase(interval=minutes * MINUTE, retries=retries)
        for minutes, retries in (*phases, (0, 0), (0, 0))[:3]
    )
    return PollSchedule(first=first, second=second, remaining=remaining)


@pytest.mark.parametrize(
    "schedule, expected",
    [
        (_schedule((1, 0), (5, 3), (60, 0)), [0, *range(1, 31)]),
        (_schedule((2, 3), (5, 2), (10, 0)), [0, 2, 4, 6, 11, 16, 26]),
        (_schedule((3, 2)), [0, 3, 6]),
        (_schedule((3, 2), (0, 0), (7, 1)), [0, 3, 6, 13]),
    ],
    ids=["the first set for ever", "three sets", "one set that ends", "the second set is off"],
)
def test_mdm_wire_098_the_three_sets_of_the_schedule_follow_each_other(
    schedule: PollSchedule, expected: list[int]
) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts, schedule)
        assert await _starts(device, server, timedelta(minutes=30.5)) == expected

    play(story)


def test_mdm_wire_098_a_new_schedule_counts_from_its_beginning() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts, _schedule((1, 0)))
        relaxed = (Poll.FIRST_NUMBER.put(DEVICE_PAGE, 2), Poll.FIRST_INTERVAL.put(DEVICE_PAGE, 4))
        server.packages += [[], [], [value.replace() for value in relaxed]]
        assert await _starts(device, server, timedelta(minutes=30)) == [0, 1, 2, 6, 10]

    play(story)


@pytest.mark.parametrize("on_login, sessions", [(True, 2), (False, 1)])
def test_mdm_wire_098_a_login_starts_a_session_if_the_schedule_says_so(on_login: bool, sessions: int) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts, changed(_schedule((600, 0)), on_login=on_login))
        running = asyncio.create_task(device.run())
        await device_parts.clock.sleep(MINUTE)
        device.user, device.login = ADELE, LoginStatus.USER
        await device_parts.clock.sleep(MINUTE)
        assert len(server.sessions()) == sessions
        running.cancel()

    play(story)


def test_mdm_wire_098_the_first_login_of_each_user_starts_a_session() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts, changed(_schedule((600, 0)), on_first_login_of_all=True))
        running = asyncio.create_task(device.run())
        for person in (ADELE, "megan@contoso.test", ADELE):
            await device_parts.clock.sleep(MINUTE)
            device.user, device.login = person, LoginStatus.USER
            await device_parts.clock.sleep(MINUTE)
            device.user, device.login = None, LoginStatus.NONE
        assert len(server.sessions()) == 1 + 2
        running.cancel()

    play(story)


@pytest.mark.parametrize("trouble", [Failure.CUT, Failure.NO_NETWORK, Failure.REFUSED, 503])
def test_mdm_wire_098_a_message_without_answer_is_sent_again_after_the_backoff_of_application(
    trouble: Failure | int,
) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(
            device_parts, initial_backoff=timedelta(seconds=16), max_backoff=timedelta(seconds=40)
        )
        server.trouble += [trouble, trouble, trouble]
        before = device_parts.clock.monotonic()
        assert await device.sync()
        assert device_parts.clock.monotonic() - before == timedelta(seconds=16 + 32 + 40)
        assert len({request.body for request in server.requests}) == 1, "the same bytes"
        assert len(server.messages) == 1, "the server took them once"

    play(story)


def test_mdm_wire_098_after_connretryfreq_the_session_is_given_up_and_the_next_has_another_id() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts, retries=2)
        server.trouble += [Failure.REFUSED] * 3
        assert not await device.sync()
        assert len(server.requests) == 3
        assert await device.sync()
        assert server.messages[0].header.session_id == "2"

    play(story)


# --- 99: one way --------------------------------------------------------------------------------------------


def _scoped(scope: Scope) -> Callable[[Leaf, Value], Command]:
    return lambda leaf, value: leaf.put(provider(PROVIDER, scope), value).replace()


@pytest.mark.parametrize("scope", list(Scope))
def test_mdm_wire_099_what_the_page_was_told_is_not_taken_back(scope: Scope) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        device.user = ADELE
        put = _scoped(scope)
        if scope is Scope.USER:
            made = [add_node(str(USER_PAGE)), add_node(str(first_sync_status(PROVIDER, Scope.USER)))]
            assert await codes_for(device, server, *made) == [200, 200]
        commands = (
            put(FirstSync.EXPECTED_POLICIES, CAMERA),
            put(FirstSync.SERVER_HAS_FINISHED, False),
            put(FirstSync.SERVER_HAS_FINISHED, True),
            put(FirstSync.SERVER_HAS_FINISHED, True),
            put(FirstSync.SERVER_HAS_FINISHED, False),
            put(FirstSync.EXPECTED_POLICIES, BLUETOOTH),
            put(FirstSync.WAS_SUCCESSFUL, 1),
            put(FirstSync.WAS_SUCCESSFUL, 0),
            put(FirstSync.IS_SYNC_DONE, True),
            put(FirstSync.IS_SYNC_DONE, True),
            put(FirstSync.IS_SYNC_DONE, False),
        )
        expected = [200, 200, 200, 200, 405, 405, 200, 405, 200, 405, 405]
        assert await codes_for(device, server, *commands) == expected
        base = provider(PROVIDER, scope)
        assert device.tree.value(FirstSync.EXPECTED_POLICIES, base) == CAMERA

    play(story)


@pytest.mark.parametrize("scope", list(Scope))
def test_mdm_wire_099_the_page_begins_anew_at_reseal(scope: Scope) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        device.user = ADELE
        put, base = _scoped(scope), provider(PROVIDER, scope)
        server.packages.append([add_node(str(USER_PAGE)), add_node(str(USER_PAGE / "FirstSyncStatus"))])
        server.packages.append(
            [
                put(FirstSync.SERVER_HAS_FINISHED, True),
                put(FirstSync.WAS_SUCCESSFUL, 1),
                put(FirstSync.IS_SYNC_DONE, True),
            ]
        )
        await device.sync()
        device.begin_pages()
        restored = Management.restored(device_parts)
        assert restored is not None
        restored.user = ADELE
        leaves = (FirstSync.SERVER_HAS_FINISHED, FirstSync.IS_SYNC_DONE, FirstSync.WAS_SUCCESSFUL)
        assert [restored.tree.value(leaf, base) for leaf in leaves] == [False, False, 2]
        assert await codes_for(restored, server, put(FirstSync.EXPECTED_POLICIES, BLUETOOTH)) == [200]

    play(story)


def test_mdm_wire_099_with_its_quirk_a_device_keeps_the_release_of_the_technician_flow() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        release = FirstSync.SERVER_HAS_FINISHED.put(DEVICE_PAGE, True).replace()
        assert await codes_for(device, server, release) == [200]
        device.begin_pages()
        assert device.tree.value(FirstSync.SERVER_HAS_FINISHED, DEVICE_PAGE) is True
        assert device.tree.value(FirstSync.IS_SYNC_DONE, DEVICE_PAGE) is False

    play(story, Quirk.KEEPS_FINISHED)


# --- 100: ./User --------------------------------------------------------------------------------------------


def test_mdm_wire_100_user_nodes_get_405_until_somebody_is_there() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        commands = (
            add_node(str(USER_PAGE)),
            number(USERS_START, 1),
            delete(USERS_START),
            execute(str(Msi.DOWNLOAD_INSTALL.at(msi(PRODUCT, Scope.USER)))),
        )
        assert await codes_for(device, server, *commands) == [405] * 4
        assert await codes_for(device, server, get(USERS_START)) == [404]
        device.user = ADELE
        assert await codes_for(device, server, number(USERS_START, 1), get(USERS_START)) == [200, 200]

    play(story)


def test_mdm_wire_100_each_user_has_nodes_of_his_own() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        device.user = ADELE
        assert await codes_for(device, server, number(USERS_START, 1)) == [200]
        device.user = "megan@contoso.test"
        assert await codes_for(device, server, get(USERS_START)) == [404]
        device.user = ADELE
        assert await codes_for(device, server, get(USERS_START)) == [200]

    play(story)


# --- 101: the page ------------------------------------------------------------------------------------------


def _expectation() -> list[Command]:
    expected = write_expected([Expected(LocURI.parse(CAMERA))])
    apps = write_expected([expected_msi(PRODUCT)])
    return [
        FirstSync.SKIP_DEVICE_STATUS_PAGE.put(DEVICE_PAGE, False).replace(),
        FirstSync.BLOCK_IN_STATUS_PAGE.put(DEVICE_PAGE, 3).replace(),
        *hold_preparation("Reseal", timeout=30 * MINUTE, tracks_apps=False),
        FirstSync.EXPECTED_POLICIES.put(DEVICE_PAGE, expected).replace(),
        FirstSync.EXPECTED_MSI_APP_PACKAGES.put(DEVICE_PAGE, apps).replace(),
    ]


PREPARED = Preparation.STATE.put(preparing_provider("Reseal"), PreparationState.COMPLETED).replace()
RELEASED = FirstSync.SERVER_HAS_FINISHED.put(DEVICE_PAGE, True).replace()


@pytest.mark.parametrize("missing", ["the provider", "a policy", "the app", "the release", None])
def test_mdm_wire_101_the_page_is_green_only_when_all_agree(missing: str | None) -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        steps = {"the provider": PREPARED, "a policy": number(CAMERA, 0), "the release": RELEASED}
        commands = [command for name, command in steps.items() if name != missing]
        server.packages.append([*_expectation(), *commands])
        await device.sync()
        if missing != "the app":
            _install(device)
        wanted = Outcome.SUCCEEDED if missing is None else Outcome.WORKING
        assert device.page("device", MINUTE).outcome is wanted

    play(story)


def _install(device: Management) -> None:
    status = Msi.STATUS.put(msi(PRODUCT), 70)
    device.tree.put(status.uri, status.text, status.format)


def test_mdm_wire_101_the_page_is_red_at_its_time_out_and_stays_red() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        server.packages.append([*_expectation(), PREPARED, FirstSync.TIMEOUT.put(DEVICE_PAGE, 20).replace()])
        await device.sync()
        before = device.page("device", 19 * MINUTE)
        assert (before.outcome, before.next_change) == (Outcome.WORKING, 20 * MINUTE)
        red = device.page("device", 20 * MINUTE)
        assert (red.outcome, red.error_code) == (Outcome.TIMED_OUT, 0x800705B4)
        assert red.buttons == BlockInStatusPage.RESET_PC | BlockInStatusPage.TRY_AGAIN
        _install(device)
        assert await codes_for(device, server, number(CAMERA, 0), RELEASED) == [200, 200]
        assert device.page("device", 21 * MINUTE).outcome is Outcome.TIMED_OUT
        device.begin_pages()
        assert device.page("device", MINUTE).outcome is Outcome.WORKING

    play(story)


def test_mdm_wire_101_a_provider_in_state_4_makes_the_page_red() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        node = preparing_provider("Reseal")
        failed = Preparation.STATE.put(node, PreparationState.ERROR).replace()
        error = Preparation.LAST_ERROR.put(node, -2016345060).replace()
        server.packages.append([*_expectation(), failed, error])
        await device.sync()
        page = device.page("device", MINUTE)
        assert (page.outcome, page.error_code, page.error_item) == (Outcome.FAILED, 0x87D1041C, "Reseal")

    play(story)


def test_mdm_wire_101_a_provider_that_never_comes_makes_the_page_red_at_its_own_time_out() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        server.packages.append(_expectation())
        await device.sync()
        assert device.page("device", 29 * MINUTE).outcome is Outcome.WORKING
        assert device.page("device", 30 * MINUTE).outcome is Outcome.FAILED

    play(story)


def test_mdm_wire_101_a_tracked_app_in_state_4_makes_the_page_red() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        app = tracked_app("Sidecar", "Win32App_1")
        state = TrackedApp.STATE.put(app, AppState.ERROR).replace()
        server.packages.append([*_expectation(), PREPARED, add_node(str(app)), state])
        await device.sync()
        assert device.page("device", MINUTE).outcome is Outcome.FAILED

    play(story)


# --- 102: the end of the enrolment --------------------------------------------------------------------------


def _is_unenrolment(message: Message) -> bool:
    return any(
        (alert.code, alert.type, alert.item.text) == (1226, AlertType.UNENROLLMENT, "1")
        for alert in alerts(message)
    )


def test_mdm_wire_102_the_server_ends_the_enrolment() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        server.packages.append([unenroll(PROVIDER), number(CAMERA, 0)])
        await device.sync()
        first, last = server.sessions()
        assert [len(first), len(last)] == [1, 1], "no Status comes back"
        assert _is_unenrolment(last[0])
        assert server.requests[-1].identity == device.identity, "with the certificate of the enrolment"
        assert device_parts.disk.names() == []
        assert Management.restored(device_parts) is None
        assert not await device.sync()
        await device.run()  # comes back at once: there is nothing left to do

    play(story)


def test_mdm_wire_102_the_user_leaves_and_the_server_is_told_once_even_if_it_does_not_hear() -> None:
    async def story(device_parts: Parts, server: ScriptedServer) -> None:
        device = enrolled(device_parts)
        server.trouble.append(Failure.NO_NETWORK)
        await device.unenrol()
        assert len(server.requests) == 1
        assert _is_unenrolment(read_message(server.requests[0].body))
        assert device_parts.disk.names() == []

    play(story)
