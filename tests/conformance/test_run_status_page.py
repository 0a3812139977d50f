"""The Enrollment Status Page as people at a laptop meet it: whole runs against the whole server.

What a page says is compared with what lies on the laptop and with what the report says afterwards.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reseal.deployment.model import State
from reseal.deployment.report_model import Status
from reseal.device.oobe.context import EndingKind
from reseal.device.oobe.status import DEFAULT_TEXT
from reseal.device.quirks import ALL, Quirk
from reseal.device.screens import Action, Intent, Line, Progress, Screen, ScreenId
from reseal.kernel.errors import Invalid
from reseal.managed.model import ItemState
from reseal.wire.runtime.blockers import BlockerKind
from reseal.wire.syncml import Exec, Item, write_message
from tests.support.rehearsing import USERS, Exchange, Stage, app, certificate, policy, stage, virtual, wifi

FAILURE = 0x80070643
"""ERROR_INSTALL_FAILURE."""
PAGE = "DMClient/Provider/Reseal/FirstSyncStatus"
LOCK = "Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock"
HOME_PAGES = "./User/Vendor/MSFT/Policy/Config/Browser/HomePages"
SHORT = {"installProgressTimeoutInMinutes": 3}
WORDS = "Set-up did not finish. Call extension 4711."


def leave(screen: Screen) -> Intent | None:
    """Leaves a status page as soon as it lets one."""
    return Intent(Action.CONTINUE_ANYWAY) if screen.offers(Action.CONTINUE_ANYWAY) else None


def apps_line(text: str, state: Progress = Progress.SUCCEEDED) -> Line:
    """The line about apps."""
    return Line("Apps", state, text)


# --- words and buttons --------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_words", [True, False])
@pytest.mark.parametrize("late", [True, False])
@virtual
async def test_autopilot_065_the_tenants_words_on_error_and_on_time_out_else_the_standard_ones(
    own_words: bool, late: bool
) -> None:
    words = WORDS if own_words else DEFAULT_TEXT
    esp = {"installProgressTimeoutInMinutes": 30, **({"customErrorMessage": WORDS} if own_words else {})}
    agent = app("Agent", minutes=60) if late else app("Agent", failure=FAILURE)
    async with stage(esp=esp, apps=[agent], quirks=()) as s:
        red = (await s.technician()).last(ScreenId.RED)
        assert red.code == ("0x800705B4" if late else "0x80070643")
        assert red.texts[0].startswith(words)
        assert s.value(f"{PAGE}/CustomErrorText") == words
    async with stage(esp=esp, apps=[agent], quirks=()) as s:
        page = (await s.user()).last(ScreenId.STATUS_PAGE)
        assert page.code == red.code
        assert page.texts[0] == words
        assert page.texts[1:] == red.texts[1:]


def bundle(s: Stage) -> dict[str, str]:
    """What is in the archive on the stick."""
    content = s.disk.read("usb/MDMDiagReport.zip")
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


@virtual
async def test_autopilot_066_the_bundle_has_registry_dump_events_and_hash_and_no_secret() -> None:
    esp = {"allowLogCollectionOnInstallFailure": True, **SHORT}
    async with stage(
        esp=esp, apps=[app("Agent", minutes=9)], policies=[policy("Lock", LOCK, 10)], wifi=[wifi("Office")]
    ) as s:
        visit = await s.user(script={ScreenId.STATUS_PAGE: [Action.COLLECT_LOGS, Action.POWER_OFF]})
        assert visit.last(ScreenId.STATUS_PAGE).notice == "The logs were saved: usb/MDMDiagReport.zip."
        found = bundle(s)
        dump = found["MDMDiagReport_RegistryDump.Reg"]
        assert dump.startswith("Windows Registry Editor Version 5.00")
        assert '"MaxInactivityTimeDeviceLock"="10"' in dump
        assert "Contoso Office" in dump
        assert "0x800705B4" in dump
        assert '"code": "0x800705B4"' in found["Events.log"]
        assert '"begin"' in found["Installer.log"]
        everything = "".join(found.values())
        for secret in ("only a sample, change me", s.world.admin.passwords[s.upn("adele")], *secrets_in(s)):
            assert secret not in everything
        # The hash in it is fit for import: the laptop is known already.
        with pytest.raises(Invalid) as refused:
            await s.world.admin.import_devices(found["DeviceHash.csv"].encode(), "DeviceHash.csv")
        assert "ZtdDeviceAlreadyAssigned" in str(refused.value.details)


def secrets_in(s: Stage) -> list[str]:
    """The passwords of the laptop's management account."""
    stored = s.evidence.tree.snapshot()
    return [text for _, names, _, text in stored if names[-1] in {"AAuthSecret", "AAuthData"} and text]


@pytest.mark.parametrize("allowed", [True, False])
@virtual
async def test_autopilot_066_collecting_logs_has_its_button_only_when_allowed(allowed: bool) -> None:
    esp = {"allowLogCollectionOnInstallFailure": allowed, **SHORT}
    async with stage(esp=esp, apps=[app("Agent", minutes=9)]) as s:
        visit = await s.user(script={ScreenId.STATUS_PAGE: [Action.COLLECT_LOGS, Action.POWER_OFF]})
        assert visit.last(ScreenId.STATUS_PAGE).offers(Action.COLLECT_LOGS) is allowed
        assert visit.ending.kind is EndingKind.ERROR
        assert bool(s.heard("logs.collected")) is allowed
        assert bool(s.disk.names("usb/")) is allowed


RESET, RETRY, LEAVE = Action.RESET, Action.RETRY, Action.CONTINUE_ANYWAY


@pytest.mark.parametrize(
    "settings, flags, buttons",
    [
        ({"allowDeviceResetOnInstallFailure": True}, 3, {RESET, RETRY}),
        ({"allowDeviceResetOnInstallFailure": True, "blockDeviceSetupRetryByUser": True}, 1, {RESET}),
        ({"allowDeviceUseOnInstallFailure": True}, 6, {RETRY, LEAVE}),
        ({"allowDeviceUseOnInstallFailure": True, "blockDeviceSetupRetryByUser": True}, 4, {LEAVE}),
        (
            {"allowDeviceUseOnInstallFailure": True, "allowDeviceResetOnInstallFailure": True},
            7,
            {RESET, RETRY, LEAVE},
        ),
        ({"blockDeviceSetupRetryByUser": True}, 2, {RETRY}),
        ({}, 0, {LEAVE}),
    ],
)
@virtual
async def test_autopilot_067_reset_retry_and_continue_are_offered_exactly_as_set(
    settings: dict[str, Any], flags: int, buttons: set[Action]
) -> None:
    esp = {"allowDeviceResetOnInstallFailure": False, **SHORT, **settings}
    async with stage(esp=esp, apps=[app("Agent", minutes=9)]) as s:
        failed = (await s.user()).last(ScreenId.STATUS_PAGE)
        assert failed.code == "0x800705B4"
        assert {RESET, RETRY, LEAVE} & {*failed.actions} == buttons
        assert s.value(f"{PAGE}/BlockInStatusPage") == str(flags)


@virtual
async def test_autopilot_068_where_the_page_does_not_block_the_user_may_leave_early() -> None:
    esp = {"allowDeviceResetOnInstallFailure": False}
    async with stage(esp=esp, apps=[app("Agent", minutes=20)]) as s:
        visit = await s.user(meanwhile=leave)
        assert visit.ending.kind is EndingKind.DESKTOP
        assert visit.pages(ScreenId.STATUS_PAGE)[-1].code == ""
        desktop = next(at for at, what, _ in s.told if what == "desktop.reached")
        assert desktop - visit.began < timedelta(minutes=5)
        assert s.installed("Agent") == 1  # it went on at the desktop
        row = await s.row()
        assert row.deployment.state is State.DESKTOP
        assert row.deviations


@virtual
async def test_autopilot_069_a_page_that_blocks_lets_the_user_go_after_an_error_only() -> None:
    esp = {"allowDeviceResetOnInstallFailure": False, "allowDeviceUseOnInstallFailure": True}
    async with stage(esp=esp, apps=[app("Agent", failure=FAILURE)]) as s:
        visit = await s.user(meanwhile=leave, leaves=True)
        assert visit.ending.kind is EndingKind.DESKTOP
        pages = visit.pages(ScreenId.STATUS_PAGE)
        assert {page.code for page in pages if page.offers(LEAVE)} == {"0x80070643"}
        row = await s.row()
        assert row.deployment.state is State.DESKTOP
        assert row.deviations
        assert row.failure.startswith("0x80070643")


# --- what blocks --------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_071_being_selected_does_not_install_what_is_not_assigned() -> None:
    agent, reader = app("Agent"), app("Reader", to=())
    async with stage(esp={"selectedApps": ["Agent", "Reader"]}, apps=[agent, reader]) as s:
        visit = await s.technician()
        assert visit.ending.kind is EndingKind.POWERED_OFF_RESEALED
        assert visit.lines("device", "Apps")[-1] == apps_line("(1 of 1 installed)")
        assert (await s.user()).ending.kind is EndingKind.DESKTOP
        assert (s.installed("Agent"), s.attempts("Reader")) == (1, 0)


SELECTED_ONLY = {"selectedApps": ["Agent"], "allowNonBlockingAppInstallation": True}


@virtual
async def test_autopilot_072_what_is_not_selected_installs_without_being_waited_for() -> None:
    apps = [app("Agent", minutes=2), app("Reader", minutes=30)]
    async with stage(esp=SELECTED_ONLY, apps=apps, quirks=ALL - {Quirk.PARKED_INSTALL}) as s:
        at_green: list[int] = []

        async def look() -> None:
            at_green.extend((s.installed("Agent"), s.attempts("Reader"), s.installed("Reader")))
            await s.clock.sleep(timedelta(minutes=40))

        visit = await s.technician(before={ScreenId.GREEN: [look]})
        assert at_green == [1, 1, 0]
        assert visit.last(ScreenId.GREEN).detail("elapsed") == "0:02:00"
        assert visit.lines("device", "Apps")[-1] == apps_line("(1 of 1 installed)")
        assert s.installed("Reader") == 1


@virtual
async def test_autopilot_073_another_apps_failure_waits_for_the_user_flow() -> None:
    async with stage(esp=SELECTED_ONLY, apps=[app("Agent", minutes=5), app("Reader", failure=FAILURE)]) as s:
        assert (await s.technician()).ending.kind is EndingKind.POWERED_OFF_RESEALED
        assert (s.installed("Agent"), s.installed("Reader")) == (1, 0)
        tried = s.attempts("Reader")
        assert tried
        s.change("Reader", failure=None)
        assert (await s.user()).ending.kind is EndingKind.DESKTOP
        assert (s.installed("Reader"), s.attempts("Reader")) == (1, tried + 1)
        assert (await s.row()).state is Status.SUCCESS


@virtual
async def test_autopilot_074_if_any_may_fail_it_others_are_left_to_the_user_flow() -> None:
    esp = {"selectedApps": ["Agent"], "allowNonBlockingAppInstallation": False}
    async with stage(esp=esp, apps=[app("Agent", minutes=20), app("Reader", minutes=1)]) as s:
        assert (await s.technician()).ending.kind is EndingKind.POWERED_OFF_RESEALED
        assert (s.installed("Agent"), s.attempts("Reader")) == (1, 0)
        assert (await s.user()).ending.kind is EndingKind.DESKTOP
        assert (s.installed("Agent"), s.installed("Reader")) == (1, 1)


@virtual
async def test_autopilot_075_a_failing_app_that_blocks_turns_the_technician_flow_red() -> None:
    async with stage(esp=SELECTED_ONLY, apps=[app("Agent", failure=FAILURE), app("Reader", minutes=1)]) as s:
        visit = await s.technician()
        assert (visit.ending.kind, visit.ending.code) == (EndingKind.RED, "0x80070643")
        assert visit.lines("device", "Apps")[-1] == apps_line("(0x80070643)", Progress.FAILED)
        row = await s.row()
        assert row.state is row.device_setup is Status.FAILURE
        assert row.failure.startswith("0x80070643")
        assert "Agent" in row.failure
        assert (await s.blockers())[-1].kind is BlockerKind.DECISION


# --- which page applies -------------------------------------------------------------------------------------


def page(name: str, to: list[dict[str, Any]], minutes: int) -> dict[str, Any]:
    """A status page that its time-out tells from others."""
    return {
        "name": name,
        "showInstallationProgress": True,
        "allowDeviceResetOnInstallFailure": True,
        "installProgressTimeoutInMinutes": minutes,
        "assign": to,
    }


PILOTS = [{"group": "Pilots"}]


@virtual
async def test_autopilot_076_the_devices_page_goes_before_the_users_and_priority_1_before_2() -> None:
    async with stage(has_page=False, groups=[{"name": "Pilots", "members": ["adele"]}]) as s:
        await s.apply(
            enrollmentStatusPages=[
                page("Of the user", PILOTS, 11),
                page("First", [{"all": "devices"}], 12),
                page("Second", [{"all": "devices"}], 13),
            ]
        )
        assert (await s.user("adele")).ending.kind is EndingKind.DESKTOP
        assert s.value(f"{PAGE}/TimeOutUntilSyncFailure") == "12"
        assert (await s.row()).esp_name == "First"


@virtual
async def test_autopilot_077_the_technician_flow_does_not_look_at_the_users_page() -> None:
    groups = [{"name": "Pilots", "members": ["adele"]}]
    async with stage(has_page=False, groups=groups, assigned="adele") as s:
        await s.apply(enrollmentStatusPages=[page("Of the user", PILOTS, 11)])
        assert (await s.technician()).last(ScreenId.CONFIGURATION).detail("user") == "adele@contoso.example"
        assert (await s.row()).esp_name == "All users and all devices"
        assert s.value(f"{PAGE}/SkipDeviceStatusPage") == "true"
        assert (await s.user("adele")).ending.kind is EndingKind.DESKTOP
        assert (await s.row()).esp_name == "Of the user"
        assert s.value(f"{PAGE}/TimeOutUntilSyncFailure") == "11"


@virtual
async def test_autopilot_078_nothing_assigned_the_default_page() -> None:
    async with stage(has_page=False, apps=[app("Agent", minutes=30)]) as s:
        await s.apply(enrollmentStatusPages=[page("Nobody's", [], 11)])
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        row = await s.row()
        assert (row.esp_name, row.device_setup) == ("All users and all devices", Status.DISABLED)
        assert s.installed("Agent") == 1


# --- lines and counts ---------------------------------------------------------------------------------------

PREPARATION = (
    "Securing your hardware",
    "Joining your organization's network",
    "Registering your device for mobile management",
    "Preparing your device for mobile management",
)


@virtual
async def test_autopilot_080_device_preparation_goes_in_order() -> None:
    async with stage(apps=[app("Agent")]) as s:
        visit = await s.technician()
        done: list[tuple[str, ...]] = []
        for shown in visit.pages(ScreenId.STATUS_PAGE):
            section = shown.section("preparation")
            assert section is not None
            assert tuple(line.title for line in section.lines) == PREPARATION
            finished = tuple(line.title for line in section.lines if line.state is Progress.SUCCEEDED)
            done += [finished] if not done or done[-1] != finished else []
        assert done == [PREPARATION[:count] for count in range(5)]


@virtual
async def test_autopilot_080_what_came_after_a_failure_is_marked() -> None:
    async with stage(profile={"preprovisioningAllowed": False}, apps=[app("Agent")]) as s:
        red = (await s.technician()).last(ScreenId.RED)
        preparation, device = red.section("preparation"), red.section("device")
        assert preparation is not None
        assert device is not None
        assert [(line.title, line.text) for line in preparation.lines] == [
            (PREPARATION[0], "Complete"),
            (PREPARATION[1], "Complete"),
            (PREPARATION[2], "Error"),
            (PREPARATION[3], "Previous step failed"),
        ]
        assert [line.title for line in device.lines] == ["Previous step failed"]


@virtual
async def test_autopilot_081_policies_networks_and_apps_count_what_they_should() -> None:
    async with stage(
        esp=SELECTED_ONLY,
        apps=[app("Agent", minutes=2), app("Reader", minutes=1)],
        policies=[
            policy("Lock", LOCK, 10),
            policy("Camera", "Policy/Config/Camera/AllowCamera", 0),
            policy("Home", HOME_PAGES, "<https://intranet>", USERS),
        ],
        certificates=[certificate("Root")],
        wifi=[wifi("Office")],
    ) as s:
        visit = await s.technician()
        last = visit.last(ScreenId.STATUS_PAGE).section("device")
        assert last is not None
        assert [(line.title, line.text) for line in last.lines] == [
            ("Security policies", "(1 of 1 applied)"),
            ("Certificates", "(0 of 0 applied)"),
            ("Network connections", "(1 of 1 applied)"),
            ("Apps", "(1 of 1 installed)"),
        ]
        assert "(0 of 1 installed)" in [line.text for line in visit.lines("device", "Apps")]


VPN = "./User/Vendor/MSFT/VPNv2/Contoso/NativeProfile/Servers"


@virtual
async def test_autopilot_082_account_setup_counts_the_users_wifi_and_no_vpn() -> None:
    async with stage(
        wifi=[wifi("Office", USERS)], policies=[policy("VPN", VPN, "vpn.contoso.example", USERS)]
    ) as s:
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        networks = [line.text for line in visit.lines("account", "Network connections")]
        assert networks[-1] == "(1 of 1 applied)"
        assert [line.text for line in visit.lines("device", "Network connections")][-1] == "(0 of 0 applied)"
        assert s.value(VPN, "adele") == "vpn.contoso.example"


@virtual
async def test_autopilot_084_what_is_only_available_is_not_counted() -> None:
    offered = [{"group": "Pilots", "intent": "available"}]
    async with stage(groups=[{"name": "Pilots", "members": ["adele"]}], apps=[app("Agent")]) as s:
        await s.provide(app("Reader", to=offered))
        visit = await s.user("adele")
        assert visit.ending.kind is EndingKind.DESKTOP
        counted = [line.text for section in ("device", "account") for line in visit.lines(section, "Apps")]
        assert "(1 of 1 installed)" in counted
        assert not [text for text in counted if "of 2" in text]
        assert s.attempts("Reader") == 0


# --- time ---------------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_085_a_phase_that_runs_out_of_time_says_so_with_the_time_it_took() -> None:
    esp = {"installProgressTimeoutInMinutes": 7}
    async with stage(esp=esp, apps=[app("Agent", minutes=30)]) as s:
        red = (await s.technician()).last(ScreenId.RED)
        assert (red.code, red.detail("elapsed")) == ("0x800705B4", "0:07:00")
        row = await s.row()
        assert (row.state, row.device_setup) == (Status.FAILURE, Status.FAILURE)
        assert row.deployment.timed_out
        assert row.durations.device_setup == timedelta(minutes=7)
    async with stage(esp=esp, apps=[app("Notes", minutes=30, context="user", to=USERS)]) as s:
        shown = (await s.user()).last(ScreenId.STATUS_PAGE)
        assert (shown.code, shown.detail("elapsed")) == ("0x800705B4", "0:07:00")
        account = shown.section("account")
        assert account is not None
        assert account.state is not Progress.SUCCEEDED
        row = await s.row()
        assert (row.device_setup, row.account_setup) == (Status.SUCCESS, Status.FAILURE)


@virtual
async def test_autopilot_096_a_clock_that_jumps_a_year_does_not_end_the_time_out() -> None:
    async with stage(apps=[app("Agent", minutes=20)], quirks=()) as s:
        jumped: list[timedelta] = []

        def jump(screen: Screen) -> None:
            section = screen.section("device")
            if not jumped and section is not None and "(0 of 1 installed)" in str(section):
                jumped.append(s.clock.monotonic())
                s.turn_clock(timedelta(days=365))

        visit = await s.technician(meanwhile=jump)
        assert jumped
        assert visit.ending.kind is EndingKind.POWERED_OFF_RESEALED
        assert visit.last(ScreenId.GREEN).detail("elapsed") == "0:20:00"


def wants_a_restart(s: Stage, seen: str) -> Callable[[Exchange], bytes]:
    """The next session asks for a restart once the page has said so; an agent on the laptop asks likewise.

    No app of the catalogue can ask for one yet, so it is put into the server's message on its way.
    """
    done: list[bool] = []

    def alter(exchange: Exchange) -> bytes:
        is_session = "/ManagementServer/" in exchange.request.url and b"<Final" in exchange.answer
        if done or not is_session or seen not in repr(s.pages[-1:]):
            return exchange.answer
        done.append(True)
        message = exchange.received
        reboot = Exec(cmd_id="900", items=(Item(target="./Device/Vendor/MSFT/Reboot/RebootNow"),))
        return write_message(replace(message, commands=(*message.commands, reboot)))

    return alter


@virtual
async def test_autopilot_089_a_restart_in_device_setup_is_made_and_the_user_signs_in_again() -> None:
    async with stage(apps=[app("Agent", minutes=3), app("Reader", minutes=3)], quirks=()) as s:
        s.tap.alter = wants_a_restart(s, "(1 of 2 installed)")
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        shown = visit.screens
        assert shown[shown.index(ScreenId.RESTARTING) - 1 :] == [
            ScreenId.STATUS_PAGE,
            ScreenId.RESTARTING,
            ScreenId.STARTING,
            ScreenId.CHECKING,
            ScreenId.SIGN_IN,
            ScreenId.STATUS_PAGE,
            ScreenId.DESKTOP,
        ]
        assert len(s.heard("machine.started")) == 2
        assert len(s.heard("user.signed_in")) == 2
        assert visit.lines("account", "Apps")[-1] == apps_line("(0 of 0 installed)")
        assert (s.installed("Agent"), s.installed("Reader")) == (1, 1)
        assert (await s.row()).state is Status.SUCCESS


@virtual
async def test_autopilot_090_a_restart_wanted_in_account_setup_is_reported_and_not_made() -> None:
    notes = app("Notes", minutes=4, context="user", to=USERS)
    async with stage(apps=[notes], quirks=()) as s:
        s.tap.alter = wants_a_restart(
            s, "Section(name='account', title='Account setup', state=<Progress.IN_P"
        )
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert s.heard("restart.pending")
        assert "Restart this device" in visit.last(ScreenId.DESKTOP).texts[0]
        assert ScreenId.RESTARTING not in visit.screens
        assert len(s.heard("machine.started")) == 1
        assert s.installed("Notes") == 1


# --- who sees it --------------------------------------------------------------------------------------------


@virtual
async def test_autopilot_091_skipping_the_users_page_skips_account_setup_alone() -> None:
    skip = policy("No user page", f"{PAGE}/SkipUserStatusPage", value=True)
    notes = app("Notes", minutes=20, context="user", to=USERS)
    async with stage(policies=[skip], apps=[app("Agent"), notes]) as s:
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert visit.lines("device", "Apps")[-1] == apps_line("(1 of 1 installed)")
        assert not visit.lines("account", "Apps")
        desktop = next(at for at, what, _ in s.told if what == "desktop.reached")
        assert desktop - visit.began < timedelta(minutes=5)


@virtual
async def test_autopilot_091_skipping_the_devices_page_skips_device_setup_alone() -> None:
    skip = policy("No device page", f"{PAGE}/SkipDeviceStatusPage", value=True)
    notes = app("Notes", minutes=2, context="user", to=USERS)
    async with stage(policies=[skip], apps=[app("Agent", minutes=30), notes]) as s:
        visit = await s.user()
        assert visit.ending.kind is EndingKind.DESKTOP
        assert visit.lines("account", "Apps")[-1] == apps_line("(1 of 1 installed)")


@pytest.mark.parametrize("first_only", [True, False])
@virtual
async def test_autopilot_092_the_page_for_the_first_user_or_for_every_new_one_as_set(
    first_only: bool,
) -> None:
    esp = {"disableUserStatusTrackingAfterFirstUser": first_only}
    async with stage(esp=esp, apps=[app("Notes", minutes=2, context="user", to=USERS)]) as s:
        first = await s.user("adele")
        assert first.ending.kind is EndingKind.DESKTOP
        assert first.lines("account", "Apps")[-1] == apps_line("(1 of 1 installed)")
        second = await s.user("diego")
        assert second.ending.kind is EndingKind.DESKTOP
        assert bool(second.lines("account", "Apps")) is not first_only
        assert s.installed("Notes") == 2  # everybody gets it, with or without the page
        third = await s.user("diego")
        assert third.ending.kind is EndingKind.DESKTOP
        assert not third.lines("account", "Apps")


@virtual
async def test_autopilot_094_without_its_page_policy_that_was_delivered_stays() -> None:
    async with stage(policies=[policy("Lock", LOCK, 10)]) as s:
        await s.technician()
        assert s.value(LOCK) == "10"
        await s.apply(enrollmentStatusPages=[page("Page", [], 60)])
        assert (await s.user()).ending.kind is EndingKind.DESKTOP
        assert s.value(LOCK) == "10"
        items = {item.name: item.state for item in (await s.standing()).items}
        assert items["Lock"] is ItemState.DONE
