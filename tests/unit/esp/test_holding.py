"""The commands that hold, release and end a phase (spec/mdm-wire.md 4.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseal.esp.flows import Flow
from reseal.esp.holding import (
    Keyed,
    aftermath_commands,
    block_flags,
    failure_commands,
    hold_commands,
    release_command,
)
from reseal.esp.model import DEFAULT_MESSAGE, EspSettings
from reseal.esp.model_phase import PhaseState, acknowledged
from reseal.managed.model import Item, ItemState
from reseal.wire.csp import BlockInStatusPage
from reseal.wire.syncml import Add
from tests.unit.esp.phases import (
    ADA,
    AGENT,
    BODIES,
    CERTIFICATE,
    MAIL,
    POLICY,
    READER,
    SHOWN,
    WIFI,
    item,
    run,
)

PAGE = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/FirstSyncStatus/"
USER_PAGE = "./User/Vendor/MSFT/DMClient/Provider/Reseal/FirstSyncStatus/"
PREPARING = "./Device/Vendor/MSFT/EnrollmentStatusTracking/DevicePreparation/PolicyProviders/Reseal"
MSI = "./{}/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B{:08d}-0000-0000-0000-000000000000%7D/Status;1"
DUMMY = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/EntDMID"
EVERYTHING = [item(key) for key in (POLICY, CERTIFICATE, WIFI, AGENT, READER)]


def _said(commands: tuple[Keyed, ...]) -> dict[str, str]:
    """Address -> value, in order."""
    return {each.command.target: each.command.item.text for each in commands}  # type: ignore[union-attr]


def _held(state: PhaseState, *items: Item) -> dict[str, str]:
    return _said(hold_commands(state, items, BODIES))


def _holding(state: PhaseState, commands: tuple[Keyed, ...]) -> PhaseState:
    return acknowledged(state, [each.key for each in commands])


def test_mdm_wire_077_the_hold_has_rows_3_to_13_in_their_order() -> None:
    addresses = list(_held(run(), *EVERYTHING))
    assert addresses == [
        PAGE + "SkipDeviceStatusPage",
        PAGE + "SkipUserStatusPage",
        PAGE + "BlockInStatusPage",
        PAGE + "AllowCollectLogsButton",
        PAGE + "CustomErrorText",
        PAGE + "TimeOutUntilSyncFailure",
        PREPARING,
        PREPARING + "/InstallationState",
        PREPARING + "/Timeout",
        PREPARING + "/TrackedResourceTypes/Apps",
        PAGE + "ExpectedPolicies",
        PAGE + "ExpectedNetworkProfiles",
        PAGE + "ExpectedMSIAppPackages",
        PAGE + "ExpectedModernAppPackages",
        PAGE + "ExpectedPFXCerts",
        PAGE + "ExpectedSCEPCerts",
    ]


def test_mdm_wire_078_values_have_the_formats_of_the_page() -> None:
    formats = {
        each.key.partition("@")[0]: each.command.item.meta.format  # type: ignore[union-attr]
        for each in hold_commands(run(), EVERYTHING, BODIES)
    }
    assert formats["skipDevice"] == formats["skipUser"] == formats["logs"] == "bool"
    assert formats["block"] == formats["timeout"] == "int"
    assert formats["expectedMsi"] == formats["text"] == "chr"
    assert release_command(run()).command.item.meta.format == "bool"  # type: ignore[union-attr]


def test_mdm_wire_079_the_provider_is_added_before_its_leaves() -> None:
    commands = hold_commands(run(), (), BODIES)
    about = [each.command for each in commands if PREPARING in each.command.target]  # type: ignore[union-attr]
    assert isinstance(about[0], Add)
    assert about[0].target == PREPARING
    assert not any(isinstance(each, Add) for each in about[1:])


def test_mdm_wire_080_expected_lists_are_single_leaves_joined_with_u_f000() -> None:
    said = _held(run(), *EVERYTHING)
    assert said[PAGE + "ExpectedMSIAppPackages"] == "\uf000".join(
        (MSI.format("Device", AGENT), MSI.format("Device", READER))
    )


def test_autopilot_081_what_the_page_counts() -> None:
    said = _held(run(), *EVERYTHING)
    assert said[PAGE + "ExpectedPolicies"] == DUMMY
    assert said[PAGE + "ExpectedNetworkProfiles"] == (
        "./Device/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml"
    )
    assert said[PAGE + "ExpectedSCEPCerts"] == said[PAGE + "ExpectedPFXCerts"] == ""
    selected = _held(run(SHOWN, AGENT), *EVERYTHING)
    assert selected[PAGE + "ExpectedMSIAppPackages"] == MSI.format("Device", AGENT)


def test_autopilot_082_account_setup_counts_networks_and_apps_of_the_user() -> None:
    account = run(user=ADA, flow=Flow.USER)
    mine = [item(WIFI, user=ADA), item(MAIL, user=ADA), item(READER, ItemState.HELD, user=ADA)]
    said = _held(account, *EVERYTHING, *mine)
    assert said[USER_PAGE + "ExpectedNetworkProfiles"] == (
        "./User/Vendor/MSFT/WiFi/Profile/Contoso%20Office/WlanXml"
    )
    assert said[USER_PAGE + "ExpectedMSIAppPackages"] == MSI.format("User", MAIL)
    assert said[USER_PAGE + "ExpectedPolicies"] == DUMMY


def test_the_account_phase_adds_the_users_nodes_first() -> None:
    first, second, *_ = hold_commands(run(user=ADA, flow=Flow.USER), (), BODIES)
    assert isinstance(first.command, Add)
    assert first.command.target == "./User/Vendor/MSFT/DMClient/Provider/Reseal"
    assert isinstance(second.command, Add)
    assert second.command.target + "/" == USER_PAGE
    assert first.accept == second.accept == {200, 418}


def test_mdm_wire_088_the_device_phase_touches_nothing_of_a_user() -> None:
    state = run()
    commands = (*hold_commands(state, EVERYTHING, BODIES), release_command(state), *failure_commands(state))
    assert all(each.command.target.startswith("./Device/") for each in commands)  # type: ignore[union-attr]


def test_what_was_acknowledged_is_not_sent_again_and_preparation_ends_last() -> None:
    state = run()
    commands = hold_commands(state, EVERYTHING, BODIES)
    half = _holding(state, commands[::2])
    assert hold_commands(half, EVERYTHING, BODIES) == commands[1::2]
    whole = _holding(half, commands[1::2])
    assert _held(whole, *EVERYTHING) == {PREPARING + "/InstallationState": "3"}
    assert hold_commands(_holding(whole, hold_commands(whole, EVERYTHING, BODIES)), EVERYTHING, BODIES) == ()


def test_a_list_that_changes_is_sent_again_also_when_it_changes_back() -> None:
    state, fewer = run(), [item(AGENT)]
    for _ in range(2):
        state = _holding(state, hold_commands(state, fewer, BODIES))
    assert hold_commands(state, fewer, BODIES) == ()
    more = [*fewer, item(READER)]
    for items, count in ((more, 2), (fewer, 1)):
        (changed,) = hold_commands(state, items, BODIES)
        assert changed.command.item.text.count(";1") == count  # type: ignore[union-attr]
        state = _holding(state, (changed,))


def test_autopilot_091_the_page_is_skipped_unless_it_shall_show() -> None:
    shown, hidden = _held(run()), _held(run(EspSettings()))
    assert shown[PAGE + "SkipDeviceStatusPage"] == shown[PAGE + "SkipUserStatusPage"] == "false"
    assert hidden[PAGE + "SkipDeviceStatusPage"] == hidden[PAGE + "SkipUserStatusPage"] == "true"


def test_autopilot_065_the_text_is_the_profiles_or_the_default() -> None:
    assert _held(run())[PAGE + "CustomErrorText"] == DEFAULT_MESSAGE
    own = replace(SHOWN, custom_error_message="Call 123")
    assert _held(run(own))[PAGE + "CustomErrorText"] == "Call 123"


def test_autopilot_066_collecting_logs_is_offered_as_set() -> None:
    assert _held(run())[PAGE + "AllowCollectLogsButton"] == "false"
    offered = replace(SHOWN, allow_log_collection_on_install_failure=True)
    assert _held(run(offered))[PAGE + "AllowCollectLogsButton"] == "true"


def test_autopilot_085_the_page_has_the_minutes_of_its_profile() -> None:
    assert _held(run())[PAGE + "TimeOutUntilSyncFailure"] == "60"
    longer = replace(SHOWN, install_progress_timeout_in_minutes=90)
    assert _held(run(longer))[PAGE + "TimeOutUntilSyncFailure"] == "90"


RESET, AGAIN, GO_ON = BlockInStatusPage
_NAMES = {
    "reset": "allow_device_reset_on_install_failure",
    "use": "allow_device_use_on_install_failure",
    "block": "block_device_setup_retry_by_user",
}


@pytest.mark.parametrize(
    "settings, selected, flags",
    [
        ("", (), 0),
        ("reset", (), RESET | AGAIN),
        ("use", (), GO_ON | AGAIN),
        ("reset use", (), RESET | AGAIN | GO_ON),
        ("block", (), AGAIN),
        ("block reset", (), RESET),
        ("block use", (), GO_ON),
        ("block reset use", (), RESET | GO_ON),
        ("", (AGENT,), AGAIN),
        ("reset", (AGENT,), RESET | AGAIN),
    ],
)
def test_autopilot_067_the_buttons_are_those_of_the_settings(
    settings: str, selected: tuple[int, ...], flags: int
) -> None:
    chosen = replace(SHOWN, **{_NAMES[name]: True for name in settings.split()})
    assert block_flags(chosen, selected) == flags
    assert _held(run(chosen, *selected))[PAGE + "BlockInStatusPage"] == str(int(flags))


def test_autopilot_068_a_page_that_does_not_block_says_0() -> None:
    assert block_flags(SHOWN) == 0


def test_autopilot_069_a_page_that_blocks_never_does_and_offers_to_go_on_after_an_error_if_allowed() -> None:
    blocking = replace(SHOWN, block_device_setup_retry_by_user=True)
    assert block_flags(blocking) != 0
    going_on = replace(blocking, allow_device_use_on_install_failure=True)
    assert GO_ON in block_flags(going_on)


def test_the_release_is_one_command_in_the_scope_of_its_phase() -> None:
    for state, page in ((run(), PAGE), (run(user=ADA), USER_PAGE)):
        release = release_command(state)
        assert _said((release,)) == {page + "ServerHasFinishedProvisioning": "true"}
        assert release.accept == {200}


def test_mdm_wire_082_a_failure_never_says_that_the_server_has_finished() -> None:
    settings = replace(SHOWN, allow_device_use_on_install_failure=True, custom_error_message="Call 123")
    for state in (run(settings), run(settings, user=ADA)):
        assert _said(failure_commands(state)) == {
            PAGE + "BlockInStatusPage": "6",
            PAGE + "AllowCollectLogsButton": "false",
            PAGE + "CustomErrorText": "Call 123",
            PAGE + "TimeOutUntilSyncFailure": "1",
        }
        assert failure_commands(_holding(state, failure_commands(state))) == ()


def test_autopilot_092_the_next_user_is_skipped_only_if_the_first_alone_is_tracked() -> None:
    poll = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/Poll/"
    relaxed = {
        poll + "IntervalForSecondSetOfRetries": "480",
        poll + "NumberOfSecondRetries": "0",
        poll + "NumberOfFirstRetries": "8",
        poll + "IntervalForFirstSetOfRetries": "15",
    }
    assert _said(aftermath_commands(run(user=ADA))) == relaxed
    first_only = run(replace(SHOWN, disable_user_status_tracking_after_first_user=True), user=ADA)
    assert _said(aftermath_commands(first_only)) == {PAGE + "SkipUserStatusPage": "true", **relaxed}
    assert aftermath_commands(run()) == ()


def test_a_page_that_is_held_again_asks_for_a_fast_poll() -> None:
    fast = "./Device/Vendor/MSFT/DMClient/Provider/Reseal/Poll/IntervalForFirstSetOfRetries"
    assert fast not in _held(run())
    assert _held(run(flow=Flow.USER))[fast] == _held(run(user=ADA))[fast] == "1"


def test_an_item_without_a_known_body_is_not_counted() -> None:
    said = _said(hold_commands(run(), EVERYTHING, {}))
    assert said[PAGE + "ExpectedMSIAppPackages"] == said[PAGE + "ExpectedNetworkProfiles"] == ""
