"""Sessions at work: what is sent, when, and what becomes of the answers (spec/mdm-wire.md 6, 58 to 76)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from reseal.catalog.model import Format, OmaSetting, WifiBody
from reseal.catalog.service import item_by_id, update_item
from reseal.kernel.db import Tx
from reseal.managed.enrolments import users_of
from reseal.managed.model import EnrolledBy, EnrolmentState, ItemState
from reseal.mdm.sessions.store import request_unenrolment
from reseal.wire.csp import MsiStatus
from reseal.wire.syncml import (
    Add,
    Alert,
    AlertType,
    Exec,
    Item,
    LoginStatus,
    Message,
    Meta,
    NodeCommand,
    Replace,
    Status,
    SyncType,
    typed_alert,
)
from tests.store.managed.world import CAMERA, WALLPAPER, app, policy
from tests.store.mdm.sessions_bench import (
    SHOWN,
    Bench,
    Device,
    addresses_of,
    bench_fixture,
    codes_of,
    commands_of,
    download_of,
    node,
    reactors_fixture,
    reply_of,
)

reactors = reactors_fixture()
bench = bench_fixture()

UNENROL = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/Unenroll"


def setting(number: int, value: str = "1") -> OmaSetting:
    """One of many settings of the machine."""
    return OmaSetting(f"./Device/Vendor/MSFT/Policy/Config/Area/Setting{number}", Format.INT, value)


async def deliver(bench: Bench, name: str, body: object, *whom: object) -> None:
    """Have the organisation deliver something."""

    def unit(tx: Tx) -> None:
        bench.world.item(tx, name, body, *(whom or ("devices",)))  # type: ignore[arg-type]

    await bench.do(unit)


async def quiet(bench: Bench) -> Device:
    """A device outside of set-up that has told what it is."""
    device = await bench.device(in_oobe=False)
    await device.session()
    device.forget()
    return device


# --- queues


async def test_mdm_wire_058_unanswered_commands_go_out_again_in_the_same_order(bench: Bench) -> None:
    await deliver(bench, "Many", policy(*(setting(number) for number in range(30))))
    device = await quiet(bench)
    await deliver(bench, "More", policy(*(setting(number) for number in range(30, 40))))
    first = await device.say(*device.opening(), session="cut")
    await bench.wait()
    again = await device.say(*device.opening(), session="next")
    assert addresses_of(again) == addresses_of(first) != []


async def test_mdm_wire_059_commands_queued_in_one_moment_keep_their_order(bench: Bench) -> None:
    await deliver(bench, "Many", policy(*(setting(number) for number in range(500))))
    for number in range(3):
        await deliver(bench, f"App {number}", app(number))
    device = await bench.device(in_oobe=False)
    sent = [command for command in commands_of(*await device.session()) if isinstance(command, Add | Exec)]
    order = [node(command) for command in sent if isinstance(command, Add)]
    assert order[:500] == [setting(number).uri for number in range(500)]
    jobs = [(type(command), node(command)) for command in sent if "DownloadInstall" in node(command)]
    pairs = list(zip(jobs[::2], jobs[1::2], strict=True))
    assert len(pairs) == 3
    assert all((a[0], b[0]) == (Add, Exec) and a[1] == b[1] for a, b in pairs)


async def test_a_long_queue_is_spread_over_messages_of_bounded_size(bench: Bench) -> None:
    large = [
        OmaSetting(f"./Device/Vendor/MSFT/Policy/Config/Area/Large{number}", Format.CHR, "x" * 200_000)
        for number in range(8)
    ]
    huge = OmaSetting("./Device/Vendor/MSFT/Policy/Config/Area/Huge", Format.CHR, "y" * 700_000)
    await deliver(bench, "Large", policy(*large, huge))
    device = await bench.device(in_oobe=False)
    replies = await device.session()
    sizes = [sum(len(command.item.text) for command in commands_of(reply)) for reply in replies]
    assert max(sizes) <= 700_000
    assert sum(sizes) == 8 * 200_000 + 700_000
    assert len(replies) > 4
    assert (await bench.items())["", "Large"].state is ItemState.DONE


async def test_mdm_wire_062_an_add_of_what_exists_is_followed_by_one_replace(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await bench.device(in_oobe=False)
    device.tree[CAMERA.uri] = "1"
    await device.session()
    await device.session()
    sent = [type(command) for command in device.heard if node(command) == CAMERA.uri]
    assert sent == [Add, Replace]
    assert device.tree[CAMERA.uri] == "0"
    assert (await bench.items())["", "Camera"].state is ItemState.DONE


async def test_mdm_wire_063_accepted_is_not_done(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await bench.device(in_oobe=False)
    arrived = False

    def later(_device: Device, command: NodeCommand) -> int | None:
        if node(command) != CAMERA.uri or arrived:
            return None
        return 202 if isinstance(command, Add) else 404

    device.answers.append(later)
    await device.session()
    await device.session()
    assert (await bench.items())["", "Camera"].state is ItemState.RUNNING
    arrived, device.tree[CAMERA.uri] = True, "0"
    await device.session()
    assert (await bench.items())["", "Camera"].state is ItemState.DONE
    assert [type(c) for c in device.heard if node(c) == CAMERA.uri].count(Add) == 1


async def test_mdm_wire_063_an_installation_runs_until_its_status_or_an_alert_tells_its_end(
    bench: Bench,
) -> None:
    await deliver(bench, "Agent", app(1))
    device = await bench.device(in_oobe=False)
    device.install_as = None
    await device.session()
    await device.session()
    assert (await bench.items())["", "Agent"].state is ItemState.RUNNING
    job = download_of(app(1).product_code)
    base = job.rpartition("/")[0]
    device.installs[base] = MsiStatus.INSTALLING
    device.sessions += 1
    answers = device.carry_out(await device.say(*device.opening()))
    device.installs[base] = MsiStatus.DONE
    where = job.upper().replace("./DEVICE/", "./")
    installed = typed_alert(1224, AlertType.MSI_INSTALLED, "0", where, "int")
    replies = [await device.say(*answers, installed, msg=2)]
    assert f"{base}/Status" in addresses_of(*replies), "the alert has it read once more"
    await device.say(*device.carry_out(replies[0]), msg=3)
    assert (await bench.items())["", "Agent"].state is ItemState.DONE


async def test_a_failed_installation_keeps_the_error_of_the_device(bench: Bench) -> None:
    await deliver(bench, "Agent", app(1))
    device = await quiet(bench)
    device.install_as = MsiStatus.INSTALL_FAILED
    base = download_of(app(1).product_code).rpartition("/")[0]
    device.tree[f"{base}/LastError"] = str(0x80070643 - 2**32)
    await device.session()
    item = (await bench.items())["", "Agent"]
    assert (item.state, item.error) == (ItemState.FAILED, 0x80070643)


async def test_an_exec_whose_answer_was_lost_is_not_repeated_before_status_was_read(bench: Bench) -> None:
    device = await quiet(bench)
    await deliver(bench, "Agent", app(1))
    device.install_as = None
    lost = await device.say(*device.opening(), session="lost")
    device.carry_out(lost)
    await bench.wait()
    device.forget()
    await device.session()
    assert not any(isinstance(command, Exec) for command in device.heard)
    assert (await bench.items())["", "Agent"].state is ItemState.RUNNING
    never = await bench.device(in_oobe=False)
    await never.say(*never.opening(), session="never arrived")
    await bench.wait()
    never.install_as = None
    await never.session()
    assert [type(c) for c in never.heard if "DownloadInstall" in node(c)] == [Add, Exec], "it was never there"


# --- scopes and users


async def test_mdm_wire_067_nodes_of_the_user_go_out_only_to_a_user(bench: Bench) -> None:
    await deliver(bench, "Wallpaper", policy(WALLPAPER), "users")
    device = await bench.device(by=EnrolledBy.USER, owner="adele", in_oobe=False)
    device.token, device.user_live = await bench.token("adele"), True
    for login in (LoginStatus.OTHERS, LoginStatus.NONE):
        device.login = login
        await device.session()
        assert not [one for one in device.addresses() if one.startswith("./User")]
    assert (await bench.items())["adele", "Wallpaper"].state is ItemState.HELD
    device.login = LoginStatus.USER
    await device.session()
    assert WALLPAPER.uri in device.tree
    assert (await bench.items())["adele", "Wallpaper"].state is ItemState.DONE
    (adele,) = await bench.database.read(users_of, bench.world.tenant, device.enrolment.id)
    assert adele.session_seen


async def test_405_to_a_users_node_means_not_yet(bench: Bench) -> None:
    await deliver(bench, "Wallpaper", policy(WALLPAPER), "users")
    device = await bench.device(by=EnrolledBy.USER, owner="adele", in_oobe=False)
    device.token, device.login = await bench.token("adele"), LoginStatus.USER
    for _ in range(3):
        await device.session()
        assert (await bench.items())["adele", "Wallpaper"].state is ItemState.HELD
    assert device.addresses().count(WALLPAPER.uri) == 3, "once a session"
    device.user_live = True
    await device.session()
    assert (await bench.items())["adele", "Wallpaper"].state is ItemState.DONE


@pytest.mark.parametrize("kind, device_part, user_part", [("device", True, False), ("user", False, True)])
async def test_mdm_wire_068_a_session_of_one_scope_gets_that_scope(
    bench: Bench, kind: str, device_part: bool, user_part: bool
) -> None:
    await deliver(bench, "Both", policy(CAMERA, WALLPAPER))
    device = await bench.device(by=EnrolledBy.USER, owner="adele", in_oobe=False)
    device.token, device.login = await bench.token("adele"), LoginStatus.USER
    device.user_live = True
    await device.session(typed_alert(1224, AlertType.SYNC_TYPE, SyncType(kind)))
    heard = device.addresses()
    assert (CAMERA.uri in heard, WALLPAPER.uri in heard) == (device_part, user_part)
    assert any(not one.startswith("./User") for one in heard) == device_part
    await device.session(typed_alert(1224, AlertType.SYNC_TYPE, SyncType.MIXED))
    assert {CAMERA.uri, WALLPAPER.uri} <= set(device.addresses())


async def test_mdm_wire_069_a_token_that_counts_for_nothing_leaves_the_machines_part(bench: Bench) -> None:
    await deliver(bench, "Both", policy(CAMERA, WALLPAPER))
    device = await bench.device(in_oobe=False)
    device.login, device.user_live = LoginStatus.USER, True
    good = await bench.token("adele")
    forged = good[:-10] + "AAAAAAAAAA"
    for bad in (
        "nonsense",
        forged,
        await bench.token("adele", audience="urn:other"),
        await bench.token("adele", tenant_id=UUID(int=7)),
        await bench.token("adele", user_id=UUID(int=7)),
    ):
        device.token = bad
        await device.session()
    assert CAMERA.uri in device.addresses()
    assert WALLPAPER.uri not in device.addresses()
    assert await bench.database.read(users_of, bench.world.tenant, device.enrolment.id) == ()
    device.token = ""
    await device.session(typed_alert(1224, AlertType.USER_TOKEN, good))
    assert WALLPAPER.uri in device.addresses(), "and the alert serves as well as the header"


# --- leaving


def leaving() -> Alert:
    """The last words of a device."""
    kind = Meta(type=AlertType.UNENROLLMENT, format="int")
    return Alert(code=1226, items=(Item(meta=kind, data="1"),))


async def test_mdm_wire_073_an_unenrolment_is_over_when_the_device_says_so(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await quiet(bench)
    await bench.do(request_unenrolment, bench.world.tenant, device.enrolment.id)
    told = await device.say(*device.opening(), session="told")
    assert [(type(c), node(c)) for c in commands_of(told)] == [(Exec, UNENROL)]
    assert (await bench.enrolment()).state is EnrolmentState.ACTIVE, "its certificate still counts"
    bye = await device.say(leaving(), session="bye")
    assert codes_of(bye) == [("SyncHdr", 200), ("Alert", 200)]
    assert (await bench.enrolment()).state is EnrolmentState.ENDED
    assert codes_of(await device.say(*device.opening(), session="again")) == [("SyncHdr", 401)]


async def test_mdm_wire_074_a_device_that_leaves_by_itself_gets_no_more_commands(bench: Bench) -> None:
    device = await bench.device()
    await deliver(bench, "Camera", policy(CAMERA))
    reply = await device.say(*device.opening(), leaving(), session="1")
    assert commands_of(reply) == []
    enrolment = await bench.enrolment()
    assert (enrolment.state, enrolment.open_items) == (EnrolmentState.ENDED, 0)
    assert (await bench.story()).state == "ended"


async def test_mdm_wire_032_075_an_ended_enrolment_gets_nothing_not_even_its_last_reply(bench: Bench) -> None:
    secret = "Tr0ub4dor"
    await deliver(bench, "Wi-Fi", WifiBody(ssid="Office", wlan_xml=f"<WLANProfile>{secret}</WLANProfile>"))
    device = await bench.device(in_oobe=False)
    body = device.message(device.opening(), session="1")
    assert secret in (await device.post(body)).text
    await device.say(leaving(), session="2")
    for session in ("1", "3"):
        again = await device.post(device.message(device.opening(), session=session))
        assert codes_of(reply_of(again)) == [("SyncHdr", 401)]
        assert secret not in again.text


# --- changes


async def test_a_changed_policy_goes_out_and_what_it_no_longer_has_goes_away(bench: Bench) -> None:
    device = await quiet(bench)

    def first(tx: Tx) -> int:
        return bench.world.item(tx, "Two", policy(setting(1), setting(2)), "devices").id

    item = await bench.do(first)
    await device.session()

    def second(tx: Tx) -> None:
        update_item(tx, bench.world.tenant, item, body=policy(setting(1, "5"), setting(3)))

    await bench.do(second)
    await device.session()
    tree = {uri: value for uri, value in device.tree.items() if "Area" in uri}
    assert tree == {setting(1).uri: "5", setting(3).uri: "1"}
    await bench.do(lambda tx: bench.world.assign(tx, item_by_id(tx, bench.world.tenant, item)))
    await device.session()
    assert not [uri for uri in device.tree if "Area" in uri]
    assert await bench.items() == {}


async def test_a_node_that_the_device_refuses_fails_its_item_and_no_other(bench: Bench) -> None:
    await deliver(bench, "Bad", policy(setting(1), setting(2)))
    await deliver(bench, "Good", policy(setting(3)))
    device = await bench.device(in_oobe=False)
    device.answers.append(lambda _device, command: 415 if node(command) == setting(1).uri else None)
    await device.session()
    items = await bench.items()
    assert (items["", "Bad"].state, items["", "Bad"].error) == (ItemState.FAILED, 415)
    assert items["", "Good"].state is ItemState.DONE


async def test_mdm_wire_076_the_device_polls_every_minute_while_a_page_is_open(bench: Bench) -> None:
    await bench.show_page(SHOWN)
    device = await bench.device(by=EnrolledBy.USER, owner="adele")
    poll = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/Poll/"
    await device.session()
    assert device.tree[f"{poll}IntervalForFirstSetOfRetries"] == "1"
    assert device.tree[f"{poll}NumberOfFirstRetries"] == "0"
    device.token, device.login, device.user_live = await bench.token("adele"), LoginStatus.USER, True
    await device.session()
    await device.session()
    assert (await bench.story()).state == "desktop"
    assert device.tree[f"{poll}IntervalForFirstSetOfRetries"] == "15"
    assert device.tree[f"{poll}IntervalForSecondSetOfRetries"] == "480"


# --- repetition


async def test_a_repeated_message_gets_the_same_bytes_and_changes_nothing(bench: Bench) -> None:
    await deliver(bench, "Agent", app(1))
    device = await bench.device(in_oobe=False)
    body = device.message(device.opening(), session="7")
    first = await device.post(body)
    before = await bench.items()
    bench.clock.pass_silently(timedelta(seconds=30))
    again = await device.post(body)
    assert again.content == first.content
    assert await bench.items() == before
    answers = device.carry_out(reply_of(first))
    second = await device.post(device.message(answers, session="7", msg=2))
    assert (await device.post(device.message([], session="7", msg=2))).content == second.content
    late = reply_of(await device.post(device.message([], session="7", msg=1)))
    assert isinstance(late, Message)


async def test_a_session_id_that_comes_again_is_another_session(bench: Bench) -> None:
    device = await quiet(bench)
    for number in range(3):
        await deliver(bench, f"Policy {number}", policy(setting(number)))
        device.sessions = 0
        await device.session()
        assert setting(number).uri in device.tree, "a client that always says session 1"
    device.sessions = -1
    await deliver(bench, "Last", policy(setting(9)))
    await device.session()
    assert setting(9).uri in device.tree, "and one that says session 0"


async def test_messages_in_wrong_order_do_no_harm(bench: Bench) -> None:
    await deliver(bench, "Camera", policy(CAMERA))
    device = await bench.device(in_oobe=False)
    first = await device.say(*device.opening(), session="5")
    answers = device.carry_out(first)
    await device.say(*answers, session="5", msg=4)
    assert (await bench.items())["", "Camera"].state is ItemState.DONE, "numbers may be left out"
    late = await device.say(Status(msg_ref=1, cmd_ref="5", cmd="Add", code=500), session="5", msg=3)
    assert codes_of(late) == [("SyncHdr", 200)]
    assert (await bench.items())["", "Camera"].state is ItemState.DONE
    unknown = await device.say(*device.opening(), session="6", msg=17)
    assert codes_of(unknown)[0] == ("SyncHdr", 200), "a session whose beginning was not worth keeping"
