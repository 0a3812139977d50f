"""The Enrollment Status Page as a function of the tree (spec/autopilot.md 5.4, 5.5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reseal.device.csp import pages
from reseal.device.csp.tree import Tree
from reseal.device.csp.windows import enrolled_tree
from reseal.device.status_page import Outcome, PageView, Phase, State, Topic, preparation, view
from reseal.wire.csp import (
    HAS_PROVISIONING_COMPLETED,
    TRACKING_CREATED,
    BlockInStatusPage,
    Expected,
    FirstSync,
    Leaf,
    LocURI,
    Msi,
    NodeValue,
    Preparation,
    Scope,
    TrackedApp,
    Value,
    app_provider,
    expected_msi,
    first_sync_status,
    msi,
    policy,
    preparing_provider,
    provider,
    tracked_app,
    tracking,
    write_expected,
)
from reseal.wire.enrolment.provisioning_reading import read_provisioning
from reseal.wire.syncml import Format
from tests.support.clock import ManualClock
from tests.support.scripted_server import MACHINE, PROVIDER, document

MINUTE = timedelta(minutes=1)
ADELE = "adele@contoso.test"
CODES = [f"{{{number:08d}-2222-3333-4444-555555555555}}" for number in range(3)]


class Page:
    """A tree with the page of one phase, and what it shows."""

    def __init__(self, phase: Phase = Phase.DEVICE) -> None:
        self.phase = phase
        self.tree: Tree = enrolled_tree(read_provisioning(document()), MACHINE, ManualClock(), frozenset())
        self.scope = Scope.DEVICE if phase is Phase.DEVICE else Scope.USER
        if phase is Phase.ACCOUNT:
            self.tree.user = ADELE
            for uri in (provider(PROVIDER, Scope.USER), first_sync_status(PROVIDER, Scope.USER)):
                self.tree.put(uri, "", Format.NODE, ADELE)
        self.device(FirstSync.SKIP_DEVICE_STATUS_PAGE, False)
        self.device(FirstSync.SKIP_USER_STATUS_PAGE, False)

    def store(self, value: NodeValue) -> None:
        owner = ADELE if value.uri.for_user else ""
        self.tree.put(value.uri, value.text, value.format, owner)

    def device(self, leaf: Leaf, value: Value) -> None:
        self.store(leaf.put(provider(PROVIDER), value))

    def set(self, leaf: Leaf, value: Value) -> None:
        self.store(leaf.put(provider(PROVIDER, self.scope), value))

    def release(self) -> None:
        self.set(FirstSync.SERVER_HAS_FINISHED, True)

    def view(self, minutes: int = 1) -> PageView:
        return view(self.tree, self.phase, minutes * MINUTE, ADELE if self.phase is Phase.ACCOUNT else None)

    def texts(self) -> dict[Topic, str]:
        return {line.topic: line.text for line in self.view().subcategories}


def test_before_the_lists_have_come_the_page_identifies() -> None:
    page = Page()
    assert page.texts() == {
        Topic.PREPARATION: "Complete",
        Topic.SECURITY_POLICIES: "Identifying",
        Topic.CERTIFICATES: "Identifying",
        Topic.NETWORK: "Identifying",
        Topic.APPS: "Identifying",
    }
    assert page.view().outcome is Outcome.WORKING


@pytest.mark.parametrize("phase", list(Phase))
def test_with_empty_lists_a_released_page_is_done_at_once(phase: Phase) -> None:
    page = Page(phase)
    page.release()
    texts = page.texts()
    texts.pop(Topic.PREPARATION, None)
    assert texts == {
        Topic.SECURITY_POLICIES: "(1 of 1 applied)",
        Topic.CERTIFICATES: "(0 of 0 applied)",
        Topic.NETWORK: "(0 of 0 applied)",
        Topic.APPS: "(0 of 0 installed)",
    }
    assert page.view().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("phase", list(Phase))
def test_items_are_counted_as_they_come(phase: Phase) -> None:
    page = Page(phase)
    settings = [policy("Start", f"Setting{number}", page.scope) for number in range(3)]
    page.set(FirstSync.EXPECTED_POLICIES, write_expected(map(Expected, settings)))
    apps = [expected_msi(code, page.scope, 1 + number) for number, code in enumerate(CODES)]
    page.set(FirstSync.EXPECTED_MSI_APP_PACKAGES, write_expected(apps))
    page.release()
    page.store(NodeValue(settings[1], Format.INT, "1"))
    page.store(Msi.STATUS.put(msi(CODES[2], page.scope), 70))
    page.store(Msi.STATUS.put(msi(CODES[0], page.scope), 50))
    assert page.texts()[Topic.SECURITY_POLICIES] == "(1 of 3 applied)"
    assert page.texts()[Topic.APPS] == "(3 of 6 installed)"
    assert page.view().outcome is Outcome.WORKING


def test_a_failed_package_makes_the_page_red_with_its_error() -> None:
    page = Page()
    page.set(FirstSync.EXPECTED_MSI_APP_PACKAGES, write_expected([expected_msi(CODES[0])]))
    page.store(Msi.STATUS.put(msi(CODES[0]), 60))
    page.store(Msi.LAST_ERROR.put(msi(CODES[0]), -2147023293))
    page.device(FirstSync.CUSTOM_ERROR_TEXT, "Call 4711")
    page.device(FirstSync.ALLOW_COLLECT_LOGS, True)
    page.device(FirstSync.BLOCK_IN_STATUS_PAGE, 5)
    shown = page.view()
    assert (shown.outcome, shown.error_code) == (Outcome.FAILED, 0x80070643)
    assert shown.error_item == str(Msi.STATUS.at(msi(CODES[0])))
    assert page.texts()[Topic.APPS] == "(0x80070643)"
    assert (shown.custom_text, shown.collect_logs, shown.may_leave) == ("Call 4711", True, False)
    assert shown.buttons == BlockInStatusPage.RESET_PC | BlockInStatusPage.CONTINUE_ANYWAY


def test_an_untracked_package_that_fails_does_not_matter() -> None:
    page = Page()
    page.store(Msi.STATUS.put(msi(CODES[0]), 60))
    page.release()
    assert page.view().outcome is Outcome.SUCCEEDED


def test_after_a_failed_preparation_the_rest_says_that_the_previous_step_failed() -> None:
    page = Page()
    node = preparing_provider("Reseal")
    page.store(NodeValue(node, Format.NODE, ""))
    page.store(Preparation.STATE.put(node, 4))
    texts = page.texts()
    assert texts.pop(Topic.PREPARATION) == "(0x80004005)"
    assert set(texts.values()) == {"Previous step failed"}


def test_the_preparation_waits_for_every_provider() -> None:
    page = Page()
    for name, state in (("Reseal", 3), ("Sidecar", 2), ("Third", 1)):
        page.store(NodeValue(preparing_provider(name), Format.NODE, ""))
        page.store(Preparation.STATE.put(preparing_provider(name), state))
    line = preparation(page.tree, MINUTE)
    assert (line.state, line.done, line.total) == (State.IN_PROGRESS, 2, 3)
    assert page.view().next_change == 15 * MINUTE, "Windows gives an agent a quarter of an hour"
    late = preparation(page.tree, 15 * MINUTE)
    assert (late.state, late.error, late.item) == (State.FAILED, 0x800705B4, "Third")


@pytest.mark.parametrize("phase", list(Phase))
def test_apps_of_an_agent_count_and_its_list_has_to_be_complete(phase: Phase) -> None:
    page = Page(phase)
    agent = app_provider("Sidecar", page.scope)
    page.store(NodeValue(agent, Format.NODE, ""))
    for app, state in (("one", 3), ("two", 2)):
        node = tracked_app("Sidecar", app, page.scope)
        page.store(TrackedApp.STATE.put(node, state))
    page.release()
    assert page.texts()[Topic.APPS] == "Identifying"
    page.store(TRACKING_CREATED.put(agent, True))
    assert page.texts()[Topic.APPS] == "(1 of 2 installed)"
    page.store(TrackedApp.STATE.put(tracked_app("Sidecar", "two", page.scope), 3))
    assert page.view().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("phase, counted", [(Phase.DEVICE, 2), (Phase.ACCOUNT, 1)])
def test_a_users_vpn_is_not_waited_for(phase: Phase, counted: int) -> None:
    page = Page(phase)
    uris = [f"./{page.scope}/Vendor/MSFT/{name}" for name in ("WiFi/Profile/Office/WlanXml", "VPNv2/Office")]
    entries = write_expected(Expected(LocURI.parse(uri)) for uri in uris)
    page.set(FirstSync.EXPECTED_NETWORK_PROFILES, entries)
    assert page.texts()[Topic.NETWORK] == f"(0 of {counted} applied)"


@pytest.mark.parametrize("phase", list(Phase))
def test_a_page_that_is_switched_off_is_not_waited_for(phase: Phase) -> None:
    page = Page(phase)
    is_device = phase is Phase.DEVICE
    page.device(FirstSync.SKIP_DEVICE_STATUS_PAGE if is_device else FirstSync.SKIP_USER_STATUS_PAGE, True)
    shown = page.view(minutes=1000)
    assert (shown.outcome, shown.skipped) == (Outcome.SUCCEEDED, True)


def test_a_page_that_does_not_block_may_be_left() -> None:
    assert Page().view().may_leave


@pytest.mark.parametrize(
    "result, released, outcome",
    [
        (1, False, Outcome.SUCCEEDED),
        (0, True, Outcome.FAILED),
        (2, True, Outcome.SUCCEEDED),
        (2, False, Outcome.FAILED),
    ],
)
def test_the_server_may_end_the_page_whatever_its_state(
    result: int, released: bool, outcome: Outcome
) -> None:
    page = Page()
    page.set(FirstSync.EXPECTED_POLICIES, str(policy("Camera", "AllowCamera")))
    page.set(FirstSync.SERVER_HAS_FINISHED, released)
    page.set(FirstSync.WAS_SUCCESSFUL, result)
    assert page.view().outcome is Outcome.WORKING
    page.set(FirstSync.IS_SYNC_DONE, True)
    assert page.view().outcome is outcome


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("succeeded", [True, False])
def test_the_end_of_a_page_is_written_down_once(phase: Phase, succeeded: bool) -> None:
    page = Page(phase)
    owner = "" if phase is Phase.DEVICE else ADELE
    pages.is_shown(page.tree, owner)
    completed = HAS_PROVISIONING_COMPLETED.at(tracking(page.scope))
    assert page.tree.read(completed) == "false"
    assert pages.end(page.tree, owner, succeeded=succeeded)
    assert not pages.end(page.tree, owner, succeeded=not succeeded)
    base = provider(PROVIDER, page.scope)
    assert page.tree.value(FirstSync.WAS_SUCCESSFUL, base) == int(succeeded)
    assert page.tree.value(FirstSync.IS_SYNC_DONE, base) is True
    assert page.tree.read(completed) == "true"


def test_the_time_out_is_that_of_the_device_in_both_phases() -> None:
    page = Page(Phase.ACCOUNT)
    page.device(FirstSync.TIMEOUT, 7)
    assert page.view(6).outcome is Outcome.WORKING
    assert page.view(7).outcome is Outcome.TIMED_OUT
