"""The status page over sessions: held, released, failed, begun anew (spec/mdm-wire.md 6, 77 to 92)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reseal.deployment.model import State
from reseal.esp.model import EspSettings
from reseal.esp.phases import PhaseStatus
from reseal.kernel import events
from reseal.kernel.db import Tx
from reseal.managed.enrolments import users_of
from reseal.managed.model import EnrolledBy, ItemState
from reseal.wire.csp import MsiStatus, Provisioned, read_expected
from reseal.wire.syncml import Add, Exec, Get, LoginStatus, NodeCommand, Replace
from tests.store.managed.world import CAMERA, WALLPAPER, WIFI, app, policy
from tests.store.mdm.sessions_bench import (
    FINISHED,
    FIRST_SYNC,
    SHOWN,
    SUCCESSFUL,
    USER_FINISHED,
    Bench,
    Device,
    addresses_of,
    bench_fixture,
    commands_of,
    download_of,
    node,
    reactors_fixture,
)

reactors = reactors_fixture()
bench = bench_fixture()

DEVICE_PAGE = f"./Device/Vendor/MSFT/{FIRST_SYNC}"
PROVIDER = "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/Reseal"
USER_SUCCESSFUL = SUCCESSFUL.replace("./Device/", "./User/")
AGENT = app(1)
AGENT_STATUS = download_of(AGENT.product_code).rpartition("/")[0] + "/Status"


async def assign(bench: Bench, *, user: str = "") -> None:
    """One of each kind for all devices, and a policy for all users."""

    def unit(tx: Tx) -> None:
        if user:
            bench.world.assign_user(tx, user)
        bench.world.item(tx, "Camera", policy(CAMERA), "devices")
        bench.world.item(tx, "Wi-Fi", WIFI, "devices")
        bench.world.item(tx, "Agent", AGENT, "devices")
        bench.world.item(tx, "Wallpaper", policy(WALLPAPER), "users")

    await bench.do(unit)


async def technician(bench: Bench, settings: EspSettings = SHOWN) -> Device:
    """A device at the beginning of the technician flow."""
    await bench.show_page(settings)
    await assign(bench)
    return await bench.device()


async def green(bench: Bench) -> Device:
    """A device whose technician flow has ended well, switched off."""
    device = await technician(bench)
    await device.sessions_until(lambda: _is(bench, State.GREEN))
    device.end_page()
    await device.session()
    device.forget()
    return device


async def signed_in(bench: Bench, device: Device, name: str = "adele") -> None:
    """The device was switched on again and its user has signed in to the page."""
    device.new_page()
    device.token = await bench.token(name)


async def log_in(device: Device) -> None:
    """The user's session on the device has begun."""
    device.login, device.user_live = LoginStatus.USER, True


async def _is(bench: Bench, state: State) -> bool:
    return (await bench.story()).state is state


def values(device: Device, leaf: str) -> list[str]:
    """What was put into a leaf of the page, in order."""
    return [
        command.item.text
        for command in device.heard
        if isinstance(command, Replace) and node(command) == f"{DEVICE_PAGE}{leaf}"
    ]


# --- holding


async def test_mdm_wire_077_the_first_reply_holds_the_page(bench: Bench) -> None:
    device = await technician(bench)
    (first, *_) = await device.session()
    told = [(node(command), command.item.text) for command in commands_of(first) if node(command)]
    for row in (
        (f"{DEVICE_PAGE}SkipDeviceStatusPage", "false"),
        (f"{DEVICE_PAGE}SkipUserStatusPage", "false"),
        (f"{DEVICE_PAGE}BlockInStatusPage", "3"),
        (f"{DEVICE_PAGE}AllowCollectLogsButton", "false"),
        (f"{DEVICE_PAGE}TimeOutUntilSyncFailure", "60"),
        (PROVIDER, ""),
        (f"{PROVIDER}/InstallationState", "1"),
    ):
        assert row in told
    assert told[0][0] == f"{DEVICE_PAGE}SkipDeviceStatusPage", "and does so before anything else"


async def test_mdm_wire_078_values_of_the_page_are_in_their_formats(bench: Bench) -> None:
    device = await technician(bench, replace(SHOWN, install_progress_timeout_in_minutes=1440))
    await device.session()
    formats = {node(c): (c.item.meta.format, c.item.text) for c in device.heard if isinstance(c, Replace)}
    assert formats[f"{DEVICE_PAGE}TimeOutUntilSyncFailure"] == ("int", "1440")
    assert formats[f"{DEVICE_PAGE}BlockInStatusPage"][0] == "int"
    assert 0 <= int(formats[f"{DEVICE_PAGE}BlockInStatusPage"][1]) <= 7
    for leaf in ("SkipDeviceStatusPage", "SkipUserStatusPage", "AllowCollectLogsButton"):
        assert formats[f"{DEVICE_PAGE}{leaf}"] == ("bool", "false")


async def test_mdm_wire_079_the_provider_is_added_before_its_children(bench: Bench) -> None:
    device = await technician(bench)
    await device.session()
    below = [(type(c), node(c)) for c in device.heard if node(c).startswith(PROVIDER)]
    assert below[0] == (Add, PROVIDER)
    assert len(below) >= 4


async def test_mdm_wire_080_expected_lists_are_single_leaves(bench: Bench) -> None:
    device = await technician(bench)
    await device.session()
    (networks,) = values(device, "ExpectedNetworkProfiles")
    (packages,) = values(device, "ExpectedMSIAppPackages")
    assert [str(one.uri) for one in read_expected(networks)] == [
        "./Device/Vendor/MSFT/WiFi/Profile/Office/WlanXml"
    ]
    assert packages == f"{AGENT_STATUS};1"

    def unit(tx: Tx) -> None:
        bench.world.item(tx, "Reader", app(2), "devices")

    await bench.do(unit)
    device.install_as = None
    await device.session()
    assert values(device, "ExpectedMSIAppPackages")[-1].count("\uf000") == 1, "it follows assignment"


# --- releasing


async def test_mdm_wire_081_the_phase_is_not_released_before_its_last_item(bench: Bench) -> None:
    device = await technician(bench)
    device.install_as = None
    for _ in range(4):
        await device.session()
    assert FINISHED not in device.tree
    story = await bench.story()
    assert (story.state, story.blocker and story.blocker.name) == (State.TECHNICIAN_SETUP, "Agent")
    device.install_as = MsiStatus.DONE
    await device.session()
    assert device.tree[FINISHED] == "true"
    assert await _is(bench, State.GREEN)


async def test_mdm_wire_082_a_phase_that_failed_is_never_released(bench: Bench) -> None:
    device = await technician(bench, replace(SHOWN, custom_error_message="Call 123"))
    device.install_as = MsiStatus.INSTALL_FAILED
    for _ in range(4):
        await device.session()
    assert FINISHED not in device.tree
    assert values(device, "TimeOutUntilSyncFailure")[-1] == "1"
    assert values(device, "CustomErrorText")[-1] == "Call 123"
    story = await bench.story()
    assert (story.state, story.error_code) == (State.RED, "0x0000003C")
    assert (await bench.page()).status is PhaseStatus.FAILED


async def test_mdm_wire_083_only_200_releases_a_phase(bench: Bench) -> None:
    device = await green(bench)
    await signed_in(bench, device)
    await device.session()
    await log_in(device)
    refusals = 3

    def not_yet(_device: Device, command: NodeCommand) -> int | None:
        nonlocal refusals
        if node(command) == USER_FINISHED and isinstance(command, Replace) and refusals:
            refusals -= 1
            return 405
        return None

    device.answers.append(not_yet)
    for _ in range(3):
        await device.session()
        assert await _is(bench, State.USER_ACCOUNT_RELEASING)
    await device.session()
    assert await _is(bench, State.DESKTOP)
    puts = [c for c in device.heard if isinstance(c, Replace) and node(c) == USER_FINISHED]
    assert len(puts) == 4, "once a session"
    reads = [type(c) for c in device.heard if node(c) == USER_FINISHED]
    assert reads == [Replace, Get, Get, Replace, Get, Replace, Get, Replace], (
        "after a refusal it is read first"
    )


async def test_a_release_whose_answer_was_lost_is_read_and_not_repeated(bench: Bench) -> None:
    device = await technician(bench)
    await device.session()
    device.sessions += 1
    replies = [await device.say(*device.opening())]
    while not any(node(c) == FINISHED for c in commands_of(replies[-1])):
        replies.append(await device.say(*device.carry_out(replies[-1]), msg=len(replies) + 1))
    device.carry_out(replies[-1])  # and the line is cut
    await bench.wait()
    device.forget()
    assert await _is(bench, State.TECHNICIAN_RELEASING)
    await device.session()
    assert [type(c) for c in device.heard if node(c) == FINISHED] == [Get]
    assert await _is(bench, State.GREEN)


async def test_mdm_wire_084_after_the_user_the_next_persons_page_is_skipped(bench: Bench) -> None:
    await bench.show_page(replace(SHOWN, disable_user_status_tracking_after_first_user=True))
    device = await bench.device(by=EnrolledBy.USER, owner="adele")
    device.token = await bench.token("adele")
    await device.session()
    await log_in(device)
    await device.session()
    await device.session()
    assert await _is(bench, State.DESKTOP)
    assert device.tree[f"{DEVICE_PAGE}SkipUserStatusPage"] == "true"


async def test_mdm_wire_085_what_waits_for_the_user_does_not_hold_the_device(bench: Bench) -> None:
    await bench.show_page()
    await assign(bench)
    device = await bench.device(by=EnrolledBy.USER, owner="adele")
    device.token = await bench.token("adele")
    await device.session()
    await device.session()
    assert (await bench.items())["adele", "Wallpaper"].state is ItemState.HELD
    assert device.tree[FINISHED] == "true"
    assert await _is(bench, State.USER_ACCOUNT_SETUP)


# --- failing


async def test_mdm_wire_086_the_server_ends_a_phase_at_its_time_out(bench: Bench) -> None:
    device = await technician(bench, replace(SHOWN, install_progress_timeout_in_minutes=30))
    device.install_as = None
    await device.session()
    await bench.wait(timedelta(minutes=28))
    assert await _is(bench, State.TECHNICIAN_SETUP)
    await bench.wait(timedelta(minutes=2))
    story = await bench.story()
    assert (story.state, story.error_code, story.timed_out) == (State.RED, "0x800705B4", True)
    device.forget()
    await device.session()
    assert values(device, "TimeOutUntilSyncFailure") == ["1"]
    assert FINISHED not in device.tree


async def test_mdm_wire_087_a_parked_installation_is_begun_again_then_given_up(bench: Bench) -> None:
    device = await technician(bench)
    device.install_as = None
    job = download_of(AGENT.product_code)
    device.tree[job.replace("DownloadInstall", "LastError")] = str(0x86000002)
    for _ in range(3):
        await device.session()
    execs = [c for c in device.heard if isinstance(c, Exec) and node(c) == job]
    assert len(execs) == 2
    for _ in range(12):
        await device.session()
    execs = [c for c in device.heard if isinstance(c, Exec) and node(c) == job]
    assert len(execs) == 4
    item = (await bench.items())["", "Agent"]
    assert (item.state, item.error) == (ItemState.FAILED, 0x86000002)
    assert await _is(bench, State.RED)


async def test_mdm_wire_087_an_installation_that_stands_still_is_begun_again(bench: Bench) -> None:
    device = await technician(bench, replace(SHOWN, install_progress_timeout_in_minutes=600))
    device.install_as = MsiStatus.DOWNLOADED
    await device.session()
    await device.session()
    await bench.wait(timedelta(minutes=12))
    device.forget()
    await device.session()
    assert [type(c) for c in device.heard if "DownloadInstall" in node(c)] == [Add, Exec]
    device.install_as = MsiStatus.DONE
    await device.session()
    assert await _is(bench, State.GREEN)


async def test_autopilot_144_retry_begins_anew_and_repeats_nothing_that_is_done(bench: Bench) -> None:
    device = await technician(bench)
    device.install_as = MsiStatus.INSTALL_FAILED
    device.tree[SUCCESSFUL] = str(int(Provisioned.IN_PROGRESS))
    await device.session()
    await device.session()
    assert await _is(bench, State.RED)
    device.end_page(succeeded=False)
    for _ in range(3):
        await device.session()
        assert await _is(bench, State.RED), "a poll is no Retry"
    device.new_page()
    device.install_as = MsiStatus.DONE
    device.forget()
    await device.session()
    assert CAMERA.uri not in device.addresses()
    assert [type(c) for c in device.heard if "DownloadInstall" in node(c)] == [Add, Exec]
    await device.session()
    assert await _is(bench, State.GREEN)
    assert (await bench.page()).run == 2


async def test_a_retry_that_came_between_two_polls_is_noticed_later(bench: Bench) -> None:
    device = await technician(bench)
    device.install_as = MsiStatus.INSTALL_FAILED
    await device.session()
    await device.session()
    device.new_page()
    device.install_as = MsiStatus.DONE
    await device.sessions_until(lambda: _is(bench, State.GREEN), most=8)


async def test_a_page_that_gave_up_although_it_was_released_is_known_to_have_failed(bench: Bench) -> None:
    device = await technician(bench)
    device.tree[SUCCESSFUL] = str(int(Provisioned.FAILED))
    await device.session()
    await device.session()
    assert (await bench.page()).status is PhaseStatus.FAILED
    device.new_page()
    await device.session()
    await device.session()
    page = await bench.page()
    assert (page.status, page.run) == (PhaseStatus.RELEASED, 2)


# --- both flows


async def test_mdm_wire_088_the_technician_flow_sends_nothing_for_a_user(bench: Bench) -> None:
    await bench.show_page()

    def unit(tx: Tx) -> None:
        bench.world.assign_user(tx, "adele")
        sales = bench.world.group(tx, "Sales", "adele")
        bench.world.item(tx, "Both", policy(CAMERA, WALLPAPER), "devices")
        bench.world.item(tx, "Theirs", policy(WALLPAPER), sales)
        bench.world.item(tx, "Agent", AGENT, sales)

    await bench.do(unit)
    device = await bench.device()
    await device.sessions_until(lambda: _is(bench, State.GREEN))
    assert not [one for one in device.addresses() if one.startswith("./User")]
    assert CAMERA.uri in device.addresses()
    assert download_of(AGENT.product_code) in device.addresses(), "the assigned user's app for the machine"


async def test_mdm_wire_089_the_user_flow_delivers_what_was_assigned_in_between(bench: Bench) -> None:
    device = await green(bench)
    late = replace(CAMERA, uri="./Device/Vendor/MSFT/Policy/Config/Camera/Late")

    def unit(tx: Tx) -> None:
        bench.world.item(tx, "Late", policy(late), "devices")
        bench.world.item(tx, "Reader", app(2), "devices")

    await bench.do(unit)
    await bench.wait(timedelta(days=40))
    await signed_in(bench, device)
    (first, *_) = await device.session()
    assert f"{DEVICE_PAGE}SkipDeviceStatusPage" in addresses_of(first)
    assert device.tree[late.uri] == "0"
    assert CAMERA.uri not in device.addresses(), "what is done stays done"
    assert await _is(bench, State.USER_DEVICE_SETUP)
    await device.session()
    assert await _is(bench, State.USER_ACCOUNT_SETUP)
    await log_in(device)
    await device.session()
    assert WALLPAPER.uri in device.tree
    await device.session()
    assert await _is(bench, State.DESKTOP)


async def test_mdm_wire_090_the_owner_is_who_signs_in(bench: Bench) -> None:
    await bench.show_page()
    await assign(bench, user="adele")
    device = await bench.device()
    await device.sessions_until(lambda: _is(bench, State.GREEN))
    assert (await bench.enrolment()).owner_user_id is None
    await signed_in(bench, device, "bob")
    await device.session()
    bob = await bench.database.read(bench.world.user, "bob")
    assert (await bench.enrolment()).owner_user_id == bob
    device.token = await bench.token("adele")
    await device.session()
    assert (await bench.enrolment()).owner_user_id == bob, "the first"
    users = await bench.database.read(users_of, bench.world.tenant, device.enrolment.id)
    assert [one.is_primary for one in users] == [True, False]


@pytest.mark.parametrize("resets", [True, False])
async def test_mdm_wire_091_the_device_may_keep_or_reset_what_it_was_told(bench: Bench, resets: bool) -> None:
    device = await green(bench)
    if resets:
        await signed_in(bench, device)
    else:
        device.token = await bench.token("adele")
    await device.session()
    await log_in(device)
    await device.session()
    await device.session()
    assert await _is(bench, State.DESKTOP)
    assert (await bench.page()).flow == "user"


async def test_a_page_that_began_anew_is_the_beginning_of_the_user_flow_even_without_a_token(
    bench: Bench,
) -> None:
    device = await green(bench)
    for _ in range(3):
        await device.session()
    assert await _is(bench, State.GREEN), "a poll on the bench is no user flow"
    device.new_page()
    await device.session()
    page = await bench.page()
    assert (page.flow, page.run) == ("user", 2)
    assert device.tree[FINISHED] == "true"


async def test_mdm_wire_092_a_reboot_in_a_phase_loses_and_repeats_nothing(bench: Bench) -> None:
    device = await technician(bench)
    device.install_as = None
    first = await device.say(*device.opening(), session="before")
    answers = device.carry_out(first)
    half = answers[: len(answers) // 2]
    await device.say(*half, session="before", msg=2)
    await bench.wait(timedelta(minutes=3))
    device.forget()
    device.install_as = MsiStatus.DONE
    await device.sessions_until(lambda: _is(bench, State.GREEN), most=4)
    assert not [c for c in device.heard if isinstance(c, Exec)], "the job was there: it was read"
    again = [one for one in device.addresses() if one.startswith(DEVICE_PAGE)]
    assert f"{DEVICE_PAGE}SkipDeviceStatusPage" not in again


async def test_autopilot_092_a_second_user_sees_the_page_if_the_profile_tracks_every_user(
    bench: Bench,
) -> None:
    for only_first in (False, True):
        settings = replace(SHOWN, disable_user_status_tracking_after_first_user=only_first)
        await bench.show_page(settings)
        device = await bench.device(by=EnrolledBy.USER, owner="adele")
        device.token = await bench.token("adele")
        await device.session()
        await log_in(device)
        await device.session()
        await device.session()
        device.end_page(scope="User")
        await device.session()
        device.token = await bench.token("bob")
        device.tree = {uri: text for uri, text in device.tree.items() if not uri.startswith("./User")}
        await device.session()
        await device.session()
        bob = await bench.database.read(bench.world.user, "bob")
        assert (bob in await bench.phases()) == (not only_first)


async def test_autopilot_148_a_page_that_does_not_show_is_released_at_once(bench: Bench) -> None:
    device = await technician(bench, EspSettings())
    device.install_as = None
    await device.session()
    await device.session()
    assert device.tree[f"{DEVICE_PAGE}SkipDeviceStatusPage"] == "true"
    assert await _is(bench, State.GREEN)


async def test_a_device_outside_of_set_up_has_no_page(bench: Bench) -> None:
    await bench.show_page()
    await assign(bench)
    device = await bench.device(in_oobe=False, by=EnrolledBy.USER, owner="adele")
    await device.session()
    await device.session()
    assert not [one for one in device.addresses() if "FirstSyncStatus" in one]
    assert (await bench.items())["", "Agent"].state is ItemState.DONE
    assert await bench.phases() == {}


async def test_what_arrives_and_what_fails_is_in_the_log(bench: Bench) -> None:
    device = await technician(bench)
    device.answers.append(lambda _device, command: 404 if node(command) == CAMERA.uri else None)
    await device.sessions_until(lambda: _is(bench, State.GREEN))
    told = await bench.database.read(events.read, bench.world.tenant, 0, 1000)
    items = [(one.kind, one.payload) for one in told if one.kind.startswith("item.")]
    names = {(kind, payload["name"], payload.get("error")) for kind, payload in items if payload}
    assert names >= {
        ("item.failed", "Camera", "0x00000194"),
        ("item.arrived", "Wi-Fi", None),
        ("item.arrived", "Agent", None),
    }


async def test_what_the_first_half_of_a_package_says_counts_when_the_second_has_come(bench: Bench) -> None:
    device = await green(bench)
    device.new_page()
    device.sessions += 1
    reply = await device.say(*device.opening())
    answers = device.carry_out(reply)
    assert any(node(command) == FINISHED for command in device.heard)
    half = await device.say(*answers, msg=2, final=False)
    assert commands_of(half) == []
    whole = await device.say(msg=3)
    assert f"{DEVICE_PAGE}SkipDeviceStatusPage" in addresses_of(whole)
    assert (await bench.page()).flow == "user"
